//! What another program may do to a file while it is recorded.

use thiserror::Error;

/// Another program changed the file while it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Meddling {
    /// It wrote over what was there.
    #[error("another program wrote into the file while it was recorded")]
    Overwritten,
    /// It made the file longer or shorter.
    #[error("another program changed the file while it was recorded: it has {found} bytes, and {written} were written")]
    Resized {
        /// Bytes that the file has.
        found: u64,
        /// Bytes that were written.
        written: u64,
    },
}
