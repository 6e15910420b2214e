//! The table of rules in docs/guide/validating.md equals the rules in the code.

use std::fs;

use grpc_capture::analyze::{RULES, Rule};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/validating.md");

/// What the table stands between.
const BEGIN: &str = "<!-- rules: written by `UPDATE_GUIDE=1 cargo test --test it guide` -->\n";
const END: &str = "<!-- /rules -->\n";

/// The environment variable that has the table written anew.
const UPDATE: &str = "UPDATE_GUIDE";

fn table() -> String {
    let line = |rule: &Rule| {
        let cells = [
            format!("`{}`", rule.id),
            rule.severity_text(),
            rule.title.to_owned(),
            rule.hint.to_owned(),
        ];
        assert!(
            cells.iter().all(|cell| !cell.contains(['|', '\n'])),
            "{} would break the table",
            rule.id
        );
        format!("| {} |\n", cells.join(" | "))
    };
    let lines: String = RULES.iter().map(line).collect();
    format!("| rule | severity | what must hold | what to do about a breach |\n|---|---|---|---|\n{lines}")
}

#[test]
fn the_table_of_rules_in_the_guide_is_that_of_the_code() {
    let guide = fs::read_to_string(GUIDE).unwrap();
    let (before, rest) = guide.split_once(BEGIN).expect("the guide has a place for the rules");
    let (written, after) = rest.split_once(END).expect("the place for the rules has an end");
    let table = table();
    if std::env::var_os(UPDATE).is_some() {
        if written != table {
            fs::write(GUIDE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        }
        return;
    }
    for (written, made) in written.lines().zip(table.lines()) {
        assert_eq!(written, made, "set {UPDATE}=1 and run this test once");
    }
    assert_eq!(
        written.lines().count(),
        table.lines().count(),
        "set {UPDATE}=1 and run this test once"
    );
}
