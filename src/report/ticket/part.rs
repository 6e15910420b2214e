//! How much of the capture is in the bundle.

use crate::transform::slice::SlicedCall;

/// How much of the capture is in the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundledCapture {
    /// All of it.
    Whole,
    /// A slice.
    Part {
        /// Offset in the capture at which it begins, nanoseconds.
        from_ns: u64,
        /// Offset at which it ends, nanoseconds.
        to_ns: u64,
        /// Received messages in it.
        messages: u64,
        /// Received messages that are not.
        messages_left_out: u64,
        /// The calls in it, and how many of their messages lie before it.
        calls: Vec<SlicedCall>,
        /// The rule around whose first finding it lies; `None` when nothing was found, and it is the beginning.
        around: Option<&'static str>,
    },
    /// None: not even a moment fits.
    Nothing,
}
