//! The writer thread: takes events off the queue, writes them, and closes chunks in time.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering, mpsc},
    time::{Duration, Instant},
};

use super::{
    RecorderError, Sink, SinkError,
    queue::{Command, Queue},
};
use crate::event::{Broken, Ending, Event, EventKind, Observer};

pub(super) struct Writer<S> {
    sink: S,
    queue: Arc<Queue>,
    flush_interval: Duration,
    observers: Vec<Box<dyn Observer>>,
    /// Calls without an ending, and the number of their last event.
    open: BTreeMap<u32, u64>,
    /// Since when, and from which offset on, events are not yet readable.
    unflushed: Option<(Instant, u64)>,
}

/// A failure of the sink, and during what.
type Failure = (&'static str, SinkError);

impl<S: Sink> Writer<S> {
    pub(super) fn new(sink: S, queue: Arc<Queue>, flush_interval: Duration, observers: Vec<Box<dyn Observer>>) -> Self {
        Self {
            sink,
            queue,
            flush_interval,
            observers,
            open: BTreeMap::new(),
            unflushed: None,
        }
    }

    /// Runs until told to finish.
    pub(super) fn run(mut self, commands: &mpsc::Receiver<Command>) -> Result<S::Summary, RecorderError> {
        let failure = match self.write_all(commands) {
            Ok(()) => match self.end_open_calls() {
                Ok(()) => {
                    let Self { sink, queue, .. } = self;
                    let finished = sink.finish();
                    return finished.map_err(|source| failed(&queue, ("finish", source), 0));
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        self.queue.fail();
        let Self { sink, queue, .. } = self;
        drop(sink);
        let refused = commands
            .iter()
            .take_while(|command| !matches!(command, Command::Finish))
            .count() as u64;
        Err(failed(&queue, failure, refused))
    }

    fn write_all(&mut self, commands: &mpsc::Receiver<Command>) -> Result<(), Failure> {
        loop {
            let command = match self.patience() {
                None => commands.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some(patience) => commands.recv_timeout(patience),
            };
            match command {
                Ok(Command::Write(event, admission)) => {
                    self.queue.counters.taken.fetch_add(1, Ordering::Relaxed);
                    let written = self.write(&event);
                    drop(admission);
                    written?;
                }
                Ok(Command::Finish) | Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
                Err(mpsc::RecvTimeoutError::Timeout) => self.wake()?,
            }
        }
    }

    /// How long to wait for the next event before a flush or a look of the sink is due; `None` when neither will be.
    fn patience(&self) -> Option<Duration> {
        let flush = self
            .unflushed
            .map(|(since, _)| self.flush_interval.saturating_sub(since.elapsed()));
        match (flush, self.sink.wakes()) {
            (Some(flush), Some(wake)) => Some(flush.min(wake)),
            (flush, wake) => flush.or(wake),
        }
    }

    /// Nothing came in time.
    fn wake(&mut self) -> Result<(), Failure> {
        if self.unflushed.is_some_and(|(since, _)| since.elapsed() >= self.flush_interval) {
            self.flush()?;
        }
        let now = self.queue.now();
        self.sink.wake(now).map_err(|source| ("write", source))
    }

    fn write(&mut self, event: &Event) -> Result<(), Failure> {
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
        for observer in &mut self.observers {
            observer.observe(event);
        }
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

    /// Every call gets its ending, whatever happened to the task that watched it.
    fn end_open_calls(&mut self) -> Result<(), Failure> {
        for (call, seq) in std::mem::take(&mut self.open) {
            self.write(&Event {
                call,
                seq: seq + 1,
                offset_ns: self.queue.now(),
                kind: EventKind::End(Ending::Broken(Broken {
                    error: "the recording was finished while the call was open".to_owned(),
                    goaway: false,
                })),
            })?;
        }
        Ok(())
    }
}

fn failed(queue: &Queue, (act, source): Failure, refused: u64) -> RecorderError {
    RecorderError::Sink {
        act,
        source,
        written: queue.counters.written.load(Ordering::Relaxed),
        refused,
    }
}
