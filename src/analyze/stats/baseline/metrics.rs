//! The metrics that are compared with the baseline.

use super::{
    noise::{self, Noise},
    values::Baseline,
};

/// The direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    /// A latency in nanoseconds.
    Lower,
}

pub(crate) struct Metric {
    pub(crate) key: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) noise: Noise,
    pub(crate) value: fn(&Baseline) -> Option<f64>,
}

/// The metrics, in the order of the file.
pub(crate) const METRICS: [Metric; 9] = [
    higher("frames", "frames", Noise::Count, |of| of.frames),
    higher("rows", "rows", Noise::Count, |of| of.rows),
    higher("frames_per_s", "frames/s", Noise::Rate, |of| of.frames_per_s),
    higher("rows_per_s", "rows/s", Noise::Rate, |of| of.rows_per_s),
    higher("megabytes_per_s", "MB/s", Noise::Rate, |of| of.megabytes_per_s),
    latency("first_frame_ns", Noise::FirstFrame, |of| of.first_frame_ns),
    latency("inter_arrival_p50_ns", noise::P50, |of| of.inter_arrival_p50_ns),
    latency("inter_arrival_p95_ns", noise::P95, |of| of.inter_arrival_p95_ns),
    latency("inter_arrival_p99_ns", noise::P99, |of| of.inter_arrival_p99_ns),
];

pub(crate) const fn higher(
    key: &'static str,
    unit: &'static str,
    noise: Noise,
    value: fn(&Baseline) -> Option<f64>,
) -> Metric {
    Metric {
        key,
        unit,
        better: Better::Higher,
        noise,
        value,
    }
}

pub(crate) const fn latency(key: &'static str, noise: Noise, value: fn(&Baseline) -> Option<f64>) -> Metric {
    Metric {
        key,
        unit: "ns",
        better: Better::Lower,
        noise,
        value,
    }
}
