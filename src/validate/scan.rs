//! One pass over a spectrum: its extremes, and whether a NaN is there. Everything else follows from them.

use crate::spectrogram::Values;

/// Floats that are looked at side by side; wide enough that the compiler uses vector registers.
const LANES: usize = 16;

/// What one pass over a spectrum tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scan {
    /// The least value that is no NaN; +inf when there is none.
    pub(super) min: f32,
    /// The greatest value that is no NaN; −inf when there is none.
    pub(super) max: f32,
    /// There is a NaN.
    pub(super) nan: bool,
}

impl Scan {
    /// Of nothing.
    pub(super) const EMPTY: Self = Self {
        min: f32::INFINITY,
        max: f32::NEG_INFINITY,
        nan: false,
    };

    /// Of a spectrum.
    pub(super) fn of(values: &Values<'_>) -> Self {
        match values {
            Values::Wire(bytes) => scan(bytes.as_chunks::<4>().0, f32::from_le_bytes),
            Values::Owned(values) => scan(values, |value| value),
        }
    }

    /// Of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            nan: self.nan | other.nan,
        }
    }

    /// Every value is zero.
    pub(super) fn is_zero(&self) -> bool {
        !self.nan && self.min == 0.0 && self.max == 0.0
    }

    /// Every value is −inf.
    pub(super) fn is_dead(&self) -> bool {
        !self.nan && self.min == f32::NEG_INFINITY && self.max == f32::NEG_INFINITY
    }

    /// Some value is infinite.
    pub(super) fn has_infinity(&self) -> bool {
        self.min == f32::NEG_INFINITY || (self.max == f32::INFINITY)
    }
}

#[inline]
fn scan<T: Copy>(values: &[T], float: impl Fn(T) -> f32) -> Scan {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut total = Scan::EMPTY;
    if !chunks.is_empty() {
        let mut min = [f32::INFINITY; LANES];
        let mut max = [f32::NEG_INFINITY; LANES];
        let mut nan = [0_u32; LANES];
        for chunk in chunks {
            for lane in 0..LANES {
                let value = float(chunk[lane]);
                // Written so that each line is one vector instruction; a NaN loses both comparisons.
                min[lane] = if value < min[lane] { value } else { min[lane] };
                max[lane] = if value > max[lane] { value } else { max[lane] };
                nan[lane] |= u32::from(value.is_nan());
            }
        }
        for lane in 0..LANES {
            total.min = total.min.min(min[lane]);
            total.max = total.max.max(max[lane]);
            total.nan |= nan[lane] != 0;
        }
    }
    for value in rest {
        let value = float(*value);
        total.min = if value < total.min { value } else { total.min };
        total.max = if value > total.max { value } else { total.max };
        total.nan |= value.is_nan();
    }
    total
}

/// First and last value of a spectrum and its length: two spectra that differ here differ.
pub(super) fn mark(values: &Values<'_>) -> u64 {
    let bits = |bin: usize| u64::from(values.get(bin).map_or(0, f32::to_bits));
    let last = bits(values.len().wrapping_sub(1));
    ((bits(0) << 32) | last) ^ (values.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The same values, bit by bit.
pub(super) fn same(a: &Values<'_>, b: &Values<'_>) -> bool {
    match (a, b) {
        (Values::Wire(a), Values::Wire(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(values: &[f32]) -> Scan {
        let wire: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let scan = Scan::of(&Values::Wire(&wire));
        assert_eq!(scan, Scan::of(&Values::Owned(values.to_vec())));
        scan
    }

    #[test]
    fn extremes_and_nan_are_found_wherever_they_stand_and_whatever_the_length() {
        for len in 1..70 {
            for at in 0..len {
                let mut values: Vec<f32> = (0..len).map(|bin| -50.0 - bin as f32 / 4.0).collect();
                values[at] = 7.5;
                assert_eq!(both(&values).max, 7.5, "{at} of {len}");
                values[at] = f32::NEG_INFINITY;
                assert_eq!(both(&values).min, f32::NEG_INFINITY, "{at} of {len}");
                values[at] = f32::NAN;
                let scan = both(&values);
                assert!(scan.nan && !scan.has_infinity() || len == 1, "{at} of {len}");
            }
        }
    }

    #[test]
    fn zero_dead_and_live_spectra_are_told_apart() {
        assert!(both(&[0.0; 20]).is_zero());
        assert!(both(&[-0.0; 3]).is_zero());
        assert!(both(&[f32::NEG_INFINITY; 17]).is_dead());
        for live in [both(&[-1.0, 0.0]), both(&[f32::NEG_INFINITY, -3.0]), Scan::EMPTY] {
            assert!(!live.is_zero() && !live.is_dead(), "{live:?}");
        }
        assert!(!both(&[f32::NAN, 0.0]).is_zero());
    }
}
