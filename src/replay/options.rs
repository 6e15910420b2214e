//! Options of a replay and its comparison.

use std::time::Duration;

use http::HeaderMap;

use super::{pace::Rate, paths::PathRule};
use crate::grpc::DEFAULT_MAX_MESSAGE_BYTES;

/// Default of the longest wait for the server: production closes an idle job after about 30 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(40);

/// Options of a comparison: what is compared, how closely, and at which speed.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Speed of the requests: by their recorded times, or each as soon as its turn comes (the default).
    pub rate: Rate,
    /// Fields that may differ. Any rule, and any tolerance, makes messages compared field by field instead of by bytes.
    pub ignore: Vec<PathRule>,
    /// Largest absolute difference of floating-point values.
    pub absolute: f64,
    /// Largest relative difference of floating-point values, as a part of the larger one.
    pub relative: f64,
    /// Names of initial or trailing metadata that must have the recorded values.
    pub metadata: Vec<String>,
    /// The selected calls of the capture; all when empty.
    pub calls: Vec<u32>,
    /// Metadata for every call, which replaces recorded metadata of the same names.
    pub headers: HeaderMap,
    /// Longest wait for the server at any point.
    pub idle_timeout: Duration,
    /// The largest answer, in bytes.
    pub max_message_bytes: usize,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            rate: Rate::Max,
            ignore: Vec::new(),
            absolute: 0.0,
            relative: 0.0,
            metadata: Vec::new(),
            calls: Vec::new(),
            headers: HeaderMap::new(),
            idle_timeout: IDLE_TIMEOUT,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
        }
    }
}

impl CompareOptions {
    /// True when messages are compared field by field.
    #[must_use]
    pub fn by_fields(&self) -> bool {
        !self.ignore.is_empty() || self.absolute > 0.0 || self.relative > 0.0
    }
}
