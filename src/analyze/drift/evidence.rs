//! What becomes of recorded messages when they are read with another schema.
//!
//! A message is walked once, with both types at the same time. What both schemas read alike is not walked at all, and
//! memory grows with the schemas only.

mod counts;
mod plan;
mod values;
mod walk;

pub(super) use counts::Evidence;

use self::counts::Reader;
use crate::model::{event::Direction, finding::Place};

impl Evidence<'_> {
    /// The pair of types of a method's messages in one direction; `None` when they cannot be compared.
    pub(super) fn types(&mut self, method: &str, direction: Direction) -> Option<usize> {
        let (was, is) = (self.recorded.methods.get(method)?, self.live.methods.get(method)?);
        match direction {
            Direction::Sent => self.plan.pair(&was.request, &is.request),
            Direction::Received => self.plan.pair(&was.answer, &is.answer),
        }
    }

    /// Reads a message.
    pub(super) fn message(&mut self, method: &str, direction: Direction, place: Place, types: usize, bytes: &[u8]) {
        self.messages += 1;
        let reader = Reader {
            method,
            is_request: direction == Direction::Sent,
            place,
        };
        let before = self.refused_values;
        if self.walk(reader, types, bytes, 0).is_err() {
            self.unreadable += 1;
        } else if self.refused_values > before {
            self.refused += 1;
        }
    }

    /// Counts a message in JSON, which is not read.
    pub(super) const fn json(&mut self) {
        self.messages += 1;
        self.json += 1;
    }

    /// Counts a message that cannot be read, because it cannot be inflated.
    pub(super) const fn unreadable(&mut self) {
        self.messages += 1;
        self.unreadable += 1;
    }
}
