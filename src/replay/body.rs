//! The body of a replayed answer: steps out of the read-ahead, each when it is due.

mod piece;

use std::{
    error::Error,
    fmt,
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use self::piece::Delivery;
pub(super) use self::piece::Piece;
use super::{
    answer::trailers,
    connection::{Break, Guard},
    player::{Act, Finale},
    served::Counters,
    share::Feed,
};
use crate::{
    event::Status,
    wire::{deframe::PREFIX_BYTES, prefix, status::UNAVAILABLE},
};

/// A message up to this size is copied together with its neighbours: a frame for each costs more than the copy.
const SMALL_BYTES: usize = 16 * 1024;
/// Small messages that are due together travel in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;
/// Anything that the server answers with.
#[derive(Debug)]
pub(super) enum Answer {
    /// A recorded call.
    Replay(Box<Replay>),
    /// One message and its trailers, then nothing.
    Once(Option<Bytes>, Option<HeaderMap>),
    /// What a tonic service answers.
    Tonic(tonic::body::Body),
}

impl Answer {
    /// No body: the head says it all.
    pub(super) const fn empty() -> Self {
        Self::Once(None, None)
    }
}

/// A call that ends without a status.
#[derive(Debug)]
pub(super) enum Cut {
    /// The stream is reset, with the reason that hyper finds in `source`.
    Reset(h2::Error),
    /// A tonic service failed.
    Tonic(tonic::Status),
}

impl Cut {
    pub(super) fn reset(reason: h2::Reason) -> Self {
        Self::Reset(h2::Error::from(reason))
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset(_) => f.write_str("the recorded call was reset here"),
            Self::Tonic(status) => write!(f, "{status}"),
        }
    }
}

impl Error for Cut {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Reset(error) => Some(error),
            Self::Tonic(status) => Some(status),
        }
    }
}

impl Body for Answer {
    type Data = Piece;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        match &mut *self {
            Self::Replay(replay) => replay.poll_frame(cx),
            Self::Once(data, trailers) => Poll::Ready(match data.take() {
                Some(data) => Some(Ok(Frame::data(Piece::plain(data)))),
                None => trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
            }),
            Self::Tonic(body) => Pin::new(body)
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(Piece::plain))
                .map_err(Cut::Tonic),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Replay(_) => false,
            Self::Once(data, trailers) => data.is_none() && trailers.is_none(),
            Self::Tonic(body) => body.is_end_stream(),
        }
    }
}

/// The rest of a recorded call, from its first message on.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) steps: Feed,
    /// Small messages and prefixes that wait to be sent.
    gathered: BytesMut,
    ending: Option<Finale>,
    delivery: Arc<Delivery>,
    guard: Guard,
    counters: Arc<Counters>,
    /// The end of a call that is held open.
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Takes what else the client sends; ends with the call.
    _rest: JoinSet<()>,
    sent_any: bool,
    done: bool,
}

impl Replay {
    pub(super) fn new(
        steps: Feed,
        guard: Guard,
        counters: Arc<Counters>,
        drain: CancellationToken,
        rest: JoinSet<()>,
    ) -> Self {
        counters.call_started();
        Self {
            steps,
            gathered: BytesMut::new(),
            ending: None,
            delivery: Arc::default(),
            guard,
            counters,
            drained: Box::pin(drain.cancelled_owned()),
            _rest: rest,
            sent_any: false,
            done: false,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            if self.ending.is_some() {
                return self.poll_ending(cx);
            }
            let step = match self.steps.poll_due(cx) {
                Poll::Ready(step) => step,
                Poll::Pending if self.gathered.is_empty() => return Poll::Pending,
                Poll::Pending => return self.send(Bytes::new()),
            };
            match step.act {
                Act::Headers(_) => {}
                Act::Message { compressed, data } => {
                    let Some(prefix) = prefix(compressed, data.len()) else {
                        let message = "a recorded message is longer than gRPC can send".to_owned();
                        self.ending = Some(Finale::lost(message));
                        continue;
                    };
                    let copied = if data.len() > SMALL_BYTES { 0 } else { PIECE_BYTES };
                    self.gathered.reserve(PREFIX_BYTES + copied);
                    self.gathered.extend_from_slice(&prefix);
                    self.counters.message(data.len());
                    if data.len() > SMALL_BYTES {
                        return self.send(data);
                    }
                    self.gathered.extend_from_slice(&data);
                    if self.gathered.len() >= PIECE_BYTES {
                        return self.send(Bytes::new());
                    }
                }
                Act::End(finale) => {
                    self.ending = Some(finale);
                    if !self.gathered.is_empty() {
                        return self.send(Bytes::new());
                    }
                }
            }
        }
    }

    /// Hands out what was gathered, and `payload` after it without a copy.
    fn send(&mut self, payload: Bytes) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        self.sent_any = true;
        let piece = Piece::tracked(self.gathered.split().freeze(), payload, &self.delivery);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        let goaway = match &self.ending {
            Some(Finale::Status(status)) => {
                let trailers = trailers(status);
                self.finish();
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            Some(Finale::Hold) => {
                ready!(self.drained.as_mut().poll(cx));
                self.ending = Some(Finale::Status(Status {
                    code: UNAVAILABLE,
                    message: "the replay server is being stopped".to_owned(),
                    ..Status::default()
                }));
                return self.poll_ending(cx);
            }
            Some(Finale::Break { goaway }) => Some(*goaway),
            Some(Finale::Cancel) | None => None,
        };
        // A reset overtakes whatever is still queued, so it waits until everything before it is on the wire. An empty
        // piece stands for the head of an answer that had no message.
        if !self.sent_any {
            return self.send(Bytes::new());
        }
        ready!(self.delivery.poll_done(cx));
        let reason = match goaway {
            None => h2::Reason::CANCEL,
            Some(goaway) => match ready!(self.guard.poll_break(cx, goaway)) {
                Break::Stream => h2::Reason::INTERNAL_ERROR,
                // The end of the connection is the end of this body.
                Break::Connection => return Poll::Pending,
            },
        };
        self.finish();
        Poll::Ready(Some(Err(Cut::reset(reason))))
    }

    /// See [`Guard::poll_break`].
    pub(super) fn poll_break(&self, cx: &mut Context<'_>, goaway: bool) -> Poll<Break> {
        self.guard.poll_break(cx, goaway)
    }

    /// The recorded call has been replayed to its end.
    pub(super) fn finish(&mut self) {
        self.done = true;
        self.counters.call_completed();
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.counters.call_gone();
    }
}
