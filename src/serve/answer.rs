//! Encoding of recorded metadata and status as HTTP/2 header fields. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use crate::{
    grpc::{
        header_map,
        status::{UNKNOWN, percent_encode},
    },
    model::event::{Metadata, Status},
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Fields that belong to one connection, and those that our own HTTP layer sets.
const NOT_REPLAYED: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "te",
    "date",
    "content-length",
];

/// Converts recorded metadata to header fields, in order; what HTTP/2 cannot carry is left out.
pub(super) fn fields(metadata: &Metadata) -> HeaderMap {
    let mut fields = header_map(metadata);
    for name in NOT_REPLAYED {
        fields.remove(name);
    }
    fields
}

/// The head of a replayed answer.
pub(super) fn head(metadata: &Metadata) -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = fields(metadata);
    // Events that no tap recorded, such as imported ones, have none; a client would refuse the answer.
    response.headers_mut().entry(CONTENT_TYPE).or_insert(GRPC);
    if let Some(status) = metadata
        .get_text(":status")
        .and_then(|status| status.parse::<StatusCode>().ok())
    {
        *response.status_mut() = status;
    }
    response
}

/// The trailers of a recorded status: as recorded, and complete when they were not recorded at all.
pub(super) fn trailers(status: &Status) -> HeaderMap {
    let mut fields = fields(&status.trailers);
    // UNKNOWN without a field is how a server that sent no status was recorded: it is replayed as it was.
    let unsaid = status.code == UNKNOWN && status.message.is_empty();
    if !fields.contains_key(GRPC_STATUS) && !unsaid {
        fields.extend(status_fields(status.code, &status.message));
    }
    fields
}

/// The head of a trailers-only answer that replays `status`.
pub(super) fn trailers_only(status: &Status) -> Response<()> {
    let mut response = head(&status.trailers);
    *response.headers_mut() = trailers(status);
    response.headers_mut().entry(CONTENT_TYPE).or_insert(GRPC);
    response
}

/// The head of a trailers-only answer that the server makes itself.
pub(super) fn refusal(code: u32, message: &str) -> Response<()> {
    let status = Status {
        code,
        message: message.to_owned(),
        ..Status::default()
    };
    trailers_only(&status)
}

/// `grpc-status`, and `grpc-message` when there is one.
fn status_fields(code: u32, message: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(GRPC_STATUS, HeaderValue::from(code));
    if !message.is_empty()
        && let Ok(value) = HeaderValue::from_str(&percent_encode(message))
    {
        fields.insert(GRPC_MESSAGE, value);
    }
    fields
}

#[cfg(test)]
mod tests;
