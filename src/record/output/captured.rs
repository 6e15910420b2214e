//! A capture that a recording has made.

use std::path::PathBuf;

use super::Trigger;
use crate::file::Summary;

/// A capture of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCapture {
    /// Its place.
    pub path: PathBuf,
    /// Its totals and its digest.
    pub summary: Summary,
    /// Offset in the recording at which it begins, nanoseconds.
    pub from_ns: u64,
    /// What made a ring write it.
    pub trigger: Option<Trigger>,
    /// The name that it was to have, when another program had taken that.
    pub taken: Option<PathBuf>,
    /// False when the recording failed and could not finish it.
    pub finished: bool,
}
