//! Options of a recorder, with their defaults.

use std::{sync::Arc, time::Duration};

use super::{Clock, MonotonicClock, spool::Spool};
use crate::{
    model::event::Observer,
    transform::redact::{MetadataPolicy, RedactionRule, Secrets},
};

/// Largest number of messages in the queue: 24 MiB at the 3 KB that small frames have; larger ones reach
/// [`QUEUE_BYTES`] first.
pub(crate) const QUEUE_EVENTS: usize = 8192;

/// Largest number of message bytes in the queue, 28 MiB: 36 ms of a stream of 800 MB/s, which a busy machine may take
/// for other things, and a recording of frames of usual size stays under 100 MB of memory however slow the disk is.
/// What does not fit may go to a spool file.
pub(crate) const QUEUE_BYTES: usize = 28 * 1024 * 1024;

/// Longest time until an event is readable in the file, and so the largest loss in a crash.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// What to do with a message when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Wait for room: the stream is slowed to what can be written (the default; nothing is lost here).
    #[default]
    Block,
    /// Do not wait, and leave messages out once the spool file is full: what neither the queue nor its spool file has
    /// room for is left out and counted, and a gap with the count is written before the next message.
    Gap,
    /// Do not wait, and stop recording messages once queue and spool file are full: the call is told so, and
    /// [`Recorder::finish`](super::Recorder::finish) reports it.
    Abort,
}

/// Options of a recorder.
#[doc(hidden)]
pub struct RecorderOptions {
    /// Largest number of messages in the queue. Default [`QUEUE_EVENTS`], at least 1.
    pub queue_events: usize,
    /// Largest number of message bytes in the queue; a larger message waits alone. Default [`QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// What to do when the queue is full. Default: wait.
    pub on_overflow: Overflow,
    /// The spool file for messages of 16 KiB and more that do not fit the queue, before [`Overflow::Gap`] leaves any
    /// out or [`Overflow::Abort`] stops. Not used with `rules`, since nothing that they take out may be in a file.
    /// Default: none.
    pub(crate) spool: Option<Spool>,
    /// Longest time until an event is readable in the file. Default [`FLUSH_INTERVAL`].
    pub flush_interval: Duration,
    /// What to do with secrets in metadata. Default: they are replaced.
    pub metadata: MetadataPolicy,
    /// Secrets that are masked in recorded text: status messages, reasons, notes, other metadata. Whoever shows what is
    /// recorded shares it. Default: none known yet.
    pub secrets: Secrets,
    /// Redaction rules, applied on the writer thread before events are written and observed. Default: nothing.
    pub rules: Vec<Box<dyn RedactionRule>>,
    /// Observers, called on the writer thread with each event after it was redacted and written.
    pub observers: Vec<Box<dyn Observer>>,
    /// The clock; its offset 0 is the beginning of the capture. Default: started with these options.
    pub clock: Arc<dyn Clock>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            queue_events: QUEUE_EVENTS,
            queue_bytes: QUEUE_BYTES,
            on_overflow: Overflow::Block,
            spool: None,
            flush_interval: FLUSH_INTERVAL,
            metadata: MetadataPolicy::Redact,
            secrets: Secrets::default(),
            rules: Vec::new(),
            observers: Vec::new(),
            clock: Arc::new(MonotonicClock::start()),
        }
    }
}

impl std::fmt::Debug for RecorderOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecorderOptions")
            .field("queue_events", &self.queue_events)
            .field("queue_bytes", &self.queue_bytes)
            .field("on_overflow", &self.on_overflow)
            .field("spool", &self.spool)
            .field("flush_interval", &self.flush_interval)
            .field("metadata", &self.metadata)
            .field("rules", &self.rules.len())
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
