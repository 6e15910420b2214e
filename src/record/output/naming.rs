//! Decides when a capture that is being recorded gets its final name.

use std::{path::PathBuf, sync::Arc};

use super::{RecordedCapture, RecordingFiles, files::Worth};
use crate::{
    file::Summary,
    model::event::Event,
    record::{SinkError, sync::RecordedFile},
};

/// Watches the content of a file to decide about its name.
#[derive(Debug)]
pub(super) struct Naming {
    file: Arc<RecordedFile>,
    files: RecordingFiles,
    /// The temporary path.
    as_begun: PathBuf,
    worth: Worth,
    when: NamingMoment,
}

/// When a file gets its final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamingMoment {
    /// As soon as it contains evidence.
    Evidence,
    /// With its first event.
    FirstEvent,
    /// When it is complete.
    Whole,
}

impl Naming {
    pub(super) fn new(file: Arc<RecordedFile>, files: RecordingFiles, from_ns: u64, when: NamingMoment) -> Self {
        files.opened(&file, from_ns);
        Self {
            as_begun: file.path(),
            file,
            files,
            worth: Worth::Nothing,
            when,
        }
    }

    /// True when the file gets its name because of this event.
    pub(super) fn is_due(&mut self, event: &Event) -> bool {
        if self.worth == Worth::Evidence || self.when == NamingMoment::Whole {
            return false;
        }
        let worth = match self.when {
            NamingMoment::Evidence => self.files.worth(event),
            NamingMoment::FirstEvent | NamingMoment::Whole => Worth::Evidence,
        };
        self.worth = self.worth.max(worth);
        !self.file.is_named() && self.is_worth_it()
    }

    /// True when the file contains enough to replace the existing one.
    fn is_worth_it(&self) -> bool {
        self.worth == Worth::Evidence || self.worth == Worth::Call && self.file.is_name_free()
    }

    /// Gives the file its final name.
    pub(super) fn name(&self) -> Result<(), SinkError> {
        self.file.take_name().map_err(|error| {
            let (path, place) = (self.as_begun.display(), self.file.place());
            SinkError::from(format!("{path}: {error} (what was recorded is in {})", place.display()))
        })
    }

    /// Completes the file: gives it its name and returns true if it holds enough to keep, and deletes it otherwise.
    pub(super) fn finish(&self, keep_empty: bool) -> Result<bool, SinkError> {
        if keep_empty || self.files.keeps_empty() || self.is_worth_it() {
            self.name()?;
        }
        if !self.file.is_named() {
            self.files.forgot(&self.as_begun);
        }
        Ok(self.file.is_named())
    }

    /// The finished capture with its name.
    pub(super) fn captured(&self, summary: Summary, from_ns: u64) -> RecordedCapture {
        let file = RecordedCapture {
            path: self.file.path(),
            summary,
            from_ns,
            trigger: None,
            taken: self.file.taken(),
            finished: true,
        };
        self.files.finished(&self.as_begun, &file);
        file
    }

    pub(super) const fn files(&self) -> &RecordingFiles {
        &self.files
    }
}
