//! Reads a capture ahead of the call that replays it, on a thread of its own.

use std::{io, thread};

use super::{
    faults::Stage,
    player::{Player, Step},
    queue::{Consumer, Gone, Producer, bounded},
    source::Source,
};

/// Read-ahead of all calls together: with it, a server stays under 100 MB whatever it serves.
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

/// Starts to read `source` for `player`, from the opening of its call at the offset `start_ns`. The thread ends with the call, or when the consumer is dropped.
pub(super) fn spawn(source: Source, start_ns: u64, player: Player, stage: Stage, limit: usize) -> io::Result<Consumer> {
    let (producer, consumer) = bounded(limit);
    thread::Builder::new()
        .name("replay-reader".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // Gone: the client left; there is nobody to tell.
            let _: Result<(), Gone> = read(&source, start_ns, player, stage, &producer);
        })?;
    Ok(consumer)
}

fn read(source: &Source, start_ns: u64, mut player: Player, mut stage: Stage, producer: &Producer) -> Result<(), Gone> {
    let mut steps = Vec::new();
    match source.open() {
        Ok(mut events) => {
            if let Err(error) = events.seek(start_ns) {
                player.fail(&error, &mut steps);
            }
            for event in events {
                match event {
                    Ok(event) => player.take(event, &mut steps),
                    Err(error) => player.fail(&error, &mut steps),
                }
                push_all(&mut steps, &mut stage, producer)?;
                if player.ended() || stage.ended() {
                    return Ok(());
                }
            }
            player.finish(&mut steps);
        }
        Err(error) => player.fail(&error, &mut steps),
    }
    push_all(&mut steps, &mut stage, producer)
}

fn push_all(steps: &mut Vec<Step>, stage: &mut Stage, producer: &Producer) -> Result<(), Gone> {
    let mut struck = Vec::new();
    for step in steps.drain(..) {
        stage.take(step, &mut struck);
        struck.drain(..).try_for_each(|step| producer.push(step))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
