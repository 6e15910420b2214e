//! Limits of calls, and state shared by the calls of a job.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::CallFault;
use crate::{grpc::DEFAULT_MAX_MESSAGE_BYTES, tap::awake::Deadline};

/// Limits at which a call is ended. Nothing is limited by default but the size of a message.
#[derive(Debug, Clone)]
pub struct CallLimits {
    /// Longest time from the opening of the call to the first message.
    pub first_frame_timeout: Option<Duration>,
    /// Longest time without data after the first message.
    pub idle_timeout: Option<Duration>,
    /// Longest duration of the call; ending by it is a success.
    pub duration: Option<Duration>,
    /// Exact number of messages to record.
    pub max_frames: Option<u64>,
    /// Number of payload bytes to record, over all calls of a job; the message that reaches it is still recorded.
    pub max_bytes: Option<u64>,
    /// Largest accepted payload, in bytes. Default `DEFAULT_MAX_MESSAGE_BYTES`.
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

/// A stop signal for calls, with a reason; the first reason stays. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Stop {
    /// A stop signal that has not been given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops all calls with this signal; they are recorded as cancelled by us for this reason.
    pub fn stop(&self, reason: impl Into<String>) {
        let _ = self.reason.set(reason.into());
        self.token.cancel();
    }

    /// Waits for the signal; returns the reason.
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

/// State shared by the calls of one job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    /// The stop signal of the job.
    pub stop: Stop,
    /// Number of payload bytes recorded by all calls.
    pub bytes: Arc<AtomicU64>,
    /// Time until which a call that was refused before any data arrived is retried. Default: never again.
    pub retry_until: Option<Deadline>,
}

impl Shared {
    /// Stops the whole job when the recorder accepts nothing more.
    pub(super) fn stop_for(&self, fault: &CallFault) {
        if let CallFault::Refused(refused) = fault {
            self.stop.stop(refused.to_string());
        }
    }
}
