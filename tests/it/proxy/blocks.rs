//! Header blocks that are too large or cannot be decoded: what the proxy records, and how it reports the rest.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use grpc_capture::model::{Direction, Ending, EventKind};
use serde_json::{Value, json};

use super::conformance::{calls, messages};
use crate::support::{Dir, endings, events, proxying::Proxying, run, verify};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// A field of the table that no table has.
const UNREADABLE: &[u8] = b"\xff\xff\xff\x7f";
/// The newest entry of the table.
const NEWEST: u8 = 0xbe;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field in plain bytes; `first` is 0, or 0x40 for one that the table keeps.
fn field(first: u8, name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![first];
    for text in [name, value] {
        let mut length = text.len();
        if length < 127 {
            out.push(length as u8);
        } else {
            out.push(127);
            length -= 127;
            while length > 127 {
                out.push((length & 127) as u8 | 128);
                length >>= 7;
            }
            out.push(length as u8);
        }
        out.extend(text.bytes());
    }
    out
}

fn request() -> Vec<u8> {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/t.S/X"),
        (":authority", "a"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    .iter()
    .flat_map(|(name, value)| field(0, name, value))
    .collect()
}

/// The first frame of a request that ends no stream.
fn open(stream: u32, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[&request(), more].concat())
}

fn message(stream: u32) -> Vec<u8> {
    frame(DATA, 0, stream, b"\0\0\0\0\x02\x08\x01")
}

/// A target that is no HTTP/2 server: it answers with `answer` once `after` bytes have come, and ends when its client does. Its
/// thread gives back what came.
fn target(after: usize, answer: Vec<u8>) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut came = vec![0; after];
        stream.read_exact(&mut came).unwrap();
        stream.write_all(&answer).unwrap();
        let _ = stream.read_to_end(&mut came);
        came
    });
    (addr, thread)
}

/// What a proxy says and records of a client that sends the parts, each once the answer before it has come.
fn session(parts: &[Vec<u8>], answer: &[u8], more: &[&str]) -> (Dir, String, Value) {
    let dir = Dir::new();
    let out = dir.file("blocks.gcap");
    let (addr, target) = target(parts[0].len(), answer.to_vec());
    let args = [
        "-t",
        &addr,
        "--plaintext",
        "--reflect=never",
        "-o",
        &out,
        "--format",
        "json",
    ];
    let proxy = Proxying::start(&[&args, more].concat());
    let mut client = TcpStream::connect(proxy.addr()).unwrap();
    client.write_all(&parts[0]).unwrap();
    let mut answered = vec![0; answer.len()];
    client.read_exact(&mut answered).unwrap();
    assert_eq!(answered, answer, "the answer goes on as it is");
    for part in &parts[1..] {
        client.write_all(part).unwrap();
    }
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let came = target.join().unwrap();
    assert!(came == parts.concat(), "the request goes on as it is");
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    let report = proxy.stop().expect(3).json();
    assert_eq!(report["lossy"], json!(true));
    assert!(verify(&out).is_whole());
    let judged = run(&["validate", &out, "--format", "json"]).expect(1).json();
    let findings = judged["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["rule"] == "not-recorded"),
        "{judged}"
    );
    (dir, out, report)
}

fn begin() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()
}

#[test]
fn a_request_that_cannot_be_read_costs_no_call_that_runs_and_what_follows_is_counted() {
    let parts = [
        [begin(), open(1, b""), message(1)].concat(),
        [
            frame(HEADERS, END_HEADERS | END_STREAM, 3, UNREADABLE),
            message(1).repeat(20),
            open(5, b""),
            message(5),
            frame(DATA, END_STREAM, 1, b""),
        ]
        .concat(),
    ];
    let (_dir, out, report) = session(&parts, b"", &[]);
    assert_eq!((&report["calls"], &report["messages"]), (&json!(1), &json!(21)));
    assert_eq!((&report["unrecorded_calls"], &report["gaps"]), (&json!(2), &json!(0)));
    let events = events(&out);
    assert_eq!(messages(&calls(&events)[0], Direction::Sent).len(), 21);
    assert!(events.iter().any(|event| event.kind == EventKind::HalfClose));
    assert!(
        matches!(&endings(&out)[..], [Ending::Cancelled(_)]),
        "the client closed its connection"
    );
}

