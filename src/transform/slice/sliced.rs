//! The result of slicing.

use serde::Serialize;

use crate::file::{CaptureState, Digest};

/// The content of a slice, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sliced {
    /// Offset in the source at which the slice begins, nanoseconds.
    pub from_ns: u64,
    /// Offset in the source at which it ends, nanoseconds.
    pub to_ns: u64,
    /// Calls of the slice.
    pub calls: Vec<SlicedCall>,
    /// Number of calls of the source that are not in the slice.
    pub calls_left_out: u64,
    /// Number of received messages in the slice.
    pub messages: u64,
    /// Number of received messages of the source that are not in the slice, including those of calls left out.
    pub messages_left_out: u64,
    /// Number of messages that were encoded again without the other sensors.
    pub encoded_anew: u64,
    /// Number of messages that should have been encoded again and could not be decoded: they stand as they were.
    pub kept_whole: u64,
    /// Content digest of the slice.
    pub digest: Digest,
    /// Whether the source is finished. A slice of an unfinished one is unfinished as well, unless it ends before that does.
    #[serde(flatten)]
    pub source: CaptureState,
}

/// A call of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SlicedCall {
    /// Number of the call, in the slice and in the source.
    pub call: u32,
    /// Number of received messages that are kept.
    pub kept: u64,
    /// Number of received messages before these.
    pub before: u64,
    /// Number of received messages after them.
    pub after: u64,
    /// True when the slice contains the call's own ending.
    pub ending: bool,
}
