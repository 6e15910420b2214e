//! The matching of a client's call with recorded calls: every request narrows the candidates. Pure: nothing here knows
//! a socket or a clock.
//!
//! Calls whose clients sent the same requests are one [`Class`]. A [`Matcher`] keeps the classes that agree with what a
//! client has sent so far. What the servers of all these calls sent at that point can be sent before it is known which
//! call the client means.
//!
//! Requests are compared by their content. Where there are rules for requests that vary, a second [`Method`] knows the
//! calls by the fields that identify them: a [`CallMatcher`] turns to it as soon as no call had exactly these requests.

mod class;
mod classes;
mod facets;
mod known;
mod marks;
mod matcher;
mod requests;

pub(super) use class::{Early, Place, RecordedCall};
pub(super) use facets::facets;
pub(super) use known::{CallMatcher, KnownMethod};
pub(super) use marks::MOST_MARKS;
pub(super) use matcher::Choice;
pub(super) use requests::{Asked, Requests, content};

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// What must have arrived from the client before the server continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(super) struct Cause {
    /// Number of requests.
    pub(super) requests: u64,
    /// True when the half-close is needed.
    pub(super) half_close: bool,
}

impl Cause {
    /// The smaller of two causes.
    fn least(self, other: Self) -> Self {
        Self {
            requests: self.requests.min(other.requests),
            half_close: self.half_close && other.half_close,
        }
    }
}

/// A hash of an event from the server, to distinguish it from those of other calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Hash of the event.
    pub(super) act: u64,
    pub(super) after: Cause,
}

/// Hashes a value; equal values have equal hashes within one run of the program.
pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
