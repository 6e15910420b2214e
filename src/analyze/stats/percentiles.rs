//! Percentiles: exact while the values fit in memory, then from a histogram of fixed size.
//!
//! A float's bits, reordered so that they sort as the float does, are its *key*. Up to a limit the keys are kept, sensor
//! by sensor, and percentiles are exact. Beyond it the keys are counted by their upper 16 bits: sign, exponent and seven
//! bits of fraction, so every counted value is known to within [`HISTOGRAM_ERROR`] of itself.
//!
//! Keys and counts live in blocks: when the limit is passed, the blocks of a sensor's keys become those of its counts, so
//! that memory does not grow meanwhile; it is less from then on.

mod blocks;
mod counts;
mod key;
mod keys;
mod lanes;
mod ranks;
mod whole;

use serde::Serialize;

use blocks::Blocks;
use counts::Counts;
use key::{key, value};
use keys::Keys;
use ranks::{RankKeys, Ranks};
use whole::Whole;

/// Values that are kept for exact percentiles: 64 MiB of keys, and for each sensor a block that is not full.
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
    /// By the keys at the ranks.
    fn at(ranks: &Ranks, keys: RankKeys, approximate: bool) -> Self {
        let [p01, p05, p25, p50, p75, p95, p99] = ranks.percentiles(keys.map(value));
        Self {
            p01,
            p05,
            p25,
            p50,
            p75,
            p95,
            p99,
            approximate,
            relative_error: if approximate { HISTOGRAM_ERROR } else { 0.0 },
        }
    }
}

/// Blocks that counts may take: 64 MiB. A sensor takes one for its table and one for each page; of decibels there are
/// about ten, of decibels of one sign two or three. A sensor that finds no block left has no percentiles.
const MAX_BLOCKS: usize = 65_536;

/// More keys than this are searched where they are and not copied: 1 MiB.
const MAX_COPIED: usize = 1 << 18;

/// Values that are counted at once.
const RUN: usize = 256;

/// The values of all sensors, with a slot for each sensor.
#[derive(Debug, Clone)]
pub(super) struct Collected {
    limit: usize,
    stored: usize,
    slots: Vec<Slot>,
    blocks: Blocks,
    /// Blocks that counts may still take.
    room: usize,
    /// Values are counted and not kept.
    counting: bool,
    /// Counts of slots that were given up.
    others: Whole,
}

#[derive(Debug, Clone)]
enum Slot {
    Keys(Keys),
    Counts(Box<Counts>),
    /// The slot has no values, because there was no room for its histogram.
    GivenUp,
}

impl Collected {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            stored: 0,
            slots: Vec::new(),
            blocks: Blocks::new(),
            room: MAX_BLOCKS,
            counting: false,
            others: Whole::new(),
        }
    }

    /// Adds a slot for one more sensor.
    pub(super) fn open(&mut self) -> usize {
        self.slots.push(if self.counting {
            Slot::Counts(Box::default())
        } else {
            Slot::Keys(Keys::default())
        });
        self.slots.len() - 1
    }

    /// Makes room for a run of so many values: when that is more than are kept, all are counted from now on.
    pub(super) fn make_room(&mut self, values: usize) {
        if !self.counting && self.stored + values > self.limit {
            self.count();
        }
    }

    /// Adds finite values to a slot, in a run that there is room for; `extremes` are the smallest and the largest of them.
    pub(super) fn add(&mut self, slot: usize, finite: &[f32], extremes: (f32, f32)) {
        let Self { slots, blocks, .. } = self;
        let Some(slot) = slots.get_mut(slot) else { return };
        if let Slot::Keys(keys) = slot {
            self.stored += finite.len();
            return keys.add(finite, blocks);
        }
        let extremes = (key(extremes.0), key(extremes.1));
        let mut halves = [0; RUN];
        for run in finite.chunks(RUN) {
            let halves = &mut halves[..run.len()];
            lanes::upper_halves(run, halves);
            slot.count(halves, extremes, blocks, &mut self.room, &mut self.others);
        }
    }

    /// Switches from keys to counts.
    fn count(&mut self) {
        self.counting = true;
        let mut halves = [0; blocks::NUMBERS];
        for slot in &mut self.slots {
            let Slot::Keys(keys) = std::mem::replace(slot, Slot::Counts(Box::default())) else {
                continue;
            };
            keys.drain(&mut self.blocks, |keys, blocks| {
                let extremes = keys
                    .iter()
                    .fold((u32::MAX, 0), |(min, max), key| (min.min(*key), max.max(*key)));
                let halves = &mut halves[..keys.len()];
                for (half, key) in halves.iter_mut().zip(keys) {
                    *half = (key >> 16) as u16;
                }
                slot.count(halves, extremes, blocks, &mut self.room, &mut self.others);
            });
        }
        // The blocks of the keys are freed: the counts use few of them.
        let used = self.blocks.used();
        for slot in &mut self.slots {
            if let Slot::Counts(counts) = slot {
                counts.move_down(&mut self.blocks, used);
            }
        }
        self.blocks.shrink(used);
    }

    /// The percentiles of one slot; `None` without a value, or when it was given up.
    pub(super) fn slot(&self, slot: usize) -> Option<Percentiles> {
        match self.slots.get(slot)? {
            Slot::Keys(keys) => Self::exact(keys.len(), || keys.runs(&self.blocks)),
            Slot::Counts(counts) => {
                let ranks = Ranks::of(counts.count())?;
                let found = ranks.middles(counts.iter(&self.blocks), counts.extremes()?);
                Some(Percentiles::at(&ranks, found, true))
            }
            Slot::GivenUp => None,
        }
    }

    /// The percentiles of all slots together.
    pub(super) fn whole(&self) -> Option<Percentiles> {
        if !self.counting {
            let keys = || {
                self.slots.iter().flat_map(|slot| match slot {
                    Slot::Keys(keys) => Some(keys.runs(&self.blocks)).into_iter().flatten(),
                    _ => None.into_iter().flatten(),
                })
            };
            return Self::exact(self.stored, keys);
        }
        let mut whole = self.others.clone();
        for slot in &self.slots {
            if let Slot::Counts(counts) = slot {
                whole.join(counts, &self.blocks);
            }
        }
        let ranks = Ranks::of(whole.count())?;
        let found = ranks.middles(whole.iter(), whole.extremes()?);
        Some(Percentiles::at(&ranks, found, true))
    }

    fn exact<'a, I: Iterator<Item = &'a [u32]>>(count: usize, keys: impl Fn() -> I) -> Option<Percentiles> {
        let ranks = Ranks::of(count as u64)?;
        let found = if count > MAX_COPIED {
            ranks.search(keys)
        } else {
            let mut copied = Vec::with_capacity(count);
            keys().for_each(|run| copied.extend_from_slice(run));
            ranks.select(&mut copied)
        };
        Some(Percentiles::at(&ranks, found, false))
    }
}

impl Slot {
    /// Counts keys by their upper halves: here, or with the others when there is no room for a histogram.
    fn count(
        &mut self,
        halves: &[u16],
        extremes: (u32, u32),
        blocks: &mut Blocks,
        room: &mut usize,
        others: &mut Whole,
    ) {
        let counted = match self {
            Self::Counts(counts) => counts.add(halves, extremes, blocks, room),
            _ => Err(0),
        };
        let Err(counted) = counted else { return };
        if let Self::Counts(counts) = std::mem::replace(self, Self::GivenUp) {
            others.join(&counts, blocks);
            counts.give_back(blocks, room);
        }
        others.add(halves.get(counted..).unwrap_or_default(), extremes);
    }
}

#[cfg(test)]
mod tests;
