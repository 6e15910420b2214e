//! The map of differences between two calls, for a picture: time × sensor, in bounded memory.

use super::{items::RowItem, result::DifferenceKind};
use crate::das::spectrogram::Row;

/// Columns that a map has at most; when there are more rows, a column stands for several.
pub(super) const MAX_COLUMNS: usize = 1024;

/// Lanes that a map has at most; when there are more sensors, a lane stands for several.
pub(super) const MAX_LANES: usize = 512;

/// The map of the differences between one pair of calls: for each stretch of rows and each sensor the largest, so that
/// none is lost however long the call is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DifferenceMap {
    /// The call in the first capture.
    pub a: u32,
    /// The call in the second one.
    pub b: u32,
    /// The sensors of the first row.
    pub sensors: Vec<i32>,
    /// Columns in row order.
    pub columns: Vec<Column>,
    /// Number of rows per column.
    pub step: u64,
    rows: u64,
}

/// One column: the differences in a range of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Column {
    /// Start of the first row of the column, milliseconds since the Unix epoch, where rows have one.
    pub start_ms: Option<i64>,
    /// Rows in the column.
    pub rows: u64,
    /// For each lane the largest difference, dB; infinite where only one side has a number.
    pub worst: Vec<f32>,
    /// Rows that only the first capture holds.
    pub missing: u32,
    /// Rows that only the second one holds, duplicates included.
    pub extra: u32,
    /// Rows at another position in the order.
    pub moved: u32,
}

impl DifferenceMap {
    pub(super) const fn new(a: u32, b: u32) -> Self {
        Self {
            a,
            b,
            sensors: Vec::new(),
            columns: Vec::new(),
            step: 1,
            rows: 0,
        }
    }

    /// Rows in the column.
    #[must_use]
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The lane of a sensor, from its position among the sensors.
    const fn lane(&self, sensor: usize) -> usize {
        let sensors = self.sensors.len();
        if sensors <= MAX_LANES {
            sensor
        } else {
            sensor * MAX_LANES / sensors
        }
    }

    /// How many lanes there are.
    #[must_use]
    pub(crate) fn lanes(&self) -> usize {
        self.sensors.len().min(MAX_LANES)
    }

    /// Adds rows that are equal.
    pub(super) fn same(&mut self, rows: &[Row<'_>]) {
        for row in rows {
            if self.sensors.is_empty() {
                self.sensors = row.sensors.iter().map(|sensor| sensor.id).collect();
            }
            self.column(row.start_ms);
        }
    }

    /// Adds a row that both sides hold.
    pub(super) fn row(&mut self, row: &RowItem, by_sensor: &[f32], moved: bool) {
        self.know(row);
        let lanes: Vec<(usize, f32)> = by_sensor
            .iter()
            .enumerate()
            .map(|(at, worst)| (self.lane(at), *worst))
            .collect();
        let column = self.column(row.start_ms);
        column.moved += u32::from(moved);
        for (lane, worst) in lanes.into_iter().filter(|(_, worst)| *worst > 0.0) {
            if column.worst.len() <= lane {
                column.worst.resize(lane + 1, 0.0);
            }
            if let Some(cell) = column.worst.get_mut(lane) {
                *cell = cell.max(worst);
            }
        }
    }

    /// Adds a row that only one side holds.
    pub(super) fn lone(&mut self, kind: DifferenceKind, row: &RowItem) {
        self.know(row);
        let column = self.column(row.start_ms);
        *(if kind == DifferenceKind::Missing {
            &mut column.missing
        } else {
            &mut column.extra
        }) += 1;
    }

    fn know(&mut self, row: &RowItem) {
        if self.sensors.is_empty() {
            self.sensors = row.sensors.iter().map(|(id, _)| *id).collect();
        }
    }

    /// The column to which the next row belongs.
    fn column(&mut self, start_ms: Option<i64>) -> &mut Column {
        let at = (self.rows / self.step) as usize;
        if at >= MAX_COLUMNS {
            self.halve();
            return self.column(start_ms);
        }
        self.rows += 1;
        if at >= self.columns.len() {
            self.columns.resize_with(at + 1, Column::default);
        }
        let column = &mut self.columns[at];
        column.start_ms = column.start_ms.or(start_ms);
        column.rows += 1;
        column
    }

    fn halve(&mut self) {
        let columns = std::mem::take(&mut self.columns);
        let mut columns = columns.into_iter();
        while let Some(mut one) = columns.next() {
            if let Some(other) = columns.next() {
                one.join(other);
            }
            self.columns.push(one);
        }
        self.step *= 2;
    }
}

impl Column {
    fn join(&mut self, other: Self) {
        self.rows += other.rows;
        self.missing += other.missing;
        self.extra += other.extra;
        self.moved += other.moved;
        if self.worst.len() < other.worst.len() {
            self.worst.resize(other.worst.len(), 0.0);
        }
        for (cell, worst) in self.worst.iter_mut().zip(other.worst) {
            *cell = cell.max(worst);
        }
    }
}
