//! `capture slice` with every shipped capture: the slice passes `verify` and `validate`, and its content is unchanged.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

use crate::{
    captures,
    support::{Dir, received, run, shipped, verify},
};

/// Each keeps something of nearly every capture.
const CUTS: [&[&str]; 9] = [
    &[],
    &["--start-offset", "200ms", "--playback-duration", "4s"],
    &["--start-offset", "3ms"],
    &["--end-offset", "300ms"],
    &["--rows", "1..3"],
    &["--rows", "2..1000000"],
    &["--frames", "1..2"],
    &["--call", "1"],
    &["--sensors", "0..3"],
];

/// Severity and rule of everything that a validation finds.
fn findings(path: &str) -> (BTreeSet<(String, String)>, Value) {
    let report = run(&["validate", "--format", "json", path]);
    assert!(matches!(report.code, Some(0 | 1)), "{report:?}");
    let report = report.json();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let all = findings
        .iter()
        .map(|finding| (text(finding, "severity"), text(finding, "rule")));
    (all.collect(), report.clone())
}

/// The messages of `part` stand together in `whole`, call by call: they are told apart by a separator.
fn stand_together(part: &[Bytes], whole: &[Bytes]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

#[test]
fn every_slice_of_every_capture_verifies_and_validates_without_a_new_finding() {
    let (mut cuts, dir) = (0, Dir::new());
    for name in captures::all() {
        let (source, slice) = (shipped(&name), dir.file(&name));
        let (known, _) = findings(&source);
        let all = received(&source);
        for cut in CUTS {
            let made = run(&[&["slice", &source, "-o", &slice, "--force", "--format", "json"], cut].concat());
            if matches!(made.code, Some(4)) {
                let known = ["the capture ends at", "no call holds rows", "holds any of the sensors"];
                let explained = known.iter().any(|what| made.stderr.contains(what));
                assert!(explained, "{name} {cut:?}: {}", made.stderr);
                continue;
            }
            assert!(matches!(made.code, Some(0 | 1)), "{name} {cut:?}: {made:?}");
            cuts += 1;
            assert!(verify(&slice).is_whole(), "{name} {cut:?}");
            let kept = received(&slice);
            let (found, report) = findings(&slice);
            let new: Vec<_> = found.difference(&known).collect();
            if kept.is_empty() {
                assert_eq!(report["verdict"], "fail", "no message is never a pass: {name} {cut:?}");
            } else {
                assert!(new.is_empty(), "{name} {cut:?}: {new:?}");
            }
            assert_eq!(made.json()["messages"], kept.len(), "{name} {cut:?}");
            if cut.first() != Some(&"--sensors") {
                let of_one_call = !matches!(name.as_str(), "production.gcap" | "format-1.0.gcap");
                assert!(
                    kept.iter().all(|message| all.contains(message)),
                    "{name} {cut:?}: other bytes"
                );
                assert!(
                    !of_one_call || stand_together(&kept, &all),
                    "{name} {cut:?}: other order"
                );
            }
        }
    }
    assert!(cuts > 60, "only {cuts} slices were made");
}

#[test]
fn around_a_finding_is_where_it_is() {
    let dir = Dir::new();
    let slice = dir.file("nan.gcap");
    let around = [
        "slice",
        &shipped("nan.gcap"),
        "-o",
        &slice,
        "--around",
        "nan",
        "--margin",
        "50ms",
    ];
    run(&around).expect(0);
    let (found, _) = findings(&slice);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(received(&slice).len(), 1);
    run(&around).expect(4).says(&["exists", "--force"]);
    let other = dir.file("other.gcap");
    run(&["slice", &shipped("nan.gcap"), "-o", &other, "--around", "stall"])
        .expect(2)
        .says(&["no finding `stall`", "there are: nan"]);
    run(&["slice", &shipped("nan.gcap"), "-o", &other, "--around", "nan#2"]).expect(2);
    run(&["slice", &shipped("nan.gcap"), "-o", &other, "--rows", "3..1"]).expect(4);
    assert!(
        !std::path::Path::new(&other).exists(),
        "nothing is left of a slice that failed"
    );
}

#[test]
fn a_slice_is_served_like_any_other_capture() {
    let dir = Dir::new();
    let (slice, recorded) = (dir.file("slice.gcap"), dir.file("recorded.gcap"));
    let quake = shipped("optodas-quake.gcap");
    run(&[
        "slice",
        &quake,
        "-o",
        &slice,
        "--start-offset",
        "2s",
        "--playback-duration",
        "2s",
    ])
    .expect(0);
    let serve = crate::support::Serve::start(&[&slice, "--rate", "max"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "optodas-quake"];
    let record = run(&[&["record", "-o", &recorded][..], &target].concat());
    assert!(matches!(record.code, Some(0 | 3 | 65..)), "{record:?}");
    assert_eq!(received(&recorded), received(&slice));
}
