//! The protocols in which a call can be written in HTTP: gRPC, gRPC-Web and Connect.
//!
//! A capture holds every call in the same way. What another protocol than gRPC needs besides is in the metadata, under
//! names that no HTTP field can have: `:method` and `:path` for a call by GET, `:status` for an answer that is not 200,
//! and `:body` for the bytes of the body that held the status.

pub(crate) mod connect;
mod text;
pub(crate) mod web;

pub(crate) use text::{TextDecoder, encode as encode_text};

use super::{status::is_grpc, timeout};
use crate::model::event::Metadata;

/// The HTTP method of a call that was not made by POST.
pub(crate) const METHOD: &str = ":method";
/// The requested path with its query, without the message in it, of a call by GET.
pub(crate) const PATH: &str = ":path";
/// The HTTP status of an answer that is not 200.
pub(crate) const STATUS: &str = ":status";
/// The bytes of the answer that held the status: the last frames of a stream with their prefixes, or the whole body of
/// an error.
pub(crate) const BODY: &str = ":body";

/// The flag of gRPC-Web's frame of trailers.
const WEB_TRAILERS: u8 = 0x80;
/// The flag of Connect's last frame of a stream.
const CONNECT_END: u8 = 0x02;

/// How a call is written in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Protocol {
    /// gRPC: prefixed messages, and the status in trailers.
    #[default]
    Grpc,
    /// gRPC-Web: prefixed messages, and the trailers as the last frame of the body.
    Web,
    /// gRPC-Web in base64.
    WebText,
    /// A stream of Connect: prefixed messages, and the status as JSON in the last frame.
    ConnectStream,
    /// A unary call of Connect: the body is the message, and the HTTP status is the status.
    ConnectUnary,
    /// A unary call of Connect by GET: the message is in the query.
    ConnectGet,
}

impl Protocol {
    /// The protocol of a request; `None` when it is not a call. `path` has its query.
    pub(crate) fn of_request(verb: &str, path: &str, metadata: &Metadata) -> Option<Self> {
        let content_type = metadata.get_text("content-type").unwrap_or_default();
        if is_grpc(content_type) {
            return Some(Self::Grpc);
        }
        let (method, query) = path.split_once('?').unwrap_or((path, ""));
        if verb == "GET" {
            let has = |name| connect::parameter(query, name).is_some();
            let is_call = has("connect") || (has("message") && has("encoding"));
            return (is_call && is_method(method)).then_some(Self::ConnectGet);
        }
        match Self::of_content_type(content_type)? {
            Self::ConnectUnary => {
                let said = metadata.get("connect-protocol-version").is_some();
                let named = content_type_is(content_type, "application/proto");
                let json = content_type_is(content_type, "application/json") && is_qualified(method);
                (is_method(method) && (said || named || json)).then_some(Self::ConnectUnary)
            }
            other => Some(other),
        }
    }

    /// The protocol of a recorded call.
    pub(crate) fn of_call(metadata: &Metadata) -> Self {
        if metadata.get(METHOD).is_some_and(|verb| verb == b"GET") {
            return Self::ConnectGet;
        }
        let content_type = metadata.get_text("content-type").unwrap_or_default();
        Self::of_content_type(content_type).unwrap_or_default()
    }

    /// The protocol of a message's content type: any other type may be the one of a unary call of Connect.
    fn of_content_type(content_type: &str) -> Option<Self> {
        if is_grpc(content_type) {
            return Some(Self::Grpc);
        }
        let kind = essence(content_type);
        let rest = kind.strip_prefix("application/")?;
        Some(if has_codec(rest, "grpc-web-text") {
            Self::WebText
        } else if has_codec(rest, "grpc-web") {
            Self::Web
        } else if rest.starts_with("connect+") {
            Self::ConnectStream
        } else {
            Self::ConnectUnary
        })
    }

    /// The flag of the frame that ends a stream; 0 = there is none.
    pub(crate) const fn end_flag(self) -> u8 {
        match self {
            Self::Web | Self::WebText => WEB_TRAILERS,
            Self::ConnectStream => CONNECT_END,
            Self::Grpc | Self::ConnectUnary | Self::ConnectGet => 0,
        }
    }

