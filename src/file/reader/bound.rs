//! The end of an unfinished capture.

/// The end of an unfinished capture when it was first read to its end; what is appended later is not read by the same
/// reader once it has started again, so that all of its passes see the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) whole_bytes: u64,
    pub(super) torn_bytes: u64,
}
