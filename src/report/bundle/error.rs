//! Why a bundle could not be made or opened.

use std::{io, path::PathBuf};

/// Error of a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be opened, or the folder cannot be made.
    #[error("could not {act} {path}: {source}")]
    Io {
        /// What was being done.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A member cannot be read or written.
    #[error("could not handle member `{name}` of the bundle: {source}")]
    Member {
        /// Which.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The archive itself is broken.
    #[error("could not read or write the zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The archive is no bundle of ours.
    #[error("this zip archive is no bundle: {0}; `unzip` may still open it")]
    NoBundle(String),
    /// A member would do harm.
    #[error("member `{name}` is not unpacked: {problem}; nothing was written")]
    Unsafe {
        /// Which, as far as it can be shown.
        name: String,
        /// What it would do.
        problem: &'static str,
    },
    /// A file would make more of what is unpacked than is allowed.
    #[error("member `{name}` is not unpacked: the bundle would unpack to more than is allowed; nothing was written")]
    TooLarge {
        /// Which, as far as it can be shown.
        name: String,
    },
    /// A member is not what the manifest says.
    #[error("the bundle is damaged or was changed: {problem}; nothing was written, ask for it again")]
    Differs {
        /// What differs.
        problem: String,
    },
    /// The folder to unpack into is not empty.
    #[error("{0} holds something already")]
    Occupied(PathBuf),
}
