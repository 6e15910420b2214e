//! Structure of the frames: sensors, shapes, canvases and unknown fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::amplitude::SensorStats;
use crate::{
    das::spectrogram::{Frame, Row, UnknownField},
    model::finding::Place,
};

/// Sensor ids that are listed one by one; more are told by first, last and step.
pub(crate) const MAX_LISTED_SENSORS: usize = 32;

/// Shapes, canvases and kinds of unknown fields that are listed; what lies beyond is counted. A stream that shows more
/// has no structure to tell.
pub(crate) const MAX_LISTED: usize = 64;

/// Characters of a canvas id that are kept and compared: a hostile one must not fill the memory.
const MAX_CANVAS_CHARS: usize = 200;

/// Structure of the frames.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Structure {
    /// Frames that hold no row.
    pub empty_frames: u64,
    /// Rows of the smallest frame; `None` without a frame.
    pub rows_per_frame_min: Option<u64>,
    /// Rows of the largest frame.
    pub rows_per_frame_max: Option<u64>,
    /// The sensors.
    pub sensors: Sensors,
    /// The shapes of rows, in the order in which they were first seen.
    pub shapes: Vec<Shape>,
    /// Number of rows whose shape differs from that of the row before it in the call.
    pub shape_changes: u64,
    /// Rows of shapes that are not listed.
    pub rows_of_other_shapes: u64,
    /// Canvas ids, in the order in which they were first seen.
    pub canvases: Vec<Canvas>,
    /// Number of rows whose canvas differs from that of the row before it in the call.
    pub canvas_changes: u64,
    /// Rows on canvases that are not listed.
    pub rows_of_other_canvases: u64,
    /// Fields that the schema does not know.
    pub unknown_fields: Vec<UnknownCount>,
    /// Unknown fields of kinds that are not listed.
    pub other_unknown_fields: u64,
    /// True when values rest on a guess of element type and axis order (`pandadatastream`).
    pub guessed_layout: bool,
    /// Frames whose values could not be read, because the payload does not fit the shape (`pandadatastream`).
    pub frames_without_values: u64,
}

/// The ids of the sensors, over all calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Sensors {
    /// Number of sensors; at most [`MAX_SENSORS`](super::MAX_SENSORS) are distinguished.
    pub count: u64,
    /// The smallest id.
    pub first: Option<i32>,
    /// The largest id.
    pub last: Option<i32>,
    /// The difference between neighbouring ids, where all differences are equal.
    pub step: Option<i64>,
    /// The ids, when there are at most [`MAX_LISTED_SENSORS`]; empty otherwise.
    pub ids: Vec<i32>,
    /// Bins of the shortest spectrum.
    pub bins_min: Option<u64>,
    /// Bins of the longest spectrum.
    pub bins_max: Option<u64>,
}

/// A shape of rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shape {
    /// Sensors in a row.
    pub sensors: u64,
    /// Id of the first sensor in wire order; `None` in a row without sensors.
    pub first_sensor: Option<i32>,
    /// Id of the last sensor in wire order.
    pub last_sensor: Option<i32>,
    /// Bins of the shortest spectrum.
    pub bins_min: u64,
    /// Bins of the longest spectrum.
    pub bins_max: u64,
    /// Rows of this shape.
    pub rows: u64,
    /// Place where the shape was first seen.
    pub first: Place,
}

/// A canvas that rows are drawn on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Canvas {
    /// The first 200 characters of the id.
    pub id: String,
    /// Rows on this canvas.
    pub rows: u64,
    /// Place where the canvas was first seen.
    pub first: Place,
}

/// A kind of unknown field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnknownCount {
    /// Message type, field number and wire type.
    #[serde(flatten)]
    pub field: UnknownField,
    /// Number of occurrences.
    pub count: u64,
    /// Place where the field was first seen.
    pub first: Place,
}

/// Key of a shape: number of sensors, first and last sensor, bins of the shortest and the longest spectrum.
type ShapeKey = (u64, Option<i32>, Option<i32>, u64, u64);

/// The structure under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct Structures {
    found: Structure,
    /// Shape of the last row of each open call.
    shapes: BTreeMap<u32, ShapeKey>,
    /// Canvas of the last row of each open call.
    canvases: BTreeMap<u32, String>,
}

impl Structures {
    pub(super) fn frame(&mut self, frame: &Frame<'_>, place: &Place) {
        let rows = frame.rows.len() as u64;
        let found = &mut self.found;
        found.empty_frames += u64::from(rows == 0);
        found.rows_per_frame_min = Some(found.rows_per_frame_min.map_or(rows, |min| min.min(rows)));
        found.rows_per_frame_max = Some(found.rows_per_frame_max.map_or(rows, |max| max.max(rows)));
        if let Some(block) = &frame.block {
            let unread = block.payload_bytes > 0 && frame.rows.iter().all(|row| row.sensors.is_empty());
            found.guessed_layout |= block.guessed;
            found.frames_without_values += u64::from(unread);
        }
        for field in &frame.unknown {
            self.unknown(*field, place);
        }
    }

