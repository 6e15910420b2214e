//! Advice for errors of the operating system when a file is written.

use std::{
    fmt,
    io::{self, ErrorKind},
};

/// The error number of a device that failed; the standard library has no name for it.
const EIO: i32 = 5;

/// What helps when the operating system refuses to write a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteAdvice {
    /// Free some space, or choose another disk.
    FreeSpace,
    /// Free some of the quota, or choose another disk.
    FreeQuota,
    /// Choose another place than a read-only file system.
    NotReadOnly,
    /// Choose another place, where the user may write.
    NotForbidden,
    /// Create the folder, or choose another place.
    CreateFolder,
    /// Choose another place: a part of the path is not a folder.
    CorrectPath,
    /// Wait for the other program, or choose another name.
    Wait,
    /// Raise the limit for the size of files.
    RaiseSizeLimit,
    /// Choose another disk: this one failed.
    ReplaceDisk,
}

impl WriteAdvice {
    /// The advice for an I/O error on a file that is written; `None` when only the error itself can tell.
    #[must_use]
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        Some(match error.kind() {
            ErrorKind::StorageFull => Self::FreeSpace,
            ErrorKind::QuotaExceeded => Self::FreeQuota,
            ErrorKind::ReadOnlyFilesystem => Self::NotReadOnly,
            ErrorKind::PermissionDenied => Self::NotForbidden,
            ErrorKind::NotFound => Self::CreateFolder,
            ErrorKind::NotADirectory => Self::CorrectPath,
            ErrorKind::ResourceBusy => Self::Wait,
            ErrorKind::FileTooLarge => Self::RaiseSizeLimit,
            _ if error.raw_os_error() == Some(EIO) => Self::ReplaceDisk,
            _ => return None,
        })
    }
}

impl fmt::Display for WriteAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FreeSpace => "free some space, or choose a place on another disk",
            Self::FreeQuota => "free some of your quota, or choose a place on another disk",
            Self::NotReadOnly => "that file system is read-only; choose another place",
            Self::NotForbidden => "you may not write there; choose another place",
            Self::CreateFolder => "is the folder there? create it, or choose another place",
            Self::CorrectPath => "a part of its path is not a folder; choose another place",
            Self::Wait => "wait until that has ended, or choose another name",
            Self::RaiseSizeLimit => "the limit for the size of files was reached; raise it with `ulimit -f`",
            Self::ReplaceDisk => "the disk itself failed; look into the system's log, and record to another disk",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_answered_with_what_helps() {
        let full = io::Error::from(ErrorKind::StorageFull);
        assert_eq!(WriteAdvice::of(&full), Some(WriteAdvice::FreeSpace));
        assert_eq!(WriteAdvice::of(&io::Error::other("?")), None);
    }
}
