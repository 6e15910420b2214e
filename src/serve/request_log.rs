//! What the clients sent: the latest calls with their requests, in bounded memory, and all of them in a recording where
//! there is one.

mod json;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    model::event::{CallStart, Cancelled, Direction, Ending, Event, EventKind, Headers, Message, Party},
    record::{CallRecorder, RecordingHandle},
};

/// Largest number of calls that are kept.
const MAX_CALLS: usize = 10_000;
/// Largest size of what is kept of all calls together.
const MAX_BYTES: usize = 16 << 20;
/// Largest part of a request that is kept. A longer one is kept without its content, for a part of a message is none.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Size of a call or a request without its content, about.
const ENTRY_BYTES: usize = 256;

/// The log of what the clients sent.
#[derive(Debug)]
pub(super) struct RequestLog {
    began: Instant,
    state: Mutex<State>,
    recording: Option<RecordingHandle>,
}

#[derive(Debug, Default)]
struct State {
    /// The latest calls; the first has number `before` + 1.
    calls: VecDeque<KeptCall>,
    before: u64,
    bytes: usize,
}

/// What is kept of one call.
#[derive(Debug, Clone)]
struct KeptCall {
    start_ns: u64,
    start: CallStart,
    items: Vec<KeptItem>,
    matched: Option<Matched>,
    ending: Option<(u64, Ending)>,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct KeptItem {
    offset_ns: u64,
    kind: ItemKind,
}

#[derive(Debug, Clone)]
enum ItemKind {
    Request(Message),
    /// A request that was too large to keep, by its size.
    Large(usize),
    HalfClose,
}

/// The recorded call that answers a client, and why it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matched {
    /// The capture.
    pub(super) capture: String,
    /// Number of the call within it.
    pub(super) call: u32,
    pub(super) how: How,
    /// Names of the fields that were left out.
    pub(super) ignored: Vec<String>,
}

/// What a client's call and the recorded one have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// All requests, byte for byte.
    Exact,
    /// The fields of the requests that identify them.
    ByFields,
    /// The spectrogram job and the stream that are asked for.
    ByJob,
}

impl How {
    /// The name in logs and in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ByFields => "by fields",
            Self::ByJob => "by job",
        }
    }
}

impl RequestLog {
    /// An empty log. With a recording, everything is recorded, too.
    pub(super) fn new(recording: Option<RecordingHandle>) -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
            recording,
        }
    }

    /// Adds a call.
    pub(super) fn call(self: &Arc<Self>, start: CallStart) -> Arc<LoggedCall> {
        let recorder = self.recording.as_ref().and_then(|recording| {
            let opened = recording.call(start.clone());
            opened
                .inspect_err(|error| tracing::warn!(%error, "a call is not recorded"))
                .ok()
        });
        let metadata: usize = start
            .metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let bytes = ENTRY_BYTES + start.method.len() + start.authority.len() + metadata;
        let mut state = self.lock();
        state.bytes += bytes;
        state.calls.push_back(KeptCall {
            start_ns: self.now(),
            start,
            items: Vec::new(),
            matched: None,
            ending: None,
            bytes,
        });
        let number = state.before + state.calls.len() as u64;
        state.shrink();
        drop(state);
        Arc::new(LoggedCall {
            log: Arc::clone(self),
            number,
            recorder,
        })
    }

    /// What the clients sent, as events: calls in the order of their numbers, each whole.
    pub(super) fn events(&self) -> Vec<Event> {
        let state = self.lock();
        let mut events = Vec::new();
        for (at, call) in state.calls.iter().enumerate() {
            let number = u32::try_from(state.before + at as u64 + 1).unwrap_or(u32::MAX);
            let start = (call.start_ns, EventKind::CallStart(call.start.clone()));
            let items = call.items.iter().map(|item| (item.offset_ns, item.kind.event()));
            let ending = call
                .ending
                .clone()
                .map(|(at_ns, ending)| (at_ns, EventKind::End(ending)));
            for (seq, (offset_ns, kind)) in (1..).zip(std::iter::once(start).chain(items).chain(ending)) {
                events.push(Event {
                    call: number,
                    seq,
                    offset_ns,
                    kind,
                });
            }
        }
        events
    }

    /// Forgets all calls that are kept in memory.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.before += state.calls.len() as u64;
        state.calls.clear();
        state.bytes = 0;
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shrink(&mut self) {
        while self.calls.len() > MAX_CALLS || (self.bytes > MAX_BYTES && self.calls.len() > 1) {
            let Some(oldest) = self.calls.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.before += 1;
        }
    }

    /// The call of this number, unless it was forgotten.
    fn call(&mut self, number: u64) -> Option<&mut KeptCall> {
        let at = number.checked_sub(self.before + 1)?;
        self.calls.get_mut(usize::try_from(at).ok()?)
    }
}

