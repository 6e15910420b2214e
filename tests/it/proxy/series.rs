//! The choice of recorded calls and of captures: series, the flight recorder, and selected methods.

use std::path::Path;

use bytes::Bytes;
use grpc_capture::model::{Direction, Ending, EventKind};
use serde_json::json;

use super::{
    conformance::{KINDS, ask, calls, messages, runtime, small},
    wire::{Client, End, Server, framed, split},
};
use crate::support::{Dir, Noise, endings, events, proxying::Proxying, received, run, verify, wait};

/// Makes a call of every kind, each in order.
fn call_each(proxy: &Proxying, end: &str) {
    runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        for kind in KINDS {
            assert_eq!(client.call(&ask(kind, end, small), || ()).await.end, End::Closed);
        }
    });
}

fn start(server: &Server, out: &str, more: &[&str]) -> Proxying {
    let target = server.addr.to_string();
    let args = ["-t", &target, "--plaintext", "-o", out, "--format", "json"];
    Proxying::start(&[&args[..], more].concat())
}

#[test]
fn a_signal_makes_the_ring_write_what_it_holds_while_the_traffic_goes_on() {
    let (dir, server) = (Dir::new(), Server::start());
    let ring = ["--ring", "10m", "--trigger", "signal", "--post-roll", "300ms"];
    let proxy = start(&server, &dir.file("run.gcap"), &ring);
    call_each(&proxy, "ok");
    proxy.signal("USR1");
    let dump = dir.file("run.000001.gcap");
    assert!(wait(|| Path::new(&dump).exists()), "{:?}", dir.names());
    call_each(&proxy, "ok");
    let report = proxy.stop().expect(0).json();
    assert_eq!(dir.names(), ["run.000001.gcap"]);
    assert_eq!(
        (&report["calls"], &report["digest"]),
        (&json!(8), &json!(verify(&dump).summary.digest.to_string()))
    );
    assert_eq!(report["files"][0]["trigger"]["what"], "SIGUSR1");
    assert!(verify(&dump).is_whole());
    let there = calls(&events(&dump));
    assert_eq!(there.len(), KINDS.len());
    for (call, kind) in there.iter().zip(KINDS) {
        let counts = [Direction::Sent, Direction::Received].map(|way| messages(call, way).len());
        assert_eq!(counts, [kind.1, kind.2], "{}", kind.0);
    }
}

#[test]
fn what_ends_well_triggers_nothing_and_an_error_status_has_its_pre_roll() {
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("run.gcap");
    let proxy = start(&server, &out, &["--ring", "1MB"]);
    call_each(&proxy, "ok");
    runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        let mut left = ask(KINDS[1], "stall", small);
        left.leave = Some((KINDS[1].2, h2::Reason::CANCEL.into()));
        client.call(&left, || ()).await
    });
    let report = proxy.stop().expect(0).json();
    assert_eq!((&report["files"], &report["calls"]), (&json!([]), &json!(5)));
    assert_eq!(dir.names(), [""; 0]);
    let proxy = start(&server, &out, &["--ring", "1MB"]);
    call_each(&proxy, "ok");
    call_each(&proxy, "error");
    let report = proxy.stop().expect(0).json();
    let what = report["files"][0]["trigger"]["what"].as_str().unwrap();
    assert!(what.starts_with("call 5 ended with status 9 ("), "{what}");
    assert_eq!(dir.names(), ["run.000001.gcap"]);
    let dump = dir.file("run.000001.gcap");
    assert!(verify(&dump).is_whole());
    let codes = endings(&dump).into_iter().map(|ending| match ending {
        Ending::Status(status) => status.code,
        other => panic!("{other:?}"),
    });
    assert_eq!(codes.collect::<Vec<_>>(), [0, 0, 0, 0, 9, 9, 9, 9]);
}

