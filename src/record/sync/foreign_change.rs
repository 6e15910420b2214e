//! Changes by other programs to a file that is being recorded.

use thiserror::Error;

/// Another program changed the file while it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ForeignChange {
    /// Existing data was overwritten.
    #[error("another program wrote into the file while it was recorded")]
    Overwritten,
    /// The length of the file was changed.
    #[error("another program changed the file while it was recorded: it has {found} bytes, and {written} were written")]
    Resized {
        /// Actual length in bytes.
        found: u64,
        /// Number of bytes written.
        written: u64,
    },
}
