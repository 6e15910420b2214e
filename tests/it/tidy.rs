//! Checks the texts of the project: paths, promises, and the commands of the README. tests/house/count.py checks the
//! code, and clippy.toml and the lints of Cargo.toml check the rest.
//!
//! Each rule is a function from a text to violations. A violation is one line: `file:line: what, and what to do`. The
//! tests here run the rules on all files, and the tests next to each rule show that it can fail.

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
fn the_readme_is_short_and_its_rust_is_what_a_reader_sees() {
    let readme = readme::text();
    none(&readme::too_long(&readme));
    none(&readme::hidden_lines(&readme));
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

#[test]
fn every_help_ends_with_examples_of_flags_that_exist() {
    let overview = readme::help(&[]).expect("the command has a help");
    let names: Vec<_> = readme::subcommands(&overview).collect();
    assert!(names.contains(&"record"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let help = readme::help(&[name]).expect("a subcommand has a help");
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_default();
        let calls: Vec<_> = examples.lines().flat_map(readme::example).collect();
        assert!(
            calls.len() >= 2 && calls.iter().all(|call| call.is_of(name)),
            "capture {name} --help ends with at least two examples of its own: {calls:?}"
        );
        none(
            &calls
                .iter()
                .flat_map(|call| readme::violations(call, &readme::help))
                .collect::<Vec<_>>(),
        );
    }
}
