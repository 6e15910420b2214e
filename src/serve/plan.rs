//! Which recorded calls a client may mean, narrowed with every request. Pure: nothing here knows a socket or a clock.
//!
//! Calls whose clients sent the same requests are one [`Class`]. A [`Matcher`] keeps the classes that agree with what a
//! client has sent so far. What all of them sent as the server at that point can go out before it is known which one the
//! client means.

mod class;
mod classes;
mod facets;
mod marks;
mod matcher;
mod requests;

pub(super) use class::{Early, Known, Place};
pub(super) use classes::Method;
pub(super) use facets::facets;
pub(super) use marks::MOST_MARKS;
pub(super) use matcher::{Choice, Matcher};
pub(super) use requests::{Requests, content};

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// What must have come from the client before the server's side goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(super) struct Cause {
    /// So many requests.
    pub(super) requests: u64,
    /// The end of its requests.
    pub(super) half_close: bool,
}

impl Cause {
    /// What both need.
    fn least(self, other: Self) -> Self {
        Self {
            requests: self.requests.min(other.requests),
            half_close: self.half_close && other.half_close,
        }
    }
}

/// Something that the server sent, as far as it must be told from what other calls sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// A hash of what it was.
    pub(super) act: u64,
    pub(super) after: Cause,
}

/// A hash of anything, equal within one run of the program.
pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
