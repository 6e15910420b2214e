//! The content of the capture and of the report: unchanged bytes, no secrets, correct numbers.

use std::{fs, io::Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use grpc_capture::model::{Direction, EventKind};
use serde_json::Value;

use super::{holds, record};
use crate::support::{
    Dir, Run, delimited, events, frames,
    raw_job::{Answer, HandMade, RawJob},
    received, run, unzstd, verify,
};

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

#[test]
fn compressed_messages_are_stored_as_they_came_and_inflated_on_the_way_out() {
    let (dir, frames) = (Dir::new(), frames(6, 50));
    let out = dir.file("gzip.gcap");
    // Some compressed, some not, as the flag says.
    let wire: Vec<_> = (0..)
        .zip(&frames)
        .map(|(number, frame)| match number % 3 {
            0 => (false, frame.clone()),
            _ => (true, gzip(frame)),
        })
        .collect();
    let server = HandMade::start(Answer::messages("gzip", &wire));
    record(server.addr, &out, &[]).expect(0);

    let stored: Vec<_> = events(&out)
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Message(message) if message.direction == Direction::Received => {
                Some((message.compressed, message.data))
            }
            _ => None,
        })
        .collect();
    assert!(stored == wire, "bytes and flags as they came");
    let raw = run(&["cat", "--raw", &out]).expect(0).stdout;
    assert!(raw == delimited(&frames));
    let as_recorded = run(&["cat", "--raw", "--as-recorded", &out]).expect(0).stdout;
    let on_the_wire: Vec<_> = wire.iter().map(|(_, data)| data.clone()).collect();
    assert!(as_recorded == delimited(&on_the_wire));
    let lines = run(&["cat", "--format", "json", &out]).expect(0).json_lines();
    let decoded = lines.iter().filter(|line| line["message"]["rows"].is_array()).count();
    assert_eq!(decoded, 6, "compressed ones are decoded too");
}

#[test]
fn a_message_that_cannot_be_inflated_is_kept_and_reported() {
    let dir = Dir::new();
    let out = dir.file("broken.gcap");
    let wire = [(true, Bytes::from_static(b"this is no gzip"))];
    let server = HandMade::start(Answer::messages("gzip", &wire));
    record(server.addr, &out, &[]).expect(0);
    let raw = run(&["cat", "--raw", &out]).expect(3).says(&["is written as recorded"]);
    assert_eq!(raw.stdout, delimited(&[wire[0].1.clone()]));
}

#[test]
fn a_message_above_the_limit_ends_the_call_and_says_how_to_raise_it() {
    let (dir, frames) = (Dir::new(), frames(3, 1000));
    let out = dir.file("large.gcap");
    let small = crate::support::frames(2, 4);
    let job = RawJob::builder().frames(&small).frames(&frames).start();
    let size = frames[0].len().to_string();
    let refused = record(job.addr, &out, &["--max-msg-sz", "1000"]).expect(4).says(&[
        "message 3",
        &size,
        "the limit is 1000",
        "--max-msg-sz",
    ]);
    assert!(
        !refused.stderr.contains("disk"),
        "the disk has no part in it: {}",
        refused.stderr
    );
    assert!(verify(&out).is_whole());
    assert_eq!(received(&out), small, "what came before is there");
    assert_eq!(verify(&out).summary.gaps, 1, "and what was refused is counted");

    let out = dir.file("raised.gcap");
    let largest = frames.iter().map(Bytes::len).max().unwrap().to_string();
    record(job.addr, &out, &["--max-msg-sz", &largest]).expect(0);
    holds(&out, &[&small[..], &frames].concat());
}

#[test]
fn a_message_that_came_in_part_is_counted_and_not_blamed_on_the_disk() {
    let dir = Dir::new();
    for (name, status, code) in [("ok", "0", 4), ("internal", "13", 64 + 13)] {
        let out = dir.file(&format!("{name}.gcap"));
        let mut answer = Answer::messages("identity", &[(false, Bytes::from_static(b"whole"))]);
        answer.pieces.push(Bytes::from_static(b"\0\0\0\0\x09only"));
        answer.trailers.insert("grpc-status", status.parse().unwrap());
        let server = HandMade::start(answer);
        let run = record(server.addr, &out, &[])
            .expect(code)
            .says(&["1 message arrived only in part"]);
        assert!(!run.stderr.contains("disk"), "{}", run.stderr);
        let report = run.json();
        assert_eq!((&report["gaps"], &report["lossy"]), (&1.into(), &true.into()));
        assert_eq!(received(&out), ["whole"]);
    }
}

