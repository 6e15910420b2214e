//! Measurement of how well the schedule is kept.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Significant decimal digits of the measured lateness: 0.1 % is finer than any clock here needs.
const DIGITS: u8 = 3;

/// How well a server kept its schedule, measured where a message is handed to HTTP/2.
///
/// A client that does not read makes its own messages late; that is counted, too.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Fidelity {
    /// Number of messages with a scheduled time; none at [`Rate::Max`](super::Rate::Max).
    pub timed: u64,
    /// Median lateness, nanoseconds.
    pub late_p50_ns: u64,
    /// 99th percentile of the lateness, nanoseconds.
    pub late_p99_ns: u64,
    /// Largest lateness, nanoseconds.
    pub late_max_ns: u64,
    /// Recorded time played per second of playing; `None` before two things were sent.
    pub achieved_rate: Option<f64>,
}

/// The measurement behind [`Fidelity`].
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "units are in names")]
pub(super) struct Meter {
    late_ns: Mutex<Option<Histogram<u64>>>,
    recorded_ns: AtomicU64,
    played_ns: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            // Grows with the largest value, not with their number; with three digits it can always be made.
            late_ns: Mutex::new(Histogram::new(DIGITS).ok()),
            recorded_ns: AtomicU64::new(0),
            played_ns: AtomicU64::new(0),
        }
    }
}

impl Meter {
    pub(super) fn late(&self, late_ns: u64) {
        let mut histogram = self.late_ns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = histogram.as_mut() {
            // Refused only when the histogram could not grow: a server is no worse for one time less.
            let _: Result<(), hdrhistogram::RecordError> = histogram.record(late_ns);
        }
    }

    /// Adds how far a call advanced in its recording, and the time it took.
    pub(super) fn went_on(&self, recorded_ns: u64, played_ns: u64) {
        self.recorded_ns.fetch_add(recorded_ns, Relaxed);
        self.played_ns.fetch_add(played_ns, Relaxed);
    }

    pub(super) fn read(&self) -> Fidelity {
        let (recorded_ns, played_ns) = (self.recorded_ns.load(Relaxed), self.played_ns.load(Relaxed));
        let achieved_rate = (recorded_ns > 0 && played_ns > 0).then(|| recorded_ns as f64 / played_ns as f64);
        let histogram = self.late_ns.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(late) = histogram.as_ref().filter(|late| !late.is_empty()) else {
            return Fidelity {
                achieved_rate,
                ..Fidelity::default()
            };
        };
        Fidelity {
            timed: late.len(),
            late_p50_ns: late.value_at_quantile(0.5),
            late_p99_ns: late.value_at_quantile(0.99),
            late_max_ns: late.max(),
            achieved_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_and_rate_are_summed_up() {
        let meter = Meter::default();
        assert_eq!(meter.read(), Fidelity::default());
        (1..=100).for_each(|late| meter.late(late));
        meter.went_on(30, 10);
        meter.went_on(10, 10);
        let fidelity = meter.read();
        assert_eq!((fidelity.timed, fidelity.late_p50_ns), (100, 50));
        assert_eq!((fidelity.late_p99_ns, fidelity.late_max_ns), (99, 100));
        assert_eq!(fidelity.achieved_rate, Some(2.0));
    }
}
