//! A capture that a recording has written.

use std::path::PathBuf;

use super::Trigger;
use crate::file::Summary;

/// A capture that a recording has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCapture {
    /// Path of the capture.
    pub path: PathBuf,
    /// Totals and digest.
    pub summary: Summary,
    /// Offset in the recording at which it begins, nanoseconds.
    pub from_ns: u64,
    /// The trigger of a ring's dump.
    pub trigger: Option<Trigger>,
    /// The name that was asked for, when another program had taken it.
    pub taken: Option<PathBuf>,
    /// False when the recording failed and could not complete the capture.
    pub finished: bool,
}
