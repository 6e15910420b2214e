//! Why there is no bundle.

use std::{io, path::PathBuf};

use crate::{
    file::FileError,
    report::bundle::BundleError,
    transform::{redact::RedactError, slice::SliceError},
};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The capture cannot be read, or a scratch file cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// It cannot be cut.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// It cannot be redacted.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// A report cannot be written.
    #[error("could not write the validation: {0}")]
    Render(String),
    /// The archive cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A scratch file cannot be made or looked at.
    #[error("could not use {path}: {source}")]
    Scratch {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The report alone is larger than the bundle may be.
    #[error("the report and its companions take {size} bytes, and the bundle may have {max}")]
    TooSmall {
        /// What they take, about.
        size: u64,
        /// What was allowed.
        max: u64,
    },
}
