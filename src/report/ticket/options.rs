//! Options of a ticket's bundle.

use std::{fs::File, path::Path, sync::Arc};

use crate::{
    analyze::validate::Expectations,
    das::dialect::Layout,
    file::{FileError, ReadWatch, Reader},
    model::finding::Severity,
    report::commands::ReportCommands,
    transform::redact::Rules,
};

/// Options of a ticket's bundle.
#[derive(Debug, Clone)]
pub struct TicketOptions {
    /// Largest size of the archive, bytes.
    pub max_bytes: u64,
    /// Expectations that override those in the capture.
    pub expectations: Expectations,
    /// Findings of this severity and above fail the capture.
    pub fails_from: Severity,
    /// The layout of `pandadatastream` payloads.
    pub layout: Layout,
    /// The flag of that layout, for the bundle's README.
    pub layout_flag: Option<String>,
    /// The commands that the bundle shows, if any.
    pub commands: Option<ReportCommands>,
    /// Redaction rules for the bundle.
    pub redaction: Rules,
}

/// The options of a bundle that is being made, and who is told of its progress.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(super) options: TicketOptions,
    /// Who is told how far each pass over a capture has come.
    pub(super) watch: Option<Arc<dyn ReadWatch>>,
}

impl std::ops::Deref for Watched {
    type Target = TicketOptions;

    fn deref(&self) -> &TicketOptions {
        &self.options
    }
}

impl Watched {
    /// Opens a capture for passes over all of it.
    pub(super) fn open(&self, capture: &Path) -> Result<Reader<File>, FileError> {
        Reader::open_parallel(capture)?.watched(self.watch.clone())
    }
}
