//! The body of a replayed answer: it sends the steps of the read-ahead when they are due.

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
    faults::Drip,
    feed::Feed,
    player::{Act, PlayedEnding, Step},
    served::Counters,
    wire::Wire,
};
use crate::{
    grpc::{deframe::PREFIX_BYTES, prefix, status::UNAVAILABLE},
    model::event::Status,
};

/// Largest message that is copied together with its neighbours: a frame for each costs more than the copy.
const SMALL_BYTES: usize = 16 * 1024;
/// Size of the pieces in which small messages that are due together are sent.
const PIECE_BYTES: usize = 64 * 1024;
/// The body of any answer of the server.
#[derive(Debug)]
pub(super) enum Answer {
    /// A replayed call.
    Replay(Box<Replay>),
    /// One message and its trailers, then nothing.
    Once(Option<Bytes>, Option<HeaderMap>),
    /// The answer of a tonic service.
    Tonic {
        body: tonic::body::Body,
        /// Keeps the call registered as running.
        _running: Guard,
    },
}

impl Answer {
    /// An empty body: the head says it all.
    pub(super) const fn empty() -> Self {
        Self::Once(None, None)
    }
}

/// The error that ends a call without a status.
#[derive(Debug)]
pub(super) enum Cut {
    /// Resets the stream, with the reason that hyper finds in `source`.
    Reset(h2::Error),
    /// The error of a tonic service.
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
            Self::Tonic { body, .. } => Pin::new(body)
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(Piece::plain))
                .map_err(Cut::Tonic),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Replay(_) => false,
            Self::Once(data, trailers) => data.is_none() && trailers.is_none(),
            Self::Tonic { body, .. } => body.is_end_stream(),
        }
    }
}

/// The remaining steps of a recorded call, from its first message on.
#[derive(Debug)]
pub(super) struct Replay {
    steps: Feed,
    /// Small messages and prefixes waiting to be sent.
    gathered: BytesMut,
    ending: Option<PlayedEnding>,
    delivery: Arc<Delivery>,
    /// Slows the bytes down, for a drip fault.
    drip: Option<Drip>,
    guard: Guard,
    counters: Arc<Counters>,
    /// Completes when a held call is to end.
    drained: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Reads the rest of the client's requests; ends with the call.
    _rest: JoinSet<()>,
    sent_any: bool,
    done: bool,
    /// How a client that does not speak gRPC is answered.
    wire: Option<Wire>,
}

impl Replay {
    /// Sets how a client that does not speak gRPC is answered.
    pub(super) fn written(mut self, wire: Option<Wire>) -> Self {
        self.wire = wire;
        self
    }

    /// How a client that does not speak gRPC is answered.
    pub(super) const fn wire(&mut self) -> Option<&mut Wire> {
        self.wire.as_mut()
    }

    pub(super) fn new(
        steps: Feed,
        drip: Option<Drip>,
        guard: Guard,
        counters: Arc<Counters>,
        drain: CancellationToken,
        rest: JoinSet<()>,
    ) -> Self {
        counters.call_opened();
        if !steps.is_exchange() {
            counters.call_began();
        }
        Self {
            steps,
            gathered: BytesMut::new(),
            ending: None,
            delivery: Arc::default(),
            drip,
            guard,
            counters,
            drained: Box::pin(drain.cancelled_owned()),
            _rest: rest,
            sent_any: false,
            done: false,
            wire: None,
        }
    }

