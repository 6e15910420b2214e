//! Where a reader goes next.

use std::collections::VecDeque;

/// Where to go next when only some calls are wanted.
#[derive(Debug, Default)]
pub(super) enum Route {
    /// It has not been asked for.
    #[default]
    Unknown,
    /// Part by part: all calls are wanted, or there is no index that can be used.
    Onwards,
    /// To these parts, and nowhere else: chunks, and the end.
    Places(VecDeque<u64>),
}
