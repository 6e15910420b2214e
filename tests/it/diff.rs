//! `capture diff`: it finds no difference after record → serve → record, and reports each change as what it is.

use std::collections::BTreeSet;

use grpc_capture::serve::FAULTS;
use serde_json::{Value, json};

use crate::{
    captures, drift,
    support::{Dir, Run, Serve, run, shipped},
};

/// Records what a capture is served as.
fn record(dir: &Dir, source: &str, asked: &[&str], name: &str) -> String {
    let recorded = dir.file(name);
    let serve = Serve::start(&[source, "--rate", "max"]);
    let target = ["--target", serve.grpc(), "--plaintext"];
    run(&[&["record", "-o", &recorded], &target[..], asked].concat()).expect(0);
    recorded
}

#[test]
fn a_recording_that_is_served_and_recorded_again_is_the_same() {
    let production: &[&str] = &["--dialect", "pandadatastream", "--streams", "3"];
    for (name, asked, rows) in [
        ("optodas-quake", &["--job-id", "optodas-quake"][..], 190),
        ("febus-jitter", &["--job-id", "febus-jitter"], 50),
        ("production", production, 24),
    ] {
        let dir = Dir::new();
        let shipped = shipped(&format!("{name}.gcap"));
        let first = record(&dir, &shipped, asked, "first.gcap");
        let second = record(&dir, &first, asked, "second.gcap");
        let diff = run(&["diff", &first, &second, "--format", "json"]).expect(0).json();
        assert_eq!(diff["differs"], false, "{diff}");
        assert_eq!(diff["totals"]["rows"], rows, "{diff}");
        run(&["diff", &shipped, &second]).expect(0);
    }
}

/// A fault, and what the comparison with the clean recording counts and says first.
struct Case {
    fault: &'static str,
    /// Every count that is not zero; where a count depends on what was on its way when a connection broke, `null`.
    totals: Value,
    first: (&'static str, &'static str),
    /// What one of the differences says.
    says: &'static str,
}

fn case(fault: &'static str, totals: Value, first: (&'static str, &'static str), says: &'static str) -> Case {
    Case {
        fault,
        totals,
        first,
        says,
    }
}

/// What touches rows.
fn cases_of_data() -> Vec<Case> {
    let (missing, changed) = (("missing", "row"), ("changed", "row"));
    let undecodable = json!({"calls": 1, "rows": 189, "rows_missing": 1, "messages_extra": 1});
    let values = json!({"calls": 1, "rows": 190, "rows_changed": 3, "values_changed": 3 * 5100});
    vec![
        case(
            "drop:at=5",
            json!({"calls": 1, "rows": 187, "rows_missing": 3}),
            missing,
            "only the first capture holds it: start 1698416617620 ms",
        ),
        case(
            "duplicate:at=5",
            json!({"calls": 1, "rows": 190, "rows_duplicated": 3}),
            ("duplicated", "row"),
            "it occurs once more: start 1698416617620 ms",
        ),
        case(
            "reorder:at=5,by=2",
            json!({"calls": 1, "rows": 190, "rows_moved": 3}),
            ("moved", "row"),
            "it comes 7 places later: start 1698416617620 ms",
        ),
        case(
            "corrupt:at=3,byte=0",
            undecodable.clone(),
            missing,
            "only the second capture holds it: a message of 20961 bytes (could not decode",
        ),
        case(
            "corrupt:at=3,byte=5000",
            json!({"calls": 1, "rows": 190, "rows_changed": 1, "values_changed": 1}),
            changed,
            "1 of 5100 values differ, by up to 157.245 dB at sensor 33100, bin 12",
        ),
        case(
            "truncate:at=3,to=100",
            undecodable,
            missing,
            "only the second capture holds it: a message of 100 bytes (could not decode",
        ),
        case(
            "nan:at=5",
            values.clone(),
            changed,
            "5100 of 5100 values differ, by up to inf dB at sensor 32500, bin 0 (-179.9 and NaN)",
        ),
        case(
            "zero:at=5",
            values,
            changed,
            "by up to 201.425 dB at sensor 33950, bin 0 (-201.425 and 0)",
        ),
        case(
            "freeze:at=5,count=2",
            json!({"calls": 1, "rows": 190, "rows_changed": 7, "values_changed": 7 * 5100}),
            changed,
            "5100 of 5100 values differ, by up to 31.8307 dB at sensor 32850, bin 62",
        ),
        case(
            "unknown:at=4",
            json!({"calls": 1, "rows": 190, "messages_changed": 1}),
            ("changed", "message"),
            "unknown fields none and DataStream.1999",
        ),
    ]
}

/// What ends a call before its time.
fn cases_of_ending() -> Vec<Case> {
    let ending = ("changed", "ending");
    let cut = json!({"calls": 1, "rows": null, "rows_missing": null, "other": 1});
    vec![
        case(
            "oversize:at=5,size=110MB",
            json!({"calls": 1, "rows": 12, "rows_missing": 178, "other": 2}),
            ending,
            "0 messages known to be lost and 1",
        ),
        case(
            "abort:after=20,status=UNAVAILABLE",
            json!({"calls": 1, "rows": 62, "rows_missing": 128, "other": 1}),
            ending,
            "OK and UNAVAILABLE",
        ),
        case(
            "reset:after=20",
            cut.clone(),
            ending,
            "OK and cancelled by server: the server reset the stream",
        ),
        case("goaway:after=20", cut.clone(), ending, "OK and closed by the server"),
        case("close:after=20", cut, ending, "OK and broken"),
    ]
}