    /// The next step, when it is due.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let step = self.steps.poll_due(cx);
        if let Some(decided) = self.steps.decided() {
            self.guard.plays(decided.source);
            self.drip = decided.drip;
        }
        if step.is_pending() && self.steps.is_silent() {
            ready!(self.drained.as_mut().poll(cx));
            return Poll::Ready(Step::new(0, Act::End(PlayedEnding::Hold)));
        }
        step
    }

    /// Returns a step that was taken too early.
    pub(super) fn put_back(&mut self, step: Step) {
        self.steps.put_back(step);
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            if let Some(drip) = &mut self.drip
                && let Some(piece) = ready!(drip.poll_piece(cx))
            {
                self.sent_any = true;
                let piece = Piece::tracked(piece, Bytes::new(), &self.delivery);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.ending.is_some() {
                return self.poll_ending(cx);
            }
            let step = match self.poll_step(cx) {
                Poll::Ready(step) => step,
                Poll::Pending if self.gathered.is_empty() => return Poll::Pending,
                Poll::Pending => match self.send(Bytes::new()) {
                    Some(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                    None => continue,
                },
            };
            match step.act {
                Act::Headers(_) => {}
                Act::Message { compressed, data } => {
                    let Some(prefix) = prefix(compressed, data.len()) else {
                        let message = "a recorded message is longer than gRPC can send".to_owned();
                        self.ending = Some(PlayedEnding::lost(message));
                        continue;
                    };
                    let copied = if data.len() > SMALL_BYTES { 0 } else { PIECE_BYTES };
                    self.gathered.reserve(PREFIX_BYTES + copied);
                    if self.wire.as_ref().is_none_or(Wire::has_prefix) {
                        self.gathered.extend_from_slice(&prefix);
                    }
                    self.counters.message(data.len());
                    let payload = if data.len() > SMALL_BYTES {
                        data
                    } else {
                        self.gathered.extend_from_slice(&data);
                        if self.gathered.len() < PIECE_BYTES {
                            continue;
                        }
                        Bytes::new()
                    };
                    if let Some(piece) = self.send(payload) {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
                Act::End(ending) => {
                    if let (Some(wire), PlayedEnding::Status(status)) = (&self.wire, &ending) {
                        self.gathered.extend_from_slice(&wire.tail(status));
                    }
                    self.ending = Some(ending);
                    if !self.gathered.is_empty()
                        && let Some(piece) = self.send(Bytes::new())
                    {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
            }
        }
    }

    /// Sends the gathered bytes, then `payload` without a copy; `None` when it is to drip out.
    fn send(&mut self, payload: Bytes) -> Option<Piece> {
        let mut head = self.gathered.split().freeze();
        let mut payload = payload;
        if let Some(encoded) = self
            .wire
            .as_ref()
            .and_then(|wire| wire.encoded(&[&head[..], &payload].concat()))
        {
            (head, payload) = (encoded, Bytes::new());
        }
        if let Some(drip) = &mut self.drip {
            drip.push(head);
            drip.push(payload);
            return None;
        }
        self.sent_any = true;
        Some(Piece::tracked(head, payload, &self.delivery))
    }

    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Cut>>> {
        let ending = match &self.ending {
            Some(PlayedEnding::Status(status)) => {
                let trailers = trailers(status);
                self.finish();
                if self.wire.is_some() {
                    return Poll::Ready(None);
                }
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            Some(PlayedEnding::NoStatus) => {
                self.finish();
                return Poll::Ready(None);
            }
            Some(PlayedEnding::Hold) => {
                ready!(self.drained.as_mut().poll(cx));
                let status = Status {
                    code: UNAVAILABLE,
                    message: "the replay server is being stopped".to_owned(),
                    ..Status::default()
                };
                let tail = self.wire.as_ref().map(|wire| wire.tail(&status));
                self.ending = Some(PlayedEnding::Status(status));
                if let Some(tail) = tail.filter(|tail| !tail.is_empty()) {
                    self.gathered.extend_from_slice(&tail);
                    if let Some(piece) = self.send(Bytes::new()) {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
                return self.poll_ending(cx);
            }
            Some(ending) => ending.clone(),
            None => PlayedEnding::Cancel,
        };
        // A reset overtakes whatever is still queued, so it waits until everything before it is on the wire. An empty
        // piece stands for the head of an answer that had no message.
        if !self.sent_any {
            self.sent_any = true;
            let piece = Piece::tracked(Bytes::new(), Bytes::new(), &self.delivery);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        ready!(self.delivery.poll_done(cx));
        let reason = match ready!(self.guard.poll_end(cx, &ending)) {
            Break::Stream(reason) => reason,
            // The end of the connection is the end of this body.
            Break::Connection => return Poll::Pending,
        };
        self.finish();
        Poll::Ready(Some(Err(Cut::reset(reason))))
    }

    /// See [`Guard::poll_end`].
    pub(super) fn poll_end(&self, cx: &mut Context<'_>, ending: &PlayedEnding) -> Poll<Break> {
        self.guard.poll_end(cx, ending)
    }

    /// Notes that the recorded call has been replayed to its end.
    pub(super) fn finish(&mut self) {
        self.done = true;
        if !self.steps.is_refused() {
            self.counters.call_completed();
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.counters.call_gone();
    }
}
