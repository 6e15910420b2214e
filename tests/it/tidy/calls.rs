//! Calls that only some places may make: printing, ending the process, reading a clock.

use super::{homes::TOP_FLOOR, lexer::Token, source::Source};

/// Where time is read: the recorder and its tap, replay pacing, and what a person watches.
const CLOCKED: &[&str] = &[
    "src/record.rs",
    "src/record/",
    "src/tap.rs",
    "src/tap/",
    "src/replay.rs",
    "src/replay/",
    "src/commands.rs",
    "src/commands/",
];

/// Printing and ending the process below the command line.
pub(super) fn printing(source: &Source) -> Vec<String> {
    if source.is_in(TOP_FLOOR) {
        return Vec::new();
    }
    find(source, |before, at| match (before, texts(at)) {
        (_, [name @ ("print" | "println" | "eprint" | "eprintln"), "!", ..]) => {
            Some(format!("{name}! is for commands; return a value, or log with tracing"))
        }
        // A method of that name configures a child process.
        (before, [name @ ("stdout" | "stderr"), "(", ..]) if before != "." && before != "fn" => Some(format!(
            "{name}() is for commands; write into a `Write` that is passed in"
        )),
        (_, ["process", "::", name @ ("exit" | "abort")]) => {
            Some(format!("process::{name} is for main; return an error"))
        }
        (before, ["exit", "(", ..]) if !matches!(before, "." | "::" | "fn") => {
            Some("exit() is for main; return an error".to_owned())
        }
        _ => None,
    })
}

/// Reading a clock outside the recorder, replay and commands.
pub(super) fn clocks(source: &Source) -> Vec<String> {
    if source.is_in(CLOCKED) {
        return Vec::new();
    }
    find(source, |_, at| match texts(at) {
        [
            name @ ("SystemTime" | "Instant" | "Timestamp" | "Zoned"),
            "::",
            "now",
            ..,
        ] => Some(format!(
            "{name}::now is for the recorder and replay pacing; take the time as a value"
        )),
        _ => None,
    })
}

/// Where captures are opened by commands other than through `commands::input`: by those that judge the end themselves, and
/// the demo, which has just made its own.
const OPENING: &[&str] = &[
    "src/commands/input.rs",
    "src/commands/verify.rs",
    "src/commands/recover.rs",
    "src/commands/snapshot.rs",
    "src/commands/demo.rs",
];

/// Opening a capture in a command so that nobody says when it is unfinished.
pub(super) fn opening(source: &Source) -> Vec<String> {
    if !source.is_in(&["src/commands/"]) || source.is_in(OPENING) {
        return Vec::new();
    }
    find(source, |_, at| match texts(at) {
        ["Reader", "::", name @ ("open" | "open_parallel" | "new")] => Some(format!(
            "Reader::{name} is for commands::input, which says when a capture is unfinished: read it through that"
        )),
        _ => None,
    })
}

/// What `judge` says of each token, given the text before it and the tokens from it on.
fn find(source: &Source, judge: impl Fn(&str, &[Token]) -> Option<String>) -> Vec<String> {
    let tokens = &source.code;
    let mut before = "";
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        found.extend(judge(before, &tokens[at..]).map(|what| source.at(token, what)));
        before = &token.text;
    }
    found
}

/// The texts of the first three tokens, empty where there are fewer.
fn texts(tokens: &[Token]) -> [&str; 3] {
    [0, 1, 2].map(|at| tokens.get(at).map_or("", |token| token.text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_exiting_below_the_top_floor_are_found() {
        for text in [
            "println!(\"a\");",
            "std::eprintln!(\"a\");",
            "std::process::exit(2);",
            "std::process::abort();",
            "use std::process::{self, exit}; exit(1);",
            "let out = io::stdout().lock();",
            "let out = stderr();",
        ] {
            assert_eq!(printing(&Source::new("src/report.rs", text)).len(), 1, "{text}");
            assert_eq!(printing(&Source::new("src/lib.rs", text)).len(), 1, "{text}");
            assert_eq!(printing(&Source::new("src/commands/cat.rs", text)).len(), 0, "{text}");
        }
        let fine = "// println!()\nCommand::new(\"x\").stdout(Stdio::null()); self.exit(); fn stdout() {}";
        assert_eq!(printing(&Source::new("src/report.rs", fine)), [""; 0]);
    }

    #[test]
    fn commands_open_captures_in_one_place() {
        let text = "let reader = Reader::open(path)?; file::Reader::open_parallel(path)?; McapReader::new(x);";
        assert_eq!(opening(&Source::new("src/commands/stats.rs", text)).len(), 2);
        assert_eq!(opening(&Source::new("src/commands/input.rs", text)), [""; 0]);
        assert_eq!(opening(&Source::new("src/evidence/ticket.rs", text)), [""; 0]);
    }

    #[test]
    fn clocks_are_read_only_where_time_is_made() {
        for text in [
            "SystemTime::now()",
            "std::time::Instant::now()",
            "jiff::Timestamp::now()",
            "Zoned::now()",
        ] {
            assert_eq!(clocks(&Source::new("src/stats.rs", text)).len(), 1, "{text}");
            assert_eq!(clocks(&Source::new("src/record/clock.rs", text)).len(), 0, "{text}");
        }
        assert_eq!(
            clocks(&Source::new("src/stats.rs", "clock.now(); Duration::from_secs(1)")),
            [""; 0]
        );
    }
}
