//! The second pass: fills the rasters.

use std::collections::HashMap;

use super::{
    cube::{Cube, CubeSlot},
    histogram::{Bars, Histogram},
    raster::{Columns, Raster, Slots, liveliest},
    row_time_us,
    survey::Plan,
    timeline::{Arrivals, Timeline},
};
use crate::{
    analyze::stats::STALL_NS,
    das::{
        frames::{FrameObserver, MessagePlace, Seen},
        spectrogram::{Frame, Values},
    },
    model::{event::Event, finding::Place},
};

/// Options of the pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PainterOptions {
    /// Largest number of time slots.
    pub slots: usize,
    /// Largest number of sensor columns; beyond that neighbours share one.
    pub columns: usize,
    /// Largest number of cells of all spectrograms together; 0 = none.
    pub cube_cells: usize,
    /// The sensor whose spectrogram is drawn in full.
    pub sensor: Option<i32>,
    /// Shortest wait between two messages of a call that counts as a stall, nanoseconds.
    pub stall_ns: u64,
}

impl Default for PainterOptions {
    /// The resolution of a screen: 1200 slots, 600 columns, no spectrogram.
    fn default() -> Self {
        Self {
            slots: 1200,
            columns: 600,
            cube_cells: 0,
            sensor: None,
            stall_ns: STALL_NS,
        }
    }
}

/// A place in the stream whose position on the time axis is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The place.
    pub place: Place,
    /// Position on the time axis of the rows, microseconds; `None` until it is found, and where there is no row before
    /// it.
    pub at_us: Option<i64>,
}

/// The painted pictures as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// The extent of the data.
    pub plan: Plan,
    /// Division of time into slots.
    pub slots: Slots,
    /// Division of sensors into columns.
    pub columns: Columns,
    /// The level of each sensor in each slot, dB over the medians.
    pub waterfall: Raster,
    /// The spectrograms of all sensors, where they were requested.
    pub cube: Option<Cube>,
    /// Division of time into slots in the cube.
    pub cube_slots: Slots,
    /// The requested spectrogram of one sensor: slots × bins, dB.
    pub spectrogram: Option<Raster>,
    /// The sensor of that spectrogram.
    pub sensor: Option<i32>,
    /// The column whose level changes most.
    pub liveliest: Option<usize>,
    /// The histogram of amplitudes.
    pub histogram: Histogram,
    /// The arrivals of messages.
    pub arrivals: Arrivals,
    /// The requested places, in the order in which they were given.
    pub targets: Vec<Target>,
}

impl Pictures {
    /// The ids of the first and the last sensor of a column.
    #[must_use]
    pub fn sensors(&self, column: usize) -> Option<(i32, i32)> {
        let first = column.checked_mul(self.columns.each)?;
        let last = (first + self.columns.each).min(self.plan.sensors.len());
        let sensors = self.plan.sensors.get(first..last)?;
        Some((sensors.first()?.id, sensors.last()?.id))
    }
}

/// Paints every row in one pass.
#[derive(Debug)]
pub(crate) struct Painter {
    timeline: Timeline,
    content: Content,
}

#[derive(Debug)]
struct Content {
    pictures: Pictures,
    index: HashMap<i32, usize>,
    cursor: usize,
    filled: Vec<bool>,
    cube_filled: Vec<bool>,
    /// The slot of the cube that is being filled.
    cube_slot: Option<CubeSlot>,
    bars: Bars,
    /// The values of the spectrum at hand.
    values: Vec<f32>,
    /// Targets by time, the last one first.
    waiting: Vec<usize>,
    last_at_us: Option<i64>,
}

impl Painter {
    /// A painter for the results of a survey of the same events; it finds `places` on the time axis.
    #[must_use]
    pub(crate) fn new(plan: Plan, places: &[Place], options: &PainterOptions) -> Self {
        let slots = Slots::of(&plan.time, options.slots);
        let columns = Columns::of(plan.sensors.len(), options.columns);
        let (cube_most, bins_each) = Cube::shape(slots.count, columns.count, plan.bins, options.cube_cells);
        let cube_slots = Slots::of(&plan.time, cube_most);
        let wanted = options.cube_cells > 0 && columns.count > 0 && plan.bins > 0;
        let cube = wanted.then(|| {
            Cube::new(
                cube_slots.count,
                columns.count,
                bins_each,
                plan.bins.div_ceil(bins_each),
            )
        });
        let targets: Vec<_> = places
            .iter()
            .map(|place| Target {
                place: *place,
                at_us: None,
            })
            .collect();
        let mut waiting: Vec<usize> = (0..targets.len()).collect();
        waiting.sort_by_key(|at| std::cmp::Reverse(targets[*at].place.offset_ns.unwrap_or(u64::MAX)));
        let index = plan
            .sensors
            .iter()
            .enumerate()
            .map(|(at, sensor)| (sensor.id, at))
            .collect();
        let content = Content {
            index,
            cursor: 0,
            filled: vec![false; slots.count],
            cube_filled: vec![false; cube_slots.count],
            cube_slot: cube.as_ref().map(CubeSlot::new),
            bars: Bars::new(plan.range_db),
            values: Vec::new(),
            waiting,
            last_at_us: None,
            pictures: Pictures {
                waterfall: Raster::new(slots.count, columns.count),
                spectrogram: options.sensor.map(|_| Raster::new(slots.count, plan.bins)),
                cube,
                cube_slots,
                slots,
                columns,
                sensor: options.sensor,
                liveliest: None,
                histogram: Histogram::default(),
                arrivals: Arrivals::default(),
                targets,
                plan,
            },
        };
        let plan = &content.pictures.plan;
        Self {
            timeline: Timeline::new(plan.last_offset_ns, options.stall_ns),
            content,
        }
    }

