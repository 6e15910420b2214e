//! The part of a capture for a slice.

use crate::das::focus::{SensorSet, Span};

/// The range of a slice.
///
/// Numbers count as in findings: messages of each call from 1, rows from 0; both ends of a range are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// Everything.
    #[default]
    Whole,
    /// The time from one offset to another, nanoseconds since the capture began.
    Time {
        /// First offset.
        from_ns: u64,
        /// Last offset.
        to_ns: u64,
    },
    /// The messages of each spectrogram call with these rows.
    Rows(Span<u64>),
    /// Received messages of each call, counted from 1.
    Frames(Span<u64>),
}

impl std::fmt::Display for Range {
    /// Formats the range as in [`SliceOf::range`](crate::file::SliceOf::range).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Time { .. } => f.write_str("time"),
            Self::Rows(span) => write!(f, "rows {span}"),
            Self::Frames(span) => write!(f, "frames {span}"),
        }
    }
}

/// Options of a slice. The default keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// The part of each call that is kept.
    pub range: Range,
    /// The selected calls; empty = all.
    pub calls: Vec<u32>,
    /// The selected sensors; `None` = all, and then every message stays as it is.
    pub sensors: Option<SensorSet>,
}
