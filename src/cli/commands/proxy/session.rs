//! The data that is known after a proxy has stopped.

use std::path::PathBuf;

use crate::{
    record::{RecordingFailure, RecordingSummary, RecordingTotals},
    tap::proxy::ProxyOutcome,
};

/// The data that is known after a proxy has stopped.
pub(super) struct Session {
    pub(super) path: PathBuf,
    pub(super) outcome: ProxyOutcome,
    pub(super) totals: RecordingTotals,
    pub(super) written: Result<RecordingSummary, RecordingFailure>,
    pub(super) stopped: String,
}
