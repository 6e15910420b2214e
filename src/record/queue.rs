//! The queue between taps and the writer thread: admission, order, and the live counters.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    Overflow, RecorderError, RecorderOptions,
    command::{Admission, Command, CommandSender, Lane},
    spool::Spool,
};
use crate::{
    model::event::{CAPTURE_CALL, Event, EventKind},
    record::Clock,
    transform::redact::{MetadataPolicy, Secrets},
};

/// Who waits for room in the queue waits until so many bytes are free, 1 MiB, or this part of a small queue. More would leave
/// so much memory free at once that the allocator gave it back to the system, only to ask for it again.
const FREE_BYTES: u32 = 1 << 20;
const FREE_PART: u32 = 8;

/// The reason why an event was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// The sink failed; [`super::Recorder::finish`] says how.
    #[error("the capture can no longer be written")]
    SinkFailed,
    /// The queue was full with [`Overflow::Abort`].
    #[error("the recorder's queue was full")]
    Overflow,
    /// The recorder was finished.
    #[error("the recording is finished")]
    Finished,
    /// The call has ended; nothing comes after it.
    #[error("the call has ended")]
    Ended,
}

/// Totals of a recording so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingTotals {
    /// Calls opened.
    pub calls: u32,
    /// Messages accepted by the queue.
    pub messages: u64,
    /// Their payload bytes, as on the wire.
    pub message_bytes: u64,
    /// Messages known to be lost: left out because the queue was full, or reported by [`super::CallRecorder::gap`].
    pub gaps: u64,
    /// Total wait of messages because the queue was full, with [`Overflow::Block`], in nanoseconds: the stream was
    /// slowed by as much, less what the buffers on the way took. Calls, and the directions of one, are added up.
    pub blocked_ns: u64,
    /// Messages that went to the spool file because the queue was full.
    pub spooled: u64,
    /// Events written to the sink.
    pub written: u64,
    /// Bytes stored by the sink, after compression.
    pub stored_bytes: u64,
    /// Events waiting to be written.
    pub queued: u64,
}

/// Live counters, readable at any time.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) calls: AtomicU32,
    pub(super) messages: AtomicU64,
    pub(super) message_bytes: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) blocked_ns: AtomicU64,
    pub(super) spooled: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) taken: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) stored_bytes: AtomicU64,
    refusal: AtomicU8,
    overflowed: AtomicBool,
}

impl Counters {
    pub(super) fn totals(&self) -> RecordingTotals {
        let taken = self.taken.load(Ordering::Relaxed);
        RecordingTotals {
            calls: self.calls.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
            message_bytes: self.message_bytes.load(Ordering::Relaxed),
            gaps: self.gaps.load(Ordering::Relaxed),
            blocked_ns: self.blocked_ns.load(Ordering::Relaxed),
            spooled: self.spooled.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            stored_bytes: self.stored_bytes.load(Ordering::Relaxed),
            queued: self.sent.load(Ordering::Relaxed).saturating_sub(taken),
        }
    }

    pub(super) fn refusal(&self) -> Option<Refused> {
        match self.refusal.load(Ordering::Acquire) {
            1 => Some(Refused::SinkFailed),
            2 => Some(Refused::Finished),
            _ if self.overflowed.load(Ordering::Acquire) => Some(Refused::Overflow),
            _ => None,
        }
    }

