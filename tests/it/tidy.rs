//! What the project's texts must hold: paths, promises and the commands of the README. What is counted in its code,
//! tests/house/count.py counts; clippy.toml and the lints of Cargo.toml do the rest.
//!
//! Each rule is a function from text to violations, one line each, `file:line: what, and what to do`; the tests here run
//! it over the tree, and the tests beside it show that it can fail.

mod machine;
mod promises;
mod readme;
mod tree;

/// Fails with every violation at once.
fn none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} to mend:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    let texts = tree::texts();
    assert!(
        texts.iter().any(|(path, _)| path == "Cargo.toml"),
        "the tree was not walked"
    );
    let found = texts.iter().flat_map(|(path, text)| machine::violations(path, text));
    none(&found.collect::<Vec<_>>());
}

#[test]
fn every_promise_names_the_test_that_holds_it() {
    let path = "docs/security.md";
    let text = tree::read(path);
    let texts: std::collections::HashMap<_, _> = tree::texts().into_iter().collect();
    none(&promises::violations(path, &text, |file| texts.get(file).cloned()));
    none(&promises::unheld(path, &text));
}

#[test]
fn the_readme_names_what_a_fresh_machine_runs_and_ci_runs_the_same() {
    let readme = readme::text();
    none(&readme::missing_commands("README.md", &readme));
    none(&readme::missing_commands(".ci/run", &tree::read(".ci/run")));
}

#[test]
fn the_readmes_commands_exist_with_their_flags() {
    let commands = readme::commands(&readme::text());
    let calls: Vec<_> = commands.iter().flat_map(readme::captures).collect();
    assert!(
        !calls.is_empty(),
        "README.md shows no `$ capture …` in a ```console block"
    );
    none(
        &calls
            .iter()
            .flat_map(|call| readme::violations(call, &readme::help))
            .collect::<Vec<_>>(),
    );
}
