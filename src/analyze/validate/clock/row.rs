//! The times of a row, and irregularities in them.

use crate::model::finding::Place;

/// The times of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowTime {
    /// Row number within the job.
    pub(crate) index: Option<i64>,
    /// Start of the row, milliseconds since the Unix epoch.
    pub(crate) start_ms: Option<i64>,
    /// End of the row, milliseconds since the Unix epoch.
    pub(crate) end_ms: Option<i64>,
    /// A cheap hash of the content: rows that differ here differ.
    pub(crate) mark: u64,
    /// Place of the row.
    pub(crate) place: Place,
    /// Rows that are known to be lost just before this row.
    pub(crate) lost: u64,
}

/// Whether the duration of a row is given or measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    Known,
    Learnt,
}

/// An irregularity in the times of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Irregular {
    pub(crate) what: Irregularity,
    pub(crate) basis: Basis,
    /// The row at which the irregularity shows.
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Irregularity {
    /// Rows are missing before this one.
    Missing {
        rows: u64,
        span_ms: Option<f64>,
        dt_ms: Option<f64>,
    },
    /// Missing rows whose number fits a pause of the recording.
    Pause { rows: u64, span_ms: f64 },
    /// Consecutive rows have the same time, or all rows of the stream do.
    Standstill {
        rows: u64,
        start_ms: Option<i64>,
        whole: bool,
    },
    /// The row repeats an earlier one.
    Duplicate {
        start_ms: Option<i64>,
        index: Option<i64>,
        content: Content,
    },
    /// The row begins before its predecessor begins.
    Backwards { by_ms: Option<f64>, by_rows: f64 },
    /// The row begins before its predecessor has ended.
    Overlap { by_ms: f64 },
    /// The row begins a little early (negative) or late.
    Jitter { by_ms: f64 },
    /// Row numbers continue, and the time differs from them by this much.
    Jump { by_ms: f64 },
    /// The row's own duration differs from that of its neighbours.
    Duration { seen_ms: f64, expected_ms: f64 },
    /// Rows follow each other at an interval other than the given one.
    OtherDt { seen_ms: f64, expected_ms: f64 },
}

/// Whether a duplicate row has the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Same,
    Other,
}

/// Deviation of a clock that is not reported, milliseconds: timestamps are whole milliseconds, so that two of them are
/// off by up to one each.
pub(crate) const TOLERANCE_MS: f64 = 2.0;

/// The same deviation, as part of the duration of a row.
pub(crate) const TOLERANCE: f64 = 0.02;
