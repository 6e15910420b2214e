//! `capture demo`, the first command of a new user.

use std::fs;

use crate::support::{Dir, received, run, shipped, verify};

#[test]
fn the_demo_records_a_real_earthquake_and_proves_it_byte_for_byte() {
    let dir = Dir::new();
    let folder = dir.file("demo");
    let demo = run(&["demo", "-o", &folder, "--rate", "max"]).expect(0);
    let capture = format!("{folder}/optodas-quake.gcap");
    for part in [
        "every checksum and digest holds",
        "byte for byte what was served",
        "f6613fed3e3bfb0bf4c88f668f5ec84015278beb3732b0435ccc8980c48dc5f8",
        &capture,
        "73 frames",
        "5. validate PASS: 0 errors",
        "6. stats    190 rows of 51 sensors, -224.2 to -110.0 dB",
        "7. report   a page of",
    ] {
        assert!(demo.text().contains(part), "{part:?} is missing: {}", demo.text());
    }
    let page = fs::read_to_string(format!("{folder}/optodas-quake.report.html")).unwrap();
    assert!(page.contains("<strong>PASS</strong>") && page.contains("id=\"waterfall\""));
    assert!(verify(&capture).is_whole());
    assert!(received(&capture) == received(shipped("optodas-quake.gcap")));
}

#[test]
fn a_demo_does_not_overwrite_an_earlier_one() {
    let dir = Dir::new();
    let capture = dir.write("optodas-quake.gcap", "an earlier demo");
    let folder = capture.trim_end_matches("/optodas-quake.gcap");
    run(&["demo", "-o", folder, "--rate", "max"])
        .expect(4)
        .says(&["exists"]);
    assert_eq!(fs::read(&capture).unwrap(), b"an earlier demo");
}

#[test]
fn the_demo_runs_in_any_folder() {
    let dir = Dir::new();
    let anywhere = dir.file("");
    let mut demo = crate::support::command(&["demo", "-o", "here", "--rate", "max"]);
    let output = demo.current_dir(&anywhere).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(verify(dir.file("here/optodas-quake.gcap")).is_whole());
}
