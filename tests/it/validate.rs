//! `capture validate`, `stats` and `record --validate` as processes: verdicts, exit codes, and JSON.

use std::path::Path;

use grpc_capture::file::{Reader, Writer, WriterOptions};
use serde_json::Value;

use crate::support::{
    Dir, Running, Serve, command, frames,
    proxying::Proxying,
    raw_job::{RawJob, Step},
    readable, run, shipped, wait,
};

/// Every shipped capture: exit code, and the rules that it breaks.
const VERDICTS: [(&str, i32, &[&str]); 8] = [
    ("optodas-quake", 0, &[]),
    ("febus-jitter", 0, &["infinity", "dead-sensor", "clock-jitter"]),
    ("zero-ids", 0, &[]),
    ("unknown-fields", 0, &["unknown-fields"]),
    ("production", 0, &["guessed-layout"]),
    ("nan", 1, &["nan"]),
    ("empty-stream", 1, &["zero-frames"]),
    ("trailers-only-error", 1, &["error-status"]),
];

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn every_shipped_capture_gets_its_verdict_and_its_findings() {
    for (name, code, expected) in VERDICTS {
        let path = shipped(&format!("{name}.gcap"));
        let report = run(&["validate", "--format", "json", &path]).expect(code).json();
        assert_eq!(rules(&report), expected, "{name}");
        let verdict = if code == 0 { "pass" } else { "fail" };
        assert_eq!(report["verdict"], verdict, "{name}");
        for finding in report["findings"].as_array().unwrap() {
            for key in ["rule", "severity", "count", "first", "last", "message", "hint"] {
                assert!(!finding[key].is_null(), "{name}: a finding lacks {key}: {finding}");
            }
        }
        let text = run(&["validate", &path]).expect(code);
        let last = text.text().lines().last().unwrap().to_owned();
        assert!(
            last.starts_with(if code == 0 { "PASS" } else { "FAIL" }),
            "{name}: {last}"
        );
    }
}

#[test]
fn warnings_fail_only_a_strict_validation_and_severities_can_be_changed() {
    let path = shipped("febus-jitter.gcap");
    run(&["validate", "--strict", &path]).expect(1);
    let off = [
        "--allow",
        "infinity",
        "--allow",
        "dead-sensor",
        "--severity",
        "clock-jitter=info",
    ];
    run(&[&["validate", "--strict", &path], &off[..]].concat()).expect(0);
    run(&["validate", "--severity", "clock-jitter=error", &path]).expect(1);
    run(&["validate", "--allow-empty", &shipped("empty-stream.gcap")]).expect(0);
    run(&["validate", &path, &shipped("nan.gcap")]).expect(1);
}

#[test]
fn the_jittering_recording_reports_exactly_its_infinities_its_dead_channels_and_its_clock() {
    let report = run(&["validate", "--format", "json", &shipped("febus-jitter.gcap")])
        .expect(0)
        .json();
    let counts: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["count"].as_u64())
        .collect();
    assert_eq!(counts, [Some(2000), Some(80), Some(9)]);
    let message = report["findings"][1]["message"].as_str().unwrap();
    assert!(message.contains("0 (50), 1 (30)"), "{message}");
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|finding| finding["severity"] == "warning")
    );
}

#[test]
fn expectations_come_from_a_file_and_a_slip_is_a_usage_error_that_names_the_nearest_key() {
    let dir = Dir::new();
    let path = shipped("zero-ids.gcap");
    let wrong = dir.write("wrong.toml", "bins = 9\nsensors = '0..3'\n");
    let report = run(&["validate", "--format", "json", "--expect", &wrong, &path])
        .expect(1)
        .json();
    assert_eq!(rules(&report), ["unexpected-bins"]);
    let slip = dir.write("slip.toml", "sensor = '0..3'\n");
    run(&["validate", "--expect", &slip, &path])
        .expect(2)
        .says(&["slip.toml", "`sensor`", "`sensors`"]);
    run(&["validate", "--allow", "nann", &path])
        .expect(2)
        .says(&["nann", "`nan`"]);
    run(&["validate", "--expect", &dir.file("none.toml"), &path])
        .expect(4)
        .says(&["none.toml"]);
    run(&["validate", "--expect-bins", "8", "--expect-sensors", "0..3", &path]).expect(0);
    run(&["validate", "--amplitude", "-100..-90", &path]).expect(1);
}

#[test]
fn init_makes_expectations_that_the_same_capture_passes_and_another_does_not() {
    let dir = Dir::new();
    let good = shipped("zero-ids.gcap");
    let made = run(&["validate", "--init", &good]).expect(0);
    let file = dir.write("made.toml", made.text());
    run(&["validate", "--strict", "--expect", &file, &good]).expect(0);
    run(&["validate", "--expect", &file, &shipped("optodas-quake.gcap")]).expect(1);
    run(&["validate", "--init", &shipped("nan.gcap")])
        .expect(1)
        .says(&["nan", "good capture"]);
}

