//! How a recorder works, and what it takes by default.

use std::{sync::Arc, time::Duration};

use super::{Clock, MonotonicClock, spool::Spool};
use crate::{
    model::event::Observer,
    transform::redact::{MetadataPolicy, RedactionRule, Secrets},
};

/// Messages that may wait at once: 24 MiB at the 3 KB that small frames have; larger ones reach [`QUEUE_BYTES`] first.
pub(crate) const QUEUE_EVENTS: usize = 8192;

/// Bytes of messages that may wait in memory at once, 28 MiB: 36 ms of a stream of 800 MB/s, which a busy machine may take for
/// other things, and a recording of frames of usual size stays under 100 MB of memory however slow the disk is. What does
/// not fit may go to a spool file.
pub(crate) const QUEUE_BYTES: usize = 28 * 1024 * 1024;

/// Longest time until an event is readable in the file, which a crash may cost.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// What to do with a message when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Wait: the stream is slowed to what can be written (the default; nothing is lost here).
    #[default]
    Block,
    /// Never wait: what neither the queue nor its spool file has room for is left out and counted, and a
    /// gap with the count is written before the next message.
    Gap,
    /// Never wait, and stop recording messages once neither has room: the call is told so, and [`Recorder::finish`](super::Recorder::finish)
    /// reports it.
    Abort,
}

/// How a recorder works.
#[doc(hidden)]
pub struct RecorderOptions {
    /// Messages that may wait at once. Default [`QUEUE_EVENTS`], at least 1.
    pub queue_events: usize,
    /// Bytes of messages that may wait at once; a larger single message is let in alone. Default [`QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// What to do when the queue is full. Default: wait.
    pub on_overflow: Overflow,
    /// A file in which messages of 16 KiB and more wait that find the queue full, before [`Overflow::Gap`] leaves any out or
    /// [`Overflow::Abort`] stops. Not used with `rules`, since nothing that they take out may be in a file. Default: none.
    pub(crate) spool: Option<Spool>,
    /// How long an event may wait to become readable. Default [`FLUSH_INTERVAL`].
    pub flush_interval: Duration,
    /// What happens to secrets in metadata. Default: they are replaced.
    pub metadata: MetadataPolicy,
    /// Values of such metadata, to be masked in all text that is recorded: status messages, reasons, notes, other metadata.
    /// Whoever shows what is recorded shares it. Default: none known yet.
    pub secrets: Secrets,
    /// What else is taken out of events, on the writer thread, before they are written and seen. Default: nothing.
    pub rules: Vec<Box<dyn RedactionRule>>,
    /// Who else sees the events, on the writer thread, after redaction and after the event was written.
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
