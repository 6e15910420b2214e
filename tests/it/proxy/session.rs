//! A proxy from its ready line to its report.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use grpc_capture::model::{Direction, Ending, EventKind, Party};
use serde_json::json;

use super::{
    conformance::{KINDS, ask, calls, messages, runtime, small},
    wire::{Ask, Client, End, Server, framed, split, text},
};
use crate::support::{Dir, Noise, endings, events, proxying::Proxying, run, shell, verify, wait};

/// Makes calls of every kind.
fn call_each(proxy: &Proxying) {
    runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        for kind in KINDS {
            assert_eq!(client.call(&ask(kind, "ok", small), || ()).await.end, End::Closed);
        }
    });
}

#[test]
fn signals_and_limits_end_it_with_success_and_a_whole_capture() {
    let (dir, server) = (Dir::new(), Server::start());
    let target = server.addr.to_string();
    for (name, more, stopped) in [
        ("INT", &[][..], "stopped by Ctrl-C"),
        ("TERM", &[], "stopped by SIGTERM"),
        ("HUP", &[], "stopped by SIGHUP, because the terminal was closed"),
        ("QUIT", &[], "stopped by SIGQUIT"),
        ("", &["--max-bytes", "20"], "the limit of 20 bytes was reached"),
        ("", &["--duration", "2s"], "the time limit was reached"),
    ] {
        let out = dir.file(&format!("{stopped}.gcap"));
        let args = ["-t", &target, "--plaintext", "-o", &out, "--format", "json"];
        let proxy = Proxying::start(&[&args, more].concat());
        assert_eq!(proxy.ready["event"], "ready");
        assert_eq!(
            (&proxy.ready["rest"], &proxy.ready["job_ids"]),
            (&json!(null), &json!([]))
        );
        if more.is_empty() || more[0] == "--duration" {
            call_each(&proxy);
        } else {
            runtime().block_on(async {
                let client = Client::connect(proxy.addr()).await;
                client.call(&ask(KINDS[3], "stall", small), || ()).await
            });
        }
        if !name.is_empty() {
            proxy.signal(name);
        }
        let report = proxy.finish().expect(0).json();
        assert_eq!(report["stopped"], stopped);
        assert_eq!((&report["gaps"], &report["lossy"]), (&json!(0), &json!(false)));
        let verified = verify(&out);
        assert!(verified.is_whole());
        assert_eq!(report["digest"], json!(verified.summary.digest.to_string()));
        assert_eq!(report["endings"].as_array().unwrap().len(), calls(&events(&out)).len());
    }
}

#[test]
fn a_call_that_runs_when_the_proxy_is_stopped_is_cancelled_by_us() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("stopped.gcap"), server.addr.to_string());
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
    let seen = runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        let stalled = ask(KINDS[1], "stall", small);
        client.call_then(&stalled, || proxy.signal("INT")).await
    });
    assert_ne!(seen.end, End::Closed);
    assert_eq!(split(&seen.body).len(), KINDS[1].2);
    proxy.finish().expect(0);
    let endings = endings(&out);
    assert!(
        matches!(&endings[..], [Ending::Cancelled(cancelled)] if cancelled.by == Party::Us),
        "{endings:?}"
    );
}

#[test]
fn a_client_of_http1_is_told_that_the_target_takes_http2_only() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("http1.gcap"), server.addr.to_string());
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--allow-empty"]);
    let mut stream = TcpStream::connect(proxy.addr()).unwrap();
    stream
        .write_all(b"POST /configure HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("gRPC") && answer.contains("HTTP/2"), "{answer}");
    proxy.stop().expect(0);
}

#[test]
fn what_is_no_grpc_is_forwarded_and_not_recorded() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("other.gcap"), server.addr.to_string());
    let proxy = Proxying::start(&[
        "-t",
        &target,
        "--plaintext",
        "-o",
        &out,
        "--allow-empty",
        "--format",
        "json",
    ]);
    let mut other = ask(KINDS[0], "ok", small);
    other.headers[1].1 = "text/html".to_owned();
    let seen = runtime().block_on(async { Client::connect(proxy.addr()).await.call(&other, || ()).await });
    assert_eq!((seen.end, split(&seen.body).len()), (End::Closed, 1));
    let report = proxy.stop().expect(0).says(&["not a gRPC call"]).json();
    assert_eq!((&report["calls"], &report["not_grpc"]), (&json!(0), &json!(1)));
}

#[test]
fn a_message_beyond_the_limit_is_passed_on_and_is_a_gap() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("large.gcap"), server.addr.to_string());
    let args = [
        "-t",
        &target,
        "--plaintext",
        "-o",
        &out,
        "--max-msg-sz",
        "1kB",
        "--format",
        "json",
    ];
    let proxy = Proxying::start(&args);
    let large = ask(KINDS[0], "ok", |_| framed(false, &[1; 2000]));
    let seen = runtime().block_on(async { Client::connect(proxy.addr()).await.call(&large, || ()).await });
    assert_eq!(split(&seen.body), [(false, vec![1; 2000].into())]);
    let report = proxy
        .stop()
        .expect(3)
        .says(&["--max-msg-sz", "could not be recorded"])
        .json();
    assert_eq!((&report["gaps"], &report["lossy"]), (&json!(2), &json!(true)));
}

