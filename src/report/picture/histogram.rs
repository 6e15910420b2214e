//! The histogram of amplitudes.

use multiversion::multiversion;

/// Number of bars.
const BARS: usize = 96;

/// Places of a table: one for each bar, and one for what is not finite.
const PLACES: usize = BARS + 1;

/// Tables that neighbouring values are counted in, so that a count does not wait for the one before it.
const TABLES: usize = 4;

/// Values that are looked at together.
const RUN: usize = 64;

/// A histogram of finite values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Lower end of the first bar, dB.
    pub low_db: f32,
    /// Width of a bar, dB.
    pub bar_db: f32,
    /// Number of values in each bar; empty without a finite value.
    pub counts: Vec<u64>,
}

/// A histogram under construction.
#[derive(Debug)]
pub(super) struct Bars {
    /// Lower end of the first bar and width of a bar; `None` without a finite value.
    scale: Option<(f32, f32)>,
    tables: [[u64; PLACES]; TABLES],
}

impl Bars {
    pub(super) fn new(range_db: Option<(f32, f32)>) -> Self {
        let scale = range_db.map(|(low, high)| {
            let bar = (f64::from(high) - f64::from(low)) / BARS as f64;
            (low, if bar > 0.0 { bar as f32 } else { 1.0 })
        });
        Self {
            scale,
            tables: [[0; PLACES]; TABLES],
        }
    }

    /// Counts the finite ones of values, which lie in the range.
    pub(super) fn add(&mut self, values: &[f32]) {
        let Some((low, bar)) = self.scale else { return };
        let mut at = [0; RUN];
        for run in values.chunks(RUN) {
            let at = &mut at[..run.len()];
            places(run, low, bar, at);
            let (fours, rest) = at.as_chunks::<TABLES>();
            for four in fours {
                for (table, at) in self.tables.iter_mut().zip(four) {
                    table[usize::from(*at)] += 1;
                }
            }
            for (table, at) in self.tables.iter_mut().zip(rest) {
                table[usize::from(*at)] += 1;
            }
        }
    }

    pub(super) fn finish(&self) -> Histogram {
        let Some((low_db, bar_db)) = self.scale else {
            return Histogram::default();
        };
        let count = |bar: usize| self.tables.iter().map(|table| table[bar]).sum();
        Histogram {
            low_db,
            bar_db,
            counts: (0..BARS).map(count).collect(),
        }
    }
}

/// In which bar each value lies; behind the last one when it is not finite.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn places(values: &[f32], low: f32, bar: f32, into: &mut [u16]) {
    for (slot, value) in into.iter_mut().zip(values) {
        let place = ((value - low) / bar) as i32;
        *slot = if value.is_finite() {
            place.clamp(0, BARS as i32 - 1) as u16
        } else {
            BARS as u16
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_values_are_counted_in_their_bars() {
        let mut bars = Bars::new(Some((-96.0, 0.0)));
        for values in [
            &[-96.0, -95.5, f32::NAN, -1.0, 0.0][..],
            &[f32::INFINITY, f32::NEG_INFINITY],
            &[-50.25; 150],
        ] {
            bars.add(values);
        }
        let found = bars.finish();
        assert_eq!((found.low_db, found.bar_db, found.counts.len()), (-96.0, 1.0, BARS));
        let counted: Vec<_> = found
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .collect();
        assert_eq!(counted, [(0, &2), (45, &150), (95, &2)]);
    }

    #[test]
    fn without_a_range_there_are_no_bars() {
        let mut bars = Bars::new(None);
        bars.add(&[f32::NAN]);
        assert_eq!(bars.finish(), Histogram::default());
        let mut one = Bars::new(Some((3.0, 3.0)));
        one.add(&[3.0]);
        assert_eq!(one.finish().counts[0], 1);
    }
}
