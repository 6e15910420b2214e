//! Clients of gRPC-Web and Connect: their requests are read in gRPC's frames, and their answers are written in theirs.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body::{Body, Frame};
use hyper::body::Incoming;

use super::{answer, player::PlayedEnding};
use crate::{
    grpc::{
        deframe::flagged_prefix,
        is_grpc, metadata,
        protocol::{self, Protocol, TextDecoder, connect, encode_text, web},
        status,
    },
    model::event::{Metadata, Status},
};

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// How one client writes its call.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    protocol: Protocol,
    /// The content type of an answer.
    content_type: String,
    /// True when the recorded answer has nothing after its messages but what was recorded.
    is_whole: bool,
    /// True when the answer is written in base64.
    is_text: bool,
}

impl Wire {
    /// The protocol of a request that is not gRPC; `None` when it is no call.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let fields = metadata(&parts.headers);
        let protocol = Protocol::of_request(parts.method.as_str(), path, &fields)?;
        let content_type = match protocol {
            Protocol::ConnectGet => {
                let codec = connect::parameter(parts.uri.query().unwrap_or_default(), "encoding");
                format!("application/{}", codec.unwrap_or_else(|| "proto".into()))
            }
            _ => fields.get_text("content-type").unwrap_or_default().to_owned(),
        };
        Some(Self {
            protocol,
            content_type,
            is_whole: false,
            is_text: protocol == Protocol::WebText,
        })
    }

    /// Names the encodings of a request as gRPC does.
    pub(super) fn name_encodings(&self, parts: &mut Parts) {
        let query = parts.uri.query().unwrap_or_default();
        let encoding = match self.protocol {
            Protocol::ConnectGet => connect::parameter(query, "compression").and_then(|name| name.parse().ok()),
            protocol => parts.headers.get(protocol.encoding_field()).cloned(),
        };
        let accepted = parts.headers.get(self.protocol.accepted_field()).cloned();
        for (name, value) in [(ENCODING, encoding), (ACCEPTED, accepted)] {
            match value {
                Some(value) => drop(parts.headers.insert(name, value)),
                None => drop(parts.headers.remove(name)),
            }
        }
    }

    /// The request's body in gRPC's frames. A message may have `limit` bytes.
    pub(super) fn requests(&self, parts: &Parts, body: Incoming, limit: usize) -> Requests {
        match self.protocol {
            Protocol::Grpc | Protocol::Web | Protocol::ConnectStream => Requests::Frames(body),
            Protocol::WebText => Requests::Text(body, TextDecoder::default()),
            Protocol::ConnectUnary => Requests::Unary {
                body,
                data: BytesMut::new(),
                size: 0,
                limit,
                compressed: parts.headers.get(ENCODING).is_some_and(|name| name != "identity"),
            },
            Protocol::ConnectGet => {
                let message = connect::message(parts.uri.query().unwrap_or_default());
                let frame = message.map(|message| {
                    let flags = u8::from(message.compressed);
                    [&flagged_prefix(flags, message.data.len())[..], &message.data].concat()
                });
                Requests::Get(frame.map(Bytes::from))
            }
        }
    }

    /// The head of an answer that was recorded with this one.
    pub(super) fn head(&mut self, recorded: &Metadata) -> Response<()> {
        let mut head = answer::head(recorded);
        let status = head.status().as_u16();
        let kind = kind(recorded);
        let own = self.protocol.of_answer(status, kind);
        // The status may stand in the head.
        self.is_whole = (own.is_none() && !is_grpc(kind)) || recorded.get("grpc-status").is_some();
        self.is_text &= own.is_some() || is_grpc(kind);
        if kind.is_empty() {
            head.headers_mut().remove(CONTENT_TYPE);
        }
        let text = own == Some(Protocol::WebText);
        if is_grpc(kind) || own.is_some() && text != (self.protocol == Protocol::WebText) {
            let encoding = head.headers_mut().remove(ENCODING);
            if let (Some(encoding), Ok(name)) = (encoding, HeaderName::try_from(self.protocol.encoding_field())) {
                head.headers_mut().insert(name, encoding);
            }
            self.own_type(head.headers_mut());
        }
        head
    }

    fn own_type(&self, headers: &mut HeaderMap) {
        if let Ok(kind) = HeaderValue::from_str(&self.content_type) {
            headers.insert(CONTENT_TYPE, kind);
        }
    }

    /// True when an answer with this recorded head must be read to its end before its own head can be written.
    pub(super) fn waits(&self, recorded: &Metadata) -> bool {
        self.protocol.is_unary() && is_grpc(kind(recorded))
    }

    /// The prefix of a message.
    pub(super) fn has_prefix(&self) -> bool {
        !self.protocol.is_unary()
    }

    /// The bytes after the last message.
    pub(super) fn tail(&self, ending: &Status) -> Bytes {
        if let Some(body) = ending.trailers.get(protocol::BODY) {
            return Bytes::copy_from_slice(body);
        }
        let payload = match self.protocol {
            _ if self.is_whole => return Bytes::new(),
            // A redacted capture does not hold the bytes of an error.
            Protocol::ConnectUnary | Protocol::ConnectGet if ending.code != 0 => {
                return connect::error_payload(ending).into();
            }
            Protocol::Grpc | Protocol::ConnectUnary | Protocol::ConnectGet => return Bytes::new(),
            Protocol::Web | Protocol::WebText => web::payload(&metadata(&answer::trailers(ending))),
            Protocol::ConnectStream => connect::end_payload(ending),
        };
        [&flagged_prefix(self.protocol.end_flag(), payload.len())[..], &payload]
            .concat()
            .into()
    }

    /// Bytes of a body as they are sent.
    pub(super) fn encoded(&self, bytes: &[u8]) -> Option<Bytes> {
        self.is_text.then(|| encode_text(bytes).into())
    }

    /// The whole answer to a unary call that was recorded in gRPC.
    pub(super) fn unary(
        &self,
        recorded: &Metadata,
        message: Option<(bool, Bytes)>,
        ending: &PlayedEnding,
    ) -> Response<Bytes> {
        let status = match ending {
            PlayedEnding::Status(recorded) => recorded.clone(),
            _ => Status {
                code: status::UNAVAILABLE,
                message: "the recorded call ended here without a status".to_owned(),
                ..Status::default()
            },
        };
        let mut head = Response::new(());
        *head.headers_mut() = answer::fields(recorded);
        let encoding = head.headers_mut().remove(ENCODING);
        if status.code != 0 {
            return Self::error(head, &status);
        }
        for (name, value) in connect::own_trailers(&status.trailers) {
            let name = HeaderName::try_from(format!("{}{name}", connect::TRAILER));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                head.headers_mut().append(name, value);
            }
        }
        self.own_type(head.headers_mut());
        let (compressed, data) = message.unwrap_or_default();
        if let (true, Some(encoding)) = (compressed, encoding) {
            head.headers_mut().insert(http::header::CONTENT_ENCODING, encoding);
        }
        head.map(|()| data)
    }

    /// An error of a unary call of Connect.
    fn error(mut head: Response<()>, status: &Status) -> Response<Bytes> {
        for (name, value) in connect::own_trailers(&status.trailers) {
            let name = HeaderName::try_from(format!("{}{name}", connect::TRAILER));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                head.headers_mut().append(name, value);
            }
        }
        let http = StatusCode::from_u16(connect::http_status(status.code));
        *head.status_mut() = http.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        head.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        head.map(|()| connect::error_payload(status).into())
    }

    /// The answer to this client for one in gRPC that has its status in the head, such as a refusal; `None` for others.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<Response<Bytes>> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(is_grpc) {
            return None;
        }
        let mut status = status::status(headers, status::Block::TrailersOnly)?;
        status.trailers.0.retain(|(name, _)| name != "content-type");
        let mut head = Response::new(());
        match self.protocol {
            Protocol::Grpc => None,
            Protocol::Web | Protocol::WebText => {
                head.headers_mut().clone_from(headers);
                self.own_type(head.headers_mut());
                Some(head.map(|()| Bytes::new()))
            }
            Protocol::ConnectStream => {
                self.own_type(head.headers_mut());
                Some(head.map(|()| self.tail(&status)))
            }
            Protocol::ConnectUnary | Protocol::ConnectGet => Some(Self::error(head, &status)),
        }
    }
}