#[test]
fn the_messages_after_one_beyond_the_limit_are_recorded() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("mixed.gcap"), server.addr.to_string());
    let args = [
        "-t",
        &target,
        "--plaintext",
        "-o",
        &out,
        "--max-msg-sz",
        "1kB",
        "--format",
        "json",
    ];
    let proxy = Proxying::start(&args);
    let sizes = [10, 70_000, 0, 2000, 2001, 20];
    let (kind, calls_of) = (KINDS[3], sizes.len());
    let mixed = ask((kind.0, calls_of, calls_of), "ok", |at| {
        framed(false, &vec![1; sizes[at]])
    });
    let seen = runtime().block_on(async { Client::connect(proxy.addr()).await.call(&mixed, || ()).await });
    let passed: Vec<_> = split(&seen.body).iter().map(|(_, data)| data.len()).collect();
    assert_eq!(passed, sizes);
    let report = proxy.stop().expect(3).json();
    assert_eq!((&report["gaps"], &report["messages"]), (&json!(6), &json!(6)));
    let events = events(&out);
    let calls = calls(&events);
    for direction in [Direction::Sent, Direction::Received] {
        let kept: Vec<_> = messages(&calls[0], direction)
            .iter()
            .map(|(_, data)| data.len())
            .collect();
        assert_eq!(kept, [10, 0, 20]);
        let gaps = calls[0].iter().filter_map(|event| match event {
            EventKind::Gap(gap) if gap.direction == direction => Some((gap.messages, gap.reason.contains("nothing"))),
            _ => None,
        });
        assert_eq!(gaps.collect::<Vec<_>>(), [(1, false); 3]);
    }
    let reasons = events.iter().filter_map(|event| match &event.kind {
        EventKind::Gap(gap) => Some(gap.reason.as_str()),
        _ => None,
    });
    assert_eq!(reasons.filter(|reason| reason.contains("is 70000 bytes")).count(), 2);
}

#[test]
fn the_authority_is_the_clients_unless_another_is_given() {
    let (dir, server) = (Dir::new(), Server::start());
    let target = server.addr.to_string();
    for (more, wanted) in [
        (&[][..], "test.local"),
        (&["--authority", "other.local:7"], "other.local:7"),
    ] {
        let out = dir.file(&format!("{wanted}.gcap"));
        let proxy = Proxying::start(&[&["-t", &target, "--plaintext", "-o", &out], more].concat());
        call_each(&proxy);
        proxy.stop().expect(0);
        assert!(server.seen(KINDS.len()).iter().all(|seen| seen.authority == wanted));
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_traffic() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("full.gcap"), server.addr.to_string());
    // The shell limits files to 64 blocks of half a kilobyte or more.
    let args = [
        "proxy",
        "-t",
        &target,
        "--plaintext",
        "-o",
        &out,
        "--format",
        "json",
        "--flush-interval",
        "1ms",
    ];
    let proxy = Proxying::spawn(shell("ulimit -f 64; exec \"$0\" \"$@\"", &args));
    let mut noise = Noise(7);
    let message: Vec<u8> = (0..200_000).map(|_| noise.below(256) as u8).collect();
    let seen = runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        let mut last = None;
        for _ in 0..5 {
            last = Some(
                client
                    .call(&ask(KINDS[3], "ok", |_| framed(false, &message)), || ())
                    .await,
            );
        }
        last.unwrap()
    });
    assert_eq!((seen.end, text(&seen.trailers, "grpc-status")), (End::Closed, "0"));
    assert!(split(&seen.body).iter().all(|(_, data)| *data == message));
    let report = proxy
        .stop()
        .expect(3)
        .says(&["RECORDING HAS STOPPED", "could not"])
        .json();
    assert_eq!((&report["lossy"], &report["digest"]), (&json!(true), &json!(null)));
}

#[test]
fn an_existing_capture_is_not_overwritten_and_an_address_in_use_leaves_nothing() {
    let (dir, server) = (Dir::new(), Server::start());
    let target = server.addr.to_string();
    let out = dir.write("there.gcap", "precious");
    run(&["proxy", "-t", &target, "-o", &out])
        .expect(4)
        .says(&["exists", "--force"]);
    let taken = dir.file("taken.gcap");
    run(&["proxy", "-l", &target, "-t", &target, "-o", &taken])
        .expect(4)
        .says(&["could not listen"]);
    run(&["proxy", "-t", "nonsense", "-o", &taken])
        .expect(2)
        .says(&["HOST:PORT"]);
    assert_eq!(dir.names(), ["there.gcap"]);
}

#[test]
fn a_request_that_never_ends_is_recorded_as_it_comes() {
    let (dir, server) = (Dir::new(), Server::start());
    let (out, target) = (dir.file("endless.gcap"), server.addr.to_string());
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--flush-interval", "20ms"]);
    let endless = Ask {
        keep_open: true,
        ..ask(("ClientStreaming", 50, 0), "ok", small)
    };
    let runtime = runtime();
    let client = runtime.block_on(Client::connect(proxy.addr()));
    let call = runtime.spawn(async move { client.call(&endless, || ()).await.end });
    let recorded = || {
        let calls = calls(&crate::support::readable(&out));
        calls.first().map_or(0, |call| messages(call, Direction::Sent).len())
    };
    assert!(wait(|| recorded() == 50));
    proxy.stop().expect(0);
    assert_ne!(runtime.block_on(call).unwrap(), End::Closed);
}
