//! Recordings: from events to capture files.
//!
//! [`Recording`] is the one way: taps hand events to its [`RecordingHandle`], and threads redact, observe, compress and
//! write them. A slow disk slows a tap only through the queue, which does what [`Overflow`] says when it is full.
//! A [`RecordingPool`] shares the threads among the recordings of a process.
//!
//! **Order.** An event gets its sequence number and its offset at the moment it enters the queue, under one lock.
//! Events of a capture are therefore written in the order of their offsets, without exception. The price: a message
//! that had to wait for room carries the time at which it got in, not the time at which it arrived.
//!
//! **Bounds.** Messages take their place in the queue by count and by bytes and give it back once written. All other
//! events are small and few (a handful for each call), so they are let in at once: an ending is never lost or late.
//! With [`Overflow::Gap`] and [`Overflow::Abort`], messages that do not fit the queue go to a spool file, which is bounded too.

mod background;
mod call;
mod clock;
mod compression_pool;
mod driver;
mod file_sink;
mod options;
mod output;
mod pipeline;
mod pool;
mod queue;
mod recording;
mod spool;
mod sync;
mod writer;

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use thiserror::Error;
use tokio::sync::oneshot;

pub(crate) use background::BackgroundObserver;
pub use call::CallRecorder;
pub use clock::{Clock, MonotonicClock};
pub use options::{RecordingLayout, RecordingOptions};
pub use output::{
    Evidence, OnError, RecordedCapture, RecordingSummary, RingBound, RingOptions, RotateOptions, Trigger, TriggerQueue,
};
pub(crate) use output::{StoredCall, StoredFiles};
pub use pool::RecordingPool;
pub use queue::{RecordingTotals, Refused};
pub use recording::{Recording, RecordingFailure, ReservedRecording};
use spool::{SPOOL_BYTES, Spool};
pub use sync::SyncWhen;

use crate::{
    model::event::{CallStart, Event, EventKind, Note, Observer},
    transform::redact::{MetadataPolicy, RedactionRule, Secrets},
};
use driver::WriterThreads;
use queue::Queue;

/// Messages that may wait at once: 24 MiB at the 3 KB that small frames have; larger ones reach [`QUEUE_BYTES`] first.
pub(crate) const QUEUE_EVENTS: usize = 8192;

/// Bytes of messages that may wait in memory at once, 28 MiB: 36 ms of a stream of 800 MB/s, which a busy machine may take for
/// other things, and a recording of frames of usual size stays under 100 MB of memory however slow the disk is. What does
/// not fit may go to a spool file.
pub(crate) const QUEUE_BYTES: usize = 28 * 1024 * 1024;

/// Longest time until an event is readable in the file, which a crash may cost.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Whatever a sink reports; the sink's own type is kept as the source.
#[doc(hidden)]
pub type SinkError = Box<dyn Error + Send + Sync>;

/// Where events go: the capture file, or a test's memory.
#[doc(hidden)]
pub trait Sink: Send + 'static {
    /// What is known once everything is written.
    type Summary: Send + 'static;

    /// Takes the next event.
    fn write(&mut self, event: &Event) -> Result<(), SinkError>;
    /// Makes everything written so far readable.
    fn flush(&mut self) -> Result<(), SinkError>;
    /// Says whether what was written is still where it belongs; asked for when there is nothing to write.
    fn check(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    /// Told before each event how full the queue is, in percent: a sink that can hurry does so.
    fn pressure(&mut self, _percent: u8) {}
    /// Completes the capture.
    fn finish(self) -> Result<Self::Summary, SinkError>;
    /// Bytes stored so far, after compression.
    fn stored_bytes(&self) -> u64;
    /// How often to [wake](Self::wake) it when nothing comes; `None`, the default, is never.
    fn wakes(&self) -> Option<Duration> {
        None
    }
    /// The process stood still until now, at `now_ns`: that nothing came meanwhile says nothing of those who send. Does
    /// nothing by default.
    fn resumed(&mut self, now_ns: u64) {
        let _ = now_ns;
    }
    /// Nothing came for a while; `now_ns` is the present offset. Does nothing by default.
    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let _ = now_ns;
        Ok(())
    }
}

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
    /// Never wait, and stop recording messages once neither has room: the call is told so, and [`Recorder::finish`]
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
    pub(super) spool: Option<Spool>,
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

/// A recording that did not end well.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The thread could not be started.
    #[error("could not start the recorder's thread")]
    Start(#[source] std::io::Error),
    /// The sink failed; what it had taken before stays where it is.
    #[error("could not {act} the capture: {source}; `capture recover` saves what is in the file")]
    Sink {
        /// What was being done: `write`, `read back what waited for`, `flush`, `keep` or `finish`.
        act: &'static str,
        /// What the sink reported.
        source: SinkError,
        /// Events that the sink had taken before the failure; the last of them may not be in the file.
        written: u64,
        /// Events that came after it.
        refused: u64,
    },
    /// The queue was full and [`Overflow::Abort`] was asked for; the capture is complete up to there.
    #[error(
        "stopped recording: the queue was full and {lost} messages were left out; record to a faster disk, raise the \
         queue, or choose --on-overflow block or gap"
    )]
    Overflow {
        /// Messages that were left out.
        lost: u64,
    },
    /// The writer thread died.
    #[error("the recorder's thread stopped unexpectedly; `capture recover` saves what is in the file")]
    Lost,
}

