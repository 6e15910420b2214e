//! How a capture is replayed and compared.

use std::time::Duration;

use http::HeaderMap;

use super::{pace::Rate, paths::PathRule};
use crate::grpc::DEFAULT_MAX_MESSAGE_BYTES;

/// Wait for the server at most so long, unless told otherwise: production closes an idle job after about 30 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(40);

/// Options of a comparison: what is compared, how closely, and at which speed.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// How fast requests are sent: by their recorded times, or each as soon as its turn comes (the default).
    pub rate: Rate,
    /// Fields that may differ. Any rule, and any tolerance, makes messages compared field by field instead of by bytes.
    pub ignore: Vec<PathRule>,
    /// How far floating-point values may lie apart, absolutely.
    pub absolute: f64,
    /// How far floating-point values may lie apart, as a part of the larger one.
    pub relative: f64,
    /// Names of initial or trailing metadata that must have the recorded values.
    pub metadata: Vec<String>,
    /// Only these calls of the capture; all when empty.
    pub calls: Vec<u32>,
    /// Metadata that is sent with every call, in place of what was recorded under the same names.
    pub headers: HeaderMap,
    /// How long to wait for the server at any point.
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
