//! The spectrograms of all sensors, at a reduced resolution where they would be too large.

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