#[test]
fn junit_has_one_case_for_each_rule_and_marks_what_failed() {
    let dir = Dir::new();
    let file = dir.file("report.xml");
    run(&[
        "validate",
        "--junit",
        &file,
        &shipped("nan.gcap"),
        &shipped("zero-ids.gcap"),
    ])
    .expect(1);
    let xml = std::fs::read_to_string(file).unwrap();
    let rules = grpc_capture::analyze::RULES.len() + 1;
    assert_eq!(xml.matches("<testcase ").count(), 2 * rules);
    assert_eq!(xml.matches("<failure ").count(), 1);
    assert!(xml.contains("nan.gcap") && xml.contains("zero-ids.gcap"));
}

#[test]
fn a_baseline_fails_what_got_slower_by_more_than_a_fifth_and_says_by_how_much() {
    let dir = Dir::new();
    let (path, baseline) = (shipped("zero-ids.gcap"), dir.file("baseline.json"));
    run(&["stats", "--save-baseline", &baseline, &path]).expect(0);
    run(&["stats", "--save-baseline", &baseline, &path])
        .expect(4)
        .says(&["--force"]);
    run(&["validate", "--baseline", &baseline, &path]).expect(0);
    let mut faster: Value = serde_json::from_str(&std::fs::read_to_string(&baseline).unwrap()).unwrap();
    faster["frames_per_s"] = (faster["frames_per_s"].as_f64().unwrap() * 2.0).into();
    let faster = dir.write("faster.json", faster.to_string());
    let report = run(&["validate", "--format", "json", "--baseline", &faster, &path])
        .expect(1)
        .json();
    assert_eq!(rules(&report)[0], "regression");
    let message = report["findings"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("frames_per_s") && message.contains("worse by 50.0 %") && message.contains(" frames/s"),
        "{message}"
    );
    run(&["validate", "--baseline", &faster, "--tolerance", "60", &path]).expect(0);
    let several = dir.file("several.json");
    run(&["stats", "--save-baseline", &several, &path, &path, &path]).expect(0);
    let made: Value = serde_json::from_str(&std::fs::read_to_string(&several).unwrap()).unwrap();
    assert_eq!(
        (&made["captures"], &made["spread"]["frames_per_s"]),
        (&3.into(), &0.0.into())
    );
    run(&["validate", "--baseline", &several, &path]).expect(0);
    // Nothing can be held against a stream that brought nothing.
    let none = dir.file("none.json");
    run(&["stats", "--save-baseline", &none, &path, &shipped("empty-stream.gcap")])
        .expect(1)
        .says(&["no baseline was written", "empty-stream"]);
    assert!(!std::path::Path::new(&none).exists());
    run(&["validate", "--baseline", &shipped("LICENCES.md"), &path])
        .expect(4)
        .says(&["LICENCES.md"]);
}

#[test]
fn a_damaged_or_unfinished_capture_is_judged_as_far_as_it_reads() {
    let dir = Dir::new();
    let whole = std::fs::read(shipped("optodas-quake.gcap")).unwrap();
    let cut = dir.write("cut.gcap", &whole[..whole.len() / 2]);
    let report = run(&["validate", "--format", "json", &cut]).expect(1).json();
    assert_eq!(rules(&report), ["unended-call"]);
    assert_eq!(report["finished"], false);
    let mut damaged = whole;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let damaged = dir.write("damaged.gcap", &damaged);
    let run = run(&["validate", "--format", "json", &damaged])
        .expect(4)
        .says(&["chunk", "capture recover"]);
    let report = run.json();
    assert!(report["damage"].as_str().unwrap().contains("checksum"));
    assert_eq!(
        (rules(&report), &report["verdict"]),
        (vec!["damaged-capture"], &"fail".into())
    );
}