/// What only takes time, and changes nothing.
const TIMING: [&str; 5] = [
    "delay:at=1,by=5ms",
    "jitter:by=1ms",
    "stall:at=10,for=5ms",
    "burst:size=20",
    "drip:rate=20MB",
];

/// Compares the clean recording of the earthquake with what is recorded of it under each of these faults.
fn faulty<'f>(faults: impl Iterator<Item = &'f str>) -> impl Iterator<Item = Run> {
    let dir = Dir::new();
    let quake = shipped("optodas-quake.gcap");
    let clean = record(&dir, &quake, &["--job-id", "optodas-quake"], "clean.gcap");
    faults.map(move |fault| {
        let recorded = dir.file("faulty.gcap");
        let serve = Serve::start(&[&quake, "--rate", "max", "--fault", fault]);
        let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "optodas-quake"];
        let flags = ["--no-health-check", "--connect-timeout", "60s", "--force"];
        // Its exit code is the business of the tests of the faults.
        run(&[&["record", "-o", &recorded], &target[..], &flags[..]].concat());
        run(&["diff", &clean, &recorded, "--format", "json"])
    })
}

fn each_shows_as_itself(cases: &[Case]) {
    let runs = faulty(cases.iter().map(|case| case.fault));
    for (case, run) in cases.iter().zip(runs) {
        let diff = run.expect(1).json();
        let shown = format!("{}: {diff}", case.fault);
        assert_eq!(diff["differs"], true, "{shown}");
        let differences = diff["calls"][0]["differences"].as_array().unwrap();
        let first = (&differences[0]["kind"], &differences[0]["what"]);
        assert_eq!(first, (&case.first.0.into(), &case.first.1.into()), "{shown}");
        let told = |difference: &Value| difference["text"].as_str().unwrap().contains(case.says);
        assert!(differences.iter().any(told), "{shown}");
        let mut totals = diff["totals"].clone();
        let counts = totals.as_object_mut().unwrap();
        counts.retain(|_, count| *count != 0);
        for (name, count) in counts.iter_mut() {
            if case.totals.get(name).is_some_and(Value::is_null) {
                *count = Value::Null;
            }
        }
        assert_eq!(totals, case.totals, "{shown}");
    }
}

#[test]
fn every_fault_is_tried() {
    let (data, ending) = (cases_of_data(), cases_of_ending());
    let cases = data.iter().chain(&ending).map(|case| case.fault);
    let tried: BTreeSet<_> = cases
        .chain(TIMING)
        .map(|fault| fault.split(':').next().unwrap())
        .collect();
    // A server that refuses every connection leaves nothing to compare (`faults` holds what it does instead).
    let faults = FAULTS.iter().map(|entry| entry.name).filter(|name| *name != "refuse");
    assert_eq!(tried, faults.collect());
}

#[test]
fn a_fault_of_the_data_shows_as_itself() {
    each_shows_as_itself(&cases_of_data());
}

#[test]
fn a_fault_of_the_ending_shows_as_itself() {
    each_shows_as_itself(&cases_of_ending());
}

#[test]
fn a_fault_of_the_timing_changes_nothing() {
    for run in faulty(TIMING.into_iter()) {
        let diff = run.expect(0).json();
        assert_eq!(
            (&diff["differs"], &diff["totals"]["rows"]),
            (&false.into(), &190.into()),
            "{diff}"
        );
    }
}

#[test]
fn every_capture_is_the_same_as_itself_and_none_as_another() {
    let all = captures::all();
    for name in &all {
        let same = run(&["diff", &shipped(name), &shipped(name)]).expect(0);
        assert!(same.text().starts_with("PASS  SAME"), "{name}: {}", same.text());
        let other = if name == "zero-ids.gcap" {
            "nan.gcap"
        } else {
            "zero-ids.gcap"
        };
        let differs = run(&["diff", &shipped(name), &shipped(other)]).expect(1);
        assert!(differs.text().contains("DIFFERENT"), "{name}");
    }
}

#[test]
fn a_slice_lacks_rows_and_the_page_shows_where() {
    let dir = Dir::new();
    let (quake, slice, page) = (
        shipped("optodas-quake.gcap"),
        dir.file("slice.gcap"),
        dir.file("diff.html"),
    );
    run(&["slice", &quake, "-o", &slice, "--frames", "1..41"]).expect(0);
    let diff = run(&["diff", &quake, &slice, "--html", &page]).expect(1);
    assert!(diff.text().contains("missing row at message 42"), "{}", diff.text());
    assert!(diff.text().contains("changed ending"), "{}", diff.text());
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("The captures differ") && html.contains("data:image/png;base64,"));
    assert!(
        !html.contains("<script") && !html.contains("http"),
        "it needs no network"
    );
    run(&["diff", &quake, &slice, "--html", &page])
        .expect(4)
        .says(&["--force"]);
    run(&["diff", &quake, &dir.file("nowhere.gcap")]).expect(4);
    run(&["diff", &quake, &slice, "--abs", "-1"]).expect(2);
}

