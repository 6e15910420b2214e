//! Metadata, status and messages as HTTP/2 carries them. Pure.

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use crate::event::{Metadata, Status};

/// gRPC status codes that the server itself answers.
pub(super) mod code {
    pub(in crate::replay) const INVALID_ARGUMENT: u32 = 3;
    pub(in crate::replay) const NOT_FOUND: u32 = 5;
    pub(in crate::replay) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(in crate::replay) const UNIMPLEMENTED: u32 = 12;
    pub(in crate::replay) const INTERNAL: u32 = 13;
}

/// Bytes of the prefix of a gRPC message: the compressed flag and the length.
pub(super) const PREFIX_BYTES: usize = 5;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Fields that belong to one connection, and those that our own HTTP layer answers for.
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

/// Recorded metadata as header fields, in order; what HTTP/2 cannot carry is left out with a warning.
pub(super) fn fields(metadata: &Metadata) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(metadata.0.len());
    for (name, value) in metadata.iter() {
        if name.starts_with(':') || NOT_REPLAYED.contains(&name) {
            continue;
        }
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(value)) => {
                fields.append(name, value);
            }
            _ => tracing::warn!(name, "recorded metadata that HTTP/2 cannot carry is left out"),
        }
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
    let unsaid = status.code == 2 && status.message.is_empty();
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

/// The head of a trailers-only answer of our own.
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
        && let Ok(value) = HeaderValue::from_str(&percent_encoded(message))
    {
        fields.insert(GRPC_MESSAGE, value);
    }
    fields
}

/// A status message as `grpc-message` carries it: all but printable ASCII, and `%`, percent-encoded.
fn percent_encoded(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Appends the prefix of a message of `len` bytes; `None` when the 32-bit length cannot say it.
pub(super) fn put_prefix(out: &mut BytesMut, compressed: bool, len: usize) -> Option<()> {
    let len = u32::try_from(len).ok()?;
    out.put_u8(u8::from(compressed));
    out.put_u32(len);
    Some(())
}

#[cfg(test)]
mod tests;
