//! The first pass: what there is to draw.

use std::collections::HashMap;

use super::{
    row_time_us,
    sample::{Sample, quantile},
    timebase::{Timebase, Times},
};
use crate::{
    das::{
        frames::{FrameObserver, LeftOut, MessagePlace, Seen},
        spectrogram::{Frame, Values},
    },
    file::Header,
    model::event::Event,
};

/// Number of values that are kept for medians: 32 MB.
const SAMPLE_VALUES: usize = 8 << 20;

/// Of so many values at least one is kept, once there are more than [`FEW_VALUES`]: statistics that are collected
/// meanwhile hold the first 64 MB of values, and both together must not take much.
const SAMPLE_SHARE: u64 = 16;

/// As few values as this are all kept.
const FEW_VALUES: usize = 1 << 20;

/// Number of bins of a sensor that are surveyed; ordinary spectra have some hundreds.
const MAX_BINS: usize = 8192;

/// Number of calls whose row times are tracked; a job has a handful of streams.
const MAX_CALLS: usize = 1024;

/// Share of the bins that a waterfall shows.
const LIVELY_SHARE: usize = 4;

/// Number of bins up to which all are shown.
const FEW_BINS: usize = 8;

/// Duration of a row when it is unknown (a single row): one second.
const DEFAULT_ROW_US: i64 = 1_000_000;

/// Smallest number of equal rows that is not chance.
const STUCK_ROWS: usize = 4;

/// Whether a sensor is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SensorState {
    /// Its values change.
    Alive,
    /// It never had a finite value.
    Dead,
    /// Its sampled values did not change over several rows.
    Stuck,
}

impl SensorState {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead => "dead",
            Self::Stuck => "stuck",
        }
    }
}

/// A sensor to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorPlan {
    /// Id of the sensor.
    pub id: i32,
    /// The median of each bin, dB; NaN for a bin without a finite value.
    pub medians_db: Vec<f32>,
    /// State of the sensor.
    pub state: SensorState,
}

/// Extent of the data to draw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The time axis.
    pub time: Timebase,
    /// The sensors in the order of ids.
    pub sensors: Vec<SensorPlan>,
    /// Bins of the longest spectrum.
    pub bins: usize,
    /// The bins that a waterfall shows, in order.
    pub lively: Vec<usize>,
    /// The smallest and the largest finite value, dB; `None` without one.
    pub range_db: Option<(f32, f32)>,
    /// The largest offset of an event, nanoseconds since the capture began.
    pub last_offset_ns: u64,
    /// Spectra of sensors for which there was no room; they are not drawn.
    pub spectra_left_out: u64,
    /// Messages without a frame to draw.
    pub left_out: LeftOut,
    /// True when values rest on a guess of element type and axis order.
    pub guessed_layout: bool,
    pub(super) anchor_unix_ns: u64,
}

/// Surveys every row in one pass.
#[derive(Debug)]
pub(crate) struct Survey {
    plan: Plan,
    times: Times,
    steps: Sample<i64>,
    durations: Sample<i64>,
    last_us: HashMap<u32, i64>,
    index: HashMap<i32, usize>,
    sensors: Vec<Seeing>,
    /// Position of the last spectrum's sensor, since the next one usually follows it.
    cursor: usize,
    seen: u64,
    stored: usize,
    stride: u64,
}

#[derive(Debug)]
struct Seeing {
    id: i32,
    bins: usize,
    rows: u64,
    finite: bool,
    kept: Vec<f32>,
}

impl Survey {
    /// A survey for a capture with this header.
    #[must_use]
    pub(crate) fn new(header: &Header) -> Self {
        Self {
            plan: Plan {
                anchor_unix_ns: header.anchor_unix_ns,
                ..Plan::default()
            },
            times: Times::default(),
            steps: Sample::new(4096),
            durations: Sample::new(4096),
            last_us: HashMap::new(),
            index: HashMap::new(),
            sensors: Vec::new(),
            cursor: 0,
            seen: 0,
            stored: 0,
            stride: 1,
        }
    }
}

impl FrameObserver for Survey {
    fn observe_frame(&mut self, event: &Event, seen: &Seen<'_>) {
        self.plan.last_offset_ns = self.plan.last_offset_ns.max(event.offset_ns);
        self.plan.left_out.count(seen, event);
        if let Seen::Frame(place, frame) = seen {
            self.frame(place, frame);
        }
    }
}

impl Survey {
    fn frame(&mut self, place: &MessagePlace, frame: &Frame<'_>) {
        self.plan.guessed_layout |= frame.block.as_ref().is_some_and(|block| block.guessed);
        for row in &frame.rows {
            let at_us = row_time_us(row, place, self.plan.anchor_unix_ns);
            self.time(place.call, at_us);
            if let (Some(start), Some(end)) = (row.start_ms, row.end_ms) {
                let duration = end.saturating_sub(start);
                if duration > 0 {
                    self.durations.add(duration.saturating_mul(1000));
                }
            }
            for sensor in &row.sensors {
                self.spectrum(sensor.id, &sensor.intensity);
            }
        }
    }

    fn time(&mut self, call: u32, at_us: i64) {
        self.times.see(at_us);
        if self.last_us.len() >= MAX_CALLS {
            self.last_us.clear();
        }
        if let Some(last) = self.last_us.insert(call, at_us) {
            let step = at_us.saturating_sub(last);
            if step > 0 {
                self.steps.add(step);
            }
        }
    }