/// The content type of a recorded answer; events that no tap recorded have no head, and are of gRPC.
fn kind(recorded: &Metadata) -> &str {
    let none = if recorded.get(protocol::STATUS).is_some() {
        ""
    } else {
        "application/grpc"
    };
    recorded.get_text("content-type").unwrap_or(none)
}

/// The requests of a client in gRPC's frames.
pub(super) enum Requests {
    Frames(Incoming),
    Text(Incoming, TextDecoder),
    /// A body that is one message.
    Unary {
        body: Incoming,
        data: BytesMut,
        size: usize,
        limit: usize,
        compressed: bool,
    },
    /// The message of a query.
    Get(Option<Bytes>),
}

impl Requests {
    fn poll_data(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Body for Requests {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Frames(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Text(body, decoder) => Poll::Ready(match ready!(Self::poll_data(body, cx)) {
                Some(Ok(text)) => Some(
                    decoder
                        .push(&text)
                        .map(|data| Frame::data(data.into()))
                        .map_err(Into::into),
                ),
                Some(Err(error)) => Some(Err(error.into())),
                None => match decoder.finish() {
                    Ok(rest) if rest.is_empty() => None,
                    rest => Some(rest.map(|rest| Frame::data(rest.into())).map_err(Into::into)),
                },
            }),
            Self::Unary {
                body,
                data,
                size,
                limit,
                compressed,
            } => loop {
                match ready!(Self::poll_data(body, cx)) {
                    Some(Ok(part)) => {
                        *size = size.saturating_add(part.len());
                        // One that is too large is told from its size alone.
                        if *size <= *limit {
                            data.extend_from_slice(&part);
                        } else {
                            data.clear();
                        }
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    None => {
                        let frame = [&flagged_prefix(u8::from(*compressed), *size)[..], data].concat();
                        *self = Self::Get(None);
                        return Poll::Ready(Some(Ok(Frame::data(frame.into()))));
                    }
                }
            },
            Self::Get(frame) => Poll::Ready(frame.take().map(|frame| Ok(Frame::data(frame)))),
        }
    }
}
