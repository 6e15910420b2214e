//! Rules of the house that no lint knows: the floors and homes of docs/ARCHITECTURE.md, and what a tree must not contain.
//!
//! Each rule is a function from source text to violations, one line each, `file:line: what, and what to do`; the tests
//! here run it over the tree, and the tests beside it show that it can fail.

mod calls;
mod floors;
mod homes;
mod leftovers;
mod lexer;
mod machine;
mod promises;
mod readme;
mod size;
mod source;
mod tree;

use source::Source;

/// Fails with every violation at once.
fn none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} to mend:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

/// Runs a rule over each source file of the product.
fn each(rule: impl Fn(&Source) -> Vec<String>) {
    let sources = tree::product();
    assert!(!sources.is_empty(), "no source file was found");
    none(&sources.iter().flat_map(rule).collect::<Vec<_>>());
}

#[test]
fn modules_use_only_lower_floors() {
    none(&floors::violations(&tree::product()));
}

#[test]
fn guarded_crates_stay_in_their_homes() {
    each(homes::violations);
}

#[test]
fn only_the_command_line_prints_and_exits() {
    each(calls::printing);
}

#[test]
fn only_recorder_replay_and_commands_read_a_clock() {
    each(calls::clocks);
}

#[test]
fn commands_open_captures_where_it_is_said_when_they_are_unfinished() {
    each(calls::opening);
}

#[test]
fn nothing_is_left_behind_or_skipped() {
    none(
        &tree::everything()
            .iter()
            .flat_map(leftovers::violations)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_static_can_be_changed() {
    each(leftovers::mutable_statics);
}

#[test]
fn files_stay_short() {
    each(size::violations);
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
