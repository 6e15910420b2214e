//! The writer thread: takes events off the queue, writes them, and closes chunks in time.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    RecorderError, Sink, SinkError,
    command::{Admission, Command},
    queue::Queue,
};
use crate::{
    model::event::{Broken, Ending, Event, EventKind, Observer},
    transform::redact::RedactionRule,
};

/// How often a sink is checked while nothing comes: a file that was removed is noticed soon enough.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct Writer<S> {
    /// Dropped before the sink: what waits for room must not wait for what the sink does at its end.
    _released: ReleaseOnPanic,
    sink: S,
    queue: Arc<Queue>,
    flush_interval: Duration,
    rules: Vec<Box<dyn RedactionRule>>,
    observers: Vec<Box<dyn Observer>>,
    /// Open calls, and the number of their last event.
    open: BTreeMap<u32, u64>,
    /// Time and offset since which events are not readable yet.
    unflushed: Option<(Instant, u64)>,
    /// Why nothing more may be written although the sink is intact: a rule has failed, so that what it hides might
    /// show.
    unruly: bool,
}

/// Releases waiting senders when the writer panics.
struct ReleaseOnPanic(Arc<Queue>);

impl Drop for ReleaseOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail();
        }
    }
}

/// Rules and observers of events: the rules change an event before the observers see it.
pub(super) struct EventHooks {
    pub(super) rules: Vec<Box<dyn RedactionRule>>,
    pub(super) observers: Vec<Box<dyn Observer>>,
}

/// A failure of the sink, and the operation.
pub(super) type Failure = (&'static str, SinkError);

impl<S: Sink> Writer<S> {
    pub(super) fn new(sink: S, queue: Arc<Queue>, flush_interval: Duration, hooks: EventHooks) -> Self {
        Self {
            _released: ReleaseOnPanic(Arc::clone(&queue)),
            sink,
            queue,
            flush_interval,
            rules: hooks.rules,
            observers: hooks.observers,
            open: BTreeMap::new(),
            unflushed: None,
            unruly: false,
        }
    }

    /// Executes one command.
    pub(super) fn take(&mut self, command: Command) -> Result<Flow, Failure> {
        match command {
            Command::Write(mut event, mut admission) => {
                self.queue.counters.taken.fetch_add(1, Ordering::Relaxed);
                if let EventKind::Message(message) = &mut event.kind
                    && let Some(Admission::File(spooled)) = admission.take_if(|place| place.is_file())
                {
                    message.data = spooled
                        .take()
                        .map_err(|error| ("read from the spool file for", error.into()))?;
                }
                let event = self.apply_rules(event)?;
                let written = self.write(&event);
                drop(admission);
                written.map(|()| Flow::Go)
            }
            Command::Finish => Ok(Flow::Finish),
        }
    }

    /// Tells the sink that the process was suspended until now.
    pub(super) fn resumed(&mut self) {
        self.sink.resumed(self.queue.now());
    }

    /// Applies the redaction rules to the event. A rule that panics ends the recording: what it hides must not be
    /// written.
    fn apply_rules(&mut self, event: Event) -> Result<Event, Failure> {
        let rules = &mut self.rules;
        let applied = catch_unwind(AssertUnwindSafe(|| {
            rules.iter_mut().fold(event, |event, rule| rule.apply(event))
        }));
        applied.map_err(|_| {
            self.unruly = true;
            (
                "redact",
                "a rule panicked; the capture is complete up to this point".into(),
            )
        })
    }

    /// Handles the end of the wait of [patience](Self::patience).
    pub(super) fn idle(&mut self) -> Result<(), Failure> {
        if self
            .unflushed
            .is_some_and(|(since, _)| since.elapsed() >= self.flush_interval)
        {
            self.flush()?;
        } else if self.unflushed.is_none() {
            self.sink.check().map_err(|source| ("keep", source))?;
        }
        let now = self.queue.now();
        self.sink.wake(now).map_err(|source| ("write", source))
    }

    /// Completes the sink, or drops it after a failure: then everything is refused, and what still comes is to be
    /// counted until [`Command::Finish`].
    pub(super) fn end(mut self, written: Result<(), Failure>) -> Result<S::Summary, Failed> {
        let failure = match written.and_then(|()| self.end_open_calls()) {
            Ok(()) => {
                let Self { sink, queue, .. } = self;
                // Nothing comes any more, so that there is nothing to count.
                let finished = sink.finish();
                return finished.map_err(|source| Failed::new(&queue, ("finish", source)));
            }
            Err(failure) => failure,
        };
        self.queue.fail();
        if self.unruly {
            // The sink is sound, and what it has taken is hidden where it should be.
            let _ = self.end_open_calls();
            let _ = self.sink.finish();
        } else {
            drop(self.sink);
        }
        Err(Failed::new(&self.queue, failure))
    }

    /// Longest wait for the next event before a flush or a check of the sink is due.
    pub(super) fn patience(&self) -> Duration {
        let patience = self.unflushed.map_or(CHECK_INTERVAL, |(since, _)| {
            self.flush_interval.saturating_sub(since.elapsed())
        });
        self.sink.wakes().map_or(patience, |wake| patience.min(wake))
    }

    fn write(&mut self, event: &Event) -> Result<(), Failure> {
        self.sink.pressure(self.queue.fill());
        self.sink.write(event).map_err(|source| ("write", source))?;
        let counters = &self.queue.counters;
        counters.written.fetch_add(1, Ordering::Relaxed);
        counters.stored_bytes.store(self.sink.stored_bytes(), Ordering::Relaxed);
        match &event.kind {
            EventKind::End(_) => {
                self.open.remove(&event.call);
            }
            EventKind::CallStart(_) => {
                self.open.insert(event.call, event.seq);
            }
            _ => {
                if let Some(seq) = self.open.get_mut(&event.call) {
                    *seq = event.seq;
                }
            }
        }
        // One that panics sees no more; the recording goes on.
        self.observers
            .retain_mut(|observer| catch_unwind(AssertUnwindSafe(|| observer.observe(event))).is_ok());
        let (since, from) = *self.unflushed.get_or_insert_with(|| (Instant::now(), event.offset_ns));
        let waited = Duration::from_nanos(event.offset_ns.saturating_sub(from));
        if waited >= self.flush_interval || since.elapsed() >= self.flush_interval {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.unflushed = None;
        self.sink.flush().map_err(|source| ("flush", source))?;
        let stored = self.sink.stored_bytes();
        self.queue.counters.stored_bytes.store(stored, Ordering::Relaxed);
        Ok(())
    }

    /// Ends every open call.
    fn end_open_calls(&mut self) -> Result<(), Failure> {
        for (call, seq) in std::mem::take(&mut self.open) {
            self.write(&Event {
                call,
                seq: seq + 1,
                offset_ns: self.queue.now(),
                kind: EventKind::End(Ending::Broken(Broken {
                    error: "the recording was finished while the call was open".to_owned(),
                    ..Broken::default()
                })),
            })?;
        }
        Ok(())
    }
}

/// Whether the recording continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    Finish,
}

/// A failed recording, before the refused events are counted.
pub(super) struct Failed {
    failure: Failure,
    written: u64,
}

impl Failed {
    fn new(queue: &Queue, failure: Failure) -> Self {
        let written = queue.counters.written.load(Ordering::Relaxed);
        Self { failure, written }
    }

    /// The error, with the number of refused events.
    pub(super) fn error(self, refused: u64) -> RecorderError {
        let (act, source) = self.failure;
        RecorderError::Sink {
            act,
            source,
            written: self.written,
            refused,
        }
    }
}
