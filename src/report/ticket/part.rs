//! The part of the capture that is in the bundle.

use crate::transform::slice::SlicedCall;

/// The part of the capture that is in the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundledCapture {
    /// The whole capture.
    Whole,
    /// A slice.
    Part {
        /// Offset in the capture at which the slice begins, nanoseconds.
        from_ns: u64,
        /// Offset at which the slice ends, nanoseconds.
        to_ns: u64,
        /// Number of received messages in the slice.
        messages: u64,
        /// Number of other received messages.
        messages_left_out: u64,
        /// The calls in the slice, and the number of their messages before it.
        calls: Vec<SlicedCall>,
        /// The rule whose first finding the slice surrounds; `None` when nothing was found, and it is the beginning.
        around: Option<&'static str>,
    },
    /// Nothing: not even a moment fits.
    Nothing,
}
