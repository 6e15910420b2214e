//! What a client's call says before it is matched.

use http::HeaderMap;

use crate::{
    grpc::{NO_ENCODING, WireError, inflate, metadata},
    model::event::CallStart,
    serve::{
        catalog::Catalog, plan::CallMatcher, read_request::ReadRequest, script::Request as FirstMessage,
        state::ServerState,
    },
};

/// The start of a client's call.
pub(super) fn call_start(parts: &http::request::Parts, connection: u32) -> CallStart {
    CallStart {
        method: parts.uri.path().to_owned(),
        authority: parts.uri.authority().map(ToString::to_string).unwrap_or_default(),
        metadata: metadata(&parts.headers),
        connection,
        ..CallStart::default()
    }
}

/// The encoding of the client's messages.
pub(super) fn sent_in(headers: &HeaderMap) -> &str {
    let name = headers.get("grpc-encoding").and_then(|name| name.to_str().ok());
    name.unwrap_or(NO_ENCODING)
}

/// The uncompressed content of a message, where its encoding is known.
pub(super) fn plain(message: FirstMessage, encoding: &str, limit: usize) -> FirstMessage {
    if !message.compressed {
        return message;
    }
    match inflate(encoding, &message.data, limit as u64) {
        Ok(data) => FirstMessage {
            compressed: false,
            data,
        },
        Err(_) => message,
    }
}

/// True when a call of this method that began in the same way was recorded, and its server is up.
pub(super) fn was_asked(
    catalog: &Catalog,
    state: &ServerState,
    parts: &http::request::Parts,
    first: Result<Option<FirstMessage>, WireError>,
) -> bool {
    let (Some(method), Ok(first)) = (catalog.method(parts.uri.path()), first) else {
        return false;
    };
    if state.readiness.left_of_all().is_some() {
        return false;
    }
    let (encoding, limit) = (sent_in(&parts.headers), state.wire.max_request_bytes);
    let reducer = state.reducers.of(parts.uri.path());
    let mut matcher = CallMatcher::new(method, Vec::new());
    match first {
        Some(first) => {
            let request = ReadRequest::of(encoding, first.compressed, &first.data, limit, reducer.as_deref());
            matcher.request(method, request.asked);
        }
        None => matcher.half_close(method),
    }
    !matcher.is_over()
}