    /// True when the body of a direction is one message.
    pub(crate) const fn is_unary(self) -> bool {
        matches!(self, Self::ConnectUnary | Self::ConnectGet)
    }

    /// True for gRPC-Web.
    pub(crate) const fn is_web(self) -> bool {
        matches!(self, Self::Web | Self::WebText)
    }

    /// The protocol in which an answer of this content type and HTTP status is written; `None` when it is an error in
    /// no protocol's frames.
    pub(crate) fn of_answer(self, http: u16, content_type: &str) -> Option<Self> {
        let found = Self::of_content_type(content_type).filter(|_| http == 200)?;
        match self {
            Self::Grpc => (found == Self::Grpc).then_some(found),
            Self::Web | Self::WebText => found.is_web().then_some(found),
            Self::ConnectStream => (found == self).then_some(found),
            Self::ConnectUnary | Self::ConnectGet => (found == Self::ConnectUnary).then_some(self),
        }
    }

    /// The field that names the encoding of messages.
    pub(crate) const fn encoding_field(self) -> &'static str {
        match self {
            Self::Grpc | Self::Web | Self::WebText => "grpc-encoding",
            Self::ConnectStream => "connect-content-encoding",
            Self::ConnectUnary | Self::ConnectGet => "content-encoding",
        }
    }

    /// The field that names the encodings that a client accepts.
    pub(crate) const fn accepted_field(self) -> &'static str {
        match self {
            Self::Grpc | Self::Web | Self::WebText => "grpc-accept-encoding",
            Self::ConnectStream => "connect-accept-encoding",
            Self::ConnectUnary | Self::ConnectGet => "accept-encoding",
        }
    }
}

/// The encoding of a call's messages in one direction, by the metadata of that direction, in any protocol.
pub(crate) fn message_encoding(metadata: &Metadata) -> Option<&str> {
    if let Some(encoding) = metadata.get_text("grpc-encoding") {
        return Some(encoding);
    }
    if let Some(path) = metadata.get_text(PATH) {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        // Names of encodings have no characters to escape.
        return connect::raw(query, "compression");
    }
    match Protocol::of_call(metadata) {
        Protocol::Grpc | Protocol::Web | Protocol::WebText => None,
        protocol => metadata.get_text(protocol.encoding_field()),
    }
}

/// The client's deadline, in any protocol.
pub(crate) fn deadline(metadata: &Metadata) -> Option<std::time::Duration> {
    if let Some(value) = metadata.get("grpc-timeout") {
        return timeout::parse(value);
    }
    let ms = metadata.get_text("connect-timeout-ms")?;
    let plain = !ms.is_empty() && ms.len() <= 10 && ms.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| ms.parse().ok())
        .flatten()
        .map(std::time::Duration::from_millis)
}

/// True when the messages of a direction are JSON, by its metadata.
pub(crate) fn is_json(metadata: &Metadata) -> bool {
    if let Some(path) = metadata.get_text(PATH) {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        return connect::parameter(query, "encoding").is_some_and(|codec| codec == "json");
    }
    let content_type = essence(metadata.get_text("content-type").unwrap_or_default());
    content_type == "application/json"
        || content_type
            .strip_suffix("+json")
            .is_some_and(|rest| rest.starts_with("application/grpc") || rest == "application/connect")
}

/// The content type in lower case without its parameters.
fn essence(content_type: &str) -> String {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

pub(crate) fn content_type_is(content_type: &str, kind: &str) -> bool {
    essence(content_type) == kind
}

/// True for the name of a protocol alone or with a codec.
fn has_codec(kind: &str, name: &str) -> bool {
    kind.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

/// True for a path of a service and a method, below any prefix.
fn is_method(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (method, service) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    is_identifier(method) && service.split('.').all(is_identifier)
}

/// True for a path whose service is in a package, which paths of other web servers are not.
fn is_qualified(path: &str) -> bool {
    path.rsplit('/').nth(1).is_some_and(|service| service.contains('.'))
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
