//! Failures of a recording, from the reservation of its files to its end.

use std::{io, path::PathBuf};

use super::{RecorderError, SinkError, output::StoredFiles};
use crate::transform::redact::FieldError;

/// A recording that did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RecordingFailure {
    /// The file cannot be created, or its names are taken.
    #[error("could not create {}: {source}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// The error of the operating system; [`io::ErrorKind::AlreadyExists`] when a file is there.
        source: io::Error,
    },
    /// The redaction rules do not fit the capture.
    #[error(transparent)]
    Rules(#[from] FieldError),
    /// No thread can be started.
    #[error("could not start the threads of a recording: {0}")]
    Threads(#[source] io::Error),
    /// The file could not be begun.
    #[error("could not begin the capture: {0}")]
    Begin(#[source] SinkError),
    /// The file could not be completed.
    #[error("{error}")]
    Write {
        /// The error of the recorder.
        #[source]
        error: RecorderError,
        /// Content of the files, where the failure left that in doubt.
        stored: Option<Box<StoredFiles>>,
    },
}
