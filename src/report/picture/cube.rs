//! The spectrograms of all sensors, at a reduced resolution where they would be too large.

use multiversion::multiversion;

use super::raster::{Limits, Raster};

/// A three-dimensional raster of sensor columns, time slots and groups of bins: the largest that fell into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cube {
    /// Number of time slots.
    pub slots: usize,
    /// Number of bins in a group.
    pub bins_each: usize,
    /// Number of groups of bins.
    pub bins: usize,
    /// Number of sensor columns.
    pub columns: usize,
    /// The raster of all cells: column by column, within it bin group by bin group.
    pub(super) raster: Raster,
}

impl Cube {
    pub(super) fn new(slots: usize, columns: usize, bins_each: usize, bins: usize) -> Self {
        Self {
            slots,
            bins_each,
            bins,
            columns,
            raster: Raster::new(slots, columns * bins),
        }
    }

    /// The number of time slots and the bins per group for at most `most` cells: time first gives way, then frequency,
    /// so that both stay readable.
    pub(super) fn shape(slots: usize, columns: usize, bins: usize, most: usize) -> (usize, usize) {
        let for_each = (most / columns.max(1)).max(1);
        let mut bins_each = 1;
        loop {
            let groups = bins.div_ceil(bins_each).max(1);
            let fitting = for_each / groups;
            if fitting >= slots.min(2 * groups) || groups <= 8 {
                return (fitting.clamp(1, slots.max(1)), bins_each);
            }
            bins_each += 1;
        }
    }

    /// The spectrogram of one sensor column.
    #[must_use]
    pub fn spectrogram(&self, column: usize) -> Raster {
        let mut raster = Raster::new(self.slots, self.bins);
        let from = column * self.bins * self.slots;
        let cells = self.raster.cells();
        for (at, value) in cells.iter().skip(from).take(self.bins * self.slots).enumerate() {
            if !value.is_nan() {
                raster.put(at % self.slots, at / self.slots, *value);
            }
        }
        raster
    }

    /// Colour limits over all sensors.
    #[must_use]
    pub fn limits(&self, low: f64, high: f64) -> Limits {
        self.raster.limits(low, high)
    }

    /// All cells as bytes, as in [`Raster::quantised`].
    #[must_use]
    pub fn quantised(&self, limits: Limits) -> Vec<u8> {
        self.raster.quantised(limits)
    }
}

/// The cells of one slot of time side by side, while spectra fall into it: in the cube, each is far from the next.
#[derive(Debug)]
pub(super) struct CubeSlot {
    slot: usize,
    bins_each: usize,
    /// Groups of bins of a column.
    groups: usize,
    /// Column by column; NaN where nothing fell.
    cells: Vec<f32>,
    /// The cells that something may have fallen into.
    touched: std::ops::Range<usize>,
}

impl CubeSlot {
    /// The first slot of a cube.
    pub(super) fn new(cube: &Cube) -> Self {
        Self {
            slot: 0,
            bins_each: cube.bins_each.max(1),
            groups: cube.bins,
            cells: vec![f32::NAN; cube.columns * cube.bins],
            touched: 0..0,
        }
    }

    /// Goes to a slot, if it is not there; what fell into the one before is put into the cube.
    pub(super) fn go_to(&mut self, slot: usize, cube: &mut Cube) {
        if slot != self.slot {
            self.leave(cube);
            self.slot = slot;
        }
    }

    /// Puts what fell into the slot into the cube.
    pub(super) fn leave(&mut self, cube: &mut Cube) {
        let touched = std::mem::take(&mut self.touched);
        for (at, cell) in touched.clone().zip(self.cells.get_mut(touched).into_iter().flatten()) {
            if !cell.is_nan() {
                cube.raster.put(self.slot, at, *cell);
                *cell = f32::NAN;
            }
        }
    }