    /// Sets the reason for refusing events; the first one stays.
    fn refuse(&self, why: u8) {
        let _ = self
            .refusal
            .compare_exchange(0, why, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// The queue, shared by all handles and the writer.
pub(super) struct Queue {
    pub(super) counters: Counters,
    pub(super) on_overflow: Overflow,
    spool: Option<Arc<Spool>>,
    /// Secrets that are masked in events.
    pub(super) secrets: Secrets,
    clock: Arc<dyn Clock>,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// Total number of byte permits: a larger message takes them all and so is let in alone.
    byte_permits: u32,
    /// Total number of event permits.
    event_permits: usize,
    /// Cancelled when the sink has failed.
    pub(super) failed: CancellationToken,
    inner: Mutex<Inner>,
}

/// The state behind one lock, so that events are queued in the order of their numbers and times.
struct Inner {
    sender: CommandSender,
    /// Sequence number of the capture's own events.
    capture_seq: u64,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn new(sender: CommandSender, options: &mut RecorderOptions) -> Self {
        let byte_permits = u32::try_from(options.queue_bytes.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let event_permits = options.queue_events.clamp(1, Semaphore::MAX_PERMITS);
        if options.metadata == MetadataPolicy::Keep {
            options.secrets.keep();
        }
        Self {
            counters: Counters::default(),
            on_overflow: options.on_overflow,
            // What rules take out is never in any file.
            spool: options.spool.take().filter(|_| options.rules.is_empty()).map(Arc::new),
            secrets: options.secrets.clone(),
            clock: Arc::clone(&options.clock),
            events: Arc::new(Semaphore::new(event_permits)),
            bytes: Arc::new(Semaphore::new(byte_permits as usize)),
            byte_permits,
            event_permits,
            failed: CancellationToken::new(),
            inner: Mutex::new(Inner {
                sender,
                capture_seq: 0,
                closed: false,
            }),
        }
    }

    /// Waits for a place for `bytes` of payload. Who has to wait does so until a part of the queue is free: the next messages
    /// then find room without waiting, and no thread is woken for each message.
    pub(super) async fn admit(&self, bytes: usize) -> Result<Admission, Refused> {
        let (event, bytes) = (1, self.permits(bytes));
        let events_free = u32::try_from(self.event_permits / FREE_PART as usize).unwrap_or(u32::MAX);
        let bytes_free = (self.byte_permits / FREE_PART).min(FREE_BYTES);
        Ok(Admission::Memory {
            _event: self.wait(&self.events, event, events_free).await?,
            _bytes: self.wait(&self.bytes, bytes, bytes_free).await?,
        })
    }

    /// Waits until so many permits are free, and takes those that are wanted of them.
    async fn wait(&self, from: &Arc<Semaphore>, wanted: u32, free: u32) -> Result<OwnedSemaphorePermit, Refused> {
        let taken = Arc::clone(from).acquire_many_owned(free.max(wanted)).await;
        let mut taken = taken.map_err(|_| self.why())?;
        let unwanted = taken.num_permits().saturating_sub(wanted as usize);
        drop(taken.split(unwanted));
        Ok(taken)
    }

    /// Reserves room for `bytes` of payload; `None` when the queue is full.
    pub(super) fn try_admit(&self, bytes: usize) -> Option<Admission> {
        Some(Admission::Memory {
            _event: Arc::clone(&self.events).try_acquire_owned().ok()?,
            _bytes: Arc::clone(&self.bytes)
                .try_acquire_many_owned(self.permits(bytes))
                .ok()?,
        })
    }

    /// Reserves room in the spool file for a message without room in memory.
    pub(super) async fn spool(&self, payload: &Bytes) -> Option<Admission> {
        let spooled = self.spool.as_ref()?.put(payload.clone()).await?;
        self.counters.spooled.fetch_add(1, Ordering::Relaxed);
        Some(Admission::File(spooled))
    }

    /// Fill level of the queue, in percent: by events or by bytes, whichever is fuller, and wholly while messages wait
    /// in the file.
    pub(super) fn fill(&self) -> u8 {
        if self.spool.as_ref().is_some_and(|spool| spool.is_used()) {
            return 100;
        }
        let events = self.events.available_permits() * 100 / self.event_permits;
        let bytes = self.bytes.available_permits() * 100 / self.byte_permits as usize;
        100 - u8::try_from(events.min(bytes)).unwrap_or(0).min(100)
    }

    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.byte_permits)
    }

    /// The reason why events are refused now.
    pub(super) fn why(&self) -> Refused {
        self.counters.refusal().unwrap_or(Refused::Finished)
    }

    /// Takes the lock for stamping and sending events.
    pub(super) fn order(&self) -> Order<'_> {
        Order {
            queue: self,
            inner: self.inner.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Registers the writer of this queue.
    pub(super) fn start(&self, lane: Box<dyn Lane>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.sender.start(lane);
    }

    /// Refuses further events, and tells the writer to finish. Twice is as good as once.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.closed {
            inner.closed = true;
            self.counters.refuse(2);
            let _ = inner.sender.send(Command::Finish);
        }
        drop(inner);
        self.release();
    }

    /// Notes that the sink has failed: refuses all events, and wakes everyone who waits for room.
    pub(super) fn fail(&self) {
        self.counters.refuse(1);
        self.release();
        self.failed.cancel();
    }

    pub(super) fn overflow(&self) {
        self.counters.overflowed.store(true, Ordering::Release);
    }

    fn release(&self) {
        self.events.close();
        self.bytes.close();
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.offset_ns()
    }

    /// Turns an overflow that aborted the recording into an error even when the file is intact.
    pub(super) fn judge<T>(&self, outcome: Result<T, RecorderError>) -> Result<T, RecorderError> {
        let summary = outcome?;
        if self.counters.overflowed.load(Ordering::Acquire) {
            return Err(RecorderError::Overflow {
                lost: self.counters.gaps.load(Ordering::Relaxed),
            });
        }
        Ok(summary)
    }
}

/// The lock guard for sending events; what is sent under one `Order` is contiguous in the capture.
pub(super) struct Order<'a> {
    queue: &'a Queue,
    inner: MutexGuard<'a, Inner>,
}

impl Order<'_> {
    /// Stamps and sends an event of the capture itself.
    pub(super) fn send_for_capture(mut self, kind: EventKind) -> Result<u64, Refused> {
        let seq = self.inner.capture_seq + 1;
        let offset = self.push(CAPTURE_CALL, seq, kind, None)?;
        self.inner.capture_seq = seq;
        Ok(offset)
    }

    /// Stamps and sends one event; returns its offset.
    pub(super) fn push(
        &mut self,
        call: u32,
        seq: u64,
        mut kind: EventKind,
        admission: Option<Admission>,
    ) -> Result<u64, Refused> {
        if self.inner.closed {
            return Err(self.queue.why());
        }
        if let Some(Refused::SinkFailed) = self.queue.counters.refusal() {
            // The writer counts what was refused.
            let _ = self.inner.sender.send(Command::Write(refused(call, seq), None));
            return Err(Refused::SinkFailed);
        }
        self.queue.secrets.event(&mut kind);
        if let EventKind::Message(message) = &mut kind {
            self.queue.counters.messages.fetch_add(1, Ordering::Relaxed);
            self.queue
                .counters
                .message_bytes
                .fetch_add(message.data.len() as u64, Ordering::Relaxed);
            if admission.as_ref().is_some_and(Admission::is_file) {
                message.data = Bytes::new();
            }
        }
        let offset_ns = self.queue.now();
        let event = Event {
            call,
            seq,
            offset_ns,
            kind,
        };
        self.queue.counters.sent.fetch_add(1, Ordering::Relaxed);
        if self.inner.sender.send(Command::Write(event, admission)) {
            Ok(offset_ns)
        } else {
            Err(self.queue.why())
        }
    }
}

/// Counts an event that came after the sink had failed.
fn refused(call: u32, seq: u64) -> Event {
    Event {
        call,
        seq,
        offset_ns: 0,
        kind: EventKind::HalfClose,
    }
}