#[test]
fn bytes_that_are_no_grpc_are_an_error_and_no_panic() {
    let dir = Dir::new();
    let out = dir.file("foreign.gcap");
    let mut answer = Answer::messages("identity", &[(false, Bytes::from_static(b"good"))]);
    answer.pieces.push(Bytes::from_static(b"\x07garbage follows"));
    let server = HandMade::start(answer);
    record(server.addr, &out, &[])
        .expect(4)
        .says(&["message 2", "is this a gRPC method"]);
    assert!(verify(&out).is_whole());
    assert_eq!(received(&out), ["good"]);
}

#[test]
fn messages_cut_anywhere_on_the_wire_come_out_whole() {
    let (dir, frames) = (Dir::new(), frames(20, 20));
    let out = dir.file("pieces.gcap");
    let plain: Vec<_> = frames.iter().map(|frame| (false, frame.clone())).collect();
    let mut answer = Answer::messages("identity", &plain);
    let all: Bytes = answer.pieces.concat().into();
    let mut noise = crate::support::Noise(7);
    let mut from = 0;
    answer.pieces.clear();
    while from < all.len() {
        let to = all.len().min(from + 1 + noise.below(90) as usize);
        answer.pieces.push(all.slice(from..to));
        from = to;
    }
    assert!(answer.pieces.len() > frames.len());
    let server = HandMade::start(answer);
    record(server.addr, &out, &[]).expect(0);
    holds(&out, &frames);
}

/// Everything that anybody can read out of a capture: its bytes, and what is inside them.
fn readable_content(out: &str) -> Vec<u8> {
    let file = fs::read(out).unwrap();
    let mut content = unzstd(&file);
    content.extend(file);
    for args in [
        &["cat", "--format", "json"][..],
        &["cat"],
        &["info", "--format", "json"],
    ] {
        content.extend(run(&[args, &[out]].concat()).expect(0).stdout);
    }
    content
}