    pub(super) fn row(&mut self, row: &Row<'_>, place: &Place) {
        self.shape(row, place);
        if let Some(canvas) = row.canvas.as_deref() {
            self.canvas(canvas, place);
        }
    }

    /// Forgets a call that has ended: nothing is compared with its last row any more.
    pub(super) fn end(&mut self, call: u32) {
        self.shapes.remove(&call);
        self.canvases.remove(&call);
    }

    pub(super) fn finish(self, sensors: &[SensorStats]) -> Structure {
        let mut found = self.found;
        found.sensors = Sensors::of(sensors);
        found.unknown_fields.sort_by_key(|unknown| unknown.field);
        found
    }

    fn shape(&mut self, row: &Row<'_>, place: &Place) {
        let bins = || row.sensors.iter().map(|sensor| sensor.intensity.len() as u64);
        let key: ShapeKey = (
            row.sensors.len() as u64,
            row.sensors.first().map(|sensor| sensor.id),
            row.sensors.last().map(|sensor| sensor.id),
            bins().min().unwrap_or(0),
            bins().max().unwrap_or(0),
        );
        if let Some(call) = place.call {
            let before = self.shapes.insert(call, key);
            self.found.shape_changes += u64::from(before.is_some_and(|before| before != key));
        }
        let (sensors, first_sensor, last_sensor, bins_min, bins_max) = key;
        let is_same = |shape: &&mut Shape| {
            (
                shape.sensors,
                shape.first_sensor,
                shape.last_sensor,
                shape.bins_min,
                shape.bins_max,
            ) == key
        };
        if let Some(shape) = self.found.shapes.iter_mut().find(is_same) {
            shape.rows += 1;
        } else if self.found.shapes.len() < MAX_LISTED {
            self.found.shapes.push(Shape {
                sensors,
                first_sensor,
                last_sensor,
                bins_min,
                bins_max,
                rows: 1,
                first: *place,
            });
        } else {
            self.found.rows_of_other_shapes += 1;
        }
    }

    fn canvas(&mut self, canvas: &str, place: &Place) {
        let end = canvas
            .char_indices()
            .nth(MAX_CANVAS_CHARS)
            .map_or(canvas.len(), |(at, _)| at);
        let canvas = canvas.get(..end).unwrap_or(canvas);
        if let Some(call) = place.call {
            match self.canvases.get_mut(&call) {
                Some(before) if before == canvas => {}
                Some(before) => {
                    self.found.canvas_changes += 1;
                    canvas.clone_into(before);
                }
                None => drop(self.canvases.insert(call, canvas.to_owned())),
            }
        }
        if let Some(known) = self.found.canvases.iter_mut().find(|known| known.id == canvas) {
            known.rows += 1;
        } else if self.found.canvases.len() < MAX_LISTED {
            self.found.canvases.push(Canvas {
                id: canvas.to_owned(),
                rows: 1,
                first: *place,
            });
        } else {
            self.found.rows_of_other_canvases += 1;
        }
    }

    fn unknown(&mut self, field: UnknownField, place: &Place) {
        let known = &mut self.found.unknown_fields;
        if let Some(known) = known.iter_mut().find(|known| known.field == field) {
            known.count += 1;
        } else if known.len() < MAX_LISTED {
            known.push(UnknownCount {
                field,
                count: 1,
                first: *place,
            });
        } else {
            self.found.other_unknown_fields += 1;
        }
    }
}

impl Sensors {
    /// Collects the sensors from statistics in the order of ids.
    fn of(sensors: &[SensorStats]) -> Self {
        let ids = || sensors.iter().map(|sensor| sensor.id);
        let steps: BTreeSet<i64> = sensors
            .windows(2)
            .map(|pair| i64::from(pair[1].id) - i64::from(pair[0].id))
            .collect();
        let short = sensors.len() <= MAX_LISTED_SENSORS;
        Self {
            count: sensors.len() as u64,
            first: ids().min(),
            last: ids().max(),
            step: steps.first().copied().filter(|_| steps.len() == 1),
            ids: if short { ids().collect() } else { Vec::new() },
            bins_min: sensors.iter().map(|sensor| sensor.bins_min).min(),
            bins_max: sensors.iter().map(|sensor| sensor.bins_max).max(),
        }
    }
}
