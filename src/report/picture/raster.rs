//! A raster: a number for each slot of time and each column of sensors.

use super::{
    sample::quantile,
    survey::{SensorPlan, SensorState},
    timebase::Timebase,
};

/// Division of time into slots: equal ones, a whole number of rows long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Number of slots.
    pub count: usize,
    /// Length of a slot, microseconds.
    pub length_us: i64,
    row_us: i64,
}

impl Slots {
    /// Divides a time axis into at most `most` slots.
    #[must_use]
    pub fn of(time: &Timebase, most: usize) -> Self {
        let row_us = time.row_us.max(1);
        let rows = (time.length_us.saturating_add(row_us / 2) / row_us).max(1);
        let each = (rows.saturating_add(most.max(1) as i64 - 1) / most.max(1) as i64).max(1);
        Self {
            count: (rows.saturating_add(each - 1) / each) as usize,
            length_us: row_us.saturating_mul(each),
            row_us,
        }
    }

    /// The slot at a position of the time axis. Rows whose clock jitters by less than half a row keep their slots.
    #[must_use]
    pub fn at(&self, at_us: i64) -> usize {
        let slot = at_us.saturating_add(self.row_us / 2).max(0) / self.length_us;
        (slot as usize).min(self.count.saturating_sub(1))
    }
}

/// Division of sensors into columns: neighbours together when there are too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Number of columns.
    pub count: usize,
    /// Sensors in a column.
    pub each: usize,
}

impl Columns {
    /// Divides this many sensors into at most `most` columns.
    #[must_use]
    pub fn of(sensors: usize, most: usize) -> Self {
        let each = sensors.div_ceil(most.max(1)).max(1);
        Self {
            count: sensors.div_ceil(each),
            each,
        }
    }
}

/// Content of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// No row fell into the cell: a gap.
    Gap,
    /// Only rows without a finite value fell into the cell: a dead sensor.
    Dead,
    /// The largest value in the cell.
    Value(f32),
}

/// Colour limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Values up to this one have the first colour.
    pub low: f32,
    /// Values from this one on have the last colour.
    pub high: f32,
}

impl Limits {
    /// Position of a value between the limits, 0 to 1.
    #[must_use]
    pub fn share(self, value: f32) -> f32 {
        let span = self.high - self.low;
        if span > 0.0 {
            ((value - self.low) / span).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }
}

/// A value for each time slot and column, the largest where several fell into a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    /// Number of time slots.
    pub slots: usize,
    /// Number of columns: sensors of a waterfall, bins of a spectrogram.
    pub columns: usize,
    /// The cells, column by column and slot by slot: NaN for a gap, −∞ for a dead cell.
    cells: Vec<f32>,
}

impl Raster {
    /// A raster without values.
    #[must_use]
    pub fn new(slots: usize, columns: usize) -> Self {
        Self {
            slots,
            columns,
            cells: vec![f32::NAN; slots * columns],
        }
    }

    /// Adds a value to a cell, which keeps the largest. A value that is not finite makes a dead cell.
    pub fn put(&mut self, slot: usize, column: usize, value: f32) {
        let value = if value.is_finite() { value } else { f32::NEG_INFINITY };
        if slot < self.slots
            && let Some(cell) = self.cells.get_mut(column * self.slots + slot)
            && (cell.is_nan() || *cell < value)
        {
            *cell = value;
        }
    }

    /// The content of a cell; a gap outside of the raster.
    #[must_use]
    pub fn get(&self, slot: usize, column: usize) -> Cell {
        let inside = slot < self.slots && column < self.columns;
        match self.cells.get(column * self.slots + slot) {
            Some(value) if inside && value.is_finite() => Cell::Value(*value),
            Some(value) if inside && !value.is_nan() => Cell::Dead,
            _ => Cell::Gap,
        }
    }

    /// The finite values of a column, in the order of time.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> + '_ {
        let from = (column * self.slots).min(self.cells.len());
        let cells = self.cells[from..].iter().take(self.slots).copied();
        cells.filter(|value| value.is_finite())
    }

    /// Colour limits: these two percentiles (0 to 1) of the finite cells; 0 to 1 without one.
    #[must_use]
    pub fn limits(&self, low: f64, high: f64) -> Limits {
        let mut values: Vec<f32> = self.cells.iter().copied().filter(|value| value.is_finite()).collect();
        let low = quantile(&mut values, low);
        let high = quantile(&mut values, high);
        match (low, high) {
            (Some(low), Some(high)) => Limits { low, high },
            _ => Limits { low: 0.0, high: 1.0 },
        }
    }

    /// Fills gaps that no missing row explains: a slot that is empty only because the rows' clock jitters. A hole of
    /// `holes` slots behind a filled one is filled from it.
    pub(super) fn close(&mut self, filled: &[bool], holes: usize) {
        let mut source = None;
        let sources: Vec<Option<usize>> = (0..self.slots)
            .map(|slot| {
                if filled.get(slot).copied().unwrap_or(false) {
                    source = Some(slot);
                    return None;
                }
                let next = (slot..self.slots)
                    .take(holes + 1)
                    .any(|slot| filled.get(slot) == Some(&true));
                source.filter(|from| slot - from <= holes && next)
            })
            .collect();
        for column in 0..self.columns {
            for (slot, source) in sources.iter().enumerate() {
                if let Some(from) = source {
                    self.cells[column * self.slots + slot] = self.cells[column * self.slots + from];
                }
            }
        }
    }

    /// The cells as bytes, column by column: 0 a gap, 1 a dead cell, 2 to 255 the range of `limits`.
    #[must_use]
    pub fn quantised(&self, limits: Limits) -> Vec<u8> {
        let byte = |value: &f32| match value {
            value if value.is_nan() => 0,
            value if value.is_infinite() => 1,
            value => 2 + (limits.share(*value) * 253.0).round() as u8,
        };
        self.cells.iter().map(byte).collect()
    }

    pub(super) fn cells(&self) -> &[f32] {
        &self.cells
    }
}

/// The column whose values vary most, by their standard deviation; `None` without one that moves. Dead and stuck
/// sensors do not count.
pub(super) fn liveliest(raster: &Raster, sensors: &[SensorPlan], columns: &Columns) -> Option<usize> {
    let spread = |column: usize| {
        let alive = sensors
            .get(column * columns.each)
            .is_some_and(|sensor| sensor.state == SensorState::Alive);
        let (mut count, mut sum, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
        for value in raster.column(column).map(f64::from) {
            count += 1.0;
            sum += value;
            squares += value * value;
        }
        let variance = squares / count - (sum / count).powi(2);
        (alive && variance.is_finite()).then_some((variance, column))
    };
    let best = (0..raster.columns)
        .filter_map(spread)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map(|(_, column)| column)
}
