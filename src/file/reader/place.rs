//! A place in a capture to which a reader can return.

/// The place of an event in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPlace {
    /// The byte at which its chunk begins.
    pub(super) chunk: u64,
    /// Position within the content of the chunk.
    pub(super) at: usize,
    /// Number of the event within the capture.
    pub(super) event: u64,
}
