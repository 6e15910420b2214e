//! The output of a recording: into one capture, into a series of captures, or into a ring that is written out on a
//! trigger.
//!
//! Every file of a series, and every dump of a ring, is a capture of its own: a slice of the recording, as FORMAT.md
//! describes slices. When a call continues from an earlier file, its opening is repeated at offset 0, and a note on the
//! call counts the messages that are not in the file. A call that continues in a later file ends as cut.

mod captured;
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
mod summary;
mod template;
mod trigger;

use std::sync::Arc;

pub use captured::RecordedCapture;
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
pub use summary::RecordingSummary;
pub(super) use template::CaptureTemplate;
pub use trigger::{Trigger, TriggerQueue};

use naming::{Naming, NamingMoment};

use super::{
    Sink, SinkError,
    pipeline::Pipeline,
    sync::{RecordedFile, SyncedFile},
};
use crate::model::event::Event;

/// One of the outputs of a recording.
#[derive(Debug)]
pub(super) enum Output {
    /// Into one capture.
    Single(Box<Single>),
    /// Into a series of captures.
    Rotate(Box<Rotate>),
    /// Into a ring buffer, and into captures on a trigger.
    Ring(Box<Ring>),
    /// Into another output, without calls that ended with OK.
    ErrorFilter(Box<ErrorFilter<Self>>),
}

/// One capture with its path.
#[derive(Debug)]
pub(super) struct Single {
    naming: Naming,
    pipeline: Pipeline<SyncedFile>,
}

impl Output {
    /// An output into one capture, which `pipeline` has begun in `file`.
    #[must_use]
    pub(super) fn single(file: Arc<RecordedFile>, files: RecordingFiles, pipeline: Pipeline<SyncedFile>) -> Self {
        let naming = Naming::new(file, files, 0, NamingMoment::Evidence);
        Self::Single(Box::new(Single { naming, pipeline }))
    }
}

impl error_filter::Filtered for Output {
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
            let file = self.naming.captured(by_codec.summary, 0);
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
