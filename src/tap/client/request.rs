//! The request of a call, sent as raw HTTP.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, header, uri::PathAndQuery};
use http_body::{Body as HttpBody, Frame, SizeHint};
use thiserror::Error;
use tonic::{body::Body, transport};
use tower_service::Service as _;

use crate::{
    grpc::{encode_message, metadata},
    model::event::CallStart,
    tap::dial::Connection,
};

/// The error for an invalid method path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("could not call {path:?}: a method is written /package.Service/Method")]
pub struct MethodError {
    path: String,
}

/// A call to make: method and request message.
#[derive(Debug, Clone)]
pub(crate) struct CallRequest {
    path: PathAndQuery,
    messages: Vec<Bytes>,
    server_limited: bool,
}

impl CallRequest {
    /// A call of `method` (`/package.Service/Method`) that sends one message.
    pub(crate) fn new(method: &str, message: impl Into<Bytes>) -> Result<Self, MethodError> {
        let fail = || MethodError {
            path: method.to_owned(),
        };
        let rest = method.strip_prefix('/').ok_or_else(fail)?;
        match rest.split_once('/') {
            Some((service, name)) if !service.is_empty() && !name.is_empty() && !name.contains(['/', '?', '#']) => {}
            _ => return Err(fail()),
        }
        Ok(Self {
            path: method.parse().map_err(|_| fail())?,
            messages: vec![message.into()],
            server_limited: false,
        })
    }

    /// Notes that the request tells the server how many frames to send.
    #[must_use]
    pub(crate) const fn limited_by_server(mut self) -> Self {
        self.server_limited = true;
        self
    }

    /// The method path.
    #[must_use]
    pub(crate) fn method(&self) -> &str {
        self.path.as_str()
    }

    pub(super) fn messages(&self) -> &[Bytes] {
        &self.messages
    }

    pub(super) const fn server_limited(&self) -> bool {
        self.server_limited
    }

    /// The start of the call as an event; the channel adds its `user-agent` below this.
    pub(super) fn start(&self, connection: &Connection) -> CallStart {
        CallStart {
            method: self.method().to_owned(),
            authority: connection.authority.clone(),
            peer: connection.peer.clone(),
            metadata: metadata(&headers(&connection.metadata)),
            certificate_sha256: connection.certificate_sha256(),
            ..CallStart::default()
        }
    }

    /// Sends the request, and waits for the head of the response.
    pub(super) async fn send(&self, connection: &Connection) -> Result<Response<Body>, transport::Error> {
        let mut channel = connection.channel.clone();
        poll_fn(|cx| channel.poll_ready(cx)).await?;
        let mut request = Request::new(Body::new(Messages::new(&self.messages)));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from(self.path.clone());
        *request.headers_mut() = headers(&connection.metadata);
        channel.call(request).await
    }
}

/// The HTTP headers of a call. Only `identity` is accepted, so that what is recorded can be read without a
/// decompressor; a server that compresses all the same is recorded as it speaks.
fn headers(user: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(user.len() + 3);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
    for (name, value) in user {
        headers.append(name, value.clone());
    }
    headers
}

/// A body of length-prefixed messages.
struct Messages(VecDeque<Bytes>);

impl Messages {
    fn new(messages: &[Bytes]) -> Self {
        Self(
            messages
                .iter()
                .map(|message| encode_message(false, message).into())
                .collect(),
        )
    }
}

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_path_has_a_service_and_a_name() {
        assert_eq!(CallRequest::new("/a.B/C", "").unwrap().method(), "/a.B/C");
        for path in ["", "a.B/C", "/a.B", "/a.B/", "//C", "/a/b/c", "/a.B/C?x=1", "/a b/C"] {
            assert!(CallRequest::new(path, "").is_err(), "{path}");
        }
    }
}
