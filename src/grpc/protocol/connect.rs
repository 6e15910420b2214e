//! The status of Connect: codes and their names, errors in JSON, HTTP statuses, and the query of a GET. Pure.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::percent_decode_str;
#[cfg(test)]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::{Map, Value, json};

use crate::{
    grpc::status::{OK, code, code_of_http, name},
    model::event::{Metadata, Status},
};

/// The prefix of the fields in which a unary answer carries its trailers.
pub(crate) const TRAILER: &str = "trailer-";

/// HTTP statuses by code (the specification's table of error codes).
const HTTP: [u16; 17] = [
    200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

/// The alphabet of the specification is the one for URLs; padding may be left out.
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Characters that stand in a query as they are.
#[cfg(test)]
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The HTTP status for an error code.
pub(crate) fn http_status(code: u32) -> u16 {
    HTTP.get(code as usize).copied().unwrap_or(500)
}

/// The name of a code as Connect writes it: `not_found`.
fn code_name(code: u32) -> String {
    // Connect has one `l`.
    if code == 1 {
        return "canceled".to_owned();
    }
    name(code).to_ascii_lowercase()
}

/// The code of a name.
fn code_of(name: &str) -> Option<u32> {
    if name == "canceled" {
        return Some(1);
    }
    code(name).filter(|code| *code != OK && name.bytes().all(|byte| !byte.is_ascii_uppercase()))
}

/// The status in an error's JSON object; the code is inferred from the HTTP status where it cannot be read.
fn error(error: &Value, http: u16) -> Status {
    let code = error.get("code").and_then(Value::as_str).and_then(code_of);
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    Status {
        code: code.unwrap_or_else(|| code_of_http(http)),
        message: message.to_owned(),
        ..Status::default()
    }
}

/// The status of an answer to a unary call that is an error: its body, inflated, if that is an error's JSON.
pub(crate) fn unary_error(body: &[u8], http: u16) -> Option<Status> {
    let value: Value = serde_json::from_slice(body).ok()?;
    value.is_object().then(|| error(&value, http))
}

/// Reads the payload of the last frame of a stream; `None` when it is not the JSON object that it must be.
pub(crate) fn end_of_stream(payload: &[u8]) -> Option<Status> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let object = value.as_object()?;
    let mut status = match object.get("error") {
        None | Some(Value::Null) => Status::default(),
        // What stands for an error is one, whatever it says.
        Some(found) => error(found, 200),
    };
    for (name, values) in object.get("metadata").and_then(Value::as_object).into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            status.trailers.push(name.to_ascii_lowercase(), value);
        }
    }
    Some(status)
}

/// Writes the payload of the last frame of a stream.
pub(crate) fn end_payload(status: &Status) -> Vec<u8> {
    let mut end = Map::new();
    if status.code != OK {
        end.insert("error".to_owned(), error_json(status));
    }
    let mut metadata = Map::new();
    for (name, value) in own_trailers(&status.trailers) {
        let values = metadata.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(String::from_utf8_lossy(value).into());
        }
    }
    if !metadata.is_empty() {
        end.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Value::Object(end).to_string().into_bytes()
}

/// Writes the error of a unary call.
pub(crate) fn error_payload(status: &Status) -> Vec<u8> {
    error_json(status).to_string().into_bytes()
}

fn error_json(status: &Status) -> Value {
    let mut error = Map::new();
    error.insert("code".to_owned(), code_name(status.code).into());
    if !status.message.is_empty() {
        error.insert("message".to_owned(), status.message.as_str().into());
    }
    let details = status.trailers.get_text("grpc-status-details-bin");
    if let Some(details) = details.and_then(details_json).filter(|details| !details.is_empty()) {
        error.insert("details".to_owned(), details.into());
    }
    Value::Object(error)
}

