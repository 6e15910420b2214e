//! What a slice holds.

use serde::Serialize;

use crate::file::{CaptureState, Digest};

/// What a slice holds, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sliced {
    /// Offset in the source at which the slice begins, nanoseconds.
    pub from_ns: u64,
    /// Offset in the source at which it ends, nanoseconds.
    pub to_ns: u64,
    /// The calls in it.
    pub calls: Vec<SlicedCall>,
    /// Calls of the source that are not in it.
    pub calls_left_out: u64,
    /// Received messages in it.
    pub messages: u64,
    /// Received messages of the source that are not in it, those of calls left out included.
    pub messages_left_out: u64,
    /// Messages that were encoded again, without the other sensors.
    pub encoded_anew: u64,
    /// Messages that should have been encoded again and could not be decoded: they stand as they were.
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
    /// Its number, here and in the source.
    pub call: u32,
    /// Received messages that are kept.
    pub kept: u64,
    /// Received messages before these that are not.
    pub before: u64,
    /// Received messages after them that are not.
    pub after: u64,
    /// True when its own ending is in the slice.
    pub ending: bool,
}
