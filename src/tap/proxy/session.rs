//! The recorder of one connection: its frames in, the events of its calls out.
//!
//! The two directions are read by two tasks. What they share is here: the calls that run, and what the target
//! announced. What a side did is recorded before the other side can learn of it, so that the order of the capture is an
//! order in which things can have happened.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{
    call::Call,
    ending::{Cut, Leaving},
    fields::{Block, BlockError},
    hub::Hub,
    log::wanted,
};
use crate::{
    model::event::{Direction, GoAway},
    tap::dial::TargetPeer,
};

/// The calls of one connection.
pub(super) struct Session {
    hub: Arc<Hub>,
    /// The target's address.
    peer: TargetPeer,
    /// Number of the client's connection, counted from 1.
    connection: u32,
    calls: Mutex<HashMap<u32, Arc<Call>>>,
    goaway: Mutex<Option<GoAway>>,
    lost: Lost,
}

/// The parts of a connection that can no longer be followed.
#[derive(Debug, Default)]
struct Lost {
    /// True for the target's header blocks.
    answers: AtomicBool,
    /// Number of calls that are not recorded, because their blocks or answers could not be decoded, and the stream of
    /// the last one.
    calls: AtomicU64,
    last_stream: AtomicU32,
}

impl Session {
    pub(super) fn new(hub: Arc<Hub>, peer: TargetPeer, connection: u32) -> Self {
        Self {
            hub,
            peer,
            connection,
            calls: Mutex::default(),
            goaway: Mutex::default(),
            lost: Lost::default(),
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u32, Arc<Call>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, stream: u32) -> Option<Arc<Call>> {
        self.calls().get(&stream).map(Arc::clone)
    }

    /// Whether the limits allow to keep this many bytes of metadata that cost their sender nothing.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        self.hub.allows(bytes)
    }