    /// Adds a spectrum of a column.
    pub(super) fn add(&mut self, column: usize, values: &[f32]) {
        let first = column * self.groups;
        let behind = first + values.len().div_ceil(self.bins_each).min(self.groups);
        let Some(cells) = self.cells.get_mut(first..behind) else {
            return;
        };
        self.touched = if self.touched.is_empty() {
            first..behind
        } else {
            self.touched.start.min(first)..self.touched.end.max(behind)
        };
        if self.bins_each == 1 {
            keep_largest(cells, values);
            return;
        }
        keep_largest_of_groups(cells, values, self.bins_each);
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn keep_largest(cells: &mut [f32], values: &[f32]) {
    for (cell, value) in cells.iter_mut().zip(values) {
        *cell = larger(*cell, *value);
    }
}

/// Values of a group that are compared side by side, so that a comparison does not wait for the one before it.
const LANES: usize = 8;

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn keep_largest_of_groups(cells: &mut [f32], values: &[f32], bins_each: usize) {
    // With a size that the compiler knows, several small groups are compared side by side.
    match bins_each {
        2 => keep_largest_of::<2>(cells, values),
        3 => keep_largest_of::<3>(cells, values),
        4 => keep_largest_of::<4>(cells, values),
        5 => keep_largest_of::<5>(cells, values),
        6 => keep_largest_of::<6>(cells, values),
        7 => keep_largest_of::<7>(cells, values),
        _ => keep_largest_of_large_groups(cells, values, bins_each),
    }
}

#[expect(clippy::inline_always, reason = "it is compiled for the registers of its caller")]
#[inline(always)]
fn keep_largest_of<const BINS: usize>(cells: &mut [f32], values: &[f32]) {
    let (groups, rest) = values.as_chunks::<BINS>();
    let largest = |group: &[f32]| {
        group
            .iter()
            .fold(f32::NEG_INFINITY, |largest, value| larger(largest, *value))
    };
    for (cell, group) in cells.iter_mut().zip(groups) {
        *cell = larger(*cell, largest(group));
    }
    if let Some(cell) = cells.get_mut(groups.len())
        && !rest.is_empty()
    {
        *cell = larger(*cell, largest(rest));
    }
}

#[expect(clippy::inline_always, reason = "it is compiled for the registers of its caller")]
#[inline(always)]
fn keep_largest_of_large_groups(cells: &mut [f32], values: &[f32], bins_each: usize) {
    for (cell, group) in cells.iter_mut().zip(values.chunks(bins_each)) {
        let (chunks, rest) = group.as_chunks::<LANES>();
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = larger(lanes[lane], chunk[lane]);
            }
        }
        let mut largest = f32::NEG_INFINITY;
        for value in rest {
            largest = larger(largest, *value);
        }
        for half in [LANES / 2, LANES / 4, LANES / 8] {
            for lane in 0..half {
                lanes[lane] = larger(lanes[lane], lanes[lane + half]);
            }
        }
        *cell = larger(*cell, larger(largest, lanes[0]));
    }
}

/// The larger of a cell and a value, as [`Raster::put`] has it: NaN is nothing in a cell, and what is not finite is dead.
#[inline]
fn larger(cell: f32, value: f32) -> f32 {
    let value = if value.is_finite() { value } else { f32::NEG_INFINITY };
    if cell >= value { cell } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spectra_by_slot_fill_the_cube_as_single_values_do() {
        for bins_each in [1, 2, 3, 4, 5, 6, 7, 8, 9, 20] {
            let (bins, columns, slots) = (50_usize.div_ceil(bins_each), 3, 4);
            let mut expected = Cube::new(slots, columns, bins_each, bins);
            let mut cube = expected.clone();
            let mut at = CubeSlot::new(&cube);
            for number in 0..250_usize {
                let (slot, column) = (number * 7 % 13 % slots, number * 5 % columns);
                let value = |bin: usize| match (number + bin) % 11 {
                    0 => f32::NAN,
                    1 => f32::NEG_INFINITY,
                    other => (other * 37 % 19) as f32 - 50.0,
                };
                let values: Vec<f32> = (0..number % 61).map(value).collect();
                for (bin, value) in values.iter().enumerate().filter(|(bin, _)| bin / bins_each < bins) {
                    expected.raster.put(slot, column * bins + bin / bins_each, *value);
                }
                at.go_to(slot, &mut cube);
                at.add(column, &values);
            }
            at.leave(&mut cube);
            let bits = |cube: &Cube| {
                cube.raster
                    .cells()
                    .iter()
                    .map(|cell| cell.to_bits())
                    .collect::<Vec<_>>()
            };
            assert_eq!(bits(&cube), bits(&expected), "{bins_each}");
        }
    }
}