#[test]
fn a_capture_that_is_being_recorded_gets_its_verdict_so_far_and_a_killed_one_fails() {
    let dir = Dir::new();
    let (out, page) = (dir.file("growing.gcap"), dir.file("page.md"));
    let all = shipped("optodas-quake.gcap");
    let serve = Serve::start(&[&all, "--rate", "max", "--end", "hold"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "optodas-quake"];
    let recording = Running::start(&[&["record", "-o", &out, "--flush-interval", "200ms"], &target[..]].concat());
    let frames = || Path::new(&out).exists() && readable(&out).len() > 73;
    assert!(wait(frames), "the frames are not in the capture");
    let judged = run(&["validate", &out]).expect(3).says(&["it is being recorded"]);
    let last = judged.text().lines().last().unwrap().to_owned();
    assert!(last.starts_with("PASS so far"), "{last}");
    let report = run(&["validate", "--strict", "--format", "json", &out])
        .expect(3)
        .json();
    assert_eq!(
        (&report["verdict"], &report["recording"], &report["finished"]),
        (&"pass".into(), &true.into(), &false.into())
    );
    run(&["report", &out, "-o", &page]).expect(3);
    // What is wrong with it stands first, and fails it.
    let report = run(&["validate", "--expect-bins", "9", "--format", "json", &out])
        .expect(1)
        .json();
    assert_eq!(rules(&report), ["unexpected-bins", "unended-call"]);

    recording.kill();
    let report = run(&["validate", "--format", "json", &out]).expect(1).json();
    assert_eq!(
        (rules(&report), &report["recording"]),
        (vec!["unended-call"], &false.into())
    );
    let report = run(&["validate", "--expect-bins", "9", "--format", "json", &out])
        .expect(1)
        .json();
    assert_eq!(rules(&report), ["unexpected-bins", "unended-call"]);
}

#[test]
fn statistics_are_one_json_object_and_say_when_there_is_no_frame() {
    let stats = run(&["stats", "--format", "json", &shipped("febus-jitter.gcap")])
        .expect(0)
        .json();
    assert_eq!(
        (&stats["totals"]["frames"], &stats["totals"]["rows"]),
        (&18.into(), &50.into())
    );
    assert_eq!(stats["amplitude"]["negative_infinite"], 2000);
    run(&["stats", &shipped("empty-stream.gcap")])
        .expect(1)
        .says(&["holds no frame"]);
    let two = [shipped("zero-ids.gcap"), shipped("nan.gcap")];
    let lines = run(&["stats", "--format", "json", &two[0], &two[1]])
        .expect(0)
        .json_lines();
    let named: Vec<_> = lines.iter().map(|line| line["capture"].as_str().unwrap()).collect();
    assert_eq!(named, two);
    let text = run(&["stats", &two[0], &two[1]]).expect(0);
    assert!(text.text().contains("zero-ids.gcap <==") && text.text().contains("nan.gcap <=="));
}

#[test]
fn a_live_stream_is_judged_while_it_is_recorded() {
    let dir = Dir::new();
    let (good, bad) = (dir.file("good.gcap"), dir.file("bad.gcap"));
    let captures = [shipped("optodas-quake.gcap"), shipped("nan.gcap")];
    let serve = Serve::start(&[&captures[0], &captures[1], "--rate", "max"]);
    let record = |job: &'static str, out: &str, code| {
        let target = [
            "--target",
            serve.grpc(),
            "--plaintext",
            "--job-id",
            job,
            "--format",
            "json",
        ];
        run(&[&["record", "--validate", "-o", out], &target[..]].concat())
            .expect(code)
            .json()
    };
    let report = record("optodas-quake", &good, 0);
    assert_eq!(report["validation"]["verdict"], "pass");
    assert_eq!(
        (&report["validation"]["frames"], &report["lossy"]),
        (&73.into(), &false.into())
    );
    let report = record("nan", &bad, 1);
    assert_eq!(rules(&report["validation"]), ["nan"]);
    // Live or from the capture, the judgement is the same.
    let again = run(&["validate", "--format", "json", &bad]).expect(1).json();
    assert_eq!(again["findings"], report["validation"]["findings"]);
}

#[test]
fn a_stream_that_died_stalled_or_carried_nothing_fails_and_says_so_first() {
    let dir = Dir::new();
    let some = frames(3, 16);
    // So that what was sent before has left the server when it dies.
    let pause = std::time::Duration::from_millis(50);
    let cases = [
        (
            "died",
            RawJob::builder()
                .paced(&some, pause)
                .then(Step::Pause(pause))
                .then(Step::Die),
            "broken-call",
        ),
        ("stalled", RawJob::builder().frames(&some).then(Step::Stall), "deadline"),
        ("empty", RawJob::builder(), "zero-frames"),
    ];
    for (name, job, rule) in cases {
        let out = dir.file(&format!("{name}.gcap"));
        let job = job.job_id("job").start();
        let target = format!("127.0.0.1:{}", job.addr.port());
        // Only the stall is cut short: a machine that is busy must not take a slow start for one.
        let idle = if name == "stalled" { "300ms" } else { "60s" };
        let limits = ["--idle-timeout", idle, "--first-frame-timeout", "5s"];
        let target = ["--target", &target, "--plaintext", "--job-id", "job", "-o", &out];
        let recorded = command(&[&["record"], &limits[..], &target[..]].concat())
            .output()
            .unwrap();
        assert_ne!(recorded.status.code(), Some(0), "{name}");
        let report = run(&["validate", "--format", "json", &out]).expect(1).json();
        assert_eq!(rules(&report).first(), Some(&rule), "{name}: {report}");
        let text = run(&["validate", &out]).expect(1);
        assert!(text.text().lines().last().unwrap().contains(rule), "{name}");
    }
}

