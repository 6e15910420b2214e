//! Options of a recording.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    FLUSH_INTERVAL, Overflow, SyncWhen,
    output::{Evidence, RingOptions, RotateOptions},
    recorder_options::QUEUE_BYTES,
};
use crate::{
    file::Existing,
    transform::redact::{MetadataPolicy, Rules},
};

/// Options of a recording. The default is what `capture record` does without flags.
///
/// ```
/// use grpc_capture::record::{Overflow, RecordingOptions};
///
/// let options: RecordingOptions = serde_json::from_str(r#"{ "on_overflow": "gap", "flush_interval": "500ms" }"#)?;
/// assert_eq!(options.on_overflow, Overflow::Gap);
/// assert_eq!(options.queue_bytes, RecordingOptions::default().queue_bytes);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingOptions {
    /// What to do with an existing file of that name. Default: it is kept, and the recording does not start.
    pub existing: Existing,
    /// What a recording must contain to replace an earlier file. Default: [`Evidence::Any`].
    pub evidence: Evidence,
    /// One file, a series of files, or a ring. Default: one file.
    pub layout: RecordingLayout,
    /// True to leave out calls that end with OK. Default: false.
    pub only_errors: bool,
    /// What to do with messages when the queue is full. Default: they wait.
    pub on_overflow: Overflow,
    /// Largest number of message bytes waiting in memory; a larger message waits alone. Default: 28 MiB.
    pub queue_bytes: usize,
    /// Longest time until an event is readable in the file: what a crash may cost. In text: `1s`. Default: 1 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub flush_interval: Duration,
    /// When written bytes are synced to disk. Default: once per flush interval.
    pub sync: SyncWhen,
    /// What to do with secrets in metadata. Default: they are masked.
    pub metadata: MetadataPolicy,
    /// Redaction rules for everything else, applied before writing. Default: nothing.
    pub redact: Option<Rules>,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self {
            existing: Existing::default(),
            evidence: Evidence::default(),
            layout: RecordingLayout::default(),
            only_errors: false,
            on_overflow: Overflow::default(),
            queue_bytes: QUEUE_BYTES,
            flush_interval: FLUSH_INTERVAL,
            sync: SyncWhen::default(),
            metadata: MetadataPolicy::default(),
            redact: None,
        }
    }
}

/// The files of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingLayout {
    /// One capture.
    #[default]
    Single,
    /// A series `NAME.000001.gcap`, `NAME.000002.gcap`, …: the next one begins when one is large or old enough.
    Series(RotateOptions),
    /// A ring buffer of the last stretch, which is written to a capture of the series on a trigger.
    Ring(RingOptions),
}
