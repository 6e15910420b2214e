//! Mean and standard deviation with the same result on every machine.
//!
//! Values come in runs, a spectrum each. A run is summed in 64-bit floats, in a fixed number of lanes whatever the
//! processor has; the sums of runs are added in stream order, and what each addition rounds away is kept (Neumaier's
//! compensated sum). Only additions, subtractions, multiplications, divisions and a square root are used, which IEEE 754
//! defines to the last bit; nothing is fused. The sums run over the difference to the first value, so that the variance
//! does not drown in the square of the mean.

/// A sum with compensation for rounding errors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - next) + value
        } else {
            (value - next) + self.sum
        };
        self.sum = next;
    }

    pub(super) fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// Count, mean and variance under construction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    count: u64,
    /// The first value.
    shift: f64,
    sum: Sum,
    squares: Sum,
}

impl Moments {
    /// The number that is subtracted from each value of a run before it is added with [`add_run`](Self::add_run). The run
    /// begins with the value `first`.
    pub(super) const fn shift(&self, first: f64) -> f64 {
        if self.count == 0 { first } else { self.shift }
    }

    /// Adds a run of finite values: their number, and the sums of what they and their squares are beyond `shift`.
    pub(super) fn add_run(&mut self, count: u64, shift: f64, [sum, squares]: [f64; 2]) {
        if count > 0 {
            self.shift = shift;
            self.count += count;
            self.sum.add(sum);
            self.squares.add(squares);
        }
    }

    /// Adds the values of others.
    pub(super) fn join(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
            return;
        }
        let (count, further) = (other.count as f64, other.shift - self.shift);
        let (sum, squares) = (other.sum.value(), other.squares.value());
        self.count += other.count;
        self.sum.add(sum);
        self.sum.add(count * further);
        self.squares.add(squares);
        self.squares.add(2.0 * further * sum);
        self.squares.add(count * further * further);
    }

    /// Adds a finite value.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        if self.count == 0 {
            self.shift = value;
        }
        self.count += 1;
        let value = value - self.shift;
        self.sum.add(value);
        self.squares.add(value * value);
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.shift + self.sum.value() / self.count as f64)
    }

    /// The standard deviation of the population: divided by the count.
    pub(super) fn std(&self) -> Option<f64> {
        let sum = self.sum.value();
        let count = self.count as f64;
        let variance = (self.squares.value() - sum * sum / count) / count;
        (self.count > 0).then(|| variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_additions_round_away_is_not_lost() {
        let mut sum = Sum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.value().to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_small_spread_around_a_large_mean_is_seen() {
        let mut moments = Moments::default();
        for value in [1e9, 1e9 + 1.0, 1e9 + 2.0] {
            moments.add(value);
        }
        assert_eq!(moments.mean(), Some(1e9 + 1.0));
        assert_eq!(moments.std(), Some((2.0_f64 / 3.0).sqrt()));
    }

    #[test]
    fn parts_that_are_joined_are_as_the_whole() {
        let values = [-60.25, -61.5, 3e4, -59.0, f64::from(f32::MIN_POSITIVE), 12.125, -3e4];
        let of = |values: &[f64]| {
            let mut moments = Moments::default();
            for value in values {
                moments.add(*value);
            }
            moments
        };
        let whole = of(&values);
        for cut in 0..=values.len() {
            let (mut joined, other) = (of(&values[..cut]), of(&values[cut..]));
            joined.join(&other);
            let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() <= b.unwrap().abs() * 1e-13;
            assert!(near(joined.mean(), whole.mean()), "{cut}: {joined:?}");
            assert!(near(joined.std(), whole.std()), "{cut}: {joined:?}");
        }
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_mean() {
        let mut moments = Moments::default();
        assert_eq!((moments.mean(), moments.std()), (None, None));
        moments.add(-3.5);
        assert_eq!((moments.mean(), moments.std()), (Some(-3.5), Some(0.0)));
    }
}
