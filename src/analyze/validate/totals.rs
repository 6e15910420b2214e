//! Counts over all calls of a capture, and the observed properties that a later stream can be expected to have.

use std::collections::BTreeSet;

use super::{call::Call, context::Offsets, rules::endings, tally::Tally};
use crate::das::dialect::Dialect;
use crate::das::expect::Observed;

/// Sensors whose ids are kept for [`Observed`]; no fibre has more channels.
const MAX_OBSERVED_SENSORS: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) calls: u32,
    pub(super) other_calls: u32,
    /// Calls that the slice cuts, which are not failures.
    pub(super) cut_calls: u32,
    pub(super) messages: u64,
    pub(super) frames: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) last_ns: u64,
    /// Streams: one per call for `datastream`, one per stream id for `pandadatastream`.
    pub(super) streams: BTreeSet<(u8, i64)>,
    pub(super) complete_rows: Option<u64>,
    pub(super) incomplete: bool,
    /// True when an unhealthy job was reported as the cause of an empty stream.
    pub(super) unhealthy: bool,
    /// Sensors of all rows of all streams.
    pub(super) sensors: BTreeSet<i32>,
    pub(super) observed: Seeing,
}

/// The data from which [`Observed`] is made.
#[derive(Debug, Default)]
pub(super) struct Seeing {
    pub(super) sensors: BTreeSet<i32>,
    pub(super) bins: BTreeSet<u64>,
    pub(super) dt_ms: Option<f64>,
    pub(super) irregular: u64,
    pub(super) amplitude: Option<(f32, f32)>,
    pub(super) fps: Option<f64>,
    pub(super) first_ns: Option<u64>,
    pub(super) gap_ns: Option<u64>,
}

impl Totals {
    pub(super) fn add(&mut self, call: &Call, verdict: endings::Verdict) {
        let tally = &call.tally;
        self.messages += tally.messages;
        self.frames += tally.frames;
        self.rows += tally.rows;
        self.bytes += tally.bytes;
        let stream = match call.dialect {
            Dialect::DataStream => i64::from(call.number),
            Dialect::PandaDataStream => i64::from(call.stream),
        };
        self.streams.insert((call.dialect as u8, stream));
        if verdict == endings::Verdict::Complete {
            self.complete_rows = self.complete_rows.max(Some(tally.rows));
        } else {
            self.incomplete = true;
        }
        let room = MAX_OBSERVED_SENSORS.saturating_sub(self.sensors.len());
        self.sensors.extend(call.roster.ever().iter().take(room));
        self.observed.add(call, tally);
    }

    pub(super) fn observed(&self, offsets: Offsets) -> Observed {
        let seeing = &self.observed;
        let seconds = |ns: u64| ns as f64 / 1e9;
        let delivered = offsets == Offsets::Delivery;
        let (min, max) = seeing.amplitude.unwrap_or((f32::INFINITY, f32::NEG_INFINITY));
        Observed {
            sensors: seeing.sensors.iter().copied().collect(),
            bins: seeing.bins.first().copied().filter(|_| seeing.bins.len() == 1),
            // Rounded to a microsecond: a mean of whole milliseconds is no truer.
            lines_dt_s: (seeing.dt_ms.filter(|_| seeing.irregular == 0)).map(|ms| (ms * 1000.0).round() / 1e6),
            amplitude_db: (min <= max).then(|| (f64::from(min), f64::from(max))),
            fps: seeing.fps.filter(|_| delivered),
            first_frame_s: seeing.first_ns.filter(|_| delivered).map(seconds),
            largest_gap_s: seeing.gap_ns.filter(|_| delivered).map(seconds),
            frames: self.frames,
            rows: self.rows,
            streams: self.streams.len() as u32,
            methods: Vec::new(),
        }
    }
}

impl Seeing {
    fn add(&mut self, call: &Call, tally: &Tally) {
        let room = MAX_OBSERVED_SENSORS.saturating_sub(self.sensors.len());
        self.sensors.extend(call.roster.ids().iter().take(room));
        self.bins.extend(call.bins().map(|bins| bins as u64));
        self.dt_ms = self.dt_ms.or(call.clock.dt_ms());
        self.irregular += tally.irregular;
        if let Some((low, high)) = tally.amplitude {
            let (min, max) = self.amplitude.unwrap_or((low, high));
            self.amplitude = Some((min.min(low), max.max(high)));
        }
        if tally.messages == 0 {
            return;
        }
        self.first_ns = self.first_ns.max(Some(tally.waited_ns));
        self.gap_ns = self.gap_ns.max(Some(tally.largest_gap_ns));
        let lasted = tally.last_ns.saturating_sub(tally.first_ns) as f64 / 1e9;
        if lasted > 0.0 {
            let fps = (tally.messages - 1) as f64 / lasted;
            self.fps = Some(self.fps.map_or(fps, |slowest| slowest.min(fps)));
        }
    }
}
