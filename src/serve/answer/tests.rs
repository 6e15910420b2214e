use super::*;
use crate::serve::testing::metadata;

fn pairs(fields: &HeaderMap) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

#[test]
fn metadata_keeps_its_order_and_its_repeats() {
    let recorded = [
        ("zulu", "1"),
        ("alpha", "2"),
        ("trace-bin", "AAEC"),
        ("mike", "3"),
        ("mike", "4"),
    ];
    assert_eq!(pairs(&fields(&metadata(&recorded))), recorded);
}

#[test]
fn what_belongs_to_one_connection_is_left_out() {
    let recorded = metadata(&[
        ("date", "today"),
        ("connection", "close"),
        (":status", "200"),
        ("content-length", "0"),
        ("x", "1"),
    ]);
    assert_eq!(pairs(&fields(&recorded)), [("x", "1")]);
}

#[test]
fn metadata_that_http2_cannot_carry_is_left_out() {
    assert_eq!(
        pairs(&fields(&metadata(&[
            ("bad name", "1"),
            ("x", "line\nfeed"),
            ("y", "2")
        ]))),
        [("y", "2")]
    );
}

#[test]
fn bytes_beyond_ascii_pass_through() {
    let recorded = Metadata(vec![("x".to_owned(), vec![0xe9, 0x80])]);
    assert_eq!(fields(&recorded)["x"].as_bytes(), [0xe9, 0x80]);
}

#[test]
fn a_head_without_content_type_gets_one() {
    assert_eq!(head(&Metadata::default()).headers()["content-type"], "application/grpc");
    let recorded = metadata(&[("content-type", "application/grpc+proto")]);
    assert_eq!(head(&recorded).headers()["content-type"], "application/grpc+proto");
}

#[test]
fn recorded_trailers_are_not_touched() {
    let recorded = [("grpc-message", "caf%C3%A9"), ("x", "1"), ("grpc-status", "14")];
    let status = Status {
        code: 14,
        message: "café".to_owned(),
        trailers: metadata(&recorded),
        trailers_only: false,
    };
    assert_eq!(pairs(&trailers(&status)), recorded);
}

#[test]
fn trailers_that_were_not_recorded_are_made() {
    let status = Status {
        code: 5,
        message: "no job \"é%\"\n".to_owned(),
        ..Status::default()
    };
    assert_eq!(
        pairs(&trailers(&status)),
        [("grpc-status", "5"), ("grpc-message", "no job \"%C3%A9%25\"%0A")]
    );
}

#[test]
fn a_server_that_sent_no_status_sends_none_again() {
    let status = Status {
        code: 2,
        trailers: metadata(&[("x", "1")]),
        ..Status::default()
    };
    assert_eq!(pairs(&trailers(&status)), [("x", "1")]);
}
