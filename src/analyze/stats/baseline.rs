//! Baselines: the measurements of an earlier stream, and the comparison of a new stream with them.

mod file;
mod methods;
mod metrics;
mod noise;
mod sample;
mod values;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Stats, number};
pub use file::BaselineError;
use methods::MethodBaseline;
pub(crate) use methods::MethodRegression;
use metrics::{Better, METRICS, Metric};
use sample::{deviation, median};
pub use values::Baseline;
pub(crate) use values::VERSION;

/// The regression limit for a baseline of one or two captures, as a share of the baseline: 0.20 is a fifth. A measurement
/// that is worse by more is a regression.
pub(crate) const DEFAULT_TOLERANCE: f64 = 0.20;

/// The same limit for a baseline that was made of [`KNOWN_FROM`] captures or more, whose spread shows how much the job
/// varies.
pub(crate) const KNOWN_NOISE_TOLERANCE: f64 = 0.10;

/// Number of captures from which their spread shows how much a job varies.
pub(crate) const KNOWN_FROM: u32 = 3;

/// A metric that got worse by more than the tolerance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regression {
    /// The metric, by its key in the baseline file.
    pub metric: &'static str,
    /// The unit of the metric.
    pub unit: &'static str,
    /// The value in the baseline.
    pub baseline: f64,
    /// The measured value; `None` when there was nothing to measure.
    pub measured: Option<f64>,
    /// Variation of the metric from run to run, in its unit; the metric is worse by more than that.
    pub noise: f64,
    /// The change for the worse, as a share of the baseline: 0.25 is a quarter slower or later. Infinite when a
    /// latency of 0 became one, or when a latency could not be measured any more; a rate or a count that is gone is
    /// worse by 1.
    #[serde(serialize_with = "number::float")]
    pub worse_by_fraction: f64,
}

impl Baseline {
    /// Makes a baseline from these statistics.
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
            inter_arrival_max_ns: waits.map(|waits| ns(waits.max_ns)),
            captures: 1,
            spread: BTreeMap::new(),
            methods: (stats.service_methods())
                .map(|method| (method.method.clone(), MethodBaseline::of(method)))
                .collect(),
        }
    }

    /// Makes a baseline from several recordings of one job: the median of each metric, and how far it spreads. `None`
    /// for none, and for recordings of which only some were timed by their delivery.
    ///
    /// ```
    /// use grpc_capture::{file::Reader, analyze::{Stats, Baseline}};
    /// let stats = Stats::of(&mut Reader::open("captures/zero-ids.gcap")?)?;
    /// let all = [Baseline::of(&stats), Baseline::of(&stats), Baseline::of(&stats)];
    /// let baseline = Baseline::of_several(&all).ok_or("nothing to make one of")?;
    /// assert_eq!((baseline.captures, baseline.frames), (3, Some(5.0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_several(all: &[Self]) -> Option<Self> {
        let [first, rest @ ..] = all else { return None };
        if rest.is_empty() {
            return Some(first.clone());
        }
        if rest.iter().any(|of| of.timing != first.timing) {
            return None;
        }
        let values = |value: fn(&Self) -> Option<f64>| all.iter().filter_map(value).collect::<Vec<_>>();
        let middle = |value| median(values(value));
        let spread = METRICS.iter().filter_map(|metric| {
            let spread = deviation(&values(metric.value))?;
            Some((metric.key, spread))
        });
        Some(Self {
            baseline: VERSION,
            timing: first.timing,
            frames: middle(|of| of.frames),
            rows: middle(|of| of.rows),
            frames_per_s: middle(|of| of.frames_per_s),
            rows_per_s: middle(|of| of.rows_per_s),
            megabytes_per_s: middle(|of| of.megabytes_per_s),
            first_frame_ns: middle(|of| of.first_frame_ns),
            inter_arrival_p50_ns: middle(|of| of.inter_arrival_p50_ns),
            inter_arrival_p95_ns: middle(|of| of.inter_arrival_p95_ns),
            inter_arrival_p99_ns: middle(|of| of.inter_arrival_p99_ns),
            inter_arrival_max_ns: values(|of| of.inter_arrival_max_ns).into_iter().reduce(f64::max),
            captures: u32::try_from(all.len()).unwrap_or(u32::MAX),
            spread: spread.collect(),
            methods: methods::of_several(&all.iter().map(|of| &of.methods).collect::<Vec<_>>()),
        })
    }

    /// The default tolerance, as a share of the baseline: `KNOWN_NOISE_TOLERANCE` or `DEFAULT_TOLERANCE`.
    #[must_use]
    pub const fn tolerance(&self) -> f64 {
        if self.captures >= KNOWN_FROM {
            KNOWN_NOISE_TOLERANCE
        } else {
            DEFAULT_TOLERANCE
        }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// When the text is not a JSON object, or a key is missing, unknown or holds what it must not; the error names the key.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        file::parse(text)
    }
}

