//! One call of a service: what it has sent and received so far.

use std::sync::Arc;

use super::schema::MethodTypes;
use crate::{
    das::expect::LARGEST_GAP_S,
    model::event::{CallStart, Direction, Metadata},
};

/// Waits of a stream that tell its rhythm: after fewer of them no silence is a stall.
const RHYTHM: u64 = 10;

/// Factor between the mean wait of a stream and a silence that is a stall.
const OUT_OF_RHYTHM: u64 = 10;

/// What is known of a method when its first call is opened.
#[derive(Debug)]
pub(super) struct JudgedMethod {
    pub(super) name: Arc<str>,
    /// Codes of the allowed statuses; `None` when no expectation gives any.
    pub(super) allowed: Option<Vec<u32>>,
    /// True for health checks and reflection, unless an expectation gives their statuses.
    pub(super) is_support: bool,
    /// The types of the messages, or why they are not known.
    pub(super) types: Result<MethodTypes, String>,
}

/// An open call.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) method: Arc<JudgedMethod>,
    pub(super) started_ns: u64,
    pub(super) request_encoding: Option<String>,
    pub(super) answer_encoding: Option<String>,
    /// True when its messages are JSON.
    pub(super) is_json: bool,
    pub(super) sent: u64,
    pub(super) received: u64,
    last_sent_ns: u64,
    last_received_ns: u64,
    /// Number and sum of the waits between messages received, and from a request to what followed it.
    waits: (u64, u64),
}

/// A wait of a stream for its next message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) silence_ns: u64,
    /// Longest wait that is not a stall.
    pub(super) limit_ns: u64,
}

impl OpenCall {
    pub(super) fn new(method: Arc<JudgedMethod>, at_ns: u64, start: &CallStart) -> Self {
        Self {
            method,
            started_ns: at_ns,
            request_encoding: encoding(&start.metadata),
            answer_encoding: None,
            is_json: crate::grpc::protocol::is_json(&start.metadata),
            sent: 0,
            received: 0,
            last_sent_ns: at_ns,
            last_received_ns: at_ns,
            waits: (0, 0),
        }
    }

    /// Notes the server's metadata.
    pub(super) fn answered(&mut self, metadata: &Metadata) {
        self.answer_encoding = encoding(metadata);
    }

    /// Counts a message; its number in its direction.
    pub(super) fn count(&mut self, direction: Direction, at_ns: u64) -> u64 {
        match direction {
            Direction::Sent => {
                self.sent += 1;
                self.last_sent_ns = at_ns;
                self.sent
            }
            Direction::Received => {
                self.received += 1;
                self.received
            }
        }
    }

    /// Notes the arrival of a counted message; the wait before it, when there was a message before it. A wait for an
    /// answer begins with the request. `limit_ns` is an expected limit; without one, a stream that had a rhythm must
    /// keep to it.
    pub(super) fn arrived(&mut self, at_ns: u64, limit_ns: Option<u64>) -> Option<Wait> {
        let since_ns = self.last_received_ns.max(self.last_sent_ns);
        self.last_received_ns = at_ns;
        if self.received < 2 {
            return None;
        }
        let silence_ns = at_ns.saturating_sub(since_ns);
        let (count, sum_ns) = self.waits;
        self.waits = (count + 1, sum_ns.saturating_add(silence_ns));
        let rhythm_ns = (count >= RHYTHM).then(|| {
            let mean_ns = sum_ns / count.max(1);
            mean_ns.saturating_mul(OUT_OF_RHYTHM).max((LARGEST_GAP_S * 1e9) as u64)
        });
        let limit_ns = limit_ns.or(rhythm_ns)?;
        Some(Wait { silence_ns, limit_ns })
    }

    /// Notes that messages were lost: no silence is measured over them.
    pub(super) const fn lost(&mut self, at_ns: u64) {
        self.last_received_ns = at_ns;
    }

    /// Nanoseconds since the last message received, or since the opening.
    pub(super) const fn silence_ns(&self, at_ns: u64) -> u64 {
        at_ns.saturating_sub(self.last_received_ns)
    }
}

fn encoding(metadata: &Metadata) -> Option<String> {
    crate::grpc::protocol::message_encoding(metadata).map(str::to_owned)
}
