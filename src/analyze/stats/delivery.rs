//! Timing of the delivery of a stream: first frame, rates, inter-arrival times, stalls.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::moments::Moments;

/// The shortest wait between two messages of a call that counts as a stall. Live rows come several times a second; a
/// historic job is closed after 30 s of silence.
pub(crate) const STALL_NS: u64 = 10_000_000_000;

/// Significant digits of the inter-arrival percentiles, so that they are within 0.1 %.
const DIGITS: u8 = 3;

/// Where the offsets of a capture come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimingSource {
    /// From a clock when messages arrived.
    #[default]
    Delivery,
    /// From the rows' own timestamps (an imported capture): they tell nothing of a delivery.
    Rows,
}

/// Timing of the delivery of a stream. Rates count what came after the first message, over the time since it; `None`
/// with fewer than two messages, or when no time passed between them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Timing {
    /// Source of the offsets.
    pub source: TimingSource,
    /// Longest time from the opening of a call to its first message, over all spectrogram calls; `None` when none
    /// received any.
    pub first_frame_ns: Option<u64>,
    /// Spectrogram calls that ended, or were left open, without a message.
    pub silent_calls: u64,
    /// Time from the first message to the last, over all spectrogram calls.
    pub duration_ns: u64,
    /// Frames per second; undecodable messages count.
    pub frames_per_s: Option<f64>,
    /// Rows per second.
    pub rows_per_s: Option<f64>,
    /// Megabytes (10⁶ bytes) of messages per second, as on the wire.
    pub megabytes_per_s: Option<f64>,
    /// Times from one message of a call to its next, over all calls; `None` when no call has two.
    pub inter_arrival: Option<InterArrival>,
    /// Waits of more than `STALL_NS` between two messages of a call.
    pub stalls: u64,
    /// Their total length.
    pub stalled_ns: u64,
}

/// Times between messages. Percentiles come from an HdrHistogram with three significant digits: they are at most 0.1 %
/// too large, and never beyond the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InterArrival {
    /// Number of times measured.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// The median.
    pub p50_ns: u64,
    /// The 95th percentile.
    pub p95_ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// The mean.
    pub mean_ns: f64,
    /// Jitter: the standard deviation.
    pub jitter_ns: f64,
}

/// The timing under construction.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    timing: Timing,
    /// For each open spectrogram call: when it was opened, and its last message.
    open: BTreeMap<u32, Open>,
    /// Offsets of the first and the last message.
    span: Option<(u64, u64)>,
    frames: u64,
    rows: u64,
    bytes: u64,
    waits: Histogram<u64>,
    moments: Moments,
    extremes: Option<(u64, u64)>,
    /// True when calls at offset 0 were opened before it: a slice begins in their middle.
    cut: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// `None` when it is not known.
    start_ns: Option<u64>,
    last_ns: Option<u64>,
}

impl Delivery {
    pub(super) fn new(source: TimingSource) -> Self {
        #[expect(clippy::expect_used, reason = "the crate takes 0 to 5 digits")]
        let waits =
            Histogram::new(DIGITS).expect("a histogram takes 0 to 5 significant digits, and DIGITS is one of them");
        let timing = Timing {
            source,
            ..Timing::default()
        };
        Self {
            timing,
            open: BTreeMap::new(),
            span: None,
            frames: 0,
            rows: 0,
            bytes: 0,
            waits,
            moments: Moments::default(),
            extremes: None,
            cut: false,
        }
    }

    /// Starts a slice: calls that are opened at its start were open before.
    pub(super) const fn begin_cut(&mut self) {
        self.cut = true;
    }

    pub(super) fn start(&mut self, call: u32, offset_ns: u64) {
        self.open.insert(
            call,
            Open {
                start_ns: (!self.cut || offset_ns > 0).then_some(offset_ns),
                last_ns: None,
            },
        );
    }

