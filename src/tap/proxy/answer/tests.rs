use bytes::BytesMut;

use super::*;
use crate::grpc::deframe::encode_message;

const LIMIT: u64 = 1000;

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, value) in entries {
        metadata.push(*name, *value);
    }
    metadata
}

/// The ending of an answer with this head and these bytes after its messages, and the notes about it.
fn ending(asked: Protocol, http: u16, head: &[(&str, &str)], tail: &[u8]) -> (Ending, Vec<String>) {
    let notes = std::cell::RefCell::new(Vec::new());
    let tail = Tail {
        bytes: BytesMut::from(tail),
        is_cut: false,
    };
    let head = Head::new(asked, http, &metadata(head));
    let ending = head.ending(None, &tail, None, LIMIT, |note| notes.borrow_mut().push(note));
    (ending, notes.into_inner())
}

fn status(ending: Ending) -> Status {
    match ending {
        Ending::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    [&flagged_prefix(flags, payload.len())[..], payload].concat()
}

const WEB: &[(&str, &str)] = &[
    ("content-type", "application/grpc-web+proto"),
    ("grpc-encoding", "gzip"),
];
const STREAM: &[(&str, &str)] = &[("content-type", "application/connect+proto")];

#[test]
fn the_trailers_of_grpc_web_are_the_ending() {
    let canonical = b"grpc-status: 5\r\ngrpc-message: no%20job\r\nx: 1\r\n";
    let (found, notes) = ending(Protocol::Web, 200, WEB, &frame(0x80, canonical));
    let found = status(found);
    assert_eq!((found.code, found.message.as_str(), notes.len()), (5, "no job", 0));
    assert_eq!((found.trailers.0.len(), found.trailers.get(protocol::BODY)), (3, None));
    // What we would write otherwise is kept as it came.
    let other = frame(0x80, b"Grpc-Status:5\r\n");
    let found = status(ending(Protocol::Web, 200, WEB, &other).0);
    assert_eq!((found.code, found.trailers.get(protocol::BODY)), (5, Some(&other[..])));
    let small = frame(0x81, &grpc::deflate("gzip", canonical).unwrap());
    let found = status(ending(Protocol::Web, 200, WEB, &small).0);
    assert_eq!((found.code, found.trailers.get(protocol::BODY)), (5, Some(&small[..])));
}

#[test]
fn trailers_that_come_twice_count_once_and_are_kept() {
    let twice = [frame(0x80, b"grpc-status: 0\r\n"), frame(0x80, b"grpc-status: 5\r\n")].concat();
    let (found, notes) = ending(Protocol::Web, 200, WEB, &twice);
    let found = status(found);
    assert_eq!((found.code, found.trailers.get(protocol::BODY)), (0, Some(&twice[..])));
    assert!(notes.len() == 1 && notes[0].contains("bytes followed"), "{notes:?}");
}

#[test]
fn a_stream_without_its_last_frame_is_broken_by_its_server() {
    for (asked, head) in [(Protocol::Web, WEB), (Protocol::ConnectStream, STREAM)] {
        let (found, _) = ending(asked, 200, head, b"");
        assert!(matches!(found, Ending::Broken(Broken { ended: true, .. })), "{found:?}");
    }
    let damaged = frame(0x81, b"no gzip");
    let (found, _) = ending(Protocol::Web, 200, WEB, &damaged);
    assert!(
        matches!(found, Ending::Broken(Broken { ended: false, .. })),
        "{found:?}"
    );
}

#[test]
fn the_last_frame_of_connect_is_the_ending() {
    let plain = status(ending(Protocol::ConnectStream, 200, STREAM, &frame(2, b"{}")).0);
    assert_eq!(plain, Status::default());
    let spaced = frame(2, br#"{ "error": {"code": "aborted"}, "metadata": {"x": ["1"]} }"#);
    let found = status(ending(Protocol::ConnectStream, 200, STREAM, &spaced).0);
    assert_eq!((found.code, found.trailers.get_text("x")), (10, Some("1")));
    assert_eq!(found.trailers.get(protocol::BODY), Some(&spaced[..]));
    let none = status(ending(Protocol::ConnectStream, 200, STREAM, &frame(2, b"oops")).0);
    assert_eq!(none.code, status::INTERNAL);
}

#[test]
fn a_unary_call_of_connect_ends_as_http_says() {
    let head = &[("content-type", "application/proto"), ("trailer-x", "1")];
    let found = status(ending(Protocol::ConnectUnary, 200, head, b"").0);
    assert_eq!((found.code, found.trailers.get_text("x")), (0, Some("1")));
    let json = &[("content-type", "application/json")];
    let body = br#"{"code":"not_found","message":"no job"}"#;
    let found = status(ending(Protocol::ConnectUnary, 404, json, body).0);
    assert_eq!((found.code, found.message.as_str()), (5, "no job"));
    assert_eq!(found.trailers.get(protocol::BODY), Some(&body[..]));
    for (http, code) in [(404, 12), (503, 14), (415, 2)] {
        let found = status(ending(Protocol::ConnectGet, http, &[("content-type", "text/plain")], b"no").0);
        assert_eq!(found.code, code, "HTTP {http}");
    }
    // An error of JSON, compressed.
    let gzip = &[("content-type", "application/json"), ("content-encoding", "gzip")];
    let small = grpc::deflate("gzip", body).unwrap();
    assert_eq!(status(ending(Protocol::ConnectUnary, 404, gzip, &small).0).code, 5);
}

#[test]
fn messages_of_grpc_end_as_before() {
    let head = &[("content-type", "application/grpc")];
    let (found, _) = ending(Protocol::Grpc, 200, head, b"");
    assert!(matches!(found, Ending::Broken(_)), "{found:?}");
    let (found, _) = ending(
        Protocol::Grpc,
        404,
        &[("content-type", "text/html")],
        &encode_message(false, b"x"),
    );
    assert_eq!(status(found).code, 12);
}
