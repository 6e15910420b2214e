//! Structure and statistics of every capture in captures/ are compared with the golden files in snapshots/.
//!
//! To accept an intended change, run `cargo insta review` or `INSTA_UPDATE=always cargo test --test it golden`.

use std::{fs, path::Path};

use grpc_capture::{
    analyze::{pair_goldens, snapshot_text},
    file::Reader,
};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots");

fn check(capture: &str) {
    let mut reader = Reader::open(Path::new(CAPTURES).join(format!("{capture}.gcap"))).unwrap();
    let text = snapshot_text(&mut reader).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(SNAPSHOTS);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(capture, text));
}

/// One test for each capture: insta charges a difference to the test that found it.
macro_rules! golden {
    ($($test:ident: $capture:literal,)*) => {
        const GOLDEN: &[&str] = &[$($capture),*];
        $(#[test] fn $test() { check($capture); })*
    };
}

golden! {
    empty_stream: "empty-stream",
    febus_jitter: "febus-jitter",
    format_1_0: "format-1.0",
    nan: "nan",
    optodas_quake: "optodas-quake",
    production: "production",
    trailers_only_error: "trailers-only-error",
    unknown_fields: "unknown-fields",
    zero_ids: "zero-ids",
}

fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("failed to list {folder}: {error}"));
    let name = |entry: Result<fs::DirEntry, _>| entry.unwrap().file_name().into_string().unwrap();
    entries.map(name).collect()
}

fn is_capture(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "gcap")
}

#[test]
fn every_capture_has_a_snapshot_and_a_test_and_every_snapshot_a_capture() {
    let captures: Vec<_> = files(CAPTURES).into_iter().filter(|name| is_capture(name)).collect();
    let pairs = pair_goldens(captures.clone(), files(SNAPSHOTS), ".snap");
    assert!(pairs.complete(), "add or remove: {pairs:?}");
    let tested: Vec<_> = GOLDEN.iter().map(|capture| format!("{capture}.gcap")).collect();
    let untested: Vec<_> = captures.iter().filter(|capture| !tested.contains(capture)).collect();
    assert!(untested.is_empty(), "add to `golden!` above: {untested:?}");
}

#[test]
fn a_capture_read_twice_gives_the_same_text() {
    let text = || snapshot_text(&mut Reader::open(Path::new(CAPTURES).join("febus-jitter.gcap")).unwrap()).unwrap();
    assert_eq!(text(), text());
}
