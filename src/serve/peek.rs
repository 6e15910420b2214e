//! Reading of a request's first message before the call is dispatched.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::script::Request;
use crate::grpc::{Deframer, WireError};

/// A request body that was read up to its first message, and that can still be read from its beginning.
#[derive(Debug)]
pub(super) struct Peeked {
    ahead: VecDeque<Bytes>,
    rest: Incoming,
}

impl Peeked {
    /// Reads the first message; `None` when the client sent none.
    pub(super) async fn read(mut rest: Incoming, limit: usize) -> (Result<Option<Request>, WireError>, Self) {
        let mut deframer = Deframer::new(limit);
        let mut ahead = VecDeque::new();
        let first = loop {
            match deframer.next_frame() {
                Ok(Some(frame)) => {
                    let (compressed, data) = (frame.compressed, frame.data);
                    break Ok(Some(Request { compressed, data }));
                }
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            match rest.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        deframer.push(data.clone());
                        ahead.push_back(data);
                    }
                }
                Some(Err(_)) | None => break Ok(None),
            }
        };
        (first, Self { ahead, rest })
    }

    /// Returns the unread rest.
    pub(super) fn into_rest(self) -> Incoming {
        self.rest
    }
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.ahead.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }
}
