//! The reader's route through a file.

use std::collections::VecDeque;

/// The route when only some calls are selected.
#[derive(Debug, Default)]
pub(super) enum Route {
    /// The route has not been computed.
    #[default]
    Unknown,
    /// The reader goes part by part: all calls are wanted, or there is no index that can be used.
    Onwards,
    /// The reader visits only these parts: chunks, and the end.
    Places(VecDeque<u64>),
}
