//! Where a recording goes: into one capture, into a series of captures, or into a ring that is written out on a trigger.
//!
//! Every file of a series, and every dump of a ring, is a capture of its own: a slice of the recording, as FORMAT.md
//! describes slices. What opened a call that goes on from an earlier file stands at offset 0, a note on the call counts
//! what is not there, and a call that goes on beyond the file ends as cut.

mod carry;
mod dump;
mod names;
mod part;
mod ring;
mod rotate;
mod segment;
mod trigger;

use std::path::PathBuf;

pub use dump::TRIGGER_AUTHOR;
pub use names::Names;
pub use ring::{BoundError, OnError, Ring, RingBound, RingOptions};
pub use rotate::{Rotate, RotateOptions};
pub use trigger::{Bell, Trigger};

use super::{Sink, SinkError};
use crate::{
    event::Event,
    file::{Summary, Writer},
};

/// A capture that was finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its place.
    pub path: PathBuf,
    /// Its totals and its digest.
    pub summary: Summary,
    /// Offset in the recording at which it begins, nanoseconds.
    pub from_ns: u64,
    /// What made a ring write it.
    pub trigger: Option<Trigger>,
}

/// What a recording left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The captures that are there, oldest first.
    pub files: Vec<WrittenFile>,
    /// Captures that were finished and removed again, to keep no more than was asked for.
    pub removed: u64,
    /// Totals of all captures, removed ones included; the digest is that of the only one, else zero. A call that is in
    /// several captures counts in each.
    pub totals: Summary,
}

impl Written {
    fn add(&mut self, file: WrittenFile) {
        let (all, more) = (&mut self.totals, &file.summary);
        all.events += more.events;
        all.calls += more.calls;
        all.messages += more.messages;
        all.message_bytes += more.message_bytes;
        all.sent_messages += more.sent_messages;
        all.sent_bytes += more.sent_bytes;
        all.gaps += more.gaps;
        all.chunks += more.chunks;
        all.raw_bytes += more.raw_bytes;
        all.stored_bytes += more.stored_bytes;
        all.last_offset_ns = all.last_offset_ns.max(file.from_ns.saturating_add(more.last_offset_ns));
        self.files.push(file);
    }

    /// Removes the oldest captures beyond `keep`.
    fn keep(&mut self, keep: Option<usize>) -> std::io::Result<()> {
        let Some(keep) = keep else { return Ok(()) };
        while self.files.len() > keep {
            let old = self.files.remove(0);
            match std::fs::remove_file(&old.path) {
                // Somebody else took it away.
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => self.removed += 1,
            }
        }
        Ok(())
    }
}

/// One of the ways to write a recording.
#[derive(Debug)]
pub enum Output {
    /// Into one capture.
    Single(Box<Single>),
    /// Into a series of captures.
    Rotate(Box<Rotate>),
    /// Into a ring, and into captures when something happens.
    Ring(Box<Ring>),
}

/// One capture, and its place.
#[derive(Debug)]
pub struct Single {
    path: PathBuf,
    writer: Writer<std::fs::File>,
}

impl Output {
    /// One capture, that `writer` has begun at `path`.
    #[must_use]
    pub fn single(path: impl Into<PathBuf>, writer: Writer<std::fs::File>) -> Self {
        let path = path.into();
        Self::Single(Box::new(Single { path, writer }))
    }
}

impl Sink for Output {
    type Summary = Written;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        match self {
            Self::Single(single) => Ok(single.writer.write(event)?),
            Self::Rotate(rotate) => rotate.write(event),
            Self::Ring(ring) => ring.write(event),
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Single(single) => Ok(single.writer.flush()?),
            Self::Rotate(rotate) => rotate.flush(),
            Self::Ring(ring) => ring.flush(),
        }
    }

    fn finish(self) -> Result<Written, SinkError> {
        match self {
            Self::Single(single) => {
                let mut written = Written::default();
                let summary = single.writer.finish()?;
                written.add(WrittenFile {
                    path: single.path,
                    summary,
                    from_ns: 0,
                    trigger: None,
                });
                written.totals.digest = summary.digest;
                Ok(written)
            }
            Self::Rotate(rotate) => rotate.finish(),
            Self::Ring(ring) => ring.finish(),
        }
    }

    fn stored_bytes(&self) -> u64 {
        match self {
            Self::Single(single) => single.writer.stored_bytes(),
            Self::Rotate(rotate) => rotate.stored_bytes(),
            Self::Ring(ring) => ring.stored_bytes(),
        }
    }

    fn wakes(&self) -> Option<std::time::Duration> {
        match self {
            Self::Single(_) | Self::Rotate(_) => None,
            Self::Ring(ring) => ring.wakes(),
        }
    }

    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        match self {
            Self::Single(_) | Self::Rotate(_) => Ok(()),
            Self::Ring(ring) => ring.wake(now_ns),
        }
    }
}

/// The writer of a file that is closed at some size: chunks are small enough for that size to mean something.
fn chunk_bytes(file_bytes: u64, at_most: usize) -> usize {
    /// Below this, a chunk's own head would weigh.
    const SMALLEST: usize = 4 << 10;
    usize::try_from(file_bytes / 16)
        .unwrap_or(usize::MAX)
        .clamp(SMALLEST, at_most.max(SMALLEST))
}
