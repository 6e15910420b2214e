//! `capture redact`, and redaction before the first write of `capture record`.

use std::fs;

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::support::{
    Dir, Serve, delimited, frames,
    peel::Peeled,
    raw_job::{Answer, HandMade},
    received, run, shipped, verify,
};

/// What the frames of these tests call their canvas, as long as the job's name is not it.
fn canvas(path: &str) -> String {
    let line = run(&["cat", "--format", "json", "--direction", "received", path]).expect(0);
    let lines = line.json_lines();
    let message = lines.iter().find(|line| line["event"] == "message").unwrap();
    message["message"]["rows"][0]["canvasId"].as_str().unwrap().to_owned()
}

fn holds(path: &str, value: &str) -> bool {
    let stored = fs::read(path).unwrap();
    let bytes = [
        stored,
        run(&["cat", "--raw", path]).expect(0).stdout,
        run(&["cat", "--format", "json", path]).stdout,
    ]
    .concat();
    bytes.windows(value.len()).any(|window| window == value.as_bytes())
}

#[test]
fn a_redacted_capture_verifies_validates_and_says_what_was_done() {
    let dir = Dir::new();
    let (source, clean) = (shipped("optodas-quake.gcap"), dir.file("clean.gcap"));
    let canvas = canvas(&source);
    assert!(canvas.len() >= 6 && holds(&source, &canvas), "{canvas}");
    let field = "datastream.SpectrogramRow.canvasId=hash";
    let dry = run(&["redact", &source, "--dry-run", "--field", field]).expect(0);
    assert!(
        dry.text().contains("nothing was written") && dry.text().contains("190  field"),
        "{}",
        dry.text()
    );
    let report = run(&["redact", &source, "-o", &clean, "--field", field, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(report["scan"]["found"], serde_json::json!([]));
    assert!(!holds(&clean, &canvas));
    assert!(verify(&clean).is_whole());
    run(&["validate", "--strict", &clean]).expect(0);
    let info = run(&["info", &clean]).expect(0);
    assert!(
        info.text().contains("redacted:") && !info.text().contains(&canvas),
        "{}",
        info.text()
    );
    run(&["redact", &source, "-o", &clean, "--field", field])
        .expect(4)
        .says(&["--force"]);
}

#[test]
fn what_cannot_be_taken_out_is_told_and_nothing_is_left_behind() {
    let dir = Dir::new();
    let (source, clean) = (shipped("febus-jitter.gcap"), dir.file("clean.gcap"));
    let values = dir.write("values.txt", "febus-jitter\n\nSpectrogramRow\n");
    run(&["redact", &source, "-o", &clean, "--values", &values])
        .expect(4)
        .says(&["still holds", "descriptor-set"]);
    assert!(!std::path::Path::new(&clean).exists());
    run(&["redact", &source, "-o", &clean, "--field", "datastream.Row.x=hash"])
        .expect(4)
        .says(&["is not a field"]);
    let rules = dir.write("rules.toml", "fields = 3");
    run(&["redact", &source, "-o", &clean, "--rules", &rules])
        .expect(2)
        .says(&["rules.toml"]);
    run(&["redact", &source, "-o", &clean, "--field", "a"])
        .expect(2)
        .says(&["NAME=ACTION"]);
}

#[test]
fn a_recording_hides_before_it_writes() {
    let dir = Dir::new();
    let (served, recorded) = (dir.file("served.gcap"), dir.file("recorded.gcap"));
    let frames = dir.write("frames.bin", delimited(&frames(20, 8)));
    run(&["import", &frames, "-o", &served, "--job-id", "SECRET-JOB-4711"]).expect(0);
    let canvas = canvas(&served);
    let rules = dir.write(
        "rules.toml",
        "[fields]\n'datastream.SpectrogramRow.canvasId' = 'constant:somewhere'\n'datastream.StreamRequest.job_id' = 'hash'\n\
         [attributes]\njob-id = 'hash'\n[metadata]\nx-site = 'mask'\n[configure]\njob_id = 'hash'\n",
    );
    let serve = Serve::start(&[&served, "--rate", "max"]);
    let target = [
        "--target",
        serve.grpc(),
        "--plaintext",
        "--job-id",
        "SECRET-JOB-4711",
        "-H",
        "x-site: SECRET-SITE",
    ];
    run(&[&["record", "-o", &recorded, "--redact", &rules][..], &target].concat()).expect(0);
    assert_eq!(received(&recorded).len(), 20);
    for secret in ["SECRET-JOB-4711", "SECRET-SITE", canvas.as_str(), "127.0.0.1"] {
        assert!(secret.is_empty() || !holds(&recorded, secret), "{secret}");
    }
    assert!(holds(&recorded, "somewhere") && verify(&recorded).is_whole());
    let wrong = dir.write("wrong.toml", "[fields]\n'datastream.Nothing.x' = 'hash'\n");
    let other = dir.file("other.gcap");
    run(&[&["record", "-o", &other, "--redact", &wrong][..], &target].concat())
        .expect(4)
        .says(&["is not a field"]);
    assert!(!std::path::Path::new(&other).exists());
}

/// Given with `-H`, and repeated by the server wherever it can.
const TOKEN: &str = "tok4711/ABC+def==xyz";

fn repeats() -> HandMade {
    let mut answer = Answer::messages("identity", &[(false, Bytes::from_static(b"\x0a\x01a"))]);
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let details = STANDARD.encode([&[0x08, 16, 0x12, TOKEN.len() as u8][..], TOKEN.as_bytes()].concat());
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    answer
        .headers
        .insert("x-you-sent", format!("Bearer {TOKEN}").parse().unwrap());
    for (name, value) in [
        ("grpc-status", "16".to_owned()),
        ("grpc-message", format!("no such token: {percent}!")),
        ("grpc-status-details-bin", details),
        ("x-basic", STANDARD.encode(format!("user:{TOKEN}"))),
        ("x-hex", hex),
    ] {
        answer.trailers.insert(name, value.parse().unwrap());
    }
    HandMade::start(answer)
}

#[test]
fn a_token_that_the_server_repeats_is_in_nothing_that_is_written_or_said() {
    let dir = Dir::new();
    let server = repeats();
    let (target, header) = (server.addr.to_string(), format!("authorization: Bearer {TOKEN}"));
    let (json, text, kept) = (dir.file("json.gcap"), dir.file("text.gcap"), dir.file("kept.gcap"));
    let call = [
        "--target",
        &target,
        "--plaintext",
        "--reflect=never",
        "--method",
        grpc_capture::das::Dialect::DataStream.method(),
        "-H",
        &header,
    ];
    for (out, more) in [(&json, &["--format", "json"][..]), (&text, &["-vv"])] {
        let said = run(&[&["record", "-o", out][..], &call, more].concat()).expect(80);
        assert!(said.text().contains("no such token: [redacted]!") || said.text().contains("UNAUTHENTICATED"));
        for said in [said.stdout, said.stderr.into()] {
            assert_eq!(Peeled::new(said).holds(TOKEN), None);
        }
        assert_eq!(Peeled::file(Path::new(out)).holds(TOKEN), None);
        let bundle = dir.file("ticket.zip");
        run(&["bundle", out, "-o", &bundle, "--force"]);
        assert_eq!(Peeled::file(Path::new(&bundle)).holds(TOKEN), None);
    }
    run(&[&["record", "-o", &kept, "--keep-metadata"][..], &call].concat()).expect(80);
    assert!(Peeled::file(Path::new(&kept)).holds(TOKEN).is_some(), "kept on purpose");
    let clean = dir.file("clean.gcap");
    run(&["redact", &kept, "-o", &clean]).expect(0);
    assert_eq!(Peeled::file(Path::new(&clean)).holds(TOKEN), None);
}

#[test]
fn what_a_recording_cannot_look_into_is_left_out_and_said() {
    let dir = Dir::new();
    // A row that breaks off.
    let server = HandMade::start(Answer::messages(
        "identity",
        &[(false, Bytes::from_static(b"\x0a\x01a"))],
    ));
    let rules = dir.write(
        "rules.toml",
        "[fields]\n'datastream.SpectrogramRow.canvasId' = 'mask'\n",
    );
    let (out, target) = (dir.file("out.gcap"), server.addr.to_string());
    let protoset = dir.write("focus.pb", grpc_capture::das::FOCUS_DESCRIPTOR_SET);
    let method = grpc_capture::das::Dialect::DataStream.method();
    let call = [
        "record",
        "--target",
        &target,
        "--plaintext",
        "--method",
        method,
        "--protoset",
        &protoset,
    ];
    let report = run(&[&call[..], &["--redact", &rules, "-o", &out, "--format", "json"]].concat())
        .expect(3)
        .says(&["1 message could not be searched"])
        .json();
    assert_eq!((&report["gaps"], &report["lossy"]), (&1.into(), &true.into()));
    assert!(received(&out).is_empty());
}

#[test]
fn a_rule_that_finds_nothing_is_said() {
    let dir = Dir::new();
    let (source, clean) = (shipped("febus-jitter.gcap"), dir.file("clean.gcap"));
    let rules = [
        "--metadata",
        "x-nowhere=mask",
        "--field",
        "datastream.SpectrogramRow.canvasId=mask",
    ];
    let report = run(&[&["redact", &source, "-o", &clean, "--format", "json"][..], &rules].concat())
        .expect(0)
        .says(&["metadata x-nowhere=mask", "matched nothing"])
        .json();
    assert_eq!(report["unmatched"], serde_json::json!(["metadata x-nowhere=mask"]));
    assert_eq!(report["withheld_for"], serde_json::json!([]));
}
