//! Noise of a metric from run to run: a change within the noise is not a regression.

use super::values::Baseline;

/// Frames or rows by which two recordings of one stream differ because they started and stopped at different moments.
const COUNT: f64 = 2.0;

/// Seconds by which the durations of two recordings differ: sockets, schedulers and bursts move its first and its last
/// frame by tens of milliseconds. Of a burst of 8 frames in 15 ms no rate can be told.
const RECORDING_S: f64 = 0.1;

/// Nanoseconds by which the time to the first frame differs from run to run: a connection, its TLS handshake, a name
/// that is looked up, and a thread that is woken late on a busy machine. Nobody who waits for a picture notices it.
const FIRST_FRAME_NS: f64 = 100_000_000.0;

/// Extra tolerance for the first frame, which is one event per recording and not a mean; such waits spread about as far
/// as they are long themselves. It must take three times as long before that says anything: of 6,000 recordings of jobs
/// that were as good as ever, and waited by an exponential distribution, 21 took twice as long, and none so long. A job
/// that is slower in all shows in its rates.
const ONE_WAIT: f64 = 2.0;

/// Tolerated distance of a mean or a count of many frames, in standard deviations between the captures of a baseline;
/// of a metric that is distributed normally, a 30,000th lies farther.
const SPREADS: f64 = 4.0;

/// Additional standard deviations for a single event, divided by the number of captures minus one; its distribution has
/// a long tail, which a few captures do not show. With five captures that is 14 in all, where a normal distribution
/// that is known by five samples would have its 10,000th.
const UNSEEN_TAIL: f64 = 40.0;

/// Number of waits beyond a percentile from which it describes the stream and not single waits.
const BEYOND: f64 = 10.0;

/// The kind of noise of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) enum Noise {
    /// Noise of a count of frames or rows.
    Count,
    /// Noise of a rate over the duration of the recording.
    Rate,
    /// Noise of the time to the first frame.
    FirstFrame,
    /// Noise of a percentile of the times between frames.
    Percentile(Percentile),
}

/// Noise of a percentile of the times between frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Percentile {
    /// The share of waits beyond the percentile.
    beyond: f64,
    /// Nanoseconds by which the percentile differs from run to run: timers, schedulers and delayed acknowledgements.
    floor_ns: f64,
    /// The next larger figure in the baseline: frames that come in bursts let a percentile jump from within the bursts
    /// to the pauses between them, and the figure above it tells how far that is.
    next: fn(&Baseline) -> Option<f64>,
}

/// The median.
pub(super) const P50: Noise = Noise::Percentile(Percentile {
    beyond: 0.50,
    floor_ns: 5_000_000.0,
    next: |of| of.inter_arrival_p95_ns,
});

/// The 95th percentile.
pub(super) const P95: Noise = Noise::Percentile(Percentile {
    beyond: 0.05,
    floor_ns: 20_000_000.0,
    next: |of| of.inter_arrival_p99_ns,
});

/// The 99th percentile.
pub(super) const P99: Noise = Noise::Percentile(Percentile {
    beyond: 0.01,
    floor_ns: 50_000_000.0,
    next: |of| of.inter_arrival_max_ns,
});

impl Noise {
    /// True when the metric is a count and does not depend on time.
    pub(super) const fn is_count(self) -> bool {
        matches!(self, Self::Count)
    }

    /// Variation of a metric with the value `before` from run to run, in its unit; `None` when there is too little
    /// to judge it by.
    pub(super) fn of(self, key: &str, before: f64, baseline: &Baseline, now: &Baseline) -> Option<f64> {
        let frames = |of: &Baseline| of.frames.unwrap_or(f64::INFINITY);
        let (floor, spreads) = match self {
            Self::Count => (COUNT, SPREADS),
            Self::Rate => {
                let took_s = baseline
                    .frames_per_s
                    .map_or(0.0, |rate| (frames(baseline) - 1.0).max(0.0) / rate);
                // The rate of a recording that takes so much longer.
                let slower = before * took_s / (took_s + RECORDING_S);
                (if took_s.is_finite() { before - slower } else { 0.0 }, SPREADS)
            }
            Self::FirstFrame => {
                let others = f64::from(baseline.captures.max(2)) - 1.0;
                (FIRST_FRAME_NS.max(ONE_WAIT * before), SPREADS + UNSEEN_TAIL / others)
            }
            Self::Percentile(percentile) => {
                let waits = frames(baseline).min(frames(now));
                if waits * percentile.beyond < BEYOND {
                    return None;
                }
                let next = (percentile.next)(baseline).map_or(0.0, |next| next - before);
                (percentile.floor_ns.max(next), SPREADS)
            }
        };
        let spread = baseline.spread.get(key).map_or(0.0, |spread| spreads * spread);
        Some(floor.max(spread))
    }
}
