//! Crates that only some places may use.

use super::source::Source;

/// Crates, where they may be used, and what to do elsewhere.
struct Home {
    crates: &'static [&'static str],
    places: &'static [&'static str],
    remedy: &'static str,
}

const HOMES: [Home; 5] = [
    Home {
        crates: &["bincode"],
        places: &["src/file/record.rs"],
        remedy: "records are encoded in src/file/record.rs alone; add what is missing there",
    },
    Home {
        crates: &["zstd", "sha2", "tape_sha256"],
        places: &["src/file/chunk.rs", "src/file/chunk/"],
        remedy: "compression and digests live in src/file/chunk; use file::Digest and file::MessageDigest elsewhere",
    },
    Home {
        crates: &[
            "tokio",
            "tokio_util",
            "tokio_stream",
            "tokio_rustls",
            "tonic",
            "tonic_prost",
            "tonic_health",
            "tonic_reflection",
            "hyper",
            "hyper_util",
            "h2",
            "reqwest",
            "axum",
            "tower_service",
        ],
        places: &[
            "src/record.rs",
            "src/record/",
            "src/tap.rs",
            "src/tap/",
            "src/replay.rs",
            "src/replay/",
            "src/evidence/attach.rs",
            "src/evidence/attach/",
            "src/commands.rs",
            "src/commands/",
            "src/main.rs",
        ],
        remedy: "the network and the runtime belong to tap, replay, evidence::attach and commands; make this part pure and drive it from there",
    },
    Home {
        crates: &["clap", "clap_complete", "clap_mangen"],
        places: TOP_FLOOR,
        remedy: "only the command line knows clap; parse with FromStr here and let cli call it",
    },
    Home {
        crates: &["anstream", "indicatif", "tracing_subscriber"],
        places: TOP_FLOOR,
        remedy: "only commands talk to the terminal; return a value and print it there",
    },
];

/// The binary: what may parse arguments, print and exit.
pub(super) const TOP_FLOOR: &[&str] = &[
    "src/main.rs",
    "src/cli.rs",
    "src/cli/",
    "src/commands.rs",
    "src/commands/",
];

/// Uses of guarded crates away from their homes.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let away = |home: &&Home| !source.is_in(home.places);
    HOMES.iter().filter(away).flat_map(|home| uses(source, home)).collect()
}

fn uses(source: &Source, home: &Home) -> Vec<String> {
    let tokens = &source.code;
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let (before, two_before) = (text(at.checked_sub(1)), at.checked_sub(2).and_then(|at| tokens.get(at)));
        // `self::zstd` and `Codec::zstd` are not the crate; `::zstd` is.
        let inner = before == "::" && two_before.is_some_and(|token| token.is_word() || token.text == ">");
        let is_path = text(Some(at + 1)) == "::" || matches!(before, "use" | "crate");
        if home.crates.contains(&token.text.as_str()) && is_path && !inner {
            found.push(source.at(token, format!("{} is not used here: {}", token.text, home.remedy)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        violations(&Source::new(path, text)).len()
    }

    #[test]
    fn guarded_crates_are_found_outside_their_homes() {
        for (path, text) in [
            ("src/file/reader.rs", "use bincode::config;"),
            ("src/file/chunk.rs", "let x = bincode::serde::encode();"),
            ("src/file/records.rs", "use bincode;"),
            ("src/report/text.rs", "let d = ::sha2::Sha256::digest(b);"),
            ("src/wire/inflate.rs", "use std::io; use {zstd::stream, std::fmt};"),
            ("src/focus/job.rs", "use reqwest::Client;"),
            ("src/proto.rs", "impl tonic::codec::Codec for Raw {}"),
            ("src/tap.rs", "#[derive(clap::Args)] struct A;"),
            ("src/cli.rs", "use tokio::net::TcpStream;"),
            ("src/lib.rs", "use anstream::println;"),
        ] {
            assert_eq!(count(path, text), 1, "{path}: {text}");
        }
    }

    #[test]
    fn at_home_in_tests_and_in_prose_they_are_welcome() {
        for (path, text) in [
            ("src/file/record.rs", "use bincode::config;"),
            ("src/file/chunk/digest.rs", "use sha2::Digest;"),
            ("src/tap/client.rs", "use tokio::net::TcpStream;"),
            ("src/commands.rs", "use clap::CommandFactory;"),
            ("src/file.rs", "/// uses zstd::stream\nconst A: &str = \"zstd::x\";"),
            ("src/file.rs", "let level = Codec::zstd(3); let zstd = 1;"),
            ("src/report.rs", "#[cfg(test)] mod tests { use tokio::net::TcpStream; }"),
        ] {
            assert_eq!(count(path, text), 0, "{path}: {text}");
        }
    }
}
