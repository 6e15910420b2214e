//! Status: `grpc-status`, `grpc-message`, and what HTTP says when they are missing.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::metadata::metadata;
use crate::model::event::{Metadata, Status};

/// OK.
pub(crate) const OK: u32 = 0;
/// UNKNOWN: also what a missing or unreadable code becomes.
pub(crate) const UNKNOWN: u32 = 2;
/// The deadline of the call passed.
pub(crate) const DEADLINE_EXCEEDED: u32 = 4;
/// `INVALID_ARGUMENT`.
pub(crate) const INVALID_ARGUMENT: u32 = 3;
/// `NOT_FOUND`.
pub(crate) const NOT_FOUND: u32 = 5;
/// `PERMISSION_DENIED`.
pub(crate) const PERMISSION_DENIED: u32 = 7;
/// `RESOURCE_EXHAUSTED`.
pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
/// ABORTED.
pub(crate) const ABORTED: u32 = 10;
/// UNIMPLEMENTED.
pub(crate) const UNIMPLEMENTED: u32 = 12;
/// INTERNAL.
pub(crate) const INTERNAL: u32 = 13;
/// UNAVAILABLE.
pub(crate) const UNAVAILABLE: u32 = 14;
/// `DATA_LOSS`.
pub(crate) const DATA_LOSS: u32 = 15;
/// UNAUTHENTICATED.
pub(crate) const UNAUTHENTICATED: u32 = 16;

/// Names by code.
pub(crate) const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name of a status code, or `CODE_n` for one that gRPC does not define.
#[must_use]
pub(crate) fn name(code: u32) -> String {
    NAMES
        .get(code as usize)
        .map_or_else(|| format!("CODE_{code}"), |name| (*name).to_owned())
}

/// The code of a name such as `NOT_FOUND`, in any case.
#[must_use]
pub(crate) fn code(name: &str) -> Option<u32> {
    NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
        .map(|at| at as u32)
}

/// The block of headers that contains a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// Trailers after a response.
    Trailers,
    /// Headers and trailers in one block, without a body.
    TrailersOnly,
}

/// The status in `headers`, or `None` without `grpc-status`.
#[must_use]
pub(crate) fn status(headers: &HeaderMap, block: Block) -> Option<Status> {
    let code = headers.get("grpc-status")?;
    let code = std::str::from_utf8(code.as_bytes())
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(UNKNOWN);
    Some(Status {
        code,
        message: headers
            .get("grpc-message")
            .map(|value| percent_decode(value.as_bytes()))
            .unwrap_or_default(),
        trailers: metadata(headers),
        trailers_only: block == Block::TrailersOnly,
    })
}

