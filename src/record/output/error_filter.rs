//! Records only the calls that did not end well.
//!
//! The ending of a call is known only when it ends, and a capture is written in the order of its offsets. So events are
//! buffered in memory until their calls, and all events before them, are decided. Two bounds keep this small: a call
//! that is open for longer than [`PATIENCE`], or that stands first when [`HELD_BYTES`] are held back, is kept, however
//! it will end. Nothing that may have failed is ever left out.
//!
//! Rejected: temporary files in place of memory. They can buffer more, but the kept calls are then read, decompressed
//! and compressed a second time, and a crash leaves the undecided calls in files that nobody looks for.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bytes::Bytes;

use super::RecordingSummary;
use crate::{
    model::event::{CAPTURE_CALL, Ending, Event, EventKind, Message, Metadata, Note, RECORDER_AUTHOR},
    record::{Sink, SinkError},
};

/// Largest number of buffered event bytes, 32 MiB: hundreds of calls of usual size, and little more than the recorder's
/// own queue takes.
pub(super) const HELD_BYTES: usize = 32 << 20;

/// Longest time for which a call is buffered, 1 minute: longer than almost any call that is no endless stream.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often these limits are checked while no event comes.
const LOOK: Duration = Duration::from_secs(1);

/// Memory of an event besides its bytes: its place in the maps, and small fields.
const EVENT_BYTES: usize = 256;

/// The output for the calls that are kept.
pub(crate) trait Filtered: Sink<Summary = RecordingSummary> {
    /// Keeps the file even when only the recording's own notes are in it.
    fn keep_empty(&self);
}

/// Buffers calls until they have ended, and passes on those that did not end with OK.
///
/// What has a gap, is open for over a minute or cannot be held back is handed on in any case. Notes on the capture as a
/// whole are handed on; one at its end tells how many calls were left out.
#[derive(Debug)]
pub(crate) struct ErrorFilter<S> {
    inner: S,
    /// Buffered calls in the order of their start.
    held: BTreeMap<u64, Event>,
    next: u64,
    bytes: usize,
    calls: HashMap<u32, Call>,
    /// Last number of the capture's own events.
    own_seq: u64,
    last_ns: u64,
    left_out: u64,
    undecided: u64,
}

/// A call that is open or has buffered events.
#[derive(Debug, Default)]
struct Call {
    /// Buffered events of the call.
    held: Vec<u64>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Open,
    SyncState,
}

