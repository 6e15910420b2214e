//! The wire side of a call: requests as a body that grows, answers cut out of the response.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header, uri::PathAndQuery};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tonic::{body::Body, transport::Channel};
use tower_service::Service as _;

use crate::{
    grpc::{
        Deframer, NO_ENCODING, metadata, prefix,
        status::{self, Block},
    },
    model::event::{Direction, Message, Metadata, Status},
};

/// The next part of the server's answer.
#[derive(Debug)]
pub(super) enum Answer {
    Message(Message),
    Status(Status),
    /// The call ended without a status; the text tells why.
    Broken(String),
}

/// A call in progress.
#[derive(Debug)]
pub(super) struct Conversation {
    channel: Channel,
    method: String,
    headers: HeaderMap,
    requests: Option<mpsc::Sender<Bytes>>,
    response: State,
    deframer: Deframer,
}

#[derive(Debug)]
enum State {
    Unopened,
    Asked(JoinHandle<Result<Response<Body>, tonic::transport::Error>>),
    Reading { head: HeaderMap, body: Body },
    Over { head: HeaderMap },
}

impl Drop for Conversation {
    fn drop(&mut self) {
        if let State::Asked(asked) = &self.response {
            asked.abort();
        }
    }
}

impl Conversation {
    pub(super) fn new(channel: Channel, method: String, headers: HeaderMap, max_message_bytes: usize) -> Self {
        Self {
            channel,
            method,
            headers,
            requests: None,
            response: State::Unopened,
            deframer: Deframer::new(max_message_bytes),
        }
    }

    /// Opens the call; `Err` tells why it cannot be.
    pub(super) fn open(&mut self) -> Result<(), String> {
        let path: PathAndQuery = (self.method.parse()).map_err(|_| format!("{:?} cannot be called", self.method))?;
        let (sender, receiver) = mpsc::channel(1);
        self.requests = Some(sender);
        let mut request = Request::new(Body::new(Requests(receiver)));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = path.into();
        let headers = request.headers_mut();
        *headers = std::mem::take(&mut self.headers);
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
        let mut channel = self.channel.clone();
        self.response = State::Asked(tokio::spawn(async move {
            poll_fn(|cx| channel.poll_ready(cx)).await?;
            channel.call(request).await
        }));
        Ok(())
    }

    /// Sends a recorded request; false when the server takes no more.
    pub(super) async fn send(&mut self, message: Message, limit: Duration) -> bool {
        let (Some(requests), Some(prefix)) = (&self.requests, prefix(message.compressed, message.data.len())) else {
            return false;
        };
        let framed = Bytes::from([&prefix[..], &message.data[..]].concat());
        matches!(timeout(limit, requests.send(framed)).await, Ok(Ok(())))
    }

    /// Ends the requests.
    pub(super) fn half_close(&mut self) {
        self.requests = None;
    }

    /// The initial metadata, once it has arrived.
    pub(super) fn head(&self) -> Metadata {
        match &self.response {
            State::Reading { head, .. } | State::Over { head } => metadata(head),
            State::Unopened | State::Asked(_) => Metadata::default(),
        }
    }

    /// The encoding of the answers.
    pub(super) fn encoding(&self) -> String {
        let head = self.head();
        head.get_text("grpc-encoding").unwrap_or(NO_ENCODING).to_owned()
    }

    /// The next answer, or the end of the call. Safe to drop and to call again.
    pub(super) async fn next(&mut self) -> Answer {
        loop {
            let (head, body) = match &mut self.response {
                State::Unopened | State::Over { .. } => return Answer::Broken("the call is over".to_owned()),
                State::Asked(asked) => {
                    let response = match asked.await {
                        Ok(Ok(response)) => response,
                        Ok(Err(error)) => return self.broken(&error),
                        Err(error) => return self.broken(&error),
                    };
                    let (parts, body) = response.into_parts();
                    if let Some(refusal) = status::not_grpc(parts.status, &parts.headers) {
                        self.response = State::Over { head: parts.headers };
                        return Answer::Status(refusal);
                    }
                    let head = parts.headers;
                    self.response = State::Reading { head, body };
                    continue;
                }
                State::Reading { head, body } => (head, body),
            };
            match self.deframer.next_frame() {
                Ok(Some(frame)) => {
                    return Answer::Message(Message {
                        direction: Direction::Received,
                        compressed: frame.compressed,
                        data: frame.data,
                    });
                }
                Ok(None) => {}
                Err(error) => return Answer::Broken(error.to_string()),
            }
            let trailers = match body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.deframer.push(data);
                        continue;
                    }
                    Err(frame) => frame.into_trailers().unwrap_or_default(),
                },
                Some(Err(error)) => return self.broken(&error),
                None => match status::status(head, Block::TrailersOnly) {
                    Some(_) => std::mem::take(head),
                    None => return Answer::Broken("the server ended the stream without a status".to_owned()),
                },
            };
            let head = std::mem::take(head);
            self.response = State::Over { head };
            if let Err(cut) = self.deframer.finish() {
                return Answer::Broken(cut.to_string());
            }
            return match status::status(&trailers, Block::Trailers) {
                Some(status) => Answer::Status(status),
                None => Answer::Broken("the trailers hold no grpc-status".to_owned()),
            };
        }
    }

    fn broken(&mut self, error: &(dyn std::error::Error + 'static)) -> Answer {
        self.response = State::Over { head: HeaderMap::new() };
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = error.to_string();
            cause = error.source();
        }
        Answer::Broken(text)
    }
}

/// A request body of messages that are sent one by one.
struct Requests(mpsc::Receiver<Bytes>);

impl HttpBody for Requests {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}