#[test]
fn a_recording_of_a_replay_is_not_held_to_what_was_asked_for_and_any_other_is() {
    let dir = Dir::new();
    let out = dir.file("out.gcap");
    let serve = Serve::start(&[&shipped("optodas-quake.gcap"), "--rate", "max"]);
    let asked = ["--server", serve.rest(), "--sensors", "1..500", "--frequency", "0..900"];
    run(&[&["record", "-o", &out], &asked[..]].concat()).expect(0);
    run(&["validate", "--strict", &out]).expect(0);
    let info = run(&["info", "--format", "json", &out]).expect(0).json();
    let server = info["attributes"]["configure.server"].as_str().unwrap();
    assert!(server.starts_with("grpc-capture/"), "{server}");

    // The same, as another server sends it.
    let mut reader = Reader::open(&out).unwrap();
    let mut header = reader.header().clone();
    header.set("configure.server", "uvicorn");
    let other = dir.file("other.gcap");
    let mut writer = Writer::create(&other, &header, WriterOptions::default()).unwrap();
    while let Some(event) = reader.next_event().unwrap() {
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
    let report = run(&["validate", "--format", "json", &other]).expect(0).json();
    assert_eq!(rules(&report), ["request-not-met", "clock-off"]);
}

#[test]
fn a_job_that_is_not_healthy_is_told_first() {
    let dir = Dir::new();
    let (out, seen) = (dir.file("out.gcap"), dir.file("seen.gcap"));
    let serve = Serve::start(&[&shipped("zero-ids.gcap"), "--startup-delay", "1h"]);
    let target = ["--target", serve.grpc(), "--plaintext", "--job-id", "zero-ids"];
    let limits = ["--connect-timeout", "300ms", "--format", "json"];
    let report = run(&[&["record", "--validate", "-o", &out], &target[..], &limits].concat())
        .expect(4)
        .json();
    let findings = &report["validation"]["findings"];
    assert_eq!(findings[0]["rule"], "not-recorded", "{report}");
    assert!(
        findings[0]["message"].as_str().unwrap().contains("healthy = false"),
        "{report}"
    );

    // The same by a client of a proxy, which gives up after asking.
    let proxy = Proxying::start(&["-l", "127.0.0.1:0", "-t", serve.grpc(), "--plaintext", "-o", &seen]);
    let target = [
        "--target",
        proxy.addr(),
        "--plaintext",
        "--job-id",
        "zero-ids",
        "-o",
        &out,
    ];
    run(&[&["record", "--connect-timeout", "300ms"], &target[..]].concat()).expect(4);
    proxy.stop().expect(0);
    let judged = run(&["validate", &seen]).expect(1);
    let last = judged.text().lines().last().unwrap().to_owned();
    assert!(
        last.starts_with("FAIL") && last.contains("unhealthy-job: CheckHealth"),
        "{last}"
    );
}

#[test]
fn a_production_job_that_was_closed_when_idle_is_so_in_its_replay_at_any_rate() {
    let dir = Dir::new();
    for rate in ["max", "50"] {
        let out = dir.file(&format!("{rate}.gcap"));
        let serve = Serve::start(&[&shipped("production.gcap"), "--rate", rate]);
        let target = [
            "--target",
            serve.grpc(),
            "--plaintext",
            "--dialect",
            "pandadatastream",
            "--streams",
            "3",
        ];
        let report = run(&[&["record", "--format", "json", "-o", &out], &target[..]].concat())
            .expect(0)
            .json();
        for ending in report["endings"].as_array().unwrap() {
            assert_eq!(
                (&ending["messages"], &ending["idle_close"]),
                (&8.into(), &true.into()),
                "{rate}"
            );
        }
        run(&["validate", &out]).expect(0);
    }
}

#[test]
fn a_test_report_replaces_no_file_of_another_kind() {
    let dir = Dir::new();
    let (judged, other) = (dir.file("judged.gcap"), dir.file("other.gcap"));
    for path in [&judged, &other] {
        std::fs::copy(shipped("nan.gcap"), path).unwrap();
    }
    let before = std::fs::read(&judged).unwrap();
    for target in [&judged, &other] {
        run(&["validate", &judged, "--junit", target])
            .expect(4)
            .says(&["not a JUnit report"]);
        assert_eq!(std::fs::read(target).unwrap(), before);
    }
    let report = dir.file("report.xml");
    for _ in 0..2 {
        run(&["validate", &judged, "--junit", &report]).expect(1);
    }
}
