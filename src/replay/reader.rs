//! Reads a capture ahead of the call that replays it, on a thread of its own.

use std::{io, thread};

use super::{
    encoding::Encoder,
    faults::Injector,
    player::Step,
    queue::{Consumer, Gone, Producer, bounded},
    reel::{Next, Reel},
    source::Source,
};
use crate::file::EventPlace;

/// Read-ahead that all calls share. Each call has its least on top, and mostly in chunks that it shares with others: 200 at
/// once were measured to take 30 MB in all.
const TOTAL_BYTES: usize = 32 * 1024 * 1024;
/// Read-ahead of one call: rides out a disk that hesitates for 10 ms at 1 GB/s.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Read-ahead of one call among many: a few frames, so that reader and client overlap.
const LEAST_BYTES: usize = 256 * 1024;
/// The reader needs little stack; the default of 2 MiB is reserved for each of hundreds of clients.
const STACK_BYTES: usize = 512 * 1024;

/// The read-ahead of one call when `calls` run at once.
pub(super) fn read_ahead(calls: u64) -> usize {
    let share = TOTAL_BYTES / usize::try_from(calls.max(1)).unwrap_or(usize::MAX);
    share.clamp(LEAST_BYTES, MOST_BYTES)
}

/// Starts to read `source` for `reel`. The thread ends with the call, or when the consumer is dropped.
pub(super) fn spawn(
    source: Source,
    place: Option<EventPlace>,
    reel: Reel,
    injector: Injector,
    encoder: Encoder,
    limit: usize,
) -> io::Result<Consumer> {
    let (producer, consumer) = bounded(limit);
    thread::Builder::new()
        .name("replay-reader".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // Gone: the client left; there is nobody to tell.
            let _: Result<(), Gone> = read(
                &source,
                place,
                reel,
                &mut Out {
                    injector,
                    encoder,
                    producer,
                },
            );
        })?;
    Ok(consumer)
}

/// Reads a short `source` here and now, all of it.
pub(super) fn read_whole(source: &Source, reel: Reel, injector: Injector, encoder: Encoder) -> Consumer {
    let (producer, consumer) = bounded(usize::MAX);
    let mut out = Out {
        injector,
        encoder,
        producer,
    };
    // The consumer is here.
    let _: Result<(), Gone> = read(source, None, reel, &mut out);
    consumer
}

/// What becomes of the steps before they are sent.
struct Out {
    injector: Injector,
    encoder: Encoder,
    producer: Producer,
}

impl Out {
    fn put_all(&mut self, steps: &mut Vec<Step>) -> Result<(), Gone> {
        let mut struck = Vec::new();
        for step in steps.drain(..) {
            self.injector.take(step, &mut struck);
            for step in struck.drain(..) {
                self.producer.push(self.encoder.encode(step))?;
            }
        }
        Ok(())
    }
}

/// `place` is where in the file to begin, where that is known.
fn read(source: &Source, place: Option<EventPlace>, mut reel: Reel, out: &mut Out) -> Result<(), Gone> {
    let mut steps = Vec::new();
    match source.open() {
        Ok(mut events) => {
            let (begins_at, _) = reel.begins_at();
            let mut next = Next::Seek(begins_at);
            if let Some(place) = place {
                events.seek_to(place);
                next = Next::Read;
            }
            loop {
                match next {
                    Next::Stop => return Ok(()),
                    Next::Read => {}
                    Next::Seek(offset_ns) => {
                        if let Err(error) = events.seek(offset_ns) {
                            reel.fail(&error, &mut steps);
                        }
                    }
                }
                next = match events.next() {
                    Some(Ok(event)) => reel.take(event, &mut steps),
                    Some(Err(error)) => {
                        reel.fail(&error, &mut steps);
                        Next::Stop
                    }
                    None => {
                        reel.finish(&mut steps);
                        Next::Stop
                    }
                };
                out.put_all(&mut steps)?;
                if out.injector.ended() {
                    return Ok(());
                }
            }
        }
        Err(error) => reel.fail(&error, &mut steps),
    }
    out.put_all(&mut steps)
}

#[cfg(test)]
mod tests;
