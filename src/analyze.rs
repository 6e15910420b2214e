//! Analyses of captures: findings, statistics, golden text, the difference of two captures,
//! and of a capture's schema and another.

pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod validate;

pub use diff::{
    CallDiff, CaptureDiff, DiffOptions, DiffTolerance, Difference, DifferenceKind, DifferenceSubject, MetadataMode,
    diff,
};
pub use snapshot::{
    SnapshotOptions, SnapshotPart,
    compare::{GoldenDiff, GoldenTolerance, compare as compare_goldens},
    names::{GoldenPairs, pair as pair_goldens},
    render as render_snapshot, text as snapshot_text,
};
pub use stats::{
    CallStats, Percentiles, SensorStats, Stats, StatsCollector, StatsOptions, StatsTotals, Timing,
    baseline::{Baseline, BaselineError, Regression, compare as compare_with_baseline},
};
pub use validate::{RULES, ReadTo, Rule, Strictness, Validation, Validator};
