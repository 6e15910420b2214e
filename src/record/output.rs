//! Where a recording goes: into one capture, into a series of captures, or into a ring that is written out on a trigger.
//!
//! Every file of a series, and every dump of a ring, is a capture of its own: a slice of the recording, as FORMAT.md
//! describes slices. What opened a call that goes on from an earlier file is at offset 0, a note on the call counts
//! what is not there, and a call that goes on beyond the file ends as cut.

mod continued;
mod dump;
mod error_filter;
mod files;
mod names;
mod naming;
mod part;
mod ring;
mod rotate;
mod segment;
mod template;
mod trigger;

use std::{path::PathBuf, sync::Arc};

pub(super) use error_filter::ErrorFilter;
pub use files::Evidence;
pub(super) use files::RecordingFiles;
pub(crate) use files::{StoredCall, StoredFiles};
pub(super) use names::Names;
pub use ring::OnError;
pub(super) use ring::Ring;
pub use ring::{RingBound, RingOptions};
pub(super) use rotate::Rotate;
pub use rotate::RotateOptions;
pub(super) use template::CaptureTemplate;
pub use trigger::{Trigger, TriggerQueue};

use naming::{Naming, When};

use super::{
    Sink, SinkError,
    pipeline::{self, CodecCounts, Pipeline},
    sync::{RecordedFile, SyncedFile},
};
use crate::{
    file::{Digest, Summary},
    model::event::Event,
};

/// Who says what a file leaves out.
const AUTHOR: &str = crate::model::event::RECORDER_AUTHOR;

/// A capture of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCapture {
    /// Its place.
    pub path: PathBuf,
    /// Its totals and its digest.
    pub summary: Summary,
    /// Offset in the recording at which it begins, nanoseconds.
    pub from_ns: u64,
    /// What made a ring write it.
    pub trigger: Option<Trigger>,
    /// The name that it was to have, when another program had taken that.
    pub taken: Option<PathBuf>,
    /// False when the recording failed and could not finish it.
    pub finished: bool,
}

impl RecordedCapture {
    /// A file that is whole and has its name.
    fn new(naming: &Naming, summary: Summary, from_ns: u64) -> Self {
        let file = Self {
            path: naming.file().path(),
            summary,
            from_ns,
            trigger: None,
            taken: naming.file().taken(),
            finished: true,
        };
        naming.files().finished(naming.as_begun(), &file);
        file
    }
}

/// Summary of a finished recording.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordingSummary {
    /// The captures that are there, oldest first.
    pub files: Vec<RecordedCapture>,
    /// Captures that were finished and removed again, to keep no more than was asked for.
    pub removed: u64,
    /// Totals of all captures, removed ones included; the digest is that of the only one, else zero. A call that is in
    /// several captures counts in each.
    pub summary: Summary,
    /// Chunks by the codec that stored them.
    pub codecs: CodecCounts,
    /// Chunks that took a cheaper codec than the wanted one, because the stream was faster.
    pub cheaper_chunks: u64,
    /// Calls that were left out because they ended with OK; see [`RecordingOptions::only_errors`](super::RecordingOptions::only_errors).
    pub left_out: u64,
    /// Calls that it kept before they had ended.
    pub undecided: u64,
}

impl RecordingSummary {
    /// Adds a file, unless it held nothing.
    fn extend(&mut self, file: Option<(RecordedCapture, pipeline::Written)>) {
        if let Some(file) = file {
            self.add(file);
        }
    }

    fn add(&mut self, (file, by_codec): (RecordedCapture, pipeline::Written)) {
        let (all, more) = (&mut self.summary, &file.summary);
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
        all.digest = if self.files.is_empty() && self.removed == 0 {
            more.digest
        } else {
            Digest::default()
        };
        self.cheaper_chunks += by_codec.cheaper_chunks;
        for (name, chunks) in by_codec.codecs {
            match self.codecs.iter_mut().find(|(codec, _)| *codec == name) {
                Some((_, all)) => *all += chunks,
                None => self.codecs.push((name, chunks)),
            }
        }
        self.files.push(file);
    }

