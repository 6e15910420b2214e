//! A masked part of a text.

use std::ops::Range;

/// A part of a text to be masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) at: Range<usize>,
    /// The replacement.
    pub(crate) put: &'static str,
}
