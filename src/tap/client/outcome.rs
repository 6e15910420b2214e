//! The outcome of a call.

use thiserror::Error;

use crate::{
    grpc::{WireError, idle::is_idle_close},
    model::event::Ending,
    record::Refused,
};

/// Why a call was cancelled against the wishes of user and server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallFault {
    /// The data is not gRPC, or a message is too large.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The recorder accepts no more events.
    #[error("stopped the call: {0}")]
    Refused(#[from] Refused),
}

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct CallOutcome {
    /// Number of the call in the capture.
    pub call: u32,
    /// Method path.
    pub method: String,
    /// The recorded ending.
    pub ending: Ending,
    /// Messages received.
    pub messages: u64,
    /// Their payload bytes, as on the wire.
    pub message_bytes: u64,
    /// Messages that arrived only in part or were refused; each is a gap in the capture.
    pub lost: u64,
    /// How long messages waited because the recorder's queue was full, which may have slowed the stream.
    pub blocked_ns: u64,
    /// Messages that waited in the spool file because the recorder's queue was full.
    pub spooled: u64,
    /// Time of the first message, in nanoseconds since the capture began.
    pub first_message_offset_ns: Option<u64>,
    /// Time of the last message.
    pub last_message_offset_ns: Option<u64>,
    /// Time of the ending.
    pub end_offset_ns: u64,
    /// Number of retries before any data arrived.
    pub retries: u32,
    /// Set when the call was cancelled because of a problem on our side or on the wire.
    pub fault: Option<CallFault>,
}

impl CallOutcome {
    /// True when the server closed an idle job: not a failure.
    #[must_use]
    pub fn is_idle_close(&self) -> bool {
        let last = self.last_message_offset_ns.unwrap_or(self.end_offset_ns);
        is_idle_close(&self.ending, self.messages, self.end_offset_ns.saturating_sub(last))
    }
}
