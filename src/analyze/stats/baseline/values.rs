//! The values of a baseline.

use std::collections::BTreeMap;

use serde::Serialize;

use super::methods::MethodBaseline;
use crate::analyze::stats::TimingSource;

/// Version of the baseline file.
pub(crate) const VERSION: u32 = 1;

/// The measurements of an earlier stream; its serialized form is the baseline file. A metric that was not measured is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Version of the file, `VERSION`.
    pub baseline: u32,
    /// Source of the times: measured at delivery, or derived from the rows of an import.
    pub timing: TimingSource,
    /// Number of frames.
    pub frames: Option<f64>,
    /// Number of rows.
    pub rows: Option<f64>,
    /// Frames per second.
    pub frames_per_s: Option<f64>,
    /// Rows per second.
    pub rows_per_s: Option<f64>,
    /// Megabytes (10⁶ bytes) of messages per second.
    pub megabytes_per_s: Option<f64>,
    /// Longest time from the opening of a call to its first message, over all calls.
    pub first_frame_ns: Option<f64>,
    /// Median time between messages.
    pub inter_arrival_p50_ns: Option<f64>,
    /// 95th percentile of the times between messages.
    pub inter_arrival_p95_ns: Option<f64>,
    /// 99th percentile of the times between messages.
    pub inter_arrival_p99_ns: Option<f64>,
    /// The longest time between messages; it is not judged, but tells how far the others may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inter_arrival_max_ns: Option<f64>,
    /// Number of captures that the baseline was made from; the metrics are the medians of theirs.
    #[serde(skip_serializing_if = "is_one")]
    pub captures: u32,
    /// Standard deviation between the captures, by metric, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub spread: BTreeMap<&'static str, f64>,
    /// The latencies of methods without spectrograms, by method.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) methods: BTreeMap<String, MethodBaseline>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) const fn is_one(captures: &u32) -> bool {
    *captures == 1
}