impl<S: Filtered> ErrorFilter<S> {
    /// A filter in front of `inner`.
    #[must_use]
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            held: BTreeMap::new(),
            next: 0,
            bytes: 0,
            calls: HashMap::new(),
            own_seq: 0,
            last_ns: 0,
            left_out: 0,
            undecided: 0,
        }
    }

    pub(super) const fn inner(&self) -> &S {
        &self.inner
    }

    fn hold(&mut self, event: &Event) {
        let event = own(event);
        self.bytes += weight(&event);
        if event.call != CAPTURE_CALL {
            self.calls.entry(event.call).or_default().held.push(self.next);
        }
        self.held.insert(self.next, event);
        self.next += 1;
    }

    /// Drops a call that ended well.
    fn leave_out(&mut self, call: u32) {
        for at in self.calls.remove(&call).map_or_else(Vec::new, |call| call.held) {
            if let Some(event) = self.held.remove(&at) {
                self.bytes = self.bytes.saturating_sub(weight(&event));
            }
        }
        self.left_out += 1;
    }

    /// Passes on what is decided up to the first undecided call, and decides calls beyond the limits.
    fn settle(&mut self, now_ns: u64) -> Result<(), SinkError> {
        while let Some(first) = self.held.first_entry() {
            let event = first.get();
            let call = event.call;
            if call != CAPTURE_CALL
                && let Some(state) = self.calls.get_mut(&call)
                && state.fate == Fate::Open
            {
                let age = Duration::from_nanos(now_ns.saturating_sub(event.offset_ns));
                if self.bytes <= HELD_BYTES && age < PATIENCE {
                    return Ok(());
                }
                state.fate = Fate::SyncState;
                self.undecided += 1;
            }
            let event = first.remove();
            self.bytes = self.bytes.saturating_sub(weight(&event));
            if matches!(event.kind, EventKind::End(_)) {
                self.calls.remove(&call);
            } else if let Some(state) = self.calls.get_mut(&call)
                && !state.held.is_empty()
            {
                // A call that is kept is never let go of: where its events are need not be known any more.
                state.held = Vec::new();
            }
            self.inner.write(&event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) {
        self.last_ns = self.last_ns.max(event.offset_ns);
        if event.call == CAPTURE_CALL {
            self.own_seq = event.seq;
            return self.hold(event);
        }
        let fate = self.calls.get(&event.call).map(|call| call.fate).unwrap_or_default();
        match &event.kind {
            EventKind::End(Ending::Status(status)) if status.code == 0 && fate == Fate::Open => {
                return self.leave_out(event.call);
            }
            EventKind::End(_) | EventKind::Gap(_) => self.calls.entry(event.call).or_default().fate = Fate::SyncState,
            _ => {}
        }
        self.hold(event);
    }
}

impl<S: Filtered> Sink for ErrorFilter<S> {
    type Summary = RecordingSummary;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.take(event);
        self.settle(event.offset_ns)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.inner.flush()
    }

    fn check(&mut self) -> Result<(), SinkError> {
        self.inner.check()
    }

    fn pressure(&mut self, percent: u8) {
        self.inner.pressure(percent);
    }

    fn finish(mut self) -> Result<RecordingSummary, SinkError> {
        // Every call has its ending by now; one that had none would be beyond all patience.
        self.settle(u64::MAX)?;
        if self.left_out > 0 {
            self.inner.keep_empty();
            let (left_out, undecided) = (self.left_out, self.undecided);
            let text = format!(
                "calls left out because they ended with OK: {left_out}; calls recorded before they ended: {undecided}"
            );
            let author = RECORDER_AUTHOR.to_owned();
            self.inner.write(&Event {
                call: CAPTURE_CALL,
                seq: self.own_seq + 1,
                offset_ns: self.last_ns,
                kind: EventKind::Note(Note { author, text }),
            })?;
        }
        let mut written = self.inner.finish()?;
        written.left_out = self.left_out;
        written.undecided = self.undecided;
        Ok(written)
    }

    fn stored_bytes(&self) -> u64 {
        self.inner.stored_bytes()
    }

    fn wakes(&self) -> Option<Duration> {
        Some(self.inner.wakes().map_or(LOOK, |inner| inner.min(LOOK)))
    }

    fn resumed(&mut self, now_ns: u64) {
        self.inner.resumed(now_ns);
    }

    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        self.settle(now_ns)?;
        self.inner.wake(now_ns)
    }
}

/// Copies the event's bytes: a slice would keep the whole buffer alive that it was cut from.
fn own(event: &Event) -> Event {
    let mut event = event.clone();
    if let EventKind::Message(Message { data, .. }) = &mut event.kind {
        *data = Bytes::copy_from_slice(data);
    }
    event
}

fn weight(event: &Event) -> usize {
    let of = |metadata: &Metadata| -> usize {
        let entries = metadata.iter();
        entries
            .map(|(name, value)| name.len() + value.len() + EVENT_BYTES / 4)
            .sum()
    };
    let bytes = match &event.kind {
        EventKind::CallStart(start) => start.method.len() + start.authority.len() + of(&start.metadata),
        EventKind::Headers(headers) => of(&headers.metadata),
        EventKind::Message(message) => message.data.len(),
        EventKind::End(Ending::Status(status)) => status.message.len() + of(&status.trailers),
        EventKind::Note(note) => note.text.len(),
        _ => 0,
    };
    bytes + EVENT_BYTES
}

#[cfg(test)]
mod tests;
