//! What to keep.

use crate::das::focus::{SensorSet, Span};

/// What to keep.
///
/// Numbers count as in findings: messages of each call from 1, rows from 0; both ends of a range are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// Everything.
    #[default]
    Whole,
    /// What happened from one offset to another, nanoseconds since the capture began.
    Time {
        /// The first offset.
        from_ns: u64,
        /// The last offset.
        to_ns: u64,
    },
    /// The messages of each spectrogram call that hold these rows.
    Rows(Span<u64>),
    /// These received messages of each call, counted from 1.
    Frames(Span<u64>),
}

impl std::fmt::Display for Range {
    /// As [`SliceOf::range`](crate::file::SliceOf::range) says it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Time { .. } => f.write_str("time"),
            Self::Rows(span) => write!(f, "rows {span}"),
            Self::Frames(span) => write!(f, "frames {span}"),
        }
    }
}

/// How to cut. The default keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// The part of each call that is kept.
    pub range: Range,
    /// The calls that are kept; empty = all.
    pub calls: Vec<u32>,
    /// The sensors that are kept; `None` = all, and then every message stays as it is.
    pub sensors: Option<SensorSet>,
}