    fn spectrum(&mut self, id: i32, values: &Values<'_>) {
        let bins = values.len().min(MAX_BINS);
        self.plan.bins = self.plan.bins.max(bins);
        let Some(at) = self.find(id, bins) else {
            self.plan.spectra_left_out += 1;
            return;
        };
        self.seen += bins as u64;
        let sensor = &mut self.sensors[at];
        let sampled = sensor.rows.is_multiple_of(self.stride);
        sensor.rows += 1;
        if let Some((min, max)) = values.finite_range() {
            sensor.finite = true;
            let range = self.plan.range_db.get_or_insert((min, max));
            *range = (range.0.min(min), range.1.max(max));
        }
        if sampled && sensor.bins > 0 {
            let before = sensor.kept.len();
            sensor.kept.resize(before + sensor.bins, f32::NAN);
            values.copy_to(&mut sensor.kept[before..]);
            self.stored += self.sensors[at].bins;
            let share = usize::try_from(self.seen / SAMPLE_SHARE).unwrap_or(usize::MAX);
            if self.stored > share.clamp(FEW_VALUES, SAMPLE_VALUES) {
                self.thin();
            }
        }
    }

    /// The position of a sensor; new ones are added while there is room.
    fn find(&mut self, id: i32, bins: usize) -> Option<usize> {
        let next = self.cursor + 1;
        let at = match self.sensors.get(next) {
            Some(sensor) if sensor.id == id => next,
            _ => match self.index.get(&id) {
                Some(at) => *at,
                None if self.stored + bins > 2 * SAMPLE_VALUES => return None,
                None => {
                    self.index.insert(id, self.sensors.len());
                    self.sensors.push(Seeing {
                        id,
                        bins,
                        rows: 0,
                        finite: false,
                        kept: Vec::new(),
                    });
                    self.sensors.len() - 1
                }
            },
        };
        if self.sensors[at].bins == 0 {
            self.sensors[at].bins = bins;
        }
        self.cursor = at;
        Some(at)
    }

    /// Drops every second spectrum.
    fn thin(&mut self) {
        self.stored = 0;
        self.stride = self.stride.saturating_mul(2);
        for sensor in &mut self.sensors {
            let bins = sensor.bins.max(1);
            let mut to = 0;
            for (number, from) in (0..sensor.kept.len()).step_by(bins).enumerate() {
                if number % 2 == 0 {
                    sensor.kept.copy_within(from..from + bins, to);
                    to += bins;
                }
            }
            sensor.kept.truncate(to);
            sensor.kept.shrink_to(2 * to);
            self.stored += to;
        }
    }

    /// Returns the extent of the data to draw.
    #[must_use]
    pub(crate) fn finish(self) -> Plan {
        let mut plan = self.plan;
        let middle = |sample: Sample<i64>| {
            let mut kept = sample.into_kept();
            kept.sort_unstable();
            kept.get(kept.len() / 2).copied()
        };
        let step = middle(self.steps).or_else(|| middle(self.durations));
        plan.time = self.times.finish(step.unwrap_or(DEFAULT_ROW_US));
        let mut spread = vec![0.0_f64; plan.bins];
        plan.sensors = self
            .sensors
            .into_iter()
            .map(|sensor| sensor.finish(&mut spread))
            .collect();
        plan.sensors.sort_by_key(|sensor| sensor.id);
        plan.lively = liveliest(&spread);
        plan
    }
}

impl Seeing {
    /// Computes the medians; adds how far each bin's values lie apart.
    fn finish(self, spread: &mut [f64]) -> SensorPlan {
        let mut values = Vec::new();
        let rows = self.kept.len().checked_div(self.bins).unwrap_or(0);
        let mut changes = false;
        let mut medians_db = Vec::with_capacity(self.bins);
        for bin in 0..self.bins {
            values.clear();
            let column = self.kept.iter().skip(bin).step_by(self.bins);
            values.extend(column.copied().filter(|value| value.is_finite()));
            let low = quantile(&mut values, 0.1);
            let high = quantile(&mut values, 0.9);
            if let (Some(low), Some(high), Some(sum)) = (low, high, spread.get_mut(bin)) {
                *sum += f64::from(high - low);
            }
            changes |= values.len() < rows || values.iter().any(|value| Some(value) != values.first());
            medians_db.push(quantile(&mut values, 0.5).unwrap_or(f32::NAN));
        }
        let state = match (self.finite, changes) {
            (false, _) => SensorState::Dead,
            (true, false) if rows >= STUCK_ROWS => SensorState::Stuck,
            _ => SensorState::Alive,
        };
        SensorPlan {
            id: self.id,
            medians_db,
            state,
        }
    }
}

/// The quarter of the bins that varies most, in the order of the bins; all of them when they are few.
fn liveliest(spread: &[f64]) -> Vec<usize> {
    let mut bins: Vec<usize> = (0..spread.len()).collect();
    if bins.len() > FEW_BINS {
        bins.sort_by(|a, b| spread[*b].total_cmp(&spread[*a]).then(a.cmp(b)));
        bins.truncate(spread.len().div_ceil(LIVELY_SHARE).max(FEW_BINS));
        bins.sort_unstable();
    }
    bins
}