/// The details of gRPC's `grpc-status-details-bin`, as Connect writes them.
fn details_json(value: &str) -> Option<Vec<Value>> {
    #[derive(prost::Message)]
    struct Rich {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types_any::Any>,
    }
    let bytes = PLAIN.decode(value).ok()?;
    let rich = <Rich as prost::Message>::decode(&bytes[..]).ok()?;
    let detail = |any: &prost_types_any::Any| {
        let kind = any.type_url.rsplit('/').next().unwrap_or_default();
        json!({ "type": kind, "value": PLAIN.encode(&any.value) })
    };
    Some(rich.details.iter().map(detail).collect())
}

/// `google.protobuf.Any`, as far as it is needed.
mod prost_types_any {
    #[derive(prost::Message)]
    pub(super) struct Any {
        #[prost(string, tag = "1")]
        pub(super) type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) value: Vec<u8>,
    }
}

/// The trailers that a server set itself: not those of gRPC, nor ours.
pub(crate) fn own_trailers(trailers: &Metadata) -> impl Iterator<Item = (&str, &[u8])> {
    trailers.iter().filter(|(name, _)| {
        !name.starts_with(':') && !matches!(*name, "grpc-status" | "grpc-message" | "grpc-status-details-bin")
    })
}

/// The trailers that a unary answer carries in its head.
pub(crate) fn unary_trailers(head: &Metadata) -> Metadata {
    let own = head
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(TRAILER)?.to_owned(), value.to_vec())));
    Metadata(own.collect())
}

/// The decoded value of a parameter of a query.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let value = raw(query, name)?;
    if value.contains(['%', '+']) {
        return Some(String::from_utf8_lossy(&decoded(value)).into_owned().into());
    }
    Some(value.into())
}

/// The value of a parameter of a query as it stands there.
pub(super) fn raw<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key) == name.as_bytes()).then_some(value)
    })
}

/// The decoded value of a part of a query.
fn decoded(value: &str) -> Vec<u8> {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).collect()
}

/// The message of a call by GET.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GetMessage {
    /// True when it is compressed.
    pub(crate) compressed: bool,
    pub(crate) data: Vec<u8>,
}

/// The message in a query; `None` when there is none that can be read.
pub(crate) fn message(query: &str) -> Option<GetMessage> {
    let value = decoded(raw(query, "message")?);
    let data = if parameter(query, "base64").is_some_and(|base64| base64 == "1") {
        // Written for URLs by most clients, and in the usual alphabet by others.
        URL.decode(&value).or_else(|_| PLAIN.decode(&value)).ok()?
    } else {
        value
    };
    let compression = parameter(query, "compression");
    Some(GetMessage {
        compressed: compression.is_some_and(|name| !name.is_empty() && name != "identity"),
        data,
    })
}

