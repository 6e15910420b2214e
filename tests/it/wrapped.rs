//! `record … -- CMD`, `proxy … -- CMD` and `serve … -- CMD`: a command with the addresses in its environment.

use std::process::Stdio;

use grpc_capture::model::{Direction, EventKind};
use serde_json::Value;

use crate::support::{Dir, Running, Serve, command, events, frames, raw_job, received, run, shipped};

const CAPTURE: &str = env!("CARGO_BIN_EXE_capture");

/// What a served job is asked with.
const RECORD: &str = "\"$0\" record --target \"$CAPTURE_GRPC\" --plaintext --job-id nan -q -o \"$1\"";

#[test]
fn serve_runs_a_command_with_its_addresses_and_hands_its_code_on() {
    let dir = Dir::new();
    let (out, nan) = (dir.file("out.gcap"), shipped("nan.gcap"));
    let script = format!("{RECORD} && echo \"$CAPTURE_REST $CAPTURE_REST_ADDR\" && echo \"$CAPTURE_READY\" && exit 7");
    let served = run(&["serve", &nan, "--rate=max", "--", "sh", "-c", &script, CAPTURE, &out]).expect(7);
    assert_eq!(received(&out), received(&nan));
    // Its stdout is its own.
    let text = served.text();
    let lines: Vec<_> = text.lines().collect();
    let [addresses, ready] = lines[..] else {
        panic!("{text}")
    };
    let (url, addr) = addresses.split_once(' ').unwrap();
    assert_eq!(url, format!("http://{addr}"));
    let ready: Value = serde_json::from_str(ready).unwrap();
    assert_eq!((&ready["event"], &ready["rest"]), (&"ready".into(), &url.into()));
    assert!(served.stderr.contains("served "), "{}", served.stderr);
}

#[test]
fn what_a_command_sent_last_is_in_the_capture_of_a_proxy() {
    let dir = Dir::new();
    let (seen, out) = (dir.file("seen.gcap"), dir.file("out.gcap"));
    let serve = Serve::start(&[&shipped("nan.gcap"), "--rate=max"]);
    let proxy = [
        "proxy",
        "-t",
        serve.grpc(),
        "--plaintext",
        "-o",
        &seen,
        "--format",
        "json",
    ];
    let script = format!("{RECORD}; echo done; test -n \"$CAPTURE_FILE\"");
    let args = [&proxy[..], &["--", "sh", "-c", &script, CAPTURE, &out]].concat();
    let ran = run(&args).expect(0);
    assert_eq!(ran.text(), "done\n");
    let report = ran
        .stderr
        .lines()
        .find_map(|line| serde_json::from_str::<Value>(line).ok())
        .unwrap();
    assert_eq!(report["stopped"], "the command ended", "{report}");
    // The answer to the question whether the job is healthy comes first.
    assert!(received(&seen).ends_with(&received(&out)) && !received(&out).is_empty());
    let sent = events(&seen).into_iter();
    let sent =
        sent.filter(|event| matches!(&event.kind, EventKind::Message(sent) if sent.direction == Direction::Sent));
    assert!(sent.count() > 0);
}

#[test]
fn record_ends_with_the_command_and_a_recording_that_failed_outranks_it() {
    let dir = Dir::new();
    let job = raw_job::Builder::default()
        .job_id("j")
        .frames(&frames(3, 8))
        .then(raw_job::Step::Stall)
        .start();
    let target = job.addr.to_string();
    for (code, expected) in [("0", 0), ("9", 9)] {
        let out = dir.file(&format!("{code}.gcap"));
        // It ends when the frames are in the file.
        let script = "echo \"$CAPTURE_GRPC\"; until \"$0\" cat \"$CAPTURE_FILE\" 2>/dev/null | grep -q '<- message'; do sleep 0.2; done; exit $1";
        let record = [
            "record",
            "--target",
            &target,
            "--plaintext",
            "--job-id",
            "j",
            "-o",
            &out,
            "--flush-interval",
            "50ms",
        ];
        let ran = run(&[&record[..], &["--", "sh", "-c", script, CAPTURE, code]].concat()).expect(expected);
        assert_eq!(ran.text(), format!("{target}\n"));
        assert!(!received(&out).is_empty());
    }
    let nowhere = [
        "record",
        "--target",
        "127.0.0.1:1",
        "--plaintext",
        "--job-id",
        "j",
        "-o",
    ];
    let out = dir.file("none.gcap");
    let failed = run(&[&nowhere[..], &[&out, "--", "sh", "-c", "exit 9"]].concat());
    assert_eq!(failed.code, Some(4), "{}", failed.stderr);
}

#[test]
fn a_command_that_cannot_be_started_is_named_with_the_code_of_a_shell() {
    let dir = Dir::new();
    let nan = shipped("nan.gcap");
    let text = dir.write("text", "no program");
    run(&["serve", &nan, "--", "no-such-command-here"])
        .expect(127)
        .says(&["no-such-command-here", "PATH"]);
    run(&["serve", &nan, "--", &text]).expect(126).says(&[&text]);
    let seen = dir.file("seen.gcap");
    let proxy = [
        "proxy",
        "-t",
        "127.0.0.1:1",
        "--plaintext",
        "--reflect=never",
        "-o",
        &seen,
    ];
    run(&[&proxy[..], &["--", "no-such-command-here"]].concat())
        .expect(127)
        .says(&["no-such-command-here"]);
    assert!(!std::fs::exists(&seen).unwrap());
}

#[test]
fn signals_are_passed_on_and_a_command_that_a_signal_ended_has_the_code_of_a_shell() {
    let nan = shipped("nan.gcap");
    for (signal, script, code) in [
        ("TERM", "trap 'exit 5' TERM; echo on; while :; do sleep 0.05; done", 5),
        ("INT", "trap 'exit 6' INT; echo on; while :; do sleep 0.05; done", 6),
        ("TERM", "echo on; exec sleep 100", 128 + 15),
    ] {
        let mut served = command(&["serve", &nan, "--", "sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 3];
        std::io::Read::read_exact(served.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(&line, b"on\n");
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), served.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(served.wait().unwrap().code(), Some(code), "{signal}: {script}");
    }
    run(&["serve", &nan, "--", "sh", "-c", "kill -9 $$"]).expect(128 + 9);
}

#[test]
fn a_strict_server_fails_a_command_that_did_not_ask_and_not_one_that_failed_by_itself() {
    let nan = shipped("nan.gcap");
    run(&["serve", &nan, "--strict", "--", "true"])
        .expect(1)
        .says(&["never asked for", "nan.gcap"]);
    run(&["serve", &nan, "--strict", "--", "sh", "-c", "exit 3"]).expect(3);
    let running = Running::start(&["record", "--jobs", "jobs.toml", "--", "true"]);
    running.finish().expect(2).says(&["--jobs"]);
}
