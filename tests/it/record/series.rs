//! Several captures of one recording, and the flight recorder.

use super::{record, start};
use crate::support::{
    Dir, Serve, endings, events, frames,
    raw_job::{RawJob, Step},
    received, run, shipped, verify, wait,
};
use grpc_capture::model::{Ending, EventKind};

/// Bytes in the folder.
fn stored(dir: &Dir) -> u64 {
    let sizes = dir
        .names()
        .into_iter()
        .map(|name| std::fs::metadata(dir.file(&name)).map_or(0, |file| file.len()));
    sizes.sum()
}

#[test]
fn a_rotated_recording_is_a_series_of_whole_captures_that_validate() {
    let dir = Dir::new();
    let out = dir.file("run.gcap");
    let original = shipped("optodas-quake.gcap");
    let serve = Serve::start(&[&original, "--rate", "max"]);
    let job_id = serve.ready["job_ids"][0].as_str().unwrap();
    let args = [
        "record",
        "-o",
        &out,
        "--target",
        serve.grpc(),
        "--plaintext",
        "--job-id",
        job_id,
    ];
    let args = [&args[..], &["--rotate-size", "200KiB", "--format", "json"]].concat();
    let report = run(&args).expect(0).json();
    let files = report["files"].as_array().unwrap();
    assert!(files.len() >= 3, "{report}");
    assert_eq!(report["digest"], serde_json::Value::Null);
    let mut there = Vec::new();
    for file in files {
        let path = file["capture"].as_str().unwrap();
        assert!(verify(path).is_whole());
        run(&["validate", path]).expect(0);
        run(&["stats", path]).expect(0);
        there.extend(received(path));
    }
    assert!(there == received(&original));
    // A second recording does not write between the files of the first.
    run(&args).expect(4).says(&["--force"]);
}

#[test]
fn a_flight_recorder_that_nothing_triggers_writes_no_file_and_says_so() {
    let (dir, frames) = (Dir::new(), frames(50, 64));
    let out = dir.file("run.gcap");
    let job = RawJob::builder().frames(&frames).start();
    let report = record(job.addr, &out, &["--ring", "1MB", "--trigger", "status"])
        .expect(0)
        .json();
    assert_eq!(report["files"], serde_json::json!([]));
    assert_eq!(report["messages"], 50);
    assert_eq!(dir.names(), [""; 0]);
    let job = RawJob::builder().frames(&frames).start();
    let addr = job.addr.to_string();
    let args = [
        "record",
        "-o",
        &out,
        "--target",
        &addr,
        "--job-id",
        "12-70788",
        "--plaintext",
    ];
    let text = run(&[&args[..], &["--ring", "1MB", "--trigger", "status"]].concat()).expect(0);
    assert!(
        text.text().contains("nothing triggered the flight recorder"),
        "{}",
        text.text()
    );
}

#[test]
fn a_signal_makes_the_flight_recorder_write_what_it_holds_and_go_on() {
    let (dir, frames) = (Dir::new(), frames(300, 256));
    let out = dir.file("run.gcap");
    let job = RawJob::builder()
        .frames(&frames[..200])
        .then(Step::Gate)
        .frames(&frames[200..])
        .start();
    let recording = start(
        job.addr,
        &out,
        &["--ring", "10m", "--post-roll", "0s", "--trigger", "signal"],
    );
    // The ring has what was sent: 256 floats that do not compress, in 200 frames.
    assert!(wait(|| stored(&dir) > 150_000), "{}", stored(&dir));
    recording.signal("USR1");
    let dump = dir.file("run.000001.gcap");
    assert!(wait(|| std::path::Path::new(&dump).exists()), "{:?}", dir.names());
    job.open_gate();
    let report = recording.finish().expect(0).json();
    assert_eq!(dir.names(), ["run.000001.gcap"]);
    assert_eq!(report["files"][0]["trigger"]["what"], "SIGUSR1");
    assert!(verify(&dump).is_whole());
    let there = received(&dump);
    assert!(!there.is_empty() && frames.starts_with(&there), "{}", there.len());
    let said = events(&dump).into_iter().any(|event| match event.kind {
        EventKind::Note(note) => note.author == "trigger" && note.text.starts_with("SIGUSR1"),
        _ => false,
    });
    assert!(said);
}

#[test]
fn an_error_status_makes_the_flight_recorder_write() {
    let dir = Dir::new();
    let out = dir.file("run.gcap");
    let job = RawJob::builder().job_id("another").start();
    let report = record(job.addr, &out, &["--ring", "10m"]).expect(64 + 5).json();
    let what = report["files"][0]["trigger"]["what"].as_str().unwrap();
    assert!(what.starts_with("call 1 ended with status 5 ("), "{what}");
    let dump = dir.file("run.000001.gcap");
    assert!(verify(&dump).is_whole());
    assert!(matches!(&endings(&dump)[..], [Ending::Status(status)] if status.code == 5));
}

#[test]
fn a_finding_makes_the_flight_recorder_write() {
    let (dir, mut all) = (Dir::new(), frames(30, 64));
    // No message of the dialect.
    all.insert(20, bytes::Bytes::from_static(b"\xff\xff\xff"));
    let out = dir.file("run.gcap");
    let job = RawJob::builder().frames(&all).start();
    let report = record(job.addr, &out, &["--ring", "10m"]).expect(0).json();
    let what = report["files"][0]["trigger"]["what"].as_str().unwrap();
    assert!(what.starts_with("finding "), "{what}");
    assert!(received(dir.file("run.000001.gcap")) == all);
}

#[test]
fn flags_of_a_series_that_make_no_sense_are_refused() {
    for flags in [
        &["--keep", "3"][..],
        &["--ring", "5m", "--rotate-size", "1MB"],
        &["--post-roll", "5s"],
        &["--ring", "soon"],
        &["--trigger-stall", "5s"],
    ] {
        let args = [
            &["record", "--target", "127.0.0.1:1", "--job-id", "a", "--plaintext"],
            flags,
        ]
        .concat();
        run(&args).expect(2);
    }
}
