//! A place of a capture that a reader can come back to.

/// Where an event is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPlace {
    /// The byte at which its chunk begins.
    pub(super) chunk: u64,
    /// Its place within the content of the chunk.
    pub(super) at: usize,
    /// Its number within the capture.
    pub(super) event: u64,
}
