//! How often the keys of all sensors came, by their upper halves.

use super::{blocks::Blocks, counts::Counts};

/// Upper halves of keys.
const HALVES: usize = 1 << 16;

/// Counts by the upper half of a key, with room for each.
#[derive(Debug, Clone, Default)]
pub(super) struct Whole {
    /// Empty before the first key.
    counts: Vec<u64>,
    count: u64,
    extremes: Option<(u32, u32)>,
}

impl Whole {
    pub(super) const fn new() -> Self {
        Self {
            counts: Vec::new(),
            count: 0,
            extremes: None,
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn extremes(&self) -> Option<(u32, u32)> {
        self.extremes
    }

    /// Counts keys by their upper halves; `extremes` are their smallest and their largest.
    pub(super) fn add(&mut self, halves: &[u16], extremes: (u32, u32)) {
        self.counts.resize(HALVES, 0);
        for half in halves {
            self.counts[usize::from(*half)] += 1;
        }
        self.count += halves.len() as u64;
        self.reach(Some(extremes));
    }

    /// Adds what was counted of a sensor.
    pub(super) fn join(&mut self, counts: &Counts, blocks: &Blocks) {
        self.counts.resize(HALVES, 0);
        for (half, count) in counts.iter(blocks) {
            self.counts[usize::from(half)] += count;
        }
        self.count += counts.count();
        self.reach(counts.extremes());
    }

    /// Each upper half that came, and how often, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = (0..=u16::MAX).zip(&self.counts);
        counts.filter_map(|(half, count)| (*count > 0).then_some((half, *count)))
    }

    fn reach(&mut self, extremes: Option<(u32, u32)>) {
        if let Some((low, high)) = extremes {
            let (min, max) = self.extremes.unwrap_or((low, high));
            self.extremes = Some((min.min(low), max.max(high)));
        }
    }
}
