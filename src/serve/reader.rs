//! Reads a capture ahead of the call that replays it, on its own thread while there is room.

use std::{collections::VecDeque, io, thread};

use super::{
    encoding::Encoder,
    faults::Injector,
    player::Step,
    queue::{Consumer, NotTaken, Producer, bounded},
    timeline::{Next, Timeline},
};
use crate::file::EventPlace;
use crate::replay::source::{CaptureSource, Events};

/// Read-ahead of all calls together. Each call has its least on top, and mostly in chunks that it shares with others:
/// 200 at once were measured to take 30 MB in all.
const TOTAL_BYTES: usize = 32 * 1024 * 1024;
/// Largest read-ahead of one call: rides out a disk that hesitates for 10 ms at 1 GB/s.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Smallest read-ahead of one call among many: a few frames, so that reader and client overlap.
const LEAST_BYTES: usize = 256 * 1024;
/// Stack size of a reader, which needs little; the default of 2 MiB is reserved for each of hundreds of clients.
const STACK_BYTES: usize = 512 * 1024;

/// Read-ahead of one call when `calls` run at once.
pub(super) fn read_ahead(calls: u64) -> usize {
    let share = TOTAL_BYTES / usize::try_from(calls.max(1)).unwrap_or(usize::MAX);
    share.clamp(LEAST_BYTES, MOST_BYTES)
}

/// Starts to read `source` for `timeline`, on a thread that ends with the call or when the queue is full; the reader
/// goes on when there is room again. `place` is where in the file to begin, where that is known.
pub(super) fn spawn(
    source: CaptureSource,
    place: Option<EventPlace>,
    timeline: Timeline,
    injector: Injector,
    encoder: Encoder,
    limit: usize,
) -> io::Result<Consumer> {
    let (producer, consumer) = bounded(limit);
    thread::Builder::new()
        .name("replay-reader".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || Reading::open(&source, place, timeline, injector, encoder, producer).run())?;
    Ok(consumer)
}

/// Reads the whole of a short `source` on the current thread.
pub(super) fn read_whole(source: &CaptureSource, timeline: Timeline, injector: Injector, encoder: Encoder) -> Consumer {
    let (producer, consumer) = bounded(usize::MAX);
    Reading::open(source, None, timeline, injector, encoder, producer).run();
    consumer
}

/// A call that is being read.
struct Reading {
    /// `None` when the capture could not be opened.
    events: Option<Events>,
    timeline: Timeline,
    next: Next,
    injector: Injector,
    encoder: Encoder,
    producer: Producer,
    /// Steps that have been read and not taken, in order.
    waiting: VecDeque<Step>,
}

impl Reading {
    fn open(
        source: &CaptureSource,
        place: Option<EventPlace>,
        mut timeline: Timeline,
        injector: Injector,
        encoder: Encoder,
        producer: Producer,
    ) -> Self {
        let (begins_at, _) = timeline.begins_at();
        let (mut next, mut steps) = (Next::Seek(begins_at), Vec::new());
        let events = match source.open() {
            Ok(mut events) => {
                if let Some(place) = place {
                    events.seek_to(place);
                    next = Next::Read;
                }
                Some(events)
            }
            Err(error) => {
                timeline.fail(&error, &mut steps);
                next = Next::Stop;
                None
            }
        };
        let mut reading = Self {
            events,
            timeline,
            next,
            injector,
            encoder,
            producer,
            waiting: VecDeque::new(),
        };
        reading.put_all(steps);
        reading
    }

    /// Reads until the call ends, its client leaves, or the queue is full.
    fn run(mut self) {
        loop {
            while let Some(step) = self.waiting.pop_front() {
                match self.producer.offer(step) {
                    Ok(()) => {}
                    // The client left; there is nobody to tell.
                    Err(NotTaken::Gone) => return,
                    Err(NotTaken::Full(step)) => {
                        self.waiting.push_front((*step).clone());
                        let parking = self.producer.parking();
                        let Some(resume) = parking.park(&step, Box::new(move || self.run())) else {
                            return;
                        };
                        // There is room by now.
                        return resume();
                    }
                }
            }
            if self.injector.ended() || self.next == Next::Stop {
                return;
            }
            self.read();
        }
    }

    /// Reads one event.
    fn read(&mut self) {
        let mut steps = Vec::new();
        let Some(events) = &mut self.events else { return };
        if let Next::Seek(offset_ns) = self.next
            && let Err(error) = events.seek(offset_ns)
        {
            self.timeline.fail(&error, &mut steps);
        }
        self.next = match events.next() {
            Some(Ok(event)) => self.timeline.take(event, &mut steps),
            Some(Err(error)) => {
                self.timeline.fail(&error, &mut steps);
                Next::Stop
            }
            None => {
                self.timeline.finish(&mut steps);
                Next::Stop
            }
        };
        self.put_all(steps);
    }

    /// Passes the steps through the faults and into the queue.
    fn put_all(&mut self, steps: Vec<Step>) {
        let mut struck = Vec::new();
        for step in steps {
            self.injector.take(step, &mut struck);
        }
        self.waiting
            .extend(struck.into_iter().map(|step| self.encoder.encode(step)));
    }
}

#[cfg(test)]
mod tests;
