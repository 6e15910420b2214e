//! Triggers of a ring's dump.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Largest number of pending triggers: the ring looks several times a second, and a dump tells of its first triggers
/// only.
const MAX_WAITING: usize = 64;

/// Cause and time of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Nanoseconds since the recording began.
    pub offset_ns: u64,
    /// Description of the cause, with its place.
    pub what: String,
}

/// Collects dump requests for a ring; clones trigger the same ring.
///
/// ```
/// use grpc_capture::record::{Trigger, TriggerQueue};
/// let triggers = TriggerQueue::default();
/// triggers.push(Trigger { offset_ns: 5, what: "the operator asked for it".into() });
/// ```
#[derive(Debug, Clone, Default)]
pub struct TriggerQueue {
    waiting: Arc<Mutex<Vec<Trigger>>>,
}

impl TriggerQueue {
    /// Requests a dump. It is begun at the ring's next look: with the next event, or within a fifth of a second.
    pub fn push(&self, trigger: Trigger) {
        let mut waiting = self.lock();
        if waiting.len() < MAX_WAITING {
            waiting.push(trigger);
        }
    }

    /// Takes the requests since the last call.
    pub(super) fn take(&self) -> Vec<Trigger> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trigger>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