impl RecorderError {
    /// True when what is in the files must be read back to be known.
    pub(crate) const fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Sink { .. } | Self::Lost)
    }
}

/// Writes a capture: [`Recorder::start`], then [`RecordingHandle::call`] for each call, then [`Recorder::finish`].
///
/// Dropped without `finish`, the recorder writes what is queued and completes the sink on its thread, unobserved. When it
/// is a panic that drops it, that is waited for, since the process may be about to end.
#[doc(hidden)]
#[derive(Debug)]
pub struct Recorder<S: Sink> {
    handle: RecordingHandle,
    done: Option<oneshot::Receiver<Result<S::Summary, RecorderError>>>,
    /// Hangs up when the writer has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

/// Hands events to a recording; cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordingHandle {
    queue: Arc<Queue>,
}

impl<S: Sink> Recorder<S> {
    /// Starts a recorder with a writer thread of its own.
    pub fn start(sink: S, options: RecorderOptions) -> Result<Self, RecorderError> {
        let threads = WriterThreads::start(1).map_err(RecorderError::Start)?;
        Ok(Self::start_on(&threads, sink, options))
    }

    /// Starts a recorder whose events are written by threads that other recorders use as well.
    fn start_on(threads: &WriterThreads, sink: S, mut options: RecorderOptions) -> Self {
        let queue = Arc::new(Queue::new(threads.sender(), &mut options));
        let (outcome, done) = oneshot::channel();
        let (tell, ended) = mpsc::channel();
        let hooks = writer::EventHooks {
            rules: options.rules,
            observers: options.observers,
        };
        let writer = writer::Writer::new(sink, Arc::clone(&queue), options.flush_interval, hooks);
        queue.start(writer, driver::Report { outcome, ended: tell });
        Self {
            handle: RecordingHandle { queue },
            done: Some(done),
            ended: Mutex::new(ended),
        }
    }

    /// A handle to record with.
    #[must_use]
    pub fn handle(&self) -> RecordingHandle {
        self.handle.clone()
    }

    /// Writes all that is queued, ends calls that are still open as broken, and completes the sink. Events that come
    /// later are refused.
    pub async fn finish(mut self) -> Result<S::Summary, RecorderError> {
        self.handle.queue.close();
        let Some(done) = self.done.take() else {
            return Err(RecorderError::Lost);
        };
        let outcome = done.await.unwrap_or(Err(RecorderError::Lost));
        self.handle.queue.judge(outcome)
    }

    /// [`Recorder::finish`] for code without a runtime; it blocks, so never call it from an async task.
    pub fn finish_blocking(mut self) -> Result<S::Summary, RecorderError> {
        self.handle.queue.close();
        let Some(done) = self.done.take() else {
            return Err(RecorderError::Lost);
        };
        let outcome = done.blocking_recv().unwrap_or(Err(RecorderError::Lost));
        self.handle.queue.judge(outcome)
    }
}

impl RecordingHandle {
    /// Opens a call: gives it the next number, counted from 1, and records its start.
    pub fn call(&self, start: CallStart) -> Result<CallRecorder, Refused> {
        CallRecorder::open(Arc::clone(&self.queue), start)
    }

    /// Records a remark on the capture as a whole.
    pub fn note(&self, author: &str, text: impl Into<String>) -> Result<(), Refused> {
        let kind = EventKind::Note(Note {
            author: author.to_owned(),
            text: text.into(),
        });
        let order = self.queue.order();
        order.send_for_capture(kind).map(drop)
    }

    /// Totals of the recording so far; cheap, and correct at any time.
    #[must_use]
    pub fn totals(&self) -> RecordingTotals {
        self.queue.counters.totals()
    }

    /// What is masked in the texts that are recorded; whoever shows such a text asks it.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.queue.secrets
    }

    /// The present offset in nanoseconds since the capture began.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.queue.now()
    }

    /// Waits until the sink has failed, which may never happen: nothing that a tap still takes would be kept.
    pub async fn failed(&self) {
        self.queue.failed.cancelled().await;
    }

    /// Why events are refused, if they are.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        self.queue.counters.refusal()
    }
}

impl<S: Sink> Drop for Recorder<S> {
    fn drop(&mut self) {
        self.handle.queue.close();
        if thread::panicking() {
            let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            // It hangs up: nothing is ever sent.
            let _ = ended.recv();
        }
    }
}

#[cfg(test)]
mod tests;
