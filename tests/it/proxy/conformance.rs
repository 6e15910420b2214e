//! The table of exchanges. Each exchange is made directly and through the proxy, and must be the same for client and
//! server. The capture holds all of them.

use bytes::Bytes;
use grpc_capture::model::{Direction, Ending, Event, EventKind, Metadata, Party};
use http::HeaderMap;

use super::wire::{Ask, Client, End, Seen, Server, framed, split, text};
use crate::support::{Dir, Noise, events, proxying::Proxying};

/// The four kinds of gRPC methods: messages from the client, and from the server.
pub(super) const KINDS: [(&str, usize, usize); 4] = [
    ("Unary", 1, 1),
    ("ServerStreaming", 1, 3),
    ("ClientStreaming", 3, 1),
    ("Bidirectional", 3, 3),
];

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A call of one kind that shall end so.
pub(super) fn ask(kind: (&str, usize, usize), end: &str, message: impl Fn(usize) -> Bytes) -> Ask {
    let (name, requests, answers) = kind;
    let headers = [
        ("te", "trailers"),
        ("content-type", "application/grpc+proto"),
        ("user-agent", "nobody/1.0"),
        ("x-end", end),
        ("x-answers", &answers.to_string()),
        ("x-wait", &requests.to_string()),
        ("x-trace-bin", "AAEC/w=="),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("x-empty", ""),
    ];
    Ask {
        path: format!("/test.Exchange/{name}"),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: (0..requests).map(message).collect(),
        ..Ask::default()
    }
}

pub(super) fn small(at: usize) -> Bytes {
    framed(false, format!("message {at}").as_bytes())
}

/// Every exchange of the table but those that have tests of their own.
fn table() -> Vec<(String, Ask)> {
    let mut noise = Noise(0x51_7c_c1_b7);
    let big: Bytes = (0..20_000_000).map(|_| noise.below(256) as u8).collect();
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], b"not looked at"].concat();
    let mut table = Vec::new();
    let mut add = |what: &str, kind: (&str, usize, usize), ask: Ask| table.push((format!("{what} {}", kind.0), ask));
    for kind in KINDS {
        add("ok", kind, ask(kind, "ok", small));
        add("error", kind, ask(kind, "error", small));
        add("error after no answer", kind, ask((kind.0, kind.1, 0), "error", small));
        add("trailers-only", kind, ask(kind, "trailers-only", small));
        add("empty message", kind, ask(kind, "ok", |_| framed(false, b"")));
        add("gzip", kind, ask(kind, "ok", |at| framed(at != 1, &gzip)));
        add(
            "20 MB",
            kind,
            ask((kind.0, kind.1, 1), "ok", |at| match at {
                0 => framed(false, &big),
                at => small(at),
            }),
        );
        for code in [
            h2::Reason::CANCEL,
            h2::Reason::INTERNAL_ERROR,
            h2::Reason::ENHANCE_YOUR_CALM,
        ] {
            add("reset", kind, ask(kind, &format!("reset-{}", u32::from(code)), small));
        }
        for code in [h2::Reason::CANCEL, h2::Reason::NO_ERROR] {
            let mut left = ask(kind, "stall", small);
            left.leave = Some((kind.2, code.into()));
            add("left", kind, left.clone());
            left.keep_open = true;
            add("left while sending", kind, left);
        }
        let mut large = ask(kind, "ok", small);
        large.headers.push(("x-large".to_owned(), "v".repeat(60_000)));
        add("large metadata", kind, large);
    }
    table
}

/// Makes every call in turn; what the client saw of each, and what the server saw.
fn make(addr: &str, server: &Server, table: &[(String, Ask)]) -> Vec<(Seen, Seen)> {
    runtime().block_on(async {
        let client = Client::connect(addr).await;
        let mut seen = Vec::new();
        for (what, ask) in table {
            let answer = client.call(ask, || server.go_on()).await;
            let asked = tokio::task::block_in_place(|| server.seen(1)).remove(0);
            assert_eq!(asked.path, ask.path, "{what}");
            seen.push((answer, asked));
        }
        seen
    })
}

#[test]
fn every_exchange_is_the_same_with_the_proxy_and_without_and_the_capture_holds_it() {
    let (dir, server, table) = (Dir::new(), Server::start(), table());
    let out = dir.file("table.gcap");
    let direct = make(&server.addr.to_string(), &server, &table);
    let target = server.addr.to_string();
    let proxy = Proxying::start(&[
        "-t",
        &target,
        "--plaintext",
        "-o",
        &out,
        "--keep-metadata",
        "--format",
        "json",
    ]);
    let through = make(proxy.addr(), &server, &table);
    let report = proxy.stop().expect(0).json();
    assert_eq!((&report["calls"], &report["gaps"]), (&table.len().into(), &0.into()));
    assert_eq!(report["endings"].as_array().unwrap().len(), table.len());
    let recorded = calls(&events(&out));
    assert_eq!(recorded.len(), table.len());
    for ((((what, ask), direct), through), events) in table.iter().zip(&direct).zip(&through).zip(&recorded) {
        assert_same(what, &direct.0, &through.0);
        assert_same(what, &direct.1, &through.1);
        assert_recorded(what, ask, through, events);
    }
}