/// The metrics that got worse, worst first: by more than `tolerance` (a share; see [`Baseline::tolerance`]), *and* by more
/// than they move by themselves ([`Regression::noise`]). A metric without a baseline is not judged; one with a baseline that
/// could not be measured any more is worse. Where one of the two was timed by its delivery and the other was not, only
/// frames and rows are judged.
#[must_use]
pub fn compare(baseline: &Baseline, stats: &Stats, tolerance: f64) -> Vec<Regression> {
    let now = Baseline::of(stats);
    let mut found: Vec<_> = METRICS
        .iter()
        .filter(|metric| metric.noise.is_count() || baseline.timing == now.timing)
        .filter_map(|metric| judge(metric, baseline, &now, tolerance))
        .collect();
    found.sort_by(|a, b| b.worse_by_fraction.total_cmp(&a.worse_by_fraction));
    found
}

/// The latencies of methods that got worse, in the order of the methods: by more than `tolerance`, and by more than they
/// vary. A method that is not called any more is one of them. Where one of the two was timed by its delivery and the
/// other was not, nothing is compared.
#[must_use]
pub(crate) fn compare_methods(baseline: &Baseline, stats: &Stats, tolerance: f64) -> Vec<MethodRegression> {
    if baseline.timing != stats.timing.source {
        return Vec::new();
    }
    let regressions = baseline.methods.iter().flat_map(|(method, before)| {
        let now = stats.methods.methods.iter().find(|stats| stats.method == *method);
        before.regressions(method, now, tolerance)
    });
    regressions.collect()
}

fn judge(metric: &Metric, baseline: &Baseline, now: &Baseline, tolerance: f64) -> Option<Regression> {
    let before = (metric.value)(baseline)?;
    let measured = (metric.value)(now);
    let noise = metric.noise.of(metric.key, before, baseline, now)?;
    let worse_by_fraction = worse(metric.better, before, measured);
    // Written so that a tolerance of NaN lets nothing pass that is worse.
    let fine = worse_by_fraction <= 0.0 || worse_by_fraction <= tolerance;
    let is_noise = measured.is_some_and(|measured| (measured - before).abs() <= noise);
    (!fine && !is_noise).then_some(Regression {
        metric: metric.key,
        unit: metric.unit,
        baseline: before,
        measured,
        noise,
        worse_by_fraction,
    })
}

fn worse(better: Better, before: f64, measured: Option<f64>) -> f64 {
    match (better, measured) {
        (_, Some(now)) if now.total_cmp(&before).is_eq() => 0.0,
        (Better::Higher, _) if before <= 0.0 => 0.0,
        (Better::Higher, now) => (before - now.unwrap_or(0.0)) / before,
        (Better::Lower, None) => f64::INFINITY,
        (Better::Lower, Some(now)) => (now - before) / before,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_baseline() -> Result<(), Box<dyn std::error::Error>> {
        use crate::{
            analyze::{
                Baseline, Stats,
                stats::baseline::{DEFAULT_TOLERANCE, compare},
            },
            file::Reader,
        };

        let stats = Stats::of(&mut Reader::open("captures/zero-ids.gcap")?)?;
        let text = serde_json::to_string(&Baseline::of(&stats))?;
        assert!(compare(&Baseline::parse(&text)?, &stats, DEFAULT_TOLERANCE).is_empty());
        Ok(())
    }
}
