//! Latencies of methods in a baseline, and their comparison.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sample::{deviation, median};
use crate::analyze::stats::{MethodStats, Quantiles};

/// Tolerated distance in standard deviations between the captures of a baseline; of a latency that is distributed
/// normally, a 30,000th lies farther.
const SPREADS: f64 = 4.0;

/// Number of measurements beyond a percentile from which it describes the method and not single calls.
const BEYOND: f64 = 10.0;

/// The percentiles: name, share of the measurements beyond, and nanoseconds by which it differs from run to run without a
/// reason in the server: timers, schedulers, and for the last a busy machine.
const PERCENTILES: [(&str, f64, f64); 3] = [
    ("p50", 0.50, 1_000_000.0),
    ("p95", 0.05, 10_000_000.0),
    ("p99", 0.01, 50_000_000.0),
];

/// The latencies of a method.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "they are the keys of the file, with their unit"
)]
pub(crate) struct MethodBaseline {
    /// From the opening of a call to its status.
    pub(super) duration_ns: Option<LatencyBaseline>,
    /// From the opening of a call to its first message.
    pub(super) first_message_ns: Option<LatencyBaseline>,
    /// Between two messages that a call receives.
    pub(super) message_gap_ns: Option<LatencyBaseline>,
}

/// A latency: its percentiles in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LatencyBaseline {
    /// Number of measurements, the smallest of all captures.
    pub(super) count: u64,
    /// The percentiles; of several captures the medians.
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    /// Standard deviations of the three between several captures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spread: Option<[f64; 3]>,
}

/// A latency of a method that got worse.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MethodRegression {
    /// The method.
    pub(crate) method: String,
    /// The metric, such as `duration_ns p95`; `calls` when the method was not called any more.
    pub(crate) metric: String,
    /// The value in the baseline, nanoseconds.
    pub(crate) baseline_ns: f64,
    /// The measured value; `None` when there was nothing to measure.
    pub(crate) measured_ns: Option<f64>,
    /// How much it varies from run to run, nanoseconds.
    pub(crate) noise_ns: f64,
    /// How much worse it is, as a share of the baseline.
    pub(crate) worse_by_fraction: f64,
}

impl MethodBaseline {
    pub(super) fn of(stats: &MethodStats) -> Self {
        Self {
            duration_ns: stats.duration_ns.map(LatencyBaseline::of),
            first_message_ns: stats.first_message_ns.map(LatencyBaseline::of),
            message_gap_ns: stats.message_gap_ns.map(LatencyBaseline::of),
        }
    }

    /// Joins what several captures hold of one method.
    pub(super) fn of_several(all: &[&Self]) -> Self {
        let join = |latency: fn(&Self) -> Option<&LatencyBaseline>| {
            LatencyBaseline::of_several(&all.iter().filter_map(|method| latency(method)).collect::<Vec<_>>())
        };
        Self {
            duration_ns: join(|method| method.duration_ns.as_ref()),
            first_message_ns: join(|method| method.first_message_ns.as_ref()),
            message_gap_ns: join(|method| method.message_gap_ns.as_ref()),
        }
    }

    /// True when no number is negative.
    pub(super) fn is_valid(&self) -> bool {
        let all = [&self.duration_ns, &self.first_message_ns, &self.message_gap_ns];
        let numbers = |latency: &LatencyBaseline| {
            let percentiles = [latency.p50, latency.p95, latency.p99].into_iter();
            percentiles
                .chain(latency.spread.into_iter().flatten())
                .all(|number| number >= 0.0)
        };
        all.into_iter().flatten().all(numbers)
    }

    /// What got worse since this baseline, by more than `tolerance` (a share) and by more than it varies.
    pub(super) fn regressions(&self, method: &str, now: Option<&MethodStats>, tolerance: f64) -> Vec<MethodRegression> {
        let Some(now) = now else {
            return vec![MethodRegression {
                method: method.to_owned(),
                metric: "calls".to_owned(),
                baseline_ns: 0.0,
                measured_ns: None,
                noise_ns: 0.0,
                worse_by_fraction: 1.0,
            }];
        };
        let pairs = [
            ("duration_ns", &self.duration_ns, now.duration_ns),
            ("first_message_ns", &self.first_message_ns, now.first_message_ns),
            ("message_gap_ns", &self.message_gap_ns, now.message_gap_ns),
        ];
        let pairs = pairs
            .into_iter()
            .filter_map(|(name, before, now)| Some((name, before.as_ref()?, now?)));
        let found = pairs.flat_map(|(name, before, now)| before.worse(name, &now, tolerance));
        let regressions = found.map(|(metric, baseline_ns, measured_ns, noise_ns)| MethodRegression {
            method: method.to_owned(),
            metric,
            baseline_ns,
            measured_ns: Some(measured_ns),
            noise_ns,
            worse_by_fraction: (measured_ns - baseline_ns) / baseline_ns,
        });
        regressions.collect()
    }
}

impl LatencyBaseline {
    fn of(quantiles: Quantiles) -> Self {
        let Quantiles {
            count, p50, p95, p99, ..
        } = quantiles;
        Self {
            count,
            p50: p50 as f64,
            p95: p95 as f64,
            p99: p99 as f64,
            spread: None,
        }
    }

    fn of_several(all: &[&Self]) -> Option<Self> {
        let values = |value: fn(&Self) -> f64| all.iter().map(|latency| value(latency)).collect::<Vec<_>>();
        let (p50, p95, p99) = (values(|of| of.p50), values(|of| of.p95), values(|of| of.p99));
        let spread = deviation(&p50).zip(deviation(&p95)).zip(deviation(&p99));
        Some(Self {
            count: all.iter().map(|latency| latency.count).min()?,
            p50: median(p50)?,
            p95: median(p95)?,
            p99: median(p99)?,
            spread: spread.map(|((p50, p95), p99)| [p50, p95, p99]),
        })
    }

    /// The percentiles that got worse: name, before, now, and how much it varies.
    fn worse(&self, name: &str, now: &Quantiles, tolerance: f64) -> Vec<(String, f64, f64, f64)> {
        let before = [self.p50, self.p95, self.p99];
        let now_ns = [now.p50, now.p95, now.p99].map(|ns| ns as f64);
        let count = self.count.min(now.count) as f64;
        let spread = self.spread.unwrap_or_default();
        let all = PERCENTILES.into_iter().zip(before).zip(now_ns).zip(spread);
        let worse = all.filter_map(|((((percentile, beyond, floor_ns), before), now), spread)| {
            let noise_ns = (SPREADS * spread).max(floor_ns);
            // Written so that a tolerance of NaN lets nothing pass that is worse.
            let is_fine = now <= before || (now - before) / before <= tolerance || now - before <= noise_ns;
            let is_judged = count * beyond >= BEYOND;
            (is_judged && !is_fine).then(|| (format!("{name} {percentile}"), before, now, noise_ns))
        });
        worse.collect()
    }
}

/// Joins the methods of several baselines: of a method that not all captures have, what those hold that do.
pub(super) fn of_several(all: &[&BTreeMap<String, MethodBaseline>]) -> BTreeMap<String, MethodBaseline> {
    let names: std::collections::BTreeSet<_> = all.iter().flat_map(|methods| methods.keys()).collect();
    let join = |name: &String| {
        let of_method: Vec<_> = all.iter().filter_map(|methods| methods.get(name)).collect();
        (name.clone(), MethodBaseline::of_several(&of_method))
    };
    names.into_iter().map(join).collect()
}
