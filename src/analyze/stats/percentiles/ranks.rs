//! Which values percentiles lie between, and how they are found.

/// What is asked for, in percent.
const PERCENTS: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

/// For each percentile the ranks, counted from 0, of the two values that it lies between, and how far it is from one to
/// the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranks {
    ranks: [u64; 2 * PERCENTS.len()],
    between: [f64; PERCENTS.len()],
}

/// A key for each rank, in their order.
pub(super) type RankKeys = [u32; 2 * PERCENTS.len()];

impl Ranks {
    /// Of so many values; `None` without one.
    pub(super) fn of(count: u64) -> Option<Self> {
        let last = count.checked_sub(1)?;
        let (mut ranks, mut between) = ([0; 2 * PERCENTS.len()], [0.0; PERCENTS.len()]);
        for ((percent, pair), between) in PERCENTS.iter().zip(ranks.as_chunks_mut().0).zip(&mut between) {
            let place = last as f64 * (percent / 100.0);
            *pair = [place.floor() as u64, (place.floor() as u64 + 1).min(last)];
            *between = place.fract();
        }
        Some(Self { ranks, between })
    }

    /// The percentiles by the values at the ranks, interpolated as NumPy does by default.
    pub(super) fn percentiles(&self, values: [f64; 2 * PERCENTS.len()]) -> [f64; PERCENTS.len()] {
        let mut percentiles = self.between;
        for (percentile, [low, high]) in percentiles.iter_mut().zip(values.as_chunks().0) {
            let between = *percentile;
            // NumPy's two forms, so that both ends are met exactly.
            *percentile = if between < 0.5 {
                low + (high - low) * between
            } else {
                high - (high - low) * (1.0 - between)
            };
        }
        percentiles
    }

    /// The keys at the ranks of keys in any order, which are rearranged.
    pub(super) fn select(&self, keys: &mut [u32]) -> RankKeys {
        let mut order: Vec<(u64, usize)> = self.ranks.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut found = [0; 2 * PERCENTS.len()];
        select(keys, 0, &order, &mut found);
        found
    }

    /// The keys at the ranks of more keys than should be copied: counted by their upper halves, and those that lie where a
    /// rank does once more by their lower ones. `keys` is run through twice.
    pub(super) fn search<'a, I: Iterator<Item = &'a [u32]>>(&self, keys: impl Fn() -> I) -> RankKeys {
        let mut upper = vec![0_u64; HALF];
        for run in keys() {
            for key in run {
                upper[(key >> 16) as usize] += 1;
            }
        }
        let mut below = [0; 2 * PERCENTS.len()];
        let mut halves = [0_u32; 2 * PERCENTS.len()];
        for ((rank, below), half) in self.ranks.iter().zip(&mut below).zip(&mut halves) {
            (*half, *below) = at_rank(&upper, *rank);
        }
        let mut wanted = halves.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut table = vec![usize::MAX; HALF];
        for (number, half) in wanted.iter().enumerate() {
            table[*half as usize] = number * HALF;
        }
        let mut lower = vec![0_u64; HALF * wanted.len()];
        for run in keys() {
            for key in run {
                let from = table[(key >> 16) as usize];
                if from != usize::MAX {
                    lower[from + (key & 0xffff) as usize] += 1;
                }
            }
        }
        let mut found = halves;
        for ((found, below), rank) in found.iter_mut().zip(below).zip(self.ranks) {
            let from = table[*found as usize];
            let (half, _) = at_rank(&lower[from..from + HALF], rank - below);
            *found = *found << 16 | half;
        }
        found
    }

    /// The keys in the middle of the counted upper halves that lie at the ranks, `counts` in order.
    pub(super) fn middles(&self, counts: impl Iterator<Item = (u16, u64)>, extremes: (u32, u32)) -> RankKeys {
        let mut found = [extremes.1; 2 * PERCENTS.len()];
        let mut before = 0;
        for (half, count) in counts {
            let within = before..before + count;
            before += count;
            for (found, rank) in found.iter_mut().zip(&self.ranks) {
                if within.contains(rank) {
                    *found = (u32::from(half) << 16 | MIDDLE).clamp(extremes.0, extremes.1);
                }
            }
        }
        found
    }
}

/// Values of half a key.
const HALF: usize = 1 << 16;

/// The lower half of a key that lies in the middle of all that share its upper one.
const MIDDLE: u32 = 0x8000;

/// In which count a rank lies, and how many there are before it.
fn at_rank(counts: &[u64], rank: u64) -> (u32, u64) {
    let mut before = 0;
    for (place, count) in (0..).zip(counts) {
        if before + count > rank {
            return (place, before);
        }
        before += count;
    }
    (0, 0)
}

/// Finds the keys at `order`, which is sorted by rank; `first` is the rank of the first of `keys`.
fn select(keys: &mut [u32], first: u64, order: &[(u64, usize)], found: &mut RankKeys) {
    let Some((rank, _)) = order.get(order.len() / 2) else {
        return;
    };
    let at = (rank - first) as usize;
    if at >= keys.len() {
        return;
    }
    let (below, key, above) = keys.select_nth_unstable(at);
    let (less, others) = order.split_at(order.partition_point(|(other, _)| other < rank));
    let (same, more) = others.split_at(others.partition_point(|(other, _)| other == rank));
    for (_, place) in same {
        found[*place] = *key;
    }
    select(below, first, less, found);
    select(above, rank + 1, more, found);
}
