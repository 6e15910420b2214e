//! Errors of capture files, with act, place and remedy.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{format::Version, remedy::WriteAdvice};

/// An error about a capture file.
///
/// Its text names the act, the place (byte and file) and, where there is one, the remedy:
/// `could not read chunk 12 at byte 4194304 of x.gcap: the checksum differs; …`.
#[derive(Debug)]
pub struct FileError {
    act: String,
    path: Option<PathBuf>,
    byte: Option<u64>,
    kind: FileErrorKind,
}

/// Kind of a capture file error.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// An error of the operating system.
    Io(io::Error),
    /// The file does not begin like a capture.
    NotACapture,
    /// The file was written in a version that this build does not read.
    UnreadableVersion {
        /// Version of the file.
        found: Version,
        /// First release of the tool that reads it, according to the file.
        needs: String,
    },
    /// A stored part is damaged.
    Corrupt(String),
    /// A chunk uses a codec that this build does not have.
    UnknownCodec(String),
    /// Something is larger than the format allows.
    TooLarge {
        /// The thing that is too large.
        what: &'static str,
        /// Its size in bytes.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// An earlier write failed, so that nothing more can be appended.
    WriterFailed,
}

impl FileError {
    pub(crate) fn new(act: impl Into<String>, kind: FileErrorKind) -> Self {
        Self {
            act: act.into(),
            path: None,
            byte: None,
            kind,
        }
    }

    pub(crate) fn io(act: impl Into<String>, error: io::Error) -> Self {
        Self::new(act, FileErrorKind::Io(error))
    }

    /// The error of a system call that was made to read a capture.
    pub(crate) fn reading(act: &str, error: io::Error) -> Self {
        Self::io(act, error)
    }

    pub(super) fn corrupt(act: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(act, FileErrorKind::Corrupt(what.into()))
    }

    pub(super) fn at(mut self, byte: u64) -> Self {
        self.byte.get_or_insert(byte);
        self
    }

    pub(super) fn of(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Kind of an error.
    #[must_use]
    pub const fn kind(&self) -> &FileErrorKind {
        &self.kind
    }

    /// The path of the file, where the operation had one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What helps, where the operating system refused to write the file.
    pub(crate) fn write_advice(&self) -> Option<WriteAdvice> {
        match &self.kind {
            FileErrorKind::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            // A file that is read and not there is another matter than one that is to be written.
            FileErrorKind::Io(error) if error.kind() != io::ErrorKind::NotFound || self.act.contains("create") => {
                WriteAdvice::of(error)
            }
            _ => None,
        }
    }

    /// Position of the damaged or refused part, in bytes from the start of the file.
    #[must_use]
    pub const fn byte(&self) -> Option<u64> {
        self.byte
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}", self.act)?;
        if let Some(byte) = self.byte {
            write!(f, " at byte {byte}")?;
        }
        let path = self.path.as_deref().map(Path::display);
        if let Some(path) = &path {
            // The file itself, or a place in it.
            let of = if self.byte.is_none() && self.act.ends_with("the capture") {
                ""
            } else {
                " of"
            };
            write!(f, "{of} {path}")?;
        }
        match &self.kind {
            FileErrorKind::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                write!(f, ": the file exists; choose another name")
            }
            FileErrorKind::Io(error) => {
                write!(f, ": {error}")?;
                match self.write_advice() {
                    Some(advice) => write!(f, "; {advice}"),
                    None => Ok(()),
                }
            }
            FileErrorKind::NotACapture => write!(f, ": it is not a capture file"),
            // A release never needs itself: a build from before the first one does.
            FileErrorKind::UnreadableVersion { found, needs } if needs == env!("CARGO_PKG_VERSION") => write!(
                f,
                ": a development build wrote it, in a format {found} that was never released, and this build reads up to {}; \
                 record again, or read it with the build that wrote it",
                super::VERSION
            ),
            FileErrorKind::UnreadableVersion { found, needs } => write!(
                f,
                ": it is format {found} and this build reads up to {}; grpc-capture {needs} reads it",
                super::VERSION
            ),
            FileErrorKind::Corrupt(what) => write!(f, ": {what}"),
            FileErrorKind::UnknownCodec(name) => {
                write!(
                    f,
                    ": its codec is {name}, which this build does not have; use a newer grpc-capture"
                )
            }
            FileErrorKind::TooLarge { what, len, limit } => {
                write!(f, ": {what} of {len} bytes is over the format's limit of {limit}")
            }
            FileErrorKind::WriterFailed => write!(f, ": an earlier write to it failed"),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            FileErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}
