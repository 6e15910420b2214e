//! The summary: totals and identity of a finished capture.

use super::digest::Digest;
use crate::model::event::{CAPTURE_CALL, Direction, Event, EventKind};

/// Totals of a capture, and its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Events of every kind.
    pub events: u64,
    /// Calls that were opened.
    pub calls: u64,
    /// Messages that clients received.
    pub messages: u64,
    /// Payload bytes of the messages received, as on the wire.
    pub message_bytes: u64,
    /// Messages that clients sent.
    pub sent_messages: u64,
    /// Payload bytes of the messages sent.
    pub sent_bytes: u64,
    /// Messages known to be lost.
    pub gaps: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes of event records before compression.
    pub raw_bytes: u64,
    /// Bytes of the file.
    pub stored_bytes: u64,
    /// The largest offset, nanoseconds since the capture began.
    pub last_offset_ns: u64,
    /// SHA-256 of the content: the capture's identity, whatever its chunks and compression.
    pub digest: Digest,
}

impl Summary {
    pub(crate) fn count(&mut self, event: &Event) {
        self.events += 1;
        self.last_offset_ns = self.last_offset_ns.max(event.offset_ns);
        match &event.kind {
            EventKind::CallStart(_) if event.call != CAPTURE_CALL => self.calls += 1,
            EventKind::Message(message) => {
                let (messages, bytes) = match message.direction {
                    Direction::Received => (&mut self.messages, &mut self.message_bytes),
                    Direction::Sent => (&mut self.sent_messages, &mut self.sent_bytes),
                };
                *messages += 1;
                *bytes += message.data.len() as u64;
            }
            EventKind::Gap(gap) => self.gaps = self.gaps.saturating_add(gap.messages),
            _ => {}
        }
    }

    /// Adds the events of a chunk; neither its place nor its size. Counts `now` where `then` was counted.
    pub(crate) fn replace(&mut self, then: &Self, now: &Self) {
        self.events = self.events.saturating_sub(then.events);
        self.calls = self.calls.saturating_sub(then.calls);
        self.messages = self.messages.saturating_sub(then.messages);
        self.message_bytes = self.message_bytes.saturating_sub(then.message_bytes);
        self.sent_messages = self.sent_messages.saturating_sub(then.sent_messages);
        self.sent_bytes = self.sent_bytes.saturating_sub(then.sent_bytes);
        self.gaps = self.gaps.saturating_sub(then.gaps);
        self.add(now);
    }

    pub(crate) fn add(&mut self, chunk: &Self) {
        self.events += chunk.events;
        self.calls += chunk.calls;
        self.messages += chunk.messages;
        self.message_bytes += chunk.message_bytes;
        self.sent_messages += chunk.sent_messages;
        self.sent_bytes += chunk.sent_bytes;
        self.gaps = self.gaps.saturating_add(chunk.gaps);
        self.last_offset_ns = self.last_offset_ns.max(chunk.last_offset_ns);
    }
}