fn contains(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn secrets_in_metadata_are_in_the_capture_only_on_request() {
    const SECRETS: [&str; 4] = ["hunter2-bearer", "hunter2-token", "hunter2-key", "hunter2-cookie"];
    let dir = Dir::new();
    let job = RawJob::builder()
        .header("set-cookie", "session=hunter2-cookie")
        .header("x-pod", "pod-17")
        .frames(&frames(2, 4))
        .start();
    let flags = [
        "-H",
        "authorization: Bearer hunter2-bearer",
        "-H",
        "x-site-token: hunter2-token",
        "-H",
        "X-API-Key: hunter2-key",
        "-H",
        "x-site: north",
    ];
    let (out, kept) = (dir.file("clean.gcap"), dir.file("kept.gcap"));
    let run = record(job.addr, &out, &flags).expect(0);
    let content = readable_content(&out);
    for secret in SECRETS {
        assert!(!contains(&content, secret), "{secret} is in the capture");
        assert!(!run.stderr.contains(secret) && !run.text().contains(secret));
    }
    for open in ["authorization", "[redacted]", "x-site", "north", "pod-17"] {
        assert!(contains(&content, open), "{open} should be in the capture");
    }

    record(job.addr, &kept, &[&flags[..], &["--keep-metadata"]].concat()).expect(0);
    let content = readable_content(&kept);
    for secret in SECRETS {
        assert!(contains(&content, secret), "{secret} should be kept");
    }
}

#[test]
fn passwords_in_the_servers_url_are_not_in_the_capture() {
    let dir = Dir::new();
    let out = dir.file("out.gcap");
    let serve = crate::support::Serve::start(&[&crate::support::shipped("nan.gcap"), "--rate", "max"]);
    let url = serve.rest().replace("http://", "http://operator:hunter2@");
    run(&["record", "-o", &out, "--server", &url]).expect(0);
    let content = readable_content(&out);
    assert!(contains(&content, "127.0.0.1"));
    assert!(!contains(&content, "hunter2"));
}

/// The documented keys of the report.
const DOCUMENTED: [&str; 8] = [
    "capture",
    "calls",
    "messages",
    "message_bytes",
    "gaps",
    "lossy",
    "endings",
    "digest",
];

#[test]
fn the_report_has_the_documented_keys_and_the_files_own_numbers() {
    let (dir, frames) = (Dir::new(), frames(12, 30));
    let out = dir.file("out.gcap");
    let job = RawJob::builder().frames(&frames).start();
    let Run { stdout, stderr, .. } = record(job.addr, &out, &[]).expect(0);
    let report: Value = serde_json::from_slice(&stdout).unwrap();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    for key in DOCUMENTED {
        assert!(keys.contains(&key), "{key} is missing: {keys:?}");
    }
    let summary = verify(&out).summary;
    assert_eq!(report["capture"], out);
    assert_eq!(report["calls"], 1);
    assert_eq!(report["messages"], 12);
    // Twelve messages wait for nothing.
    assert_eq!(
        report["waited"],
        serde_json::json!({"compression_s": 0.0, "writing_s": 0.0})
    );
    assert_eq!(report["message_bytes"], frames.iter().map(Bytes::len).sum::<usize>());
    assert_eq!(report["gaps"], 0);
    assert_eq!(report["lossy"], false);
    assert_eq!(report["digest"], summary.digest.to_string());
    assert_eq!((summary.messages, summary.calls), (12, 1));
    let endings = report["endings"].as_array().unwrap();
    assert_eq!(endings.len(), 1);
    assert_eq!(
        (&endings[0]["call"], &endings[0]["ending"], &endings[0]["code"]),
        (&1.into(), &"status".into(), &0.into())
    );
    assert_eq!(endings[0]["messages"], 12);
    assert_eq!(stderr, "", "a recording that went well has nothing to say");
}

#[test]
fn a_failed_recording_reports_in_json_as_well() {
    let dir = Dir::new();
    let out = dir.file("out.gcap");
    let job = RawJob::builder().job_id("another").start();
    let report = record(job.addr, &out, &[]).expect(69).json();
    for key in DOCUMENTED {
        assert!(report.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(report["endings"][0]["code"], 5);
    assert_eq!(report["digest"], verify(&out).summary.digest.to_string());
}

#[test]
fn tags_and_the_capture_describe_the_recording() {
    let dir = Dir::new();
    let out = dir.file("out.gcap");
    let job = RawJob::builder().frames(&frames(1, 4)).start();
    record(job.addr, &out, &["--tag", "ticket=QA-17", "--tag", "site=north"]).expect(0);
    let info = run(&["info", "--format", "json", &out]).expect(0).json();
    let attributes = &info["attributes"];
    for (name, value) in [
        ("tag.ticket", "QA-17"),
        ("tag.site", "north"),
        ("job-id", "12-70788"),
        ("dialect", "datastream"),
        ("source", &job.addr.to_string()),
    ] {
        assert_eq!(attributes[name], value, "{attributes}");
    }
    assert!(attributes["descriptor-set"]["bytes"].as_u64().unwrap() > 500);
    assert!(attributes["tool"].as_str().unwrap().starts_with("grpc-capture "));
    let call = &info["call_list"][0];
    assert_eq!(call["method"], "/datastream.DataStreamService/StreamSpectrograms");
}

#[test]
fn an_existing_capture_is_not_overwritten_and_its_job_is_left_alone() {
    let dir = Dir::new();
    let job = RawJob::builder().frames(&frames(4, 4)).start();
    let out = dir.write("out.gcap", "an earlier capture");
    record(job.addr, &out, &[]).expect(4).says(&["exists", "--force"]);
    assert_eq!(fs::read(&out).unwrap(), b"an earlier capture");
    assert_eq!((job.calls(), job.asked()), (0, 0), "a job delivers each frame once");
    record(job.addr, &out, &["--force"]).expect(0);
    holds(&out, &frames(4, 4));
}