    /// Adds a received message of a spectrogram call.
    pub(super) fn message(&mut self, call: u32, offset_ns: u64, rows: u64, bytes: u64) {
        let Some(open) = self.open.get_mut(&call) else { return };
        if let Some(last) = open.last_ns.replace(offset_ns) {
            let wait = offset_ns.saturating_sub(last);
            if self.waits.record(wait).is_err() {
                // It cannot grow that far: the longest wait it knows stands for this one.
                self.waits.saturating_record(wait);
            }
            self.moments.add(wait as f64);
            let (min, max) = self.extremes.unwrap_or((wait, wait));
            self.extremes = Some((min.min(wait), max.max(wait)));
            if wait > STALL_NS {
                self.timing.stalls += 1;
                self.timing.stalled_ns = self.timing.stalled_ns.saturating_add(wait);
            }
        } else if let Some(start_ns) = open.start_ns {
            let wait = offset_ns.saturating_sub(start_ns);
            self.timing.first_frame_ns = self.timing.first_frame_ns.max(Some(wait));
        }
        if let Some((first, last)) = self.span {
            self.span = Some((first, last.max(offset_ns)));
            self.frames += 1;
            self.rows += rows;
            self.bytes += bytes;
        } else {
            self.span = Some((offset_ns, offset_ns));
        }
    }

    pub(super) fn end(&mut self, call: u32) {
        if let Some(Open { last_ns: None, .. }) = self.open.remove(&call) {
            self.timing.silent_calls += 1;
        }
    }

    pub(super) fn finish(mut self) -> Timing {
        let silent = self.open.values().filter(|open| open.last_ns.is_none()).count();
        self.timing.silent_calls += silent as u64;
        let (first, last) = self.span.unwrap_or_default();
        let duration_ns = last.saturating_sub(first);
        let rate = |count: f64| (duration_ns > 0).then(|| count / (duration_ns as f64 / 1e9));
        Timing {
            duration_ns,
            frames_per_s: rate(self.frames as f64),
            rows_per_s: rate(self.rows as f64),
            megabytes_per_s: rate(self.bytes as f64 / 1e6),
            inter_arrival: self.inter_arrival(),
            ..self.timing
        }
    }

    fn inter_arrival(&self) -> Option<InterArrival> {
        let (min_ns, max_ns) = self.extremes?;
        let percentile = |share| self.waits.value_at_quantile(share).clamp(min_ns, max_ns);
        Some(InterArrival {
            count: self.waits.len(),
            min_ns,
            p50_ns: percentile(0.50),
            p95_ns: percentile(0.95),
            p99_ns: percentile(0.99),
            max_ns,
            mean_ns: self.moments.mean()?,
            jitter_ns: self.moments.std()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn delivered(offsets: &[(u32, u64)]) -> Timing {
        let mut delivery = Delivery::new(TimingSource::Delivery);
        delivery.start(1, 0);
        delivery.start(2, S);
        for (call, offset_ns) in offsets {
            delivery.message(*call, *offset_ns, 2, 1_000_000);
        }
        delivery.end(1);
        delivery.finish()
    }

    #[test]
    fn rates_count_what_came_after_the_first_message() {
        let timing = delivered(&[(1, S), (1, 2 * S), (1, 3 * S)]);
        assert_eq!(timing.duration_ns, 2 * S);
        assert_eq!(
            (timing.frames_per_s, timing.rows_per_s, timing.megabytes_per_s),
            (Some(1.0), Some(2.0), Some(1.0))
        );
    }

    #[test]
    fn no_rate_is_made_up_of_nothing() {
        for offsets in [&[][..], &[(1, 5)], &[(1, 5), (1, 5)]] {
            let timing = delivered(offsets);
            assert_eq!((timing.duration_ns, timing.frames_per_s), (0, None));
        }
        assert_eq!(delivered(&[]).first_frame_ns, None);
        assert_eq!(delivered(&[]).silent_calls, 2);
    }

    #[test]
    fn the_first_frame_is_the_slowest_calls() {
        let timing = delivered(&[(1, 7), (2, S + 9)]);
        assert_eq!((timing.first_frame_ns, timing.silent_calls), (Some(9), 0));
        assert!(timing.inter_arrival.is_none());
    }

    #[test]
    fn waits_are_measured_within_each_call() {
        let timing = delivered(&[(1, S), (2, 5 * S), (1, 2 * S), (2, 6 * S), (1, 5 * S)]);
        let waits = timing.inter_arrival.unwrap();
        assert_eq!((waits.count, waits.min_ns, waits.max_ns), (3, S, 3 * S));
        assert!(waits.p50_ns.abs_diff(S) <= S / 1000 && waits.p99_ns == 3 * S);
        assert_eq!(timing.stalls, 0);
    }

    #[test]
    fn a_stall_is_counted_only_beyond_its_limit() {
        let timing = delivered(&[(1, 0), (1, STALL_NS), (1, 2 * STALL_NS + 1)]);
        assert_eq!((timing.stalls, timing.stalled_ns), (1, STALL_NS + 1));
    }
}