/// As `assert_eq!`, without printing 20 MB.
#[track_caller]
pub(super) fn assert_same(what: &str, direct: &Seen, through: &Seen) {
    assert_eq!(direct.headers, through.headers, "{what}");
    assert_eq!(direct.trailers, through.trailers, "{what}");
    assert_eq!(direct.end, through.end, "{what}");
    assert!(
        direct.body == through.body,
        "{what}: bodies of {} and {} bytes differ",
        direct.body.len(),
        through.body.len()
    );
}

/// The events of each call, in the order of the calls.
pub(super) fn calls(events: &[Event]) -> Vec<Vec<EventKind>> {
    let mut calls: Vec<Vec<EventKind>> = Vec::new();
    for event in events.iter().filter(|event| event.call > 0) {
        let at = event.call as usize - 1;
        calls.resize_with(calls.len().max(at + 1), Vec::new);
        calls[at].push(event.kind.clone());
        assert_eq!(event.seq, calls[at].len() as u64, "call {}", event.call);
    }
    calls
}

fn metadata(map: &HeaderMap) -> Metadata {
    grpc_capture::grpc::metadata(map)
}

pub(super) fn messages(events: &[EventKind], wanted: Direction) -> Vec<(bool, Bytes)> {
    let messages = events.iter().filter_map(|kind| match kind {
        EventKind::Message(message) if message.direction == wanted => Some((message.compressed, message.data.clone())),
        _ => None,
    });
    messages.collect()
}

#[track_caller]
fn assert_recorded(what: &str, ask: &Ask, (answer, asked): &(Seen, Seen), events: &[EventKind]) {
    let [EventKind::CallStart(start), .., EventKind::End(ending)] = events else {
        panic!("{what}: {events:?}")
    };
    assert_eq!(
        (&start.method, start.authority.as_str()),
        (&ask.path, "test.local"),
        "{what}"
    );
    assert_eq!(start.metadata, metadata(&asked.headers), "{what}");
    assert!(
        messages(events, Direction::Sent) == split(&asked.body),
        "{what}: messages sent"
    );
    assert!(
        messages(events, Direction::Received) == split(&answer.body),
        "{what}: messages received"
    );
    let half_closed = events.iter().any(|kind| matches!(kind, EventKind::HalfClose));
    assert_eq!(half_closed, !ask.keep_open, "{what}");
    let headers = events.iter().find_map(|kind| match kind {
        EventKind::Headers(headers) => Some(&headers.metadata),
        _ => None,
    });
    let wanted = text(&asked.headers, "x-end");
    if wanted == "trailers-only" {
        assert_eq!(headers, None, "{what}");
    } else {
        assert_eq!(headers, Some(&metadata(&answer.headers)), "{what}");
    }
    match (ending, wanted) {
        (Ending::Status(status), "ok" | "error") => {
            assert_eq!(status.trailers, metadata(&answer.trailers), "{what}");
            assert!(!status.trailers_only);
        }
        (Ending::Status(status), "trailers-only") => {
            assert_eq!(status.trailers, metadata(&answer.headers), "{what}");
            assert_eq!((status.code, status.message.as_str()), (9, "job '12-7' is 50% gone"));
            assert!(status.trailers_only);
        }
        (Ending::Cancelled(cancelled), "stall") => assert_eq!(cancelled.by, Party::Client, "{what}"),
        (Ending::Cancelled(cancelled), "reset-8") => assert_eq!(cancelled.by, Party::Server, "{what}"),
        (Ending::Broken(broken), "reset-2" | "reset-11") => assert!(!broken.goaway, "{what}"),
        _ => panic!("{what}: {ending:?}"),
    }
}

#[test]
fn a_thousand_calls_at_once_are_carried_and_recorded_each() {
    const CALLS: usize = 1000;
    let (dir, server) = (Dir::new(), Server::start());
    let out = dir.file("thousand.gcap");
    let target = server.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--format", "json"]);
    let made = runtime().block_on(async {
        let client = Client::connect(proxy.addr()).await;
        let calls: Vec<_> = (0..CALLS)
            .map(|at| {
                let mut ask = ask(KINDS[at % 4], "ok", |part| {
                    framed(false, format!("{at}.{part}").as_bytes())
                });
                ask.headers.push(("x-gate".to_owned(), "1".to_owned()));
                let client = client.clone();
                tokio::spawn(async move { (client.call(&ask, || ()).await, ask) })
            })
            .collect();
        tokio::task::block_in_place(|| server.open_gate(CALLS));
        let mut made = Vec::new();
        for call in calls {
            made.push(call.await.unwrap());
        }
        made
    });
    for (at, (answer, _)) in made.iter().enumerate() {
        let (_, requests, answers) = KINDS[at % 4];
        let wanted = (0..answers).map(|part| (false, format!("{at}.{}", part % requests).into()));
        assert_eq!(split(&answer.body), wanted.collect::<Vec<_>>(), "{:?}", answer.end);
        assert_eq!((answer.end, text(&answer.trailers, "grpc-status")), (End::Closed, "0"));
    }
    let report = proxy.stop().expect(0).json();
    assert_eq!(report["calls"], CALLS);
    let mut recorded: Vec<_> = calls(&events(&out))
        .iter()
        .map(|events| {
            assert!(matches!(events.last(), Some(EventKind::End(Ending::Status(status))) if status.code == 0));
            [Direction::Sent, Direction::Received].map(|way| messages(events, way))
        })
        .collect();
    let mut wanted: Vec<_> = made
        .iter()
        .map(|(answer, ask)| [split(&ask.body.concat().into()), split(&answer.body)])
        .collect();
    recorded.sort();
    wanted.sort();
    assert!(recorded == wanted);
}
