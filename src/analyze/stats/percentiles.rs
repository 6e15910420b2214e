//! Percentiles: exact while the values fit in memory, then from a histogram of fixed size.
//!
//! A float's bits, reordered so that they sort as the float does, are its *key*. Up to a limit the keys are kept, sensor
//! by sensor, and percentiles are exact. Beyond it the keys are counted by their upper 16 bits: sign, exponent and seven
//! bits of fraction, so every counted value is known to within [`HISTOGRAM_ERROR`] of itself.

mod histogram;
mod key;

use serde::Serialize;

use histogram::Histogram;
use key::{key, value};

/// Values that are kept for exact percentiles: 64 MiB of keys, and up to as much again of room that they grow into.
/// Enough for a minute of 512 sensors × 512 bins at one row a second.
pub(crate) const EXACT_VALUES: usize = 16_777_216;

/// Largest error of an order statistic from the histogram, as a share of its magnitude: half a step of seven bits of
/// fraction.
pub(crate) const HISTOGRAM_ERROR: f64 = 1.0 / 256.0;

/// Percentiles of finite values, interpolated linearly between the two nearest (NumPy's default).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentiles {
    /// 1st percentile.
    pub p01: f64,
    /// 5th percentile.
    pub p05: f64,
    /// 25th percentile.
    pub p25: f64,
    /// The median.
    pub p50: f64,
    /// 75th percentile.
    pub p75: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// True when they come from the histogram.
    pub approximate: bool,
    /// Largest relative error of each of the two values that a percentile is interpolated from: 0 when exact, else
    /// `HISTOGRAM_ERROR`.
    pub relative_error: f64,
}

impl Percentiles {
    /// Computes percentiles from `at`, which gives the value of a rank counted from 0.
    fn of(count: u64, approximate: bool, at: impl Fn(u64) -> f64) -> Option<Self> {
        let last = count.checked_sub(1)?;
        let percentile = |percent: f64| {
            let place = last as f64 * (percent / 100.0);
            let (below, between) = (place.floor(), place.fract());
            let (low, high) = (at(below as u64), at((below as u64 + 1).min(last)));
            // NumPy's two forms, so that both ends are met exactly.
            if between < 0.5 {
                low + (high - low) * between
            } else {
                high - (high - low) * (1.0 - between)
            }
        };
        Some(Self {
            p01: percentile(1.0),
            p05: percentile(5.0),
            p25: percentile(25.0),
            p50: percentile(50.0),
            p75: percentile(75.0),
            p95: percentile(95.0),
            p99: percentile(99.0),
            approximate,
            relative_error: if approximate { HISTOGRAM_ERROR } else { 0.0 },
        })
    }
}

/// The values of all sensors, with a slot for each sensor.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    limit: usize,
    stored: usize,
    slots: Vec<Slot>,
    /// Counts of all slots, once values are counted.
    whole: Option<Histogram>,
    /// The number of pages of the whole, which is not limited: there are only 256.
    whole_pages: usize,
    /// Pages that the histograms of slots may still allocate.
    pages: usize,
}

#[derive(Debug, Clone)]
enum Slot {
    Keys(Vec<u32>),
    Counts(Histogram),
    /// The slot has no values, because there was no room for its histogram.
    GivenUp,
}

impl Collected {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            stored: 0,
            slots: Vec::new(),
            whole: None,
            whole_pages: usize::MAX,
            pages: histogram::MAX_PAGES,
        }
    }

    /// Adds a slot for one more sensor.
    pub(super) fn open(&mut self) -> usize {
        let slot = match self.whole {
            None => Slot::Keys(Vec::new()),
            Some(_) => Slot::Counts(Histogram::default()),
        };
        self.slots.push(slot);
        self.slots.len() - 1
    }

    /// Adds the finite values of a run to a slot.
    pub(super) fn add(&mut self, slot: usize, run: &[f32]) {
        let keys = run.iter().filter(|value| value.is_finite()).map(|value| key(*value));
        if self.whole.is_none() && self.stored + run.len() > self.limit {
            self.count();
        }
        let Some(slot) = self.slots.get_mut(slot) else { return };
        match (&mut self.whole, &mut *slot) {
            (None, Slot::Keys(stored)) => {
                let before = stored.len();
                stored.extend(keys);
                self.stored += stored.len() - before;
            }
            (None, _) => {}
            (Some(whole), slot) => keys.for_each(|key| {
                whole.add(key, &mut self.whole_pages);
                slot.count(key, &mut self.pages);
            }),
        }
    }

    /// Switches from keys to counts.
    fn count(&mut self) {
        let mut whole = Histogram::default();
        for slot in &mut self.slots {
            let Slot::Keys(keys) = std::mem::replace(slot, Slot::Counts(Histogram::default())) else {
                continue;
            };
            for key in keys {
                whole.add(key, &mut self.whole_pages);
                slot.count(key, &mut self.pages);
            }
        }
        self.whole = Some(whole);
    }

    /// Sorts the values. Call it after the last value and before percentiles are read.
    pub(super) fn sort(&mut self) {
        for slot in &mut self.slots {
            if let Slot::Keys(keys) = slot {
                keys.sort_unstable();
            }
        }
    }

    /// The percentiles of one slot; `None` without a value, or when it was given up.
    pub(super) fn slot(&self, slot: usize) -> Option<Percentiles> {
        match self.slots.get(slot)? {
            Slot::Keys(keys) => {
                let at = |rank: u64| keys.get(rank as usize).map_or(f64::NAN, |key| value(*key));
                Percentiles::of(keys.len() as u64, false, at)
            }
            Slot::Counts(counts) => Percentiles::of(counts.count(), true, |rank| counts.at(rank)),
            Slot::GivenUp => None,
        }
    }

    /// The percentiles of all slots together.
    pub(super) fn whole(&self) -> Option<Percentiles> {
        if let Some(counts) = &self.whole {
            return Percentiles::of(counts.count(), true, |rank| counts.at(rank));
        }
        Percentiles::of(self.stored as u64, false, |rank| value(self.key_at(rank)))
    }

    /// The smallest key that has at most `rank` keys below it: bit by bit, counting in the sorted slots.
    fn key_at(&self, rank: u64) -> u32 {
        let below = |bound: u32| -> u64 {
            let count = |slot: &Slot| match slot {
                Slot::Keys(keys) => keys.partition_point(|key| *key < bound) as u64,
                _ => 0,
            };
            self.slots.iter().map(count).sum()
        };
        (0..32).rev().fold(0, |found, bit| {
            let next = found | 1 << bit;
            if below(next) <= rank { next } else { found }
        })
    }
}

impl Slot {
    fn count(&mut self, key: u32, pages: &mut usize) {
        if let Self::Counts(counts) = self
            && !counts.add(key, pages)
        {
            *self = Self::GivenUp;
        }
    }
}

#[cfg(test)]
mod tests;
