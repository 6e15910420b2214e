//! Baselines: what a stream once achieved, and whether it still does.

mod file;

use serde::Serialize;

use super::{Stats, TimingSource, number};
pub use file::BaselineError;

/// Version of the baseline file.
pub const VERSION: u32 = 1;

/// How much worse a measurement may be before it counts, as a share of the baseline.
pub const DEFAULT_TOLERANCE: f64 = 0.20;

/// Latencies whose difference is smaller than this are alike: schedulers and timers of an idle machine move them as much.
pub const LATENCY_NOISE_NS: f64 = 1_000_000.0;

/// What a stream once achieved; its serialized form is the baseline file. A metric that was not measured is `None`.
///
/// ```
/// use grpc_capture::{file::Reader, stats::{Stats, baseline::{Baseline, DEFAULT_TOLERANCE, compare}}};
///
/// let stats = Stats::of(&mut Reader::open("captures/zero-ids.gcap")?)?;
/// let text = serde_json::to_string(&Baseline::of(&stats))?;
/// assert!(compare(&Baseline::parse(&text)?, &stats, DEFAULT_TOLERANCE).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Baseline {
    /// Version of the file, [`VERSION`].
    pub baseline: u32,
    /// Whether the times are those of a delivery, or were derived from the rows of an import.
    pub timing: TimingSource,
    /// Frames.
    pub frames: Option<f64>,
    /// Rows.
    pub rows: Option<f64>,
    /// Frames in a second.
    pub frames_per_s: Option<f64>,
    /// Rows in a second.
    pub rows_per_s: Option<f64>,
    /// 10⁶ bytes of messages in a second.
    pub megabytes_per_s: Option<f64>,
    /// From the opening of a call to its first message, the longest of all calls.
    pub first_frame_ns: Option<f64>,
    /// Median time between messages.
    pub inter_arrival_p50_ns: Option<f64>,
    /// 95 % of the times between messages are no longer.
    pub inter_arrival_p95_ns: Option<f64>,
    /// 99 % of the times between messages are no longer.
    pub inter_arrival_p99_ns: Option<f64>,
}

/// A metric that got worse by more than it may.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regression {
    /// The metric, by its key in the baseline file.
    pub metric: &'static str,
    /// What it is counted in.
    pub unit: &'static str,
    /// What the baseline says.
    pub baseline: f64,
    /// What was measured; `None` when there was nothing to measure.
    pub measured: Option<f64>,
    /// By how much it is worse, as a share of the baseline: 0.25 is a quarter slower or later. Infinite when a latency of
    /// 0 became one, or when a latency could not be measured any more; a rate or a count that is gone is worse by 1.
    #[serde(serialize_with = "number::float")]
    pub worse_by_fraction: f64,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Higher,
    /// A latency in nanoseconds.
    Lower,
}

struct Metric {
    key: &'static str,
    unit: &'static str,
    better: Better,
    value: fn(&Baseline) -> Option<f64>,
}

/// The metrics, in the order of the file.
const METRICS: [Metric; 9] = [
    metric("frames", "frames", Better::Higher, |of| of.frames),
    metric("rows", "rows", Better::Higher, |of| of.rows),
    metric("frames_per_s", "frames/s", Better::Higher, |of| of.frames_per_s),
    metric("rows_per_s", "rows/s", Better::Higher, |of| of.rows_per_s),
    metric("megabytes_per_s", "MB/s", Better::Higher, |of| of.megabytes_per_s),
    metric("first_frame_ns", "ns", Better::Lower, |of| of.first_frame_ns),
    metric("inter_arrival_p50_ns", "ns", Better::Lower, |of| {
        of.inter_arrival_p50_ns
    }),
    metric("inter_arrival_p95_ns", "ns", Better::Lower, |of| {
        of.inter_arrival_p95_ns
    }),
    metric("inter_arrival_p99_ns", "ns", Better::Lower, |of| {
        of.inter_arrival_p99_ns
    }),
];

const fn metric(key: &'static str, unit: &'static str, better: Better, value: fn(&Baseline) -> Option<f64>) -> Metric {
    Metric {
        key,
        unit,
        better,
        value,
    }
}

impl Baseline {
    /// What these statistics achieve.
    #[must_use]
    pub fn of(stats: &Stats) -> Self {
        let waits = stats.timing.inter_arrival;
        let ns = |ns: u64| ns as f64;
        Self {
            baseline: VERSION,
            timing: stats.timing.source,
            frames: Some(stats.totals.frames as f64),
            rows: Some(stats.totals.rows as f64),
            frames_per_s: stats.timing.frames_per_s,
            rows_per_s: stats.timing.rows_per_s,
            megabytes_per_s: stats.timing.megabytes_per_s,
            first_frame_ns: stats.timing.first_frame_ns.map(ns),
            inter_arrival_p50_ns: waits.map(|waits| ns(waits.p50_ns)),
            inter_arrival_p95_ns: waits.map(|waits| ns(waits.p95_ns)),
            inter_arrival_p99_ns: waits.map(|waits| ns(waits.p99_ns)),
        }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// When the text is no JSON object, or a key is missing, unknown or holds what it must not; the error names the key.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        file::parse(text)
    }
}

/// The metrics that are worse than the baseline by more than `tolerance` (a share: [`DEFAULT_TOLERANCE`] is 20 %), worst
/// first. Latencies must also differ by [`LATENCY_NOISE_NS`]. A metric without a baseline is not judged; one with a
/// baseline that could not be measured any more is worse.
#[must_use]
pub fn compare(baseline: &Baseline, stats: &Stats, tolerance: f64) -> Vec<Regression> {
    let now = Baseline::of(stats);
    let judge = |metric: &Metric| {
        let before = (metric.value)(baseline)?;
        let measured = (metric.value)(&now);
        let worse_by_fraction = worse(metric.better, before, measured);
        // Written so that a tolerance of NaN lets nothing pass that is worse.
        let fine = worse_by_fraction <= 0.0 || worse_by_fraction <= tolerance;
        (!fine).then_some(Regression {
            metric: metric.key,
            unit: metric.unit,
            baseline: before,
            measured,
            worse_by_fraction,
        })
    };
    let mut found: Vec<_> = METRICS.iter().filter_map(judge).collect();
    found.sort_by(|a, b| b.worse_by_fraction.total_cmp(&a.worse_by_fraction));
    found
}

fn worse(better: Better, before: f64, measured: Option<f64>) -> f64 {
    match (better, measured) {
        (_, Some(now)) if now.total_cmp(&before).is_eq() => 0.0,
        (Better::Higher, _) if before <= 0.0 => 0.0,
        (Better::Higher, now) => (before - now.unwrap_or(0.0)) / before,
        (Better::Lower, None) => f64::INFINITY,
        (Better::Lower, Some(now)) if now - before < LATENCY_NOISE_NS => 0.0,
        (Better::Lower, Some(now)) => (now - before) / before,
    }
}

#[cfg(test)]
mod tests;