#[test]
fn an_answer_that_cannot_be_read_leaves_a_gap_and_an_ending_that_is_not_known() {
    let answer = [
        frame(SETTINGS, 0, 0, b""),
        frame(HEADERS, END_HEADERS, 3, UNREADABLE),
        message(1).repeat(20),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(0, "grpc-status", "0")),
    ]
    .concat();
    let parts = [
        [begin(), open(1, b""), message(1), open(3, b"")].concat(),
        [open(5, b""), message(5)].concat(),
    ];
    let (_dir, out, report) = session(&parts, &answer, &[]);
    assert_eq!((&report["calls"], &report["unrecorded_calls"]), (&json!(2), &json!(1)));
    assert_eq!(report["gaps"], json!(2));
    let events = events(&out);
    for call in calls(&events) {
        let gap = call.iter().find_map(|event| match event {
            EventKind::Gap(gap) => Some(gap),
            _ => None,
        });
        assert!(gap.is_some_and(
            |gap| gap.direction == Direction::Received && gap.reason.contains("unknown number of messages")
        ));
    }
    for ending in endings(&out) {
        let Ending::Broken(broken) = ending else {
            panic!("{ending:?}")
        };
        assert!(broken.error.contains("the ending of the call is unknown"), "{broken:?}");
    }
}

#[test]
fn a_request_that_cannot_be_addressed_anew_ends_its_connection_and_no_ending_is_made_up() {
    let dir = Dir::new();
    let out = dir.file("anew.gcap");
    let (addr, target) = target(0, Vec::new());
    let args = [
        "-t",
        &addr,
        "--plaintext",
        "--reflect=never",
        "--authority",
        "b",
        "-o",
        &out,
        "--format",
        "json",
    ];
    let proxy = Proxying::start(&args);
    let mut client = TcpStream::connect(proxy.addr()).unwrap();
    let unreadable = frame(HEADERS, END_HEADERS, 3, UNREADABLE);
    client
        .write_all(&[begin(), open(1, b""), message(1), unreadable].concat())
        .unwrap();
    let _ = client.read_to_end(&mut Vec::new());
    target.join().unwrap();
    let report = proxy.stop().expect(3).json();
    assert_eq!((&report["calls"], &report["unrecorded_calls"]), (&json!(1), &json!(1)));
    assert!(matches!(&endings(&out)[..], [Ending::Broken(broken)] if broken.error.contains("unknown")));
}

#[test]
fn metadata_beyond_the_limit_costs_fields_of_its_call_and_nothing_else() {
    // 18 MB in one block, whose last field is an entry of the table that the next request names.
    let part = field(0, "x-a", &"y".repeat(16_000));
    let continued: Vec<u8> = (0..1100).flat_map(|_| frame(CONTINUATION, 0, 3, &part)).collect();
    let parts = [
        [begin(), open(1, b""), message(1)].concat(),
        [
            frame(HEADERS, 0, 3, &request()),
            continued,
            frame(CONTINUATION, END_HEADERS, 3, &field(0x40, "x-kept", "by the table")),
            message(1),
            message(3),
            open(5, &[NEWEST]),
            message(5),
        ]
        .concat(),
    ];
    let (_dir, out, report) = session(&parts, b"", &[]);
    assert_eq!((&report["calls"], &report["messages"]), (&json!(3), &json!(4)));
    assert_eq!((&report["unrecorded_calls"], &report["gaps"]), (&json!(0), &json!(0)));
    assert!(report["unrecorded_fields"].as_u64().unwrap() > 900, "{report}");
    let last = events(&out).into_iter().find_map(|event| match event.kind {
        EventKind::CallStart(start) if event.call == 3 => Some(start.metadata),
        _ => None,
    });
    assert_eq!(last.unwrap().get_text("x-kept"), Some("by the table"));
}

#[test]
fn what_a_client_repeats_by_one_byte_each_fills_neither_memory_nor_capture() {
    // 0.4 MB that stand for 1.6 GB.
    let entry = field(0x40, "x-big", &"z".repeat(4000));
    let first = [entry, vec![NEWEST; 4000]].concat();
    let bomb: Vec<u8> = (0..100).flat_map(|at| open(3 + 2 * at, &[NEWEST; 4100])).collect();
    let parts = [[begin(), open(1, &first)].concat(), bomb];
    let (_dir, out, report) = session(&parts, b"", &[]);
    assert_eq!(report["calls"], json!(101));
    assert!(report["unrecorded_fields"].as_u64().unwrap() > 350_000, "{report}");
    let info = run(&["info", &out, "--format", "json"]).expect(0).json();
    let raw = info["raw_bytes"].as_u64().unwrap();
    // However slowly it goes, no call has more than 2 MiB; less when all come at once.
    assert!((1_000_000..220_000_000).contains(&raw), "{raw}");
}