    /// Returns the painted pictures.
    #[must_use]
    pub(crate) fn finish(self) -> Pictures {
        let mut content = self.content;
        content.reach(u64::MAX);
        let mut pictures = content.pictures;
        if let (Some(cube), Some(slot)) = (&mut pictures.cube, &mut content.cube_slot) {
            slot.leave(cube);
        }
        pictures.histogram = content.bars.finish();
        pictures.arrivals = self.timeline.finish();
        // A jittering clock leaves single slots empty when a slot is one row long.
        let row_us = pictures.plan.time.row_us;
        let holes = |slots: Slots| usize::from(slots.length_us / 2 <= row_us);
        pictures.waterfall.close(&content.filled, holes(pictures.slots));
        if let Some(raster) = &mut pictures.spectrogram {
            raster.close(&content.filled, holes(pictures.slots));
        }
        if let Some(cube) = &mut pictures.cube {
            cube.raster.close(&content.cube_filled, holes(pictures.cube_slots));
        }
        pictures.liveliest = liveliest(&pictures.waterfall, &pictures.plan.sensors, &pictures.columns);
        pictures
    }
}

impl FrameObserver for Painter {
    fn observe_frame(&mut self, event: &Event, seen: &Seen<'_>) {
        self.timeline.event(event);
        if let Seen::Frame(place, frame) = seen {
            self.content.frame(place, frame);
        }
    }
}

impl Content {
    fn frame(&mut self, place: &MessagePlace, frame: &Frame<'_>) {
        // What lies before this frame, and in no later one, belongs to the row before it.
        self.reach(place.offset_ns);
        for row in &frame.rows {
            let wall_us = row_time_us(row, place, self.pictures.plan.anchor_unix_ns);
            let Some(at_us) = self.pictures.plan.time.at_us(wall_us) else {
                continue;
            };
            self.last_at_us = Some(at_us);
            let (slot, cube_slot) = (self.pictures.slots.at(at_us), self.pictures.cube_slots.at(at_us));
            for sensor in &row.sensors {
                self.spectrum(slot, cube_slot, sensor.id, &sensor.intensity);
            }
        }
        let Some(at_us) = self.last_at_us else { return };
        for waiting in &self.waiting {
            let target = &mut self.pictures.targets[*waiting];
            if target.place.call == Some(place.call) && target.place.message == Some(place.message) {
                target.at_us = Some(at_us);
            }
        }
    }

    /// Finds the positions of the targets before an offset: at the last row so far, unless their own message was seen.
    fn reach(&mut self, offset_ns: u64) {
        while let Some(at) = self.waiting.last() {
            let target = &mut self.pictures.targets[*at];
            if target.place.offset_ns.unwrap_or(u64::MAX) >= offset_ns && offset_ns < u64::MAX {
                break;
            }
            if target.place.offset_ns.is_some() {
                target.at_us = target.at_us.or(self.last_at_us);
            }
            self.waiting.pop();
        }
    }

    fn spectrum(&mut self, slot: usize, cube_slot: usize, id: i32, values: &Values<'_>) {
        let Some(at) = self.find(id) else { return };
        self.values.resize(values.len(), f32::NAN);
        values.copy_to(&mut self.values);
        let (pictures, values) = (&mut self.pictures, self.values.as_slice());
        let column = at / pictures.columns.each;
        self.bars.add(values);
        let medians = pictures.plan.sensors[at].medians_db.as_slice();
        let (mut sum, mut count) = (0.0_f32, 0_u32);
        for bin in &pictures.plan.lively {
            if let (Some(value), Some(median)) = (values.get(*bin), medians.get(*bin))
                && value.is_finite()
                && median.is_finite()
            {
                sum += value - median;
                count += 1;
            }
        }
        let level = if count > 0 { sum / count as f32 } else { f32::NAN };
        pictures.waterfall.put(slot, column, level);
        self.filled[slot] = true;
        if let (Some(cube), Some(slot)) = (&mut pictures.cube, &mut self.cube_slot) {
            self.cube_filled[cube_slot] = true;
            slot.go_to(cube_slot, cube);
            slot.add(column, values);
        }
        if pictures.sensor == Some(id)
            && let Some(raster) = &mut pictures.spectrogram
        {
            for (bin, value) in values.iter().enumerate().take(raster.columns) {
                raster.put(slot, bin, *value);
            }
        }
    }

    fn find(&mut self, id: i32) -> Option<usize> {
        let next = self.cursor + 1;
        let at = match self.pictures.plan.sensors.get(next) {
            Some(sensor) if sensor.id == id => next,
            _ => *self.index.get(&id)?,
        };
        self.cursor = at;
        Some(at)
    }
}
