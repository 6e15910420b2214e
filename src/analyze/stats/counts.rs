//! Counts of how often each of a few different numbers occurred.

use std::collections::BTreeMap;

/// Largest number of different values that are counted separately; a further one counts for the nearest. Row durations
/// take a handful, a clock that jitters some dozens.
const MAX_DISTINCT: usize = 65_536;

/// Counts how often each number occurred.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    counts: BTreeMap<i64, u64>,
    total: u64,
}

impl Counts {
    pub(super) fn add(&mut self, number: i64) {
        self.total += 1;
        if let Some(count) = self.counts.get_mut(&number) {
            *count += 1;
            return;
        }
        let number = if self.counts.len() < MAX_DISTINCT {
            number
        } else {
            self.nearest(number)
        };
        *self.counts.entry(number).or_default() += 1;
    }

    fn nearest(&self, number: i64) -> i64 {
        let below = self.counts.range(..number).next_back();
        let above = self.counts.range(number..).next();
        let known = below.into_iter().chain(above).map(|(known, _)| *known);
        known.min_by_key(|known| known.abs_diff(number)).unwrap_or(number)
    }

    /// Iterates over numbers with their counts, in the order of the numbers.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (i64, u64)> + '_ {
        self.counts.iter().map(|(number, count)| (*number, *count))
    }

    pub(super) fn min(&self) -> Option<i64> {
        self.counts.first_key_value().map(|(number, _)| *number)
    }

    pub(super) fn max(&self) -> Option<i64> {
        self.counts.last_key_value().map(|(number, _)| *number)
    }

    /// The median; of two in the middle the smaller.
    pub(super) fn median(&self) -> Option<i64> {
        let middle = self.total.checked_sub(1)? / 2;
        let mut before = 0;
        let reached = |(_, count): &(i64, u64)| {
            before += count;
            before > middle
        };
        self.iter().find(reached).map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_number_that_came() {
        let median = |numbers: &[i64]| {
            let mut counts = Counts::default();
            for number in numbers {
                counts.add(*number);
            }
            counts.median()
        };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[5]), Some(5));
        assert_eq!(median(&[200, 200, 10, 300]), Some(200));
        assert_eq!(median(&[1, 2]), Some(1));
    }

    #[test]
    fn too_many_numbers_count_for_their_neighbours() {
        let mut counts = Counts::default();
        (0..MAX_DISTINCT as i64).for_each(|number| counts.add(number * 10));
        counts.add(14);
        counts.add(16);
        counts.add(-7);
        assert_eq!(counts.iter().len(), MAX_DISTINCT);
        assert_eq!(counts.iter().take(3).collect::<Vec<_>>(), [(0, 2), (10, 2), (20, 2)]);
    }
}
