//! What is known of a call once it has ended.

use thiserror::Error;

use crate::{
    grpc::{WireError, idle::is_idle_close},
    model::event::Ending,
    record::Refused,
};

/// Why a call was given up although neither the user nor the server wanted it to end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallFault {
    /// What came is not gRPC, or a message is too large.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The recorder takes no more events.
    #[error("stopped the call: {0}")]
    Refused(#[from] Refused),
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct CallOutcome {
    /// Its number in the capture.
    pub call: u32,
    /// Its method path.
    pub method: String,
    /// How it ended, as recorded.
    pub ending: Ending,
    /// Messages received.
    pub messages: u64,
    /// Their payload bytes, as they stood on the wire.
    pub message_bytes: u64,
    /// Messages that came in part or were refused; each is a gap in the capture.
    pub lost: u64,
    /// For how long messages waited because the recorder's queue was full, which may have slowed the stream.
    pub blocked_ns: u64,
    /// Messages that waited in a file because the recorder's queue was full.
    pub spooled: u64,
    /// When the first of them came, in nanoseconds since the capture began.
    pub first_message_offset_ns: Option<u64>,
    /// When the last of them came.
    pub last_message_offset_ns: Option<u64>,
    /// When the call ended.
    pub end_offset_ns: u64,
    /// How often it was tried again before anything came.
    pub retries: u32,
    /// Set when the call was given up because something is wrong on our side or on the wire.
    pub fault: Option<CallFault>,
}

impl CallOutcome {
    /// True when the server closed a job that had nothing more to say: not a failure.
    #[must_use]
    pub fn is_idle_close(&self) -> bool {
        let last = self.last_message_offset_ns.unwrap_or(self.end_offset_ns);
        is_idle_close(&self.ending, self.messages, self.end_offset_ns.saturating_sub(last))
    }
}