/// The path of a call by GET without the message in its query: a capture holds that as a message, once.
pub(crate) fn without_message(path: &str) -> String {
    let Some((method, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let parts = query.split('&').map(|part| {
        let (key, _) = part.split_once('=').unwrap_or((part, ""));
        if decoded(key) == b"message" { "message=" } else { part }
    });
    format!("{method}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// The path of a recorded call by GET with its message.
#[cfg(test)]
pub(crate) fn with_message(path: &str, data: &[u8]) -> String {
    let Some((method, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let value = if parameter(query, "base64").is_some_and(|base64| base64 == "1") {
        URL.encode(data)
    } else {
        percent_encoding::percent_encode(data, QUERY).to_string()
    };
    let parts = query.split('&').map(|part| {
        if part == "message=" {
            format!("message={value}")
        } else {
            part.to_owned()
        }
    });
    format!("{method}?{}", parts.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_those_of_connect() {
        for (code, name, http) in [
            (1, "canceled", 499),
            (2, "unknown", 500),
            (4, "deadline_exceeded", 504),
            (5, "not_found", 404),
            (9, "failed_precondition", 400),
            (12, "unimplemented", 501),
            (16, "unauthenticated", 401),
        ] {
            assert_eq!(
                (code_name(code).as_str(), code_of(name), http_status(code)),
                (name, Some(code), http)
            );
        }
        for unknown in ["", "ok", "NOT_FOUND", "cancelled ", "code_7"] {
            assert_eq!(code_of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_end_of_a_stream_is_read_and_written() {
        let end = br#"{"error":{"code":"not_found","message":"no job"},"metadata":{"X-A":["1","2"]}}"#;
        let status = end_of_stream(end).unwrap();
        assert_eq!((status.code, status.message.as_str()), (5, "no job"));
        assert_eq!(status.trailers.0.len(), 2);
        assert_eq!(status.trailers.get_text("x-a"), Some("1"));
        assert_eq!(end_of_stream(&end_payload(&status)), Some(status));
        assert_eq!(end_of_stream(b"{}"), Some(Status::default()));
        assert_eq!(end_payload(&Status::default()), b"{}");
        // An error without a code that can be read is one all the same.
        for odd in [&br#"{"error":{}}"#[..], br#"{"error":{"code":7}}"#, br#"{"error":"x"}"#] {
            assert_eq!(end_of_stream(odd).unwrap().code, 2);
        }
        for odd in [&b""[..], b"{", b"[]", b"null", b"\xff"] {
            assert_eq!(end_of_stream(odd), None);
        }
    }

    #[test]
    fn an_error_without_a_code_has_that_of_its_http_status() {
        assert_eq!(unary_error(br#"{"message":"m"}"#, 404).unwrap().code, 12);
        assert_eq!(unary_error(br#"{"code":"aborted"}"#, 404).unwrap().code, 10);
        assert_eq!(unary_error(b"<html>", 404), None);
        let status = Status {
            code: 3,
            message: "bad \"x\"".to_owned(),
            ..Status::default()
        };
        assert_eq!(unary_error(&error_payload(&status), 400), Some(status));
    }

    #[test]
    fn details_of_grpc_are_those_of_connect() {
        // google.rpc.Status with one Any of type x.Y and the bytes 0801.
        let rich = [
            &[0x08, 5, 0x1a, 0x1b, 0x0a, 0x15][..],
            b"type.googleapis.com/x",
            &[0x12, 2, 8, 1],
        ]
        .concat();
        let mut trailers = Metadata::default();
        trailers.push("grpc-status-details-bin", PLAIN.encode(rich));
        let status = Status {
            code: 5,
            trailers,
            ..Status::default()
        };
        let text = String::from_utf8(error_payload(&status)).unwrap();
        assert_eq!(text, r#"{"code":"not_found","details":[{"type":"x","value":"CAE"}]}"#);
        assert_eq!(end_payload(&Status { code: 0, ..status }), b"{}");
    }

    #[test]
    fn the_message_of_a_query_goes_and_comes_back() {
        for (path, data, compressed) in [
            (
                "/a.B/C?connect=v1&encoding=proto&base64=1&message=CAE",
                &b"\x08\x01"[..],
                false,
            ),
            ("/a.B/C?message=%7B%7D&encoding=json", b"{}", false),
            ("/a.B/C?encoding=json&message=", b"", false),
            (
                "/a.B/C?base64=1&compression=gzip&message=-_8&encoding=proto",
                b"\xfb\xff",
                true,
            ),
        ] {
            let query = path.split_once('?').unwrap().1;
            let found = message(query).unwrap();
            assert_eq!((&found.data[..], found.compressed), (data, compressed), "{path}");
            let without = without_message(path);
            assert!(data.is_empty() || !without.contains(raw(query, "message").unwrap()));
            assert_eq!(with_message(&without, data), path);
        }
        for padded in ["base64=1&message=CAE%3D", "base64=1&message=CAE="] {
            assert_eq!(message(padded).unwrap().data, b"\x08\x01");
        }
        assert_eq!(message("base64=1&message=%%%"), None);
        assert_eq!(message("encoding=proto"), None);
        assert_eq!(without_message("/a.B/C"), "/a.B/C");
    }
}
