//! Errors of making or opening a bundle.

use std::{io, path::PathBuf};

/// Error of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be opened, or a folder cannot be made.
    #[error("could not {act} {path}: {source}")]
    Io {
        /// The failed operation.
        act: &'static str,
        /// Path of the file or folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A member cannot be read or written.
    #[error("could not handle member `{name}` of the bundle: {source}")]
    Member {
        /// Name of the member.
        name: String,
        /// The error.
        source: io::Error,
    },
    /// The archive itself is damaged.
    #[error("could not read or write the zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The archive is not a bundle of this program.
    #[error("this zip archive is not a bundle: {0}; `unzip` may still open it")]
    NoBundle(String),
    /// A member is unsafe to unpack.
    #[error("member `{name}` is not unpacked: {problem}; nothing was written")]
    Unsafe {
        /// Name of the member, made printable.
        name: String,
        /// The problem.
        problem: &'static str,
    },
    /// Unpacking a file would exceed the size limit.
    #[error("member `{name}` is not unpacked: the bundle would unpack to more than is allowed; nothing was written")]
    TooLarge {
        /// Name of the file, made printable.
        name: String,
    },
    /// A member differs from the manifest.
    #[error("the bundle is damaged or was changed: {problem}; nothing was written, ask for it again")]
    Differs {
        /// The difference.
        problem: String,
    },
    /// The folder to unpack into is not empty.
    #[error("{0} is not empty")]
    Occupied(PathBuf),
}
