//! Rows in time, and what is irregular about them.

use crate::model::finding::Place;

/// One row's times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowTime {
    /// Row number within the job.
    pub(crate) index: Option<i64>,
    /// Start, milliseconds since the Unix epoch.
    pub(crate) start_ms: Option<i64>,
    /// End, likewise.
    pub(crate) end_ms: Option<i64>,
    /// What it holds, roughly: rows that differ here differ.
    pub(crate) mark: u64,
    /// Where it is.
    pub(crate) place: Place,
    /// Rows that are known to be lost just before it.
    pub(crate) lost: u64,
}

/// Whether the duration of a row is known or learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    Known,
    Learnt,
}

/// Something about rows in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Irregular {
    pub(crate) what: What,
    pub(crate) basis: Basis,
    /// The row at which it shows.
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    /// Rows are missing before this one.
    Missing {
        rows: u64,
        span_ms: Option<f64>,
        dt_ms: Option<f64>,
    },
    /// As many rows are missing as a pause of the recording leaves out.
    Pause { rows: u64, span_ms: f64 },
    /// Rows in a row bear one time, or all rows of the stream do.
    Standstill {
        rows: u64,
        start_ms: Option<i64>,
        whole: bool,
    },
    /// The row was there before.
    Duplicate {
        start_ms: Option<i64>,
        index: Option<i64>,
        content: Content,
    },
    /// The row begins before the one before it.
    Backwards { by_ms: Option<f64>, by_rows: f64 },
    /// The row begins before the one before it has ended.
    Overlap { by_ms: f64 },
    /// The row begins a little early (negative) or late.
    Jitter { by_ms: f64 },
    /// Row numbers go on and the clock does not agree by this much.
    Jump { by_ms: f64 },
    /// This row's own duration differs from its neighbours'.
    Duration { seen_ms: f64, expected_ms: f64 },
    /// Rows follow each other in another time than is known.
    OtherDt { seen_ms: f64, expected_ms: f64 },
}

/// Whether a doubled row holds the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Same,
    Other,
}

/// Deviation of a clock that nobody needs to hear of, milliseconds: timestamps are whole milliseconds, so that two of
/// them are off by up to one each.
pub(crate) const TOLERANCE_MS: f64 = 2.0;

/// The same, as part of the duration of a row.
pub(crate) const TOLERANCE: f64 = 0.02;