    /// The digest of the capture, when the recording is one.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        (self.files.len() == 1 && self.removed == 0).then_some(self.summary.digest)
    }

    /// Removes the oldest captures beyond `keep`.
    fn keep(&mut self, keep: Option<usize>, files: &RecordingFiles) -> std::io::Result<()> {
        let Some(keep) = keep else { return Ok(()) };
        while self.files.len() > keep {
            let old = self.files.remove(0);
            files.removed(&old.path);
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
pub(super) enum Output {
    /// Into one capture.
    Single(Box<Single>),
    /// Into a series of captures.
    Rotate(Box<Rotate>),
    /// Into a ring, and into captures when something happens.
    Ring(Box<Ring>),
    /// Into another output, the calls that ended with OK left out.
    ErrorFilter(Box<ErrorFilter>),
}

/// One capture, and its place.
#[derive(Debug)]
pub(super) struct Single {
    naming: Naming,
    pipeline: Pipeline<SyncedFile>,
}

impl Output {
    /// One capture, that `pipeline` has begun in `file`.
    #[must_use]
    pub(super) fn single(file: Arc<RecordedFile>, files: RecordingFiles, pipeline: Pipeline<SyncedFile>) -> Self {
        let naming = Naming::new(file, files, 0, When::Evidence);
        Self::Single(Box::new(Single { naming, pipeline }))
    }

    /// What the recording says of itself is wanted, though nothing else is there.
    fn keep_empty(&self) {
        match self {
            Self::Single(single) => single.naming.files().keep_empty(),
            Self::Rotate(rotate) => rotate.files().keep_empty(),
            Self::Ring(_) => {}
            Self::ErrorFilter(filter) => filter.inner().keep_empty(),
        }
    }
}

impl Single {
    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.pipeline.write(event)?;
        if self.naming.is_due(event) {
            // What has a name holds something.
            self.pipeline.flush()?;
            self.naming.name()?;
        }
        Ok(())
    }

    fn finish(self) -> Result<RecordingSummary, SinkError> {
        let mut written = RecordingSummary::default();
        let by_codec = self.pipeline.finish()?;
        if self.naming.finish(false)? {
            let file = RecordedCapture::new(&self.naming, by_codec.summary, 0);
            written.add((file, by_codec));
        }
        Ok(written)
    }
}

impl Sink for Output {
    type Summary = RecordingSummary;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        match self {
            Self::Single(single) => single.write(event),
            Self::Rotate(rotate) => rotate.write(event),
            Self::Ring(ring) => ring.write(event),
            Self::ErrorFilter(filter) => filter.write(event),
        }
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Single(single) => single.pipeline.flush(),
            Self::Rotate(rotate) => rotate.flush(),
            Self::Ring(ring) => ring.flush(),
            Self::ErrorFilter(filter) => filter.flush(),
        }
    }

    fn check(&mut self) -> Result<(), SinkError> {
        match self {
            Self::Single(single) => single.pipeline.check(),
            Self::Rotate(rotate) => rotate.check(),
            // Its pieces are its own.
            Self::Ring(_) => Ok(()),
            Self::ErrorFilter(filter) => filter.check(),
        }
    }

    fn pressure(&mut self, percent: u8) {
        match self {
            Self::Single(single) => single.pipeline.pressure(percent),
            Self::Rotate(rotate) => rotate.pressure(percent),
            Self::Ring(ring) => ring.pressure(percent),
            Self::ErrorFilter(filter) => filter.pressure(percent),
        }
    }

    fn finish(self) -> Result<RecordingSummary, SinkError> {
        match self {
            Self::Single(single) => single.finish(),
            Self::Rotate(rotate) => rotate.finish(),
            Self::Ring(ring) => ring.finish(),
            Self::ErrorFilter(filter) => filter.finish(),
        }
    }

    fn stored_bytes(&self) -> u64 {
        match self {
            Self::Single(single) => single.pipeline.stored_bytes(),
            Self::Rotate(rotate) => rotate.stored_bytes(),
            Self::Ring(ring) => ring.stored_bytes(),
            Self::ErrorFilter(filter) => filter.stored_bytes(),
        }
    }

    fn resumed(&mut self, now_ns: u64) {
        match self {
            Self::Single(_) | Self::Rotate(_) => {}
            Self::Ring(ring) => ring.resumed(now_ns),
            Self::ErrorFilter(filter) => filter.resumed(now_ns),
        }
    }

    fn wakes(&self) -> Option<std::time::Duration> {
        match self {
            Self::Single(_) | Self::Rotate(_) => None,
            Self::Ring(_) => Some(ring::LOOK),
            Self::ErrorFilter(filter) => filter.wakes(),
        }
    }

    fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        match self {
            Self::Single(_) | Self::Rotate(_) => Ok(()),
            Self::Ring(ring) => ring.wake(now_ns),
            Self::ErrorFilter(filter) => filter.wake(now_ns),
        }
    }
}

#[cfg(test)]
mod tests;