#[test]
fn a_capture_that_is_damaged_behind_its_calls_is_not_called_equal() {
    let dir = Dir::new();
    let whole = shipped("production.gcap");
    let bytes = std::fs::read(&whole).unwrap();
    let parts = |tag: &[u8; 4]| {
        let begins = |at: &usize| bytes[*at..].starts_with(b"\x5c\x2a\x4d\x18") && bytes[at + 8..].starts_with(tag);
        (0..bytes.len() - 12).filter(begins).collect::<Vec<_>>()
    };
    let (chunks, index) = (parts(b"CHNK"), parts(b"INDX")[0]);
    // Its first chunk once more, behind the last one.
    let again = &bytes[chunks[0]..chunks[1]];
    let damaged = dir.write("damaged.gcap", [&bytes[..index], again, &bytes[index..]].concat());
    for (a, b) in [(&whole, &damaged), (&damaged, &whole)] {
        run(&["diff", a, b]).expect(4).says(&["damaged.gcap", "chunk"]);
    }
}

const CLOCK: &str = r#"syntax = "proto3";
package clock;
service Clock { rpc Now(Request) returns (Answer); }
message Request { string zone = 1; string request_id = 2; }
message Answer { string zone = 1; Stamp stamp = 2; map<string, string> more = 3; }
message Stamp { int64 seconds = 1; int32 leap = 2; }
"#;

/// A recording of two calls of a service that tells the time.
fn clock(dir: &Dir, name: &str, run: u8, zones: [&str; 2], leap: u8) -> String {
    let call = |zone: &str| {
        let stamp = [drift::varint(1, &[run]), drift::varint(2, &[leap])].concat();
        let request = [drift::bytes(1, zone.as_bytes()), drift::bytes(2, &[b'a' + run])].concat();
        let answer = [drift::bytes(1, zone.as_bytes()), drift::bytes(2, &stamp)].concat();
        ("/clock.Clock/Now", request, answer)
    };
    drift::capture(dir, name, CLOCK, &zones.map(call))
}

#[test]
fn recordings_of_one_live_service_are_equal_beside_ignored_fields() {
    let dir = Dir::new();
    let monday = clock(&dir, "monday.gcap", 1, ["UTC", "CET"], 0);
    let tuesday = clock(&dir, "tuesday.gcap", 2, ["CET", "UTC"], 0);
    let ignore = ["--ignore", "request_id", "--ignore", "stamp.seconds"];
    let diff = |other: &str, more: &[&str]| run(&[&["diff", &monday, other, "--format", "json"], more].concat());
    diff(&tuesday, &[]).expect(1);
    diff(&tuesday, &ignore[..2]).expect(1);
    diff(&tuesday, &ignore).expect(0);
    diff(&tuesday, &["--ignore", "*.request_id,stamp.sec*"]).expect(0);
    diff(&tuesday, &["--ignore", "**"]).expect(0);
    // A real difference comes first, with call, message, field and both values.
    let leap = clock(&dir, "leap.gcap", 2, ["CET", "UTC"], 1);
    let done = run(&[&["diff", &monday, &leap][..], &ignore].concat()).expect(1);
    let lines: Vec<_> = done.text().lines().collect();
    assert_eq!(
        lines[1..3],
        [
            "call 1 | 2  /clock.Clock/Now",
            "  changed message at message 1: stamp.leap: 0 and 1"
        ],
        "{}",
        done.text()
    );
    diff(&tuesday, &["--ignore", "a..b"]).expect(2).says(&["empty part"]);
    let bare = shipped("zero-ids.gcap");
    run(&["diff", &bare, &bare, "--ignore", "x"]).expect(0);
}

#[test]
fn without_a_schema_fields_are_named_and_ignored_by_their_numbers() {
    let dir = Dir::new();
    let of = |name: &str, cluster: u8, value: &str| {
        let header = drift::bytes(1, &[drift::varint(1, &[cluster]), drift::varint(2, &[7])].concat());
        let answer = [header, drift::bytes(2, value.as_bytes())].concat();
        drift::bare_capture(&dir, name, &[("/kv.KV/Get", drift::bytes(1, b"key"), answer)])
    };
    let (one, other, changed) = (of("1.gcap", 1, "a"), of("2.gcap", 2, "a"), of("3.gcap", 2, "b"));
    let done = run(&["diff", &one, &other]).expect(1);
    assert!(done.text().contains("field 1.1: 1 and 2"), "{}", done.text());
    run(&["diff", &one, &other, "--ignore", "1.1"])
        .expect(0)
        .says(&["by their numbers"]);
    let done = run(&["diff", &one, &changed, "--ignore", "1"]).expect(1);
    assert!(done.text().contains("field 2: `a` and `b`"), "{}", done.text());
}
