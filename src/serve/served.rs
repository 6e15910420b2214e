//! Counts of what a server has sent so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Counts of what a server has sent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Served {
    /// Calls that are being replayed now.
    pub active: u64,
    /// Calls whose replay has begun.
    pub calls: u64,
    /// Calls that were replayed to their ending.
    pub completed: u64,
    /// Calls of those that were matched by the fields of their requests, because no recorded call had exactly these.
    pub by_fields: u64,
    /// Calls that were refused: unknown job, stream, method or requests.
    pub refused: u64,
    /// Messages handed to the transport.
    pub messages: u64,
    /// Their payload bytes.
    pub message_bytes: u64,
    /// REST requests.
    pub rest_requests: u64,
}

/// The counters behind [`Served`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    active: AtomicU64,
    calls: AtomicU64,
    completed: AtomicU64,
    by_fields: AtomicU64,
    refused: AtomicU64,
    messages: AtomicU64,
    message_bytes: AtomicU64,
    rest_requests: AtomicU64,
}

impl Counters {
    pub(super) fn served(&self) -> Served {
        Served {
            active: self.active.load(Relaxed),
            calls: self.calls.load(Relaxed),
            completed: self.completed.load(Relaxed),
            by_fields: self.by_fields.load(Relaxed),
            refused: self.refused.load(Relaxed),
            messages: self.messages.load(Relaxed),
            message_bytes: self.message_bytes.load(Relaxed),
            rest_requests: self.rest_requests.load(Relaxed),
        }
    }

    pub(super) fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    pub(super) fn call_opened(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    /// Counts a call whose recording is chosen and whose first step is due.
    pub(super) fn call_began(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn call_completed(&self) {
        self.completed.fetch_add(1, Relaxed);
    }

    pub(super) fn matched_by_fields(&self) {
        self.by_fields.fetch_add(1, Relaxed);
    }

    pub(super) fn call_gone(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn message(&self, bytes: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.message_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn rest_request(&self) {
        self.rest_requests.fetch_add(1, Relaxed);
    }
}