impl ItemKind {
    fn event(&self) -> EventKind {
        match self {
            Self::Request(message) => EventKind::Message(message.clone()),
            Self::Large(bytes) => EventKind::Gap(crate::model::event::Gap {
                direction: Direction::Sent,
                messages: 1,
                reason: format!("a request of {bytes} bytes was not kept"),
            }),
            Self::HalfClose => EventKind::HalfClose,
        }
    }
}

/// A client's call in the log.
#[derive(Debug)]
pub(super) struct LoggedCall {
    log: Arc<RequestLog>,
    number: u64,
    recorder: Option<CallRecorder>,
}

impl LoggedCall {
    /// Adds a request.
    pub(super) async fn request(&self, compressed: bool, data: &Bytes) {
        // Copied where it is kept, so that the buffer that it was read into can go.
        let kind = if data.len() > MAX_REQUEST_BYTES {
            ItemKind::Large(data.len())
        } else {
            ItemKind::Request(message(Direction::Sent, compressed, Bytes::copy_from_slice(data)))
        };
        self.keep(kind);
        if let Some(recorder) = &self.recorder {
            let _ = recorder
                .message(message(Direction::Sent, compressed, data.clone()))
                .await;
        }
    }

    /// Notes that the client sends no more requests.
    pub(super) fn half_close(&self) {
        self.keep(ItemKind::HalfClose);
        if let Some(recorder) = &self.recorder {
            let _ = recorder.half_close();
        }
    }

    /// Sets the recorded call that answers.
    pub(super) fn matched(&self, matched: Matched) {
        if let Some(call) = self.log.lock().call(self.number) {
            call.matched = Some(matched);
        }
    }

    /// Records the initial metadata of the answer.
    pub(super) fn headers(&self, headers: Headers) {
        if let Some(recorder) = &self.recorder {
            let _ = recorder.headers(headers);
        }
    }

    /// True when answers are recorded.
    pub(super) const fn records(&self) -> bool {
        self.recorder.is_some()
    }

    /// Records a message of the answer.
    pub(super) async fn answer(&self, compressed: bool, data: Bytes) {
        if let Some(recorder) = &self.recorder {
            let _ = recorder.message(message(Direction::Received, compressed, data)).await;
        }
    }

    /// Sets the ending; the first one counts.
    pub(super) fn end(&self, ending: Ending) {
        let at_ns = self.log.now();
        if let Some(call) = self.log.lock().call(self.number) {
            if call.ending.is_some() {
                return;
            }
            call.ending = Some((at_ns, ending.clone()));
        }
        if let Some(recorder) = &self.recorder {
            let _ = recorder.end(ending);
        }
    }

    fn keep(&self, kind: ItemKind) {
        let offset_ns = self.log.now();
        let mut state = self.log.lock();
        let Some(call) = state.call(self.number) else { return };
        let bytes = match &kind {
            ItemKind::Request(message) => ENTRY_BYTES + message.data.len(),
            ItemKind::Large(_) | ItemKind::HalfClose => ENTRY_BYTES,
        };
        // One call does not push out all others, nor grow without a bound.
        if call.bytes + bytes > MAX_BYTES / 2 {
            return;
        }
        call.items.push(KeptItem { offset_ns, kind });
        call.bytes += bytes;
        state.bytes += bytes;
        state.shrink();
    }
}

impl Drop for LoggedCall {
    fn drop(&mut self) {
        let reason = "the client left before the call had ended";
        self.end(Ending::Cancelled(Cancelled::new(Party::Client, reason)));
    }
}

fn message(direction: Direction, compressed: bool, data: Bytes) -> Message {
    Message {
        compressed,
        ..Message::plain(direction, data)
    }
}

#[cfg(test)]
mod tests;
