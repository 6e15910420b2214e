//! Recordings: from events to capture files.
//!
//! Everything that records uses [`Recording`]: taps pass events to its [`RecordingHandle`], and threads redact,
//! observe, compress and write them. A slow disk slows a tap only through the queue, which does what [`Overflow`] says
//! when it is full. A [`RecordingPool`] shares the threads among the recordings of a process.
//!
//! **Order.** An event gets its sequence number and its offset at the moment it enters the queue, under one lock.
//! Events of a capture are therefore always written in the order of their offsets. As a consequence, a message that had
//! to wait for room has the time at which it entered the queue, not the time at which it arrived.
//!
//! **Bounds.** Messages take room in the queue, by count and by bytes, until they are written. All other events are
//! small and few (a handful for each call), so they enter at once: an ending is never lost or late. With
//! [`Overflow::Gap`] and [`Overflow::Abort`], messages that do not fit the queue go to a spool file, which is bounded
//! too.

mod background;
mod call;
mod clock;
mod command;
mod compression;
mod driver;
mod error;
mod failure;
mod file_sink;
mod finishers;
mod options;
mod output;
mod pipeline;
mod pool;
mod queue;
mod recorder_options;
mod recording;
mod sink;
mod spool;
mod sync;
mod timer;
mod writer;

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::oneshot;

pub(crate) use background::BackgroundObserver;
pub use call::CallRecorder;
pub use clock::{Clock, MonotonicClock};
pub use error::RecorderError;
pub use failure::RecordingFailure;
pub use options::{RecordingLayout, RecordingOptions};
pub use output::{
    Evidence, OnError, RecordedCapture, RecordingSummary, RingBound, RingOptions, RotateOptions, Trigger, TriggerQueue,
};
pub(crate) use output::{StoredCall, StoredFiles};
pub use pool::RecordingPool;
pub use queue::{RecordingTotals, Refused};
pub(crate) use recorder_options::FLUSH_INTERVAL;
pub use recorder_options::{Overflow, RecorderOptions};
pub use recording::{Recording, ReservedRecording};
pub use sink::{Sink, SinkError};
pub(crate) use sync::ForeignChange;
pub use sync::SyncWhen;

use crate::{
    model::event::{CallStart, EventKind, Note},
    transform::redact::Secrets,
};
use driver::WriterThreads;
use queue::Queue;

/// Writes events into a sink: [`Recorder::start`], then [`RecordingHandle::call`] for each call, then
/// [`Recorder::finish`].
///
/// Dropped without `finish`, the recorder writes what is queued and completes the sink on its thread, unobserved. When
/// it is a panic that drops it, that is waited for, since the process may be about to end.
#[doc(hidden)]
#[derive(Debug)]
pub struct Recorder<S: Sink> {
    handle: RecordingHandle,
    done: Option<oneshot::Receiver<Result<S::Summary, RecorderError>>>,
    /// Closed when the writer has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

/// Sends events to a recording; cheap to clone.
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

    /// Starts a recorder whose events are written by threads shared with other recorders.
    fn start_on(threads: &WriterThreads, sink: S, mut options: RecorderOptions) -> Self {
        let queue = Arc::new(Queue::new(threads.sender(), &mut options));
        let (outcome, done) = oneshot::channel();
        let (tell, ended) = mpsc::channel();
        let hooks = writer::EventHooks {
            rules: options.rules,
            observers: options.observers,
        };
        let writer = writer::Writer::new(sink, Arc::clone(&queue), options.flush_interval, hooks);
        let report = driver::Report { outcome, ended: tell };
        queue.start(driver::lane(writer, report, threads.finishers()));
        Self {
            handle: RecordingHandle { queue },
            done: Some(done),
            ended: Mutex::new(ended),
        }
    }

    /// Returns a handle for recording.
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

    /// Does the same as [`Recorder::finish`] for code without a runtime; it blocks, so never call it from an async
    /// task.
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

    /// Records a remark about the capture as a whole.
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

    /// The secrets that are masked in recorded text; code that shows such a text masks them, too.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.queue.secrets
    }

    /// The current offset, in nanoseconds since the capture began.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.queue.now()
    }

    /// Waits until the sink has failed, which may never happen: nothing that a tap still takes would be kept.
    pub async fn failed(&self) {
        self.queue.failed.cancelled().await;
    }

    /// The reason why events are refused, if they are.
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
