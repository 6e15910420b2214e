//! A segment of the ring: a temporary capture that goes away with its last user.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{CaptureTemplate, Names, RecordingFiles, continued::ContinuedCalls, template::Lasting};
use crate::{
    model::event::Event,
    record::{Sink as _, SinkError, pipeline::Pipeline},
};

/// A closed segment. Its file is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Segment {
    file: TemporaryFile,
    pub(super) from_ns: u64,
    pub(super) last_ns: u64,
    pub(super) stored_bytes: u64,
    /// The calls that were open at its beginning.
    pub(super) opening: ContinuedCalls,
}

impl Segment {
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Keeps the file on disk: what should have been made of it could not be written.
    pub(super) fn save(&self) {
        self.file.kept.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct TemporaryFile {
    path: PathBuf,
    kept: AtomicBool,
    files: RecordingFiles,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !*self.kept.get_mut() {
            // A file that is gone already is as good.
            let _ = std::fs::remove_file(&self.path);
            self.files.removed(&self.path);
        }
    }
}

/// The current segment.
#[derive(Debug)]
pub(super) struct OpenSegment {
    // Before the file's guard, so that a writer that is dropped unfinished writes into a file that is there.
    writer: Pipeline<Lasting>,
    file: TemporaryFile,
    from_ns: u64,
    last_ns: u64,
    opening: ContinuedCalls,
    /// True when the segment contains events.
    begun: bool,
}

impl OpenSegment {
    pub(super) fn begin(
        names: &Names,
        number: u64,
        template: &CaptureTemplate,
        from_ns: u64,
        opening: ContinuedCalls,
    ) -> Result<Self, SinkError> {
        let (path, file) = names.create_temporary(number)?;
        let guard = TemporaryFile {
            path,
            kept: AtomicBool::new(false),
            files: template.files.clone(),
        };
        template.files.opened_piece(&guard.path, from_ns);
        let writer = template.piece(file, &guard.path)?;
        Ok(Self {
            writer,
            file: guard,
            from_ns,
            last_ns: from_ns,
            opening,
            begun: false,
        })
    }

    pub(super) fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.last_ns = self.last_ns.max(event.offset_ns);
        self.begun = true;
        self.writer.write(event)
    }

    pub(super) fn pressure(&mut self, percent: u8) {
        self.writer.pressure(percent);
    }

    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.writer.flush()
    }

    pub(super) const fn begins_ns(&self) -> u64 {
        self.from_ns
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.writer.stored_bytes()
    }

    /// Keeps the file on disk, when it contains something: it could not be written on.
    pub(super) fn save(&self) {
        self.file.kept.store(self.begun, Ordering::Relaxed);
    }

    pub(super) fn close(self) -> Result<Segment, SinkError> {
        let finished = self.writer.finish();
        let finished = finished.inspect_err(|_| self.file.kept.store(self.begun, Ordering::Relaxed));
        let summary = finished?.summary;
        self.file.files.closed_piece(&self.file.path, &summary);
        Ok(Segment {
            file: self.file,
            from_ns: self.from_ns,
            last_ns: self.last_ns,
            stored_bytes: summary.stored_bytes,
            opening: self.opening,
        })
    }
}
