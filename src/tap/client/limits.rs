//! When a call must end, and what the calls of a job share.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::CallFault;
use crate::{grpc::DEFAULT_MAX_MESSAGE_BYTES, tap::awake::Deadline};

/// When to end a call that does not end by itself. Nothing is limited by default but the size of a message.
#[derive(Debug, Clone)]
pub struct CallLimits {
    /// From the opening of the call to the first message.
    pub first_frame_timeout: Option<Duration>,
    /// Without a byte, after the first message.
    pub idle_timeout: Option<Duration>,
    /// From the opening of the call to its end; ending by it is a success.
    pub duration: Option<Duration>,
    /// Messages to record, exactly.
    pub max_frames: Option<u64>,
    /// Payload bytes to record, over all calls of a job; the message that reaches it is still recorded.
    pub max_bytes: Option<u64>,
    /// Largest payload accepted, in bytes. Default `DEFAULT_MAX_MESSAGE_BYTES`.
    pub max_message_bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            first_frame_timeout: None,
            idle_timeout: None,
            duration: None,
            max_frames: None,
            max_bytes: None,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
        }
    }
}

/// Tells calls to stop, and why; the first reason stays. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Stop {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every call that listens; they are recorded as cancelled by us for this reason.
    pub fn stop(&self, reason: impl Into<String>) {
        let _ = self.reason.set(reason.into());
        self.token.cancel();
    }

    /// Waits for the signal; answers with the reason.
    pub async fn stopped(&self) -> String {
        self.token.cancelled().await;
        self.reason.get().cloned().unwrap_or_default()
    }

    /// The reason, once the signal was given.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}

/// What calls of one job share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    /// Ends all of them.
    pub stop: Stop,
    /// Payload bytes recorded by all of them.
    pub bytes: Arc<AtomicU64>,
    /// Until when a call that was refused before anything came is tried again. Default: never again.
    pub retry_until: Option<Deadline>,
}

impl Shared {
    /// A recorder that takes nothing more ends the whole job.
    pub(super) fn stop_for(&self, fault: &CallFault) {
        if let CallFault::Refused(refused) = fault {
            self.stop.stop(refused.to_string());
        }
    }
}
