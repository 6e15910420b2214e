use std::time::Duration;

use super::*;

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::default();
    for (name, value) in entries {
        metadata.push(*name, *value);
    }
    metadata
}

#[test]
fn requests_are_told_by_verb_path_and_content_type() {
    for (verb, path, content_type, expected) in [
        ("POST", "/a.B/C", "application/grpc", Some(Protocol::Grpc)),
        ("POST", "/a.B/C", "application/grpc-web", Some(Protocol::Web)),
        ("POST", "/a.B/C", "application/grpc-web+proto", Some(Protocol::Web)),
        ("POST", "/a.B/C", "application/grpc-web-text", Some(Protocol::WebText)),
        (
            "POST",
            "/a.B/C",
            "Application/gRPC-Web-Text+Proto;x=1",
            Some(Protocol::WebText),
        ),
        (
            "POST",
            "/a.B/C",
            "application/connect+json",
            Some(Protocol::ConnectStream),
        ),
        ("POST", "/a.B/C", "application/proto", Some(Protocol::ConnectUnary)),
        (
            "POST",
            "/api/a.B/C",
            "application/json; charset=utf-8",
            Some(Protocol::ConnectUnary),
        ),
        ("POST", "/configure", "application/json", None),
        ("POST", "/api/users", "application/json", None),
        ("POST", "/v1.0/users", "application/json", None),
        ("POST", "/a.B/C", "text/html", None),
        ("POST", "/a.B/C", "", None),
        (
            "GET",
            "/a.B/C?connect=v1&encoding=proto&message=",
            "",
            Some(Protocol::ConnectGet),
        ),
        (
            "GET",
            "/a.B/C?encoding=json&message=%7B%7D",
            "",
            Some(Protocol::ConnectGet),
        ),
        ("GET", "/a.B/C?message=1", "", None),
        ("GET", "/a.B/C", "", None),
        ("GET", "/index.html?connect=v1", "", None),
    ] {
        let found = Protocol::of_request(verb, path, &metadata(&[("content-type", content_type)]));
        assert_eq!(found, expected, "{verb} {path} {content_type}");
    }
    let said = metadata(&[("content-type", "application/json"), ("connect-protocol-version", "1")]);
    assert_eq!(
        Protocol::of_request("POST", "/B/C", &said),
        Some(Protocol::ConnectUnary)
    );
}

#[test]
fn answers_are_in_the_protocol_of_their_request_or_errors() {
    use Protocol::{ConnectGet, ConnectStream, ConnectUnary, Grpc, Web, WebText};
    for (asked, http, content_type, expected) in [
        (Grpc, 200, "application/grpc", Some(Grpc)),
        (Grpc, 200, "text/html", None),
        (Web, 200, "application/grpc-web", Some(Web)),
        (Web, 200, "application/grpc-web-text", Some(WebText)),
        (Web, 415, "application/grpc-web", None),
        (WebText, 200, "application/grpc", None),
        (ConnectStream, 200, "application/connect+proto", Some(ConnectStream)),
        (ConnectStream, 200, "application/json", None),
        (ConnectGet, 200, "application/json", Some(ConnectGet)),
        (ConnectUnary, 404, "application/json", None),
        (ConnectUnary, 200, "text/html", None),
    ] {
        assert_eq!(
            asked.of_answer(http, content_type),
            expected,
            "{asked:?} {content_type}"
        );
    }
}

#[test]
fn encodings_and_deadlines_are_read_in_every_protocol() {
    for (entries, encoding) in [
        (
            &[("content-type", "application/grpc"), ("grpc-encoding", "gzip")][..],
            Some("gzip"),
        ),
        (
            &[
                ("content-type", "application/connect+proto"),
                ("connect-content-encoding", "zstd"),
            ],
            Some("zstd"),
        ),
        (
            &[("content-type", "application/json"), ("content-encoding", "br")],
            Some("br"),
        ),
        (
            &[("content-type", "application/grpc"), ("content-encoding", "br")],
            None,
        ),
        (
            &[
                (":method", "GET"),
                (":path", "/a.B/C?message=&compression=gzip"),
                ("content-encoding", "x"),
            ],
            Some("gzip"),
        ),
    ] {
        assert_eq!(message_encoding(&metadata(entries)), encoding);
    }
    assert_eq!(
        deadline(&metadata(&[("connect-timeout-ms", "250")])),
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        deadline(&metadata(&[("grpc-timeout", "2S")])),
        Some(Duration::from_secs(2))
    );
    for odd in ["", "-1", "1.5", "99999999999"] {
        assert_eq!(deadline(&metadata(&[("connect-timeout-ms", odd)])), None);
    }
}

#[test]
fn json_is_told_from_protobuf() {
    for (content_type, expected) in [
        ("application/json", true),
        ("application/connect+json", true),
        ("application/grpc-web+json;x", true),
        ("application/grpc+json", true),
        ("application/proto", false),
        ("application/grpc", false),
        ("application/problem+json", false),
    ] {
        let found = is_json(&metadata(&[("content-type", content_type)]));
        assert_eq!(found, expected, "{content_type}");
    }
    assert!(is_json(&metadata(&[(":path", "/a.B/C?encoding=json&message=")])));
}
