//! The shipped captures are up to date and complete, and the real recordings have a licence.

use std::fs;

use bytes::Bytes;
use grpc_capture::file::{Reader, call_digests};

use crate::support::{Dir, delimited, events, received, run, shipped, unzstd, verify};

#[path = "../../examples/make_captures/main.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "an example, which is judged as a program of its own"
)]
mod make_captures;

/// A recording that was imported, and the SHA-256 of its file as its description gives it.
struct Imported {
    capture: &'static str,
    job_id: &'static str,
    file: &'static str,
    /// How it is compressed: as small as it gets for the one that the library has built in, else by zstd alone.
    level: &'static [&'static str],
    sha256: &'static str,
    messages: u64,
    bytes: usize,
}

const IMPORTED: [Imported; 2] = [
    Imported {
        capture: "optodas-quake.gcap",
        job_id: "optodas-quake",
        file: "optodas_quake.dstream.bin",
        level: &[],
        sha256: "f6613fed3e3bfb0bf4c88f668f5ec84015278beb3732b0435ccc8980c48dc5f8",
        messages: 73,
        bytes: 3_980_703,
    },
    Imported {
        capture: "febus-jitter.gcap",
        job_id: "febus-jitter",
        file: "febus_jitter.dstream.bin",
        level: &["--level", "19"],
        sha256: "35e3aff3817c4c7453d403b5466e40fcc353b409ec30161c3f26a9ebe0d9fa17",
        messages: 18,
        bytes: 531_824,
    },
];

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

pub(crate) fn all() -> Vec<String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let captures = paths.filter(|path| path.extension().is_some_and(|ending| ending == "gcap"));
    let mut names: Vec<_> = captures
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_synthetic_captures_are_what_the_example_makes() {
    for (name, made) in make_captures::synthetic().unwrap() {
        let kept = fs::read(shipped(name)).unwrap();
        let how = "cargo run --example make_captures";
        assert!(kept == made, "captures/{name} is not up to date: {how}");
    }
}

/// The file stays as it is, whatever later writers make of the same events.
#[test]
fn the_capture_that_must_be_read_forever_holds_every_event_that_the_format_has() {
    let (made, _) = make_captures::fixture().unwrap();
    let path = shipped(make_captures::FIXTURE);
    assert!(
        events(&path) == made,
        "captures/{} has other events",
        make_captures::FIXTURE
    );
    assert!(verify(&path).is_whole());
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.version().to_string(), "1.0");
    assert_eq!(reader.summary().unwrap().unwrap().digest, verify(&path).summary.digest);
}

#[test]
fn every_capture_is_made_or_imported_or_kept() {
    let made = make_captures::synthetic().unwrap().into_iter().map(|(name, _)| name);
    let mut known: Vec<_> = made
        .chain(IMPORTED.iter().map(|imported| imported.capture))
        .chain([make_captures::FIXTURE])
        .map(str::to_owned)
        .collect();
    known.sort();
    assert_eq!(all(), known);
}

#[test]
fn the_imported_captures_are_what_importing_their_own_messages_makes() {
    for imported in IMPORTED {
        let dir = Dir::new();
        let (frames, again) = (dir.file(imported.file), dir.file("again.gcap"));
        run(&["cat", "--raw", &shipped(imported.capture), "-o", &frames]).expect(0);
        let import = ["import", &frames, "-o", &again, "--job-id", imported.job_id];
        run(&[&import[..], imported.level].concat()).expect(0);
        assert!(
            fs::read(&again).unwrap() == fs::read(shipped(imported.capture)).unwrap(),
            "captures/{} is not up to date: import {} again",
            imported.capture,
            imported.file
        );
    }
}

#[test]
fn the_imported_captures_hold_the_recordings_bytes() {
    use sha2::Digest as _;
    for imported in IMPORTED {
        let path = shipped(imported.capture);
        let digests = call_digests(&mut Reader::open(&path).unwrap()).unwrap();
        assert_eq!(digests.len(), 1);
        assert_eq!(
            (digests[0].messages, digests[0].digest.to_string().as_str()),
            (imported.messages, imported.sha256)
        );
        // By other means: the library of the digest alone, over what the command writes.
        let raw = run(&["cat", "--raw", &path]).expect(0).stdout;
        let sha256: Vec<_> = sha2::Sha256::digest(&raw).to_vec();
        assert_eq!((raw.len(), sha256), (imported.bytes, hex(imported.sha256)));
    }
}

#[test]
fn every_capture_is_whole_and_every_command_reads_it() {
    for name in all() {
        let path = shipped(&name);
        let verified = verify(&path);
        assert!(verified.is_whole(), "{name}: {verified:?}");
        assert_eq!(events(&path).len() as u64, verified.summary.events, "{name}");
        let messages = received(&path);
        assert_eq!(messages.len() as u64, verified.summary.messages, "{name}");

        let info = run(&["info", "--format", "json", &path]).expect(0).json();
        assert_eq!(info["finished"], true, "{name}");
        assert_eq!(info["messages"], verified.summary.messages, "{name}");
        assert_eq!(info["digest"], verified.summary.digest.to_string(), "{name}");
        run(&["info", &path]).expect(0);

        let report = run(&["verify", "--format", "json", &path]).expect(0).json();
        assert_eq!(
            (&report["state"], &report["digest"]),
            (&"whole".into(), &info["digest"])
        );

        let lines = run(&["cat", "--format", "json", &path]).expect(0).json_lines();
        assert_eq!(lines.len() as u64, verified.summary.events, "{name}");
        run(&["cat", &path]).expect(0);
    }
}

#[test]
fn the_raw_messages_of_every_capture_are_delimited_as_protobuf_does() {
    for name in all() {
        let path = shipped(&name);
        let raw = run(&["cat", "--raw", "--as-recorded", &path]).expect(0).stdout;
        assert!(raw == delimited(&received(&path)), "{name}");
    }
}

#[test]
fn every_capture_is_a_zstd_file_that_holds_its_messages() {
    for name in all() {
        let content = unzstd(&fs::read(shipped(&name)).unwrap());
        let is_float = |imported: &Imported| imported.capture == name && imported.level.is_empty();
        if name == make_captures::FIXTURE || IMPORTED.iter().any(is_float) {
            // Its frames hold floats apart from its messages; that they are frames, zstd has checked.
            continue;
        }
        let mut from = 0;
        for message in received(shipped(&name)) {
            let at = find(&content[from..], &message);
            from += at.unwrap_or_else(|| panic!("{name}: a message is not in the frames")) + message.len();
        }
    }
}

fn find(content: &[u8], message: &Bytes) -> Option<usize> {
    if message.is_empty() {
        return Some(0);
    }
    content.windows(message.len()).position(|window| window == message)
}

#[test]
fn every_real_capture_is_covered_by_a_licence() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/LICENCES.md");
    let licences = fs::read_to_string(path).unwrap();
    for imported in IMPORTED {
        assert!(licences.contains(imported.capture), "{} is not named", imported.capture);
    }
    for part in [
        "Permission is hereby granted, free of charge",
        "Copyright (c) 2021 DASDAE",
    ] {
        assert!(licences.contains(part), "{part:?} is missing");
    }
}