    fn goaway(&self) -> Option<GoAway> {
        self.goaway.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Handles a header block of the client: a request, or trailers.
    pub(super) async fn request(&self, block: Block) {
        let call = match self.call(block.stream) {
            Some(call) => call,
            None if block.fields.path.is_empty() => {
                if !block.fields.method.is_empty() {
                    self.unrecorded(block.stream);
                }
                return;
            }
            None if self.lost.answers.load(Ordering::Acquire) => {
                if wanted(&self.hub, &block.fields).is_some() {
                    self.unrecorded(block.stream);
                }
                return;
            }
            None => {
                let Some(call) = Call::open(&self.hub, block.fields, &self.peer, self.connection).await else {
                    return;
                };
                self.calls().insert(block.stream, Arc::clone(&call));
                if self.lost.answers.load(Ordering::Acquire) {
                    // The other direction lost its way just now, and has ended the calls that it knew of.
                    self.give_up(&BlockError::Before).await;
                    return;
                }
                if !block.end {
                    return;
                }
                call
            }
        };
        call.half_close().await;
    }

    /// Handles a header block of the target: the head of an answer, or trailers.
    pub(super) async fn answer(&self, block: Block) {
        let Some(call) = self.call(block.stream) else { return };
        if call.answer(block.fields, block.end, self.goaway().as_ref()).await {
            self.calls().remove(&block.stream);
        }
    }

    /// Handles data of one side, and the end of its direction.
    pub(super) async fn data(&self, from: Direction, stream: u32, data: &Bytes, end: bool) {
        let Some(call) = self.call(stream) else { return };
        call.data(from, data).await;
        match from {
            _ if !end => {}
            Direction::Sent => call.half_close().await,
            Direction::Received => {
                call.finish(self.goaway().as_ref()).await;
                self.calls().remove(&stream);
            }
        }
    }

    /// Handles a reset of the stream by one side.
    pub(super) async fn reset(&self, from: Direction, stream: u32, code: u32) {
        let removed = self.calls().remove(&stream);
        let Some(call) = removed else { return };
        let cut = match from {
            Direction::Sent => Cut::Client(Leaving::Reset(code)),
            Direction::Received => Cut::Target(Leaving::Reset(code)),
        };
        call.cut(&cut, self.goaway().as_ref()).await;
    }

    /// Handles a GOAWAY of the target: calls that it will not work on end here.
    pub(super) async fn goodbye(&self, goaway: GoAway) {
        let last = goaway.last_stream;
        tracing::debug!(last, code = goaway.code, "the target sent GOAWAY");
        {
            let mut announced = self.goaway.lock().unwrap_or_else(PoisonError::into_inner);
            // An error that follows an orderly goodbye says more than it; nothing says more than an error.
            if announced.as_ref().is_none_or(crate::model::event::GoAway::is_orderly) {
                *announced = Some(goaway);
            }
        }
        let refused: Vec<_> = self.calls().extract_if(|stream, _| *stream > last).collect();
        self.cut_all(refused, &Cut::Target(Leaving::Refused)).await;
    }

    /// Ends the calls when a connection has ended or the proxy is stopped. Returns their
    /// streams.
    pub(super) async fn over(&self, cut: &Cut) -> Vec<u32> {
        let running: Vec<_> = self.calls().drain().collect();
        self.cut_all(running, cut).await
    }

    async fn cut_all(&self, mut calls: Vec<(u32, Arc<Call>)>, cut: &Cut) -> Vec<u32> {
        calls.sort_unstable_by_key(|(stream, _)| *stream);
        let goaway = self.goaway();
        for (_, call) in &calls {
            call.cut(cut, goaway.as_ref()).await;
        }
        calls.into_iter().map(|(stream, _)| stream).collect()
    }

    /// Notes that the header blocks of one direction can no longer be decoded: everything is passed on.
    ///
    /// Calls that the client begins from here on are not known. Those that run go on: their messages are in frames of
    /// their own. When it is the target's blocks, neither how calls end is known, nor what their messages are.
    pub(super) async fn lose(&self, from: Direction, why: &(dyn std::error::Error + Sync)) {
        self.lost
            .answers
            .fetch_or(from == Direction::Received, Ordering::AcqRel);
        let whose = match from {
            Direction::Sent => "the client",
            Direction::Received => "the target",
        };
        let number = self.connection;
        self.hub.lost_connection(format!(
            "connection {number} is passed on, but calls that begin on it from now on are not recorded: {whose}: {why}"
        ));
        if from == Direction::Received {
            self.give_up(why).await;
        }
    }

    /// Gives up the running calls, whose further course and endings cannot be known.
    pub(super) async fn give_up(&self, why: &(dyn std::error::Error + Sync)) {
        let running: Vec<_> = self.calls().drain().collect();
        for (_, call) in &running {
            call.lose(why);
        }
        self.cut_all(running, &unknown(why)).await;
    }

    /// Handles the first frame of a client's block that cannot be decoded.
    pub(super) async fn unread(&self, stream: u32, end: bool) {
        match self.call(stream) {
            Some(call) if end => call.half_close().await,
            Some(_) => {}
            None => self.unrecorded(stream),
        }
    }

    /// Counts a call that is not recorded, because the connection can no longer be followed.
    fn unrecorded(&self, stream: u32) {
        // A stream is counted once, and clients number theirs upwards.
        if self.lost.last_stream.fetch_max(stream, Ordering::Relaxed) < stream {
            self.lost.calls.fetch_add(1, Ordering::Relaxed);
            self.hub.unrecorded_call();
        }
    }

    /// Ends the connection, and notes in the capture what is unknown.
    pub(super) fn close(&self) {
        let calls = self.lost.calls.load(Ordering::Relaxed);
        if calls > 0 {
            let number = self.connection;
            self.hub.failed(format!(
                "calls of connection {number} that were passed on and are not recorded, for their header blocks could not be read: \
                 {calls}"
            ));
        }
    }
}

fn unknown(why: &(dyn std::error::Error + Sync)) -> Cut {
    Cut::Unknown(format!("the connection could not be followed any further: {why}"))
}
