//! The way out of one direction: bytes at the pace of whoever takes them.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, Response};
use tokio::time::timeout;

use super::{
    ending::Leaving,
    piece::{Delivery, Piece},
};

/// How long a reset waits for what was sent before it. A side that does not read holds up what it has not taken, and
/// must learn of the end all the same.
const GRACE: Duration = Duration::from_millis(250);

/// The stream is closed; its other half says why.
#[derive(Debug)]
pub(super) struct Closed;

/// Sends one direction of a call.
pub(super) struct Outlet {
    stream: SendStream<Piece>,
    delivery: Arc<Delivery>,
}

impl Outlet {
    pub(super) fn new(stream: SendStream<Piece>) -> Self {
        Self {
            stream,
            delivery: Arc::default(),
        }
    }

    /// Sends bytes as the other side's flow control lets them go.
    pub(super) async fn send(&mut self, mut data: Bytes, end: bool) -> Result<(), Closed> {
        loop {
            let room = if data.is_empty() {
                0
            } else {
                self.room(data.len()).await?
            };
            let part = data.split_to(room.min(data.len()));
            let last = data.is_empty();
            let piece = Piece::new(part, &self.delivery);
            self.stream.send_data(piece, end && last).map_err(|_| Closed)?;
            if last {
                return Ok(());
            }
        }
    }

    async fn room(&mut self, wanted: usize) -> Result<usize, Closed> {
        self.stream.reserve_capacity(wanted);
        match self.stream.capacity() {
            0 => match poll_fn(|cx| self.stream.poll_capacity(cx)).await {
                Some(Ok(room)) => Ok(room),
                Some(Err(_)) | None => Err(Closed),
            },
            room => Ok(room),
        }
    }

    pub(super) fn trailers(&mut self, trailers: HeaderMap) -> Result<(), Closed> {
        self.stream.send_trailers(trailers).map_err(|_| Closed)
    }

    /// Waits until the other side resets the stream or its connection goes.
    pub(super) async fn left(&mut self) -> Leaving {
        leaving(poll_fn(|cx| self.stream.poll_reset(cx)).await)
    }

    /// Waits until everything sent so far is on the wire.
    pub(super) async fn delivered(&self) {
        self.delivery.done().await;
    }

    /// Resets the stream, after what was sent before.
    pub(super) async fn reset(&mut self, reason: h2::Reason) {
        let _ = timeout(GRACE, self.delivered()).await;
        self.stream.send_reset(reason);
    }
}

fn leaving(reset: Result<h2::Reason, h2::Error>) -> Leaving {
    match reset {
        Ok(reason) => Leaving::Reset(reason),
        Err(error) => Leaving::of(&error),
    }
}

/// The way back to the client: an answer that has not begun, or its body.
pub(super) enum Door {
    /// Nothing was answered yet.
    Shut(SendResponse<Piece>),
    /// The answer has begun.
    Open(Outlet),
}

impl Door {
    pub(super) const fn new(respond: SendResponse<Piece>) -> Self {
        Self::Shut(respond)
    }

    /// Begins the answer; with `end` it is complete.
    pub(super) fn begin(&mut self, response: Response<()>, end: bool) -> Result<(), Closed> {
        if let Self::Shut(respond) = self {
            let stream = respond.send_response(response, end).map_err(|_| Closed)?;
            *self = Self::Open(Outlet::new(stream));
        }
        Ok(())
    }

    /// Sends bytes of the body, once the answer has begun.
    pub(super) async fn send(&mut self, data: Bytes, end: bool) -> Result<(), Closed> {
        match self {
            Self::Shut(_) => Err(Closed),
            Self::Open(body) => body.send(data, end).await,
        }
    }

    /// Ends the body.
    pub(super) fn trailers(&mut self, trailers: HeaderMap) -> Result<(), Closed> {
        match self {
            Self::Shut(_) => Err(Closed),
            Self::Open(body) => body.trailers(trailers),
        }
    }

    /// Waits until the client resets the stream or goes away.
    pub(super) async fn left(&mut self) -> Leaving {
        poll_fn(|cx| self.poll_left(cx)).await
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<Leaving> {
        let reset = match self {
            Self::Shut(respond) => respond.poll_reset(cx),
            Self::Open(body) => body.stream.poll_reset(cx),
        };
        reset.map(leaving)
    }

    /// How the client left, of which sending has told already.
    pub(super) async fn why(&mut self) -> Leaving {
        poll_fn(|cx| {
            Poll::Ready(match self.poll_left(cx) {
                Poll::Ready(leaving) => leaving,
                Poll::Pending => Leaving::Gone("the stream is closed".to_owned()),
            })
        })
        .await
    }

    /// Waits until everything sent so far is on the wire.
    pub(super) async fn delivered(&self) {
        if let Self::Open(body) = self {
            body.delivered().await;
        }
    }

    /// Resets the stream, after what was sent before.
    pub(super) async fn reset(&mut self, reason: h2::Reason) {
        match self {
            Self::Shut(respond) => respond.send_reset(reason),
            Self::Open(body) => body.reset(reason).await,
        }
    }
}

/// Gives the sender of `bytes` leave to send as many again.
pub(super) fn passed_on(body: &mut RecvStream, bytes: usize) {
    // It fails only when the stream is closed, when nobody waits for leave any more.
    let _ = body.flow_control().release_capacity(bytes);
}
