//! Remedies for errors of the operating system when a file is written.

use std::io::{self, ErrorKind};

/// The error number of a device that failed; the standard library has no name for it.
const EIO: i32 = 5;

/// The remedy for an I/O error on a file that is written; `None` when only the error itself can tell.
#[must_use]
pub(crate) fn remedy(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::StorageFull => "free some space, or choose a place on another disk with -o",
        ErrorKind::QuotaExceeded => "free some of your quota, or choose a place on another disk with -o",
        ErrorKind::ReadOnlyFilesystem => "that file system is read-only; choose another place with -o",
        ErrorKind::PermissionDenied => "you may not write there; choose another place with -o",
        ErrorKind::NotFound => "is the folder there? create it, or choose another place with -o",
        ErrorKind::NotADirectory => "a part of its path is no folder; choose another place with -o",
        ErrorKind::ResourceBusy => "wait until that has ended, or choose another name with -o",
        ErrorKind::FileTooLarge => "the limit for the size of files was reached; raise it with `ulimit -f`",
        _ if error.raw_os_error() == Some(EIO) => {
            "the disk itself failed; look into the system's log, and record to another disk with -o"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_remedy() {
        use crate::file::remedy;
        use std::io::{Error, ErrorKind};
        let full = Error::from(ErrorKind::StorageFull);
        assert!(remedy(&full).is_some_and(|text| text.contains("free some space")));
        assert_eq!(remedy(&Error::other("?")), None);
    }
}
