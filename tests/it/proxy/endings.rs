//! Endings that affect more than one call: connections that close, deadlines, clients that stall.

use bytes::Bytes;
use grpc_capture::model::{Cancelled, Deadline, Direction, Ending, EventKind, Limit, Party};

use super::{
    conformance::{KINDS, ask, calls, messages, runtime, small},
    wire::{Client, End, Server, framed, split},
};
use crate::support::{Dir, endings, events, proxying::Proxying, wait};

/// Streaming from the server.
const STREAM: (&str, usize, usize) = KINDS[1];

#[test]
fn a_connection_that_goes_takes_the_clients_with_it_after_everything_that_came_before() {
    for (end, goodbye) in [("close", false), ("goaway", true)] {
        let (dir, server) = (Dir::new(), Server::start());
        let out = dir.file("gone.gcap");
        let target = server.addr.to_string();
        let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
        let mut ask = ask(STREAM, end, small);
        ask.keep_open = true;
        let seen = runtime().block_on(async {
            let client = Client::connect(proxy.addr()).await;
            let seen = client.call(&ask, || server.go_on()).await;
            // A connection that has gone takes no more calls.
            assert_eq!(client.call(&ask, || ()).await.end, End::Lost);
            // A new one finds the target again.
            let again = Client::connect(proxy.addr()).await;
            let mut ok = ask.clone();
            ok.headers[3].1 = "error".to_owned();
            ok.keep_open = false;
            assert_eq!(again.call(&ok, || ()).await.end, End::Closed);
            seen
        });
        assert_eq!((seen.end, split(&seen.body).len()), (End::Lost, 3), "{end}");
        proxy.stop().expect(0);
        let recorded = calls(&events(&out));
        assert_eq!(messages(&recorded[0], Direction::Received), split(&seen.body));
        let Some(EventKind::End(Ending::Broken(broken))) = recorded[0].last() else {
            panic!("{end}: {:?}", recorded[0].last())
        };
        assert_eq!(broken.goaway, goodbye, "{broken:?}");
        assert!(matches!(recorded[1].last(), Some(EventKind::End(Ending::Status(_)))));
    }
}

#[test]
fn a_client_that_leaves_at_its_own_deadline_is_a_deadline_and_one_that_vanishes_is_cancelled() {
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("left.gcap");
    let target = server.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
    let mut timed = ask(STREAM, "stall", small);
    // Long over when the answers have come, which is when this client leaves.
    timed.headers.push(("grpc-timeout".to_owned(), "1n".to_owned()));
    timed.leave = Some((STREAM.2, h2::Reason::CANCEL.into()));
    runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        client.call(&timed, || ()).await;
        let client = Client::connect(proxy.addr()).await;
        let stalled = ask(STREAM, "stall", small);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300), client.call(&stalled, || ())).await;
    });
    // The runtime is gone, and both connections with it: the server learns of it as it would without us.
    let ends: Vec<_> = server.seen(2).iter().map(|seen| seen.end).collect();
    // The client that vanishes may still say so before its connection goes.
    assert!(
        matches!(ends[..], [End::Reset(8), End::Reset(8) | End::Lost]),
        "{ends:?}"
    );
    proxy.stop().expect(0);
    let endings = endings(&out);
    let deadline = Deadline {
        limit: Limit::Call,
        after_ns: 1,
    };
    assert_eq!(endings[0], Ending::Deadline(deadline));
    assert!(
        matches!(&endings[1], Ending::Cancelled(Cancelled { by: Party::Client, .. })),
        "{endings:?}"
    );
}

#[test]
fn a_target_that_is_not_there_is_a_closed_connection_and_a_remark() {
    let dir = Dir::new();
    let out = dir.file("nobody.gcap");
    let port = crate::support::raw_job::Port::reserve();
    let target = port.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--allow-empty"]);
    runtime().block_on(async {
        for _ in 0..2 {
            // Closed before it is greeted; a call whose request has come by then is in the capture.
            let Ok(client) = Client::greet(proxy.addr()).await else {
                continue;
            };
            assert_eq!(client.call(&ask(STREAM, "ok", small), || ()).await.end, End::Lost);
        }
    });
    proxy.stop().expect(0).says(&["could not connect"]);
    let events = events(&out);
    let notes = events.iter().filter(|event| matches!(event.kind, EventKind::Note(_)));
    assert_eq!(notes.count(), 1, "each way to fail is said once");
    for call in calls(&events) {
        let Some(EventKind::End(Ending::Broken(broken))) = call.last() else {
            panic!("{call:?}")
        };
        assert!(broken.error.contains("could not connect"), "{}", broken.error);
    }
}

/// Resident memory of a process in bytes.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[test]
fn clients_that_do_not_read_slow_their_server_and_not_our_memory() {
    const STALLED: usize = 8;
    /// What the server would send to each: far more than all of them may make the proxy hold.
    const MESSAGES: usize = 400;
    const MOST_EACH: u64 = 4 * 1024 * 1024;
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("stalled.gcap");
    let target = server.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
    let message = framed(false, &vec![7; 256 * 1024]);
    let before = memory(proxy.id());
    runtime().block_on(async {
        let mut stalled = Vec::new();
        for _ in 0..STALLED {
            let client = Client::connect(proxy.addr()).await;
            let ask = ask(("ServerStreaming", 1, MESSAGES), "ok", |_| Bytes::clone(&message));
            stalled.push((client.open(&ask).await, client));
        }
        // They stand still: as much as may be held is held, and one that reads gets all of its own meanwhile.
        let reader = Client::connect(proxy.addr()).await;
        let ask = ask(("ServerStreaming", 1, MESSAGES), "ok", |_| Bytes::clone(&message));
        let seen = reader.call(&ask, || ()).await;
        assert_eq!(split(&seen.body).len(), MESSAGES);
        let used = memory(proxy.id()).saturating_sub(before);
        // The recorder's queue, besides what each stream may hold.
        let most = STALLED as u64 * MOST_EACH + 64 * 1024 * 1024;
        assert!(used < most, "{used} bytes for {STALLED} clients that do not read");
    });
    proxy.stop().expect(0);
    let read = calls(&events(&out))
        .into_iter()
        .map(|call| messages(&call, Direction::Received).len());
    let mut read: Vec<_> = read.collect();
    read.sort_unstable();
    assert_eq!(read.pop(), Some(MESSAGES));
    assert!(read.iter().all(|count| *count < MESSAGES / 10), "{read:?}");
}

#[test]
fn a_killed_proxy_leaves_a_readable_capture() {
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("killed.gcap");
    let target = server.addr.to_string();
    let args = ["-t", &target, "--plaintext", "-o", &out, "--flush-interval", "20ms"];
    let mut proxy = Proxying::start(&args);
    let runtime = runtime();
    let client = runtime.block_on(Client::connect(proxy.addr()));
    let stalled = ask(STREAM, "stall", small);
    let opened = runtime.block_on(client.open(&stalled));
    let received = |path: &String| {
        let events = crate::support::readable(path);
        calls(&events)
            .first()
            .map_or(0, |call| messages(call, Direction::Received).len())
    };
    assert!(wait(|| received(&out) == STREAM.2), "a growing capture can be read");
    proxy.kill();
    drop(opened);
    assert_eq!(received(&out), STREAM.2);
    let saved = dir.file("saved.gcap");
    crate::support::run(&["recover", &out, "-o", &saved]).expect(3);
    assert_eq!(
        calls(&events(&saved))[0].len(),
        calls(&crate::support::readable(&out))[0].len() + 1
    );
}