/// The status of a stream that ended without a `grpc-status`, by the HTTP status of its response (gRPC's
/// `http-grpc-status-mapping`).
#[must_use]
pub(crate) const fn code_of_http(http: u16) -> u32 {
    match http {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// The status for a response that is not gRPC, or `None` when it is.
pub(crate) fn not_grpc(http: StatusCode, headers: &HeaderMap) -> Option<Status> {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.map_or_else(Cow::default, |value| String::from_utf8_lossy(value.as_bytes()));
    if http == StatusCode::OK && is_grpc(&content_type) {
        return None;
    }
    status(headers, Block::TrailersOnly).or_else(|| {
        let kind = match &*content_type {
            "" => "no content-type",
            kind => kind,
        };
        Some(Status {
            code: code_of_http(http.as_u16()),
            message: format!(
                "the server answered HTTP {} with {kind}, which is not gRPC; is this the right port and path? (The REST \
                 side of a Focus Server speaks no gRPC.)",
                http.as_u16()
            ),
            trailers: Metadata::default(),
            trailers_only: true,
        })
    })
}

/// Decodes the text of a `grpc-message`: percent escapes decoded, broken ones kept as they are, bad UTF-8 replaced.
#[must_use]
pub(crate) fn percent_decode(raw: &[u8]) -> String {
    percent_encoding::percent_decode(raw).decode_utf8_lossy().into_owned()
}

/// Encodes a text for `grpc-message`: all but printable ASCII without `%` is escaped.
#[must_use]
pub(crate) fn percent_encode(text: &str) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// True for a content type of gRPC: `application/grpc`, alone or with a subtype or parameters.
pub(crate) fn is_grpc(content_type: &str) -> bool {
    content_type
        .to_ascii_lowercase()
        .strip_prefix("application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';', ' ']))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(entries: &[(&'static str, &[u8])]) -> HeaderMap {
        entries
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn content_types_of_grpc_are_told_from_others() {
        for grpc in [
            "application/grpc",
            "application/grpc+proto",
            "Application/GRPC;charset=utf-8",
        ] {
            assert!(is_grpc(grpc), "{grpc}");
        }
        for other in ["", "application/grpc-web", "application/json", "text/html"] {
            assert!(!is_grpc(other), "{other}");
        }
    }

    #[test]
    fn a_status_keeps_every_trailer_and_decodes_its_message() {
        let map = headers(&[
            ("grpc-status", b"5"),
            ("grpc-message", b"job %2712-7%27"),
            ("grpc-status-details-bin", b"CAUS"),
        ]);
        let status = status(&map, Block::TrailersOnly).unwrap();
        assert_eq!((status.code, status.message.as_str()), (5, "job '12-7'"));
        assert!(status.trailers_only);
        assert_eq!(status.trailers.get("grpc-status-details-bin"), Some(&b"CAUS"[..]));
        assert_eq!(status.trailers.get("grpc-message"), Some(&b"job %2712-7%27"[..]));
    }

    #[test]
    fn a_missing_status_is_none_and_an_unreadable_one_is_unknown() {
        assert_eq!(status(&headers(&[("x", b"0")]), Block::Trailers), None);
        for odd in [&b"five"[..], b"", b"-1", b"\xff"] {
            assert_eq!(
                status(&headers(&[("grpc-status", odd)]), Block::Trailers).unwrap().code,
                UNKNOWN
            );
        }
        assert_eq!(
            status(&headers(&[("grpc-status", b"42")]), Block::Trailers)
                .unwrap()
                .code,
            42
        );
    }

    #[test]
    fn an_answer_that_is_not_grpc_has_a_status_all_the_same() {
        let grpc = headers(&[("content-type", b"application/grpc+proto")]);
        assert_eq!(not_grpc(StatusCode::OK, &grpc), None);
        let told = headers(&[("grpc-status", b"7"), ("content-type", b"text/html")]);
        assert_eq!(not_grpc(StatusCode::OK, &told).unwrap().code, PERMISSION_DENIED);
        for (http, kind, code) in [
            (404, "text/html", UNIMPLEMENTED),
            (200, "", UNKNOWN),
            (503, "", UNAVAILABLE),
        ] {
            let mut map = HeaderMap::new();
            if !kind.is_empty() {
                map.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            let status = not_grpc(StatusCode::from_u16(http).unwrap(), &map).unwrap();
            assert_eq!((status.code, status.trailers_only), (code, true), "{}", status.message);
            let kind = if kind.is_empty() { "no content-type" } else { kind };
            assert!(
                status.message.contains(&format!("HTTP {http} with {kind}")),
                "{}",
                status.message
            );
        }
    }

    #[test]
    fn http_maps_as_the_specification_says() {
        for (http, code) in [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (429, 14),
            (502, 14),
            (503, 14),
            (504, 14),
        ] {
            assert_eq!(code_of_http(http), code, "HTTP {http}");
        }
        assert_eq!(code_of_http(200), UNKNOWN);
        assert_eq!(code_of_http(500), UNKNOWN);
    }

    #[test]
    fn names_and_codes_are_each_others_inverse() {
        for at in 0..17 {
            assert_eq!(code(&name(at)), Some(at));
        }
        assert_eq!(code("not_found"), Some(NOT_FOUND));
        assert_eq!(code("CODE_99"), None);
    }

    #[test]
    fn messages_survive_encoding() {
        for text in ["", "plain", "100 %", "Zeile\nzwei €", "%zz"] {
            assert_eq!(percent_decode(percent_encode(text).as_bytes()), text);
        }
        assert_eq!(percent_decode(b"cut %4"), "cut %4");
        assert_eq!(percent_decode(b"%ff"), "\u{fffd}");
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_name() {
        assert_eq!(crate::grpc::status::name(5), "NOT_FOUND");
        assert_eq!(crate::grpc::status::name(99), "CODE_99");
    }

    #[test]
    fn example_of_percent_decode() {
        use crate::grpc::status::percent_decode;
        assert_eq!(percent_decode(b"50%25 of %E2%82%AC"), "50% of €");
        assert_eq!(percent_decode(b"100% sure %zz"), "100% sure %zz");
    }
}
