//! The floors of docs/ARCHITECTURE.md: a module uses only lower floors, and siblings on a floor do not know each other.

use std::collections::BTreeSet;

use super::{lexer::Token, source::Source};

/// The floor of each module below the crate's root.
const FLOORS: [(&str, u8); 29] = [
    ("event", 0),
    ("spectrogram", 0),
    ("finding", 0),
    ("proto", 0),
    ("text", 0),
    ("units", 0),
    ("varint", 0),
    ("file", 1),
    ("wire", 1),
    ("dialect", 2),
    ("focus", 1),
    ("server_tls", 1),
    ("redact", 3),
    ("frames", 3),
    ("record", 4),
    ("tap", 5),
    ("replay", 5),
    ("validate", 5),
    ("stats", 5),
    ("diff", 5),
    ("slice", 5),
    ("convert", 5),
    ("report", 6),
    ("snapshot", 6),
    ("evidence", 7),
    ("lib", TOP),
    ("cli", TOP),
    ("commands", TOP),
    ("main", TOP),
];

const TOP: u8 = 8;

/// On the top floor the binary's own modules know each other in one direction.
const ON_TOP: [(&str, &str); 3] = [("commands", "cli"), ("main", "cli"), ("main", "commands")];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Modules without a floor, and uses of the same floor or a higher one.
pub(super) fn violations(sources: &[Source]) -> Vec<String> {
    let tops: BTreeSet<_> = sources.iter().map(Source::top).collect();
    let unknown = tops.into_iter().filter(|top| floor(top).is_none()).map(|top| {
        format!(
            "src/{top}: a module without a floor; place it in the floors of docs/ARCHITECTURE.md, then in FLOORS of tests/it/tidy/floors.rs"
        )
    });
    unknown.chain(sources.iter().flat_map(uses_above)).collect()
}

fn uses_above(source: &Source) -> Vec<String> {
    let own = source.top();
    let Some(own_floor) = floor(own) else { return Vec::new() };
    let judge = |(used, token): (&str, &Token)| {
        let used_floor = floor(used).unwrap_or(TOP);
        let fine = used == own
            || used_floor < own_floor
            || ON_TOP.contains(&(own, used))
            || (own_floor == TOP && floor(used).is_none());
        (!fine).then(|| {
            let why = if used_floor == own_floor {
                "siblings do not use each other: move what both need down, or compose them above"
            } else {
                "a module uses only lower floors: pass the value in, or move the code up"
            };
            source.at(
                token,
                format!("{own} (floor {own_floor}) uses {used} (floor {used_floor}); {why}"),
            )
        })
    };
    uses(source).into_iter().filter_map(judge).collect()
}

/// The modules below the crate's root that a file names, by `crate::`, `grpc_capture::` or enough `super::`.
fn uses(source: &Source) -> Vec<(&str, &Token)> {
    let depth = source.module().len();
    let tokens = &source.code;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let begins = at == 0 || tokens[at - 1].text != "::";
        let roots = match token.text.as_str() {
            "crate" | "grpc_capture" if begins => 1,
            "super" if begins && depth > 0 => depth,
            _ => continue,
        };
        let path = &tokens[at..];
        let climbs = path.len() > 2 * roots
            && (0..roots).all(|step| path[2 * step].text == token.text && path[2 * step + 1].text == "::");
        if climbs {
            let named = names(&path[2 * roots..]);
            // A `super` inside a module in braces does not reach the root: only modules that exist count.
            found.extend(
                named
                    .into_iter()
                    .filter(|(name, _)| token.text != "super" || floor(name).is_some()),
            );
        }
    }
    found
}

/// The first names of a path or of a group of paths.
fn names(tokens: &[Token]) -> Vec<(&str, &Token)> {
    let Some(first) = tokens.first() else { return Vec::new() };
    if first.text != "{" {
        return vec![(first.text.as_str(), first)];
    }
    let (mut depth, mut found) = (0, Vec::new());
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text.as_str(), "{" | ",") && pair[1].text != "}" {
            found.push((pair[1].text.as_str(), &pair[1]));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        violations(&[Source::new(path, text)])
    }

    #[test]
    fn lower_floors_may_be_used() {
        assert_eq!(
            check(
                "src/tap/client.rs",
                "use crate::{event::{Event, EventKind}, wire, file::Writer};"
            ),
            [""; 0]
        );
        assert_eq!(
            check("src/commands/cat.rs", "use grpc_capture::report; use crate::cli::Cli;"),
            [""; 0]
        );
        assert_eq!(check("src/lib.rs", "pub use crate::tap::record_job;"), [""; 0]);
        assert_eq!(
            check(
                "src/file/record.rs",
                "use super::super::event::Event; use super::format;"
            ),
            [""; 0]
        );
    }

    #[test]
    fn siblings_and_higher_floors_may_not() {
        for (path, text) in [
            ("src/tap/client.rs", "use crate::replay::Rate;"),
            ("src/file.rs", "fn a() { crate::wire::inflate() }"),
            ("src/wire.rs", "use crate::{event::Event, tap::Clock};"),
            ("src/event.rs", "use super::file::Reader;"),
            ("src/file/record.rs", "use super::super::wire;"),
            ("src/tap.rs", "use crate::Facade;"),
            ("src/report/text.rs", "use crate::snapshot::Golden;"),
            ("src/cli.rs", "use crate::commands::Done;"),
        ] {
            assert_eq!(check(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn a_violation_names_the_line_and_the_remedy() {
        let found = check("src/file.rs", "// crate::tap\n\nuse crate::tap::Clock;");
        assert_eq!(
            found,
            [
                "src/file.rs:3: file (floor 1) uses tap (floor 5); a module uses only lower floors: pass the value in, or move the code up"
            ]
        );
    }

    #[test]
    fn a_module_without_a_floor_is_told_where_to_get_one() {
        let found = check("src/cellar/deep.rs", "");
        assert!(
            found[0].contains("src/cellar") && found[0].contains("tests/it/tidy/floors.rs"),
            "{found:?}"
        );
    }

    #[test]
    fn tests_may_reach_up() {
        assert_eq!(
            check("src/file.rs", "#[cfg(test)] mod tests { use crate::tap::Clock; }"),
            [""; 0]
        );
    }
}
