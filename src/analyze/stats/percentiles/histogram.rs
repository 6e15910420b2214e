//! Histogram of keys by their upper 16 bits, in pages that are allocated when they are used.

use super::key::value;

/// Bins of a page: the lower half of the 16 bits.
const PAGE: usize = 256;

/// Pages that the histograms of all sensors may take together: 128 MiB. Decibels take about ten pages a sensor; a sensor
/// that finds no page left has no percentiles.
pub(super) const MAX_PAGES: usize = 65_536;

/// Counts of keys; 65,536 bins at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    /// Page numbers and pages, in the order of numbers.
    pages: Vec<(u8, Box<[u64; PAGE]>)>,
    count: u64,
    /// The smallest and the largest key, which bound all percentiles.
    extremes: Option<(u32, u32)>,
}

impl Histogram {
    /// Counts a key; takes a page out of `budget` where one is needed, and is false when there is none.
    pub(super) fn add(&mut self, key: u32, budget: &mut usize) -> bool {
        let [page, bin, ..] = key.to_be_bytes();
        let place = match self.pages.binary_search_by_key(&page, |(number, _)| *number) {
            Ok(place) => place,
            Err(place) => {
                let Some(rest) = budget.checked_sub(1) else {
                    return false;
                };
                *budget = rest;
                self.pages.insert(place, (page, Box::new([0; PAGE])));
                place
            }
        };
        if let Some((_, counts)) = self.pages.get_mut(place) {
            counts[usize::from(bin)] += 1;
            self.count += 1;
        }
        let (min, max) = self.extremes.unwrap_or((key, key));
        self.extremes = Some((min.min(key), max.max(key)));
        true
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The middle of the bin that contains the value of a rank.
    pub(super) fn at(&self, rank: u64) -> f64 {
        let mut before = 0;
        for (page, counts) in &self.pages {
            let within: u64 = counts.iter().sum();
            if before + within <= rank {
                before += within;
                continue;
            }
            for (bin, count) in (0..=u8::MAX).zip(counts.iter()) {
                before += count;
                if before > rank {
                    let (min, max) = self.extremes.unwrap_or((0, u32::MAX));
                    return value(u32::from_be_bytes([*page, bin, 0x80, 0]).clamp(min, max));
                }
            }
        }
        f64::NAN
    }
}
