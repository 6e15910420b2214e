//! One pass over the values of a spectrum, in lanes.

use multiversion::multiversion;

/// Values that are looked at side by side. Sums depend on it, so that it is the same on every processor.
const LANES: usize = 8;

/// The results of one pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spectrum {
    /// The least value that is no NaN; +inf when there is none.
    pub(super) min: f32,
    /// The greatest value that is no NaN; −inf when there is none.
    pub(super) max: f32,
    /// True when one of the values is a NaN.
    pub(super) nan: bool,
    /// Values of exactly 0.
    pub(super) zeros: u64,
    /// The sum of the differences from the shift, and the sum of their squares. Meaningful for finite values only.
    pub(super) sums: [f64; 2],
}

impl Spectrum {
    /// Looks at all values; `shift` is subtracted from each before it is summed.
    pub(super) fn of(values: &[f32], shift: f64) -> Self {
        look(values, shift)
    }

    /// True when every value is a finite number.
    pub(super) fn is_finite(&self) -> bool {
        !self.nan && self.min > f32::NEG_INFINITY && self.max < f32::INFINITY
    }
}

/// Intermediate results of one pass; each place takes one value of eight.
#[derive(Clone, Copy)]
struct Lanes {
    min: [f32; LANES],
    max: [f32; LANES],
    nan: [u32; LANES],
    zeros: [u32; LANES],
    sum: [f64; LANES],
    squares: [f64; LANES],
}

impl Lanes {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "it is the body of a loop that must become vector code"
    )]
    fn add(&mut self, lane: usize, value: f32, shift: f64) {
        // A NaN loses both comparisons.
        self.min[lane] = if value < self.min[lane] { value } else { self.min[lane] };
        self.max[lane] = if value > self.max[lane] { value } else { self.max[lane] };
        self.nan[lane] |= u32::from(value.is_nan());
        self.zeros[lane] += u32::from(value == 0.0);
        let beyond = f64::from(value) - shift;
        self.sum[lane] += beyond;
        self.squares[lane] += beyond * beyond;
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn look(values: &[f32], shift: f64) -> Spectrum {
    let mut lanes = Lanes {
        min: [f32::INFINITY; LANES],
        max: [f32::NEG_INFINITY; LANES],
        nan: [0; LANES],
        zeros: [0; LANES],
        sum: [0.0; LANES],
        squares: [0.0; LANES],
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in chunk.iter().enumerate() {
            lanes.add(lane, *value, shift);
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        lanes.add(lane, *value, shift);
    }
    Spectrum {
        min: lanes.min.into_iter().fold(f32::INFINITY, f32::min),
        max: lanes.max.into_iter().fold(f32::NEG_INFINITY, f32::max),
        nan: lanes.nan.into_iter().any(|nan| nan != 0),
        zeros: lanes.zeros.into_iter().map(u64::from).sum(),
        sums: [folded(lanes.sum), folded(lanes.squares)],
    }
}

/// The lanes' sum, in an order that is always the same.
fn folded(lanes: [f64; LANES]) -> f64 {
    let [halves @ .., _, _, _, _] = lanes;
    let mut halves: [f64; LANES / 2] = halves;
    for (lane, other) in halves.iter_mut().zip(&lanes[LANES / 2..]) {
        *lane += other;
    }
    let [first, second, third, fourth] = halves;
    (first + third) + (second + fourth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_length_all_values_count() {
        for len in 0..40_u16 {
            let values: Vec<f32> = (0..len).map(|bin| f32::from(bin) - 7.0).collect();
            let found = Spectrum::of(&values, -2.0);
            let beyond = || {
                values
                    .iter()
                    .map(|value| f64::from(*value) + 2.0)
                    .fold(0.0_f64, |sum, beyond| sum + beyond)
            };
            let squares = values
                .iter()
                .map(|value| (f64::from(*value) + 2.0).powi(2))
                .fold(0.0_f64, |sum, square| sum + square);
            assert_eq!(
                found.sums.map(f64::to_bits),
                [beyond(), squares].map(f64::to_bits),
                "{len}"
            );
            assert_eq!(found.zeros, u64::from(len > 7));
            let least = if len > 0 { -7.0 } else { f32::INFINITY };
            assert_eq!(found.min.to_bits(), f32::to_bits(least));
            assert!(found.is_finite(), "{len}");
        }
    }

    #[test]
    fn what_is_not_finite_is_seen_wherever_it_stands() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in 0..21 {
                let mut values = [1.5_f32; 21];
                values[at] = odd;
                let found = Spectrum::of(&values, 0.0);
                assert!(!found.is_finite(), "{odd} at {at}");
                assert_eq!(found.nan, odd.is_nan());
                assert_eq!(
                    found.min.to_bits(),
                    if odd == f32::NEG_INFINITY { odd } else { 1.5 }.to_bits()
                );
            }
        }
    }
}
