//! Errors of making a ticket's bundle.

use std::{io, path::PathBuf};

use crate::{
    file::FileError,
    report::bundle::BundleError,
    transform::{redact::RedactError, slice::SliceError},
};

/// Errors of making a ticket's bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The capture cannot be read, or a scratch file cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// The capture cannot be sliced.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// The capture cannot be redacted.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// A report cannot be written.
    #[error("could not write the validation: {0}")]
    Render(String),
    /// The archive cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A scratch file cannot be created or inspected.
    #[error("could not use {path}: {source}")]
    Scratch {
        /// Path of the file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The report alone is larger than the bundle may be.
    #[error("the report and its other files take {size} bytes, and the limit of the bundle is {max}")]
    TooSmall {
        /// Approximate size of the report.
        size: u64,
        /// Largest allowed size.
        max: u64,
    },
}