#[test]
fn proxied_calls_are_rotated_into_whole_captures_that_hold_them_all() {
    let (dir, server) = (Dir::new(), Server::start());
    let proxy = start(&server, &dir.file("run.gcap"), &["--rotate-size", "100KiB"]);
    let mut noise = Noise(11);
    let all: Vec<Bytes> = (0..12)
        .map(|_| (0..50_000).map(|_| noise.below(256) as u8).collect())
        .collect();
    runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        for message in &all {
            let seen = client
                .call(&ask(KINDS[0], "ok", |_| framed(false, message)), || ())
                .await;
            assert!(split(&seen.body) == [(false, message.clone())]);
        }
    });
    let report = proxy.stop().expect(0).json();
    let files = report["files"].as_array().unwrap();
    assert!(files.len() >= 4, "{report}");
    let mut there = Vec::new();
    for file in files {
        let path = file["capture"].as_str().unwrap();
        let verified = verify(path);
        assert!(verified.is_whole());
        assert_eq!(file["digest"], json!(verified.summary.digest.to_string()));
        there.extend(received(path));
    }
    assert!(there == all);
    assert_eq!(
        (&report["calls"], &report["messages"], &report["digest"]),
        (&json!(12), &json!(24), &json!(null))
    );
}

#[test]
fn only_the_methods_that_were_asked_for_are_recorded_and_the_others_pass() {
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("some.gcap");
    let methods = [
        "--method",
        "/test.Exchange/*Streaming",
        "--method",
        "test.Exchange/Una?y",
    ];
    let proxy = start(&server, &out, &methods);
    call_each(&proxy, "ok");
    let report = proxy.stop().expect(0).json();
    assert_eq!((&report["calls"], &report["filtered"]), (&json!(3), &json!(1)));
    let started = events(&out).into_iter().filter_map(|event| match event.kind {
        EventKind::CallStart(start) => Some(start.method),
        _ => None,
    });
    let wanted = ["Unary", "ServerStreaming", "ClientStreaming"].map(|name| format!("/test.Exchange/{name}"));
    assert_eq!(started.collect::<Vec<_>>(), wanted);
    // The server saw all four.
    assert_eq!(server.seen(KINDS.len()).len(), KINDS.len());
    let none = start(&server, &dir.file("none.gcap"), &["--method", "/other.Service/*"]);
    call_each(&none, "ok");
    none.stop()
        .expect(1)
        .says(&["no call matches --method", "4 other calls"]);
}

#[test]
fn only_calls_that_did_not_end_with_ok_are_recorded() {
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("errors.gcap");
    let proxy = start(&server, &out, &["--only-errors"]);
    for end in ["ok", "error", "ok", "trailers-only"] {
        call_each(&proxy, end);
    }
    let report = proxy.stop().expect(0).json();
    assert_eq!(
        (&report["calls"], &report["left_out"], &report["undecided"]),
        (&json!(8), &json!(8), &json!(0))
    );
    let listed: Vec<_> = report["endings"].as_array().unwrap().iter().collect();
    assert!(
        listed.len() == 8 && listed.iter().all(|call| call["code"] == 9),
        "{report}"
    );
    let verified = verify(&out);
    assert!(verified.is_whole());
    assert_eq!(verified.summary.calls, 8);
    let held = verified.summary.messages + verified.summary.sent_messages;
    assert_eq!(report["messages"], json!(held));
    assert_eq!(report["digest"], json!(verified.summary.digest.to_string()));
    let there = calls(&events(&out));
    for (at, kind) in (4..).zip(KINDS) {
        let counts = [Direction::Sent, Direction::Received].map(|way| messages(&there[at], way).len());
        assert_eq!(counts, [kind.1, kind.2], "{}", kind.0);
    }
    let mut codes = endings(&out).into_iter().map(|ending| match ending {
        Ending::Status(status) => status.code,
        other => panic!("{other:?}"),
    });
    assert!(codes.all(|code| code == 9));
    // Nothing failed: that is a success, and an empty capture.
    let none = start(&server, &dir.file("none.gcap"), &["--only-errors"]);
    call_each(&none, "ok");
    let report = none.stop().expect(0).json();
    assert_eq!((&report["calls"], &report["left_out"]), (&json!(0), &json!(4)));
    assert_eq!((&report["messages"], &report["endings"]), (&json!(0), &json!([])));
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    let dir = Dir::new();
    for flags in [
        &["--method", "Unary"][..],
        &["--keep", "3"],
        &["--ring", "5m", "--rotate-size", "1MB"],
        &["--post-roll", "5s"],
        &["--rotate-size", "1kB"],
        &["--import-path", "."],
        &["--only-errors", "--ring", "5m"],
    ] {
        let out = dir.file("none.gcap");
        run(&[&["proxy", "-t", "127.0.0.1:1", "--plaintext", "-o", &out], flags].concat()).expect(2);
    }
    assert_eq!(dir.names(), [""; 0]);
}
