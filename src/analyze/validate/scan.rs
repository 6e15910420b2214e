//! One pass over a spectrum: its extremes, and whether a NaN is there. Everything else follows from them.

use crate::das::spectrogram::Values;

/// Number of floats that are scanned side by side, so that the compiler uses vector registers: four of them for each
/// array here.
const LANES: usize = 16;

/// The result of one pass over a spectrum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scan {
    /// The smallest value that is not NaN; +inf when there is none.
    pub(super) min: f32,
    /// The largest value that is not NaN; −inf when there is none.
    pub(super) max: f32,
    /// True when there is a NaN.
    pub(super) nan: bool,
}

impl Scan {
    /// The scan of an empty spectrum.
    pub(super) const EMPTY: Self = Self {
        min: f32::INFINITY,
        max: f32::NEG_INFINITY,
        nan: false,
    };

    /// Scans a spectrum.
    pub(super) fn of(values: &Values<'_>) -> Self {
        let mut lanes = Lanes::new();
        lanes.add(values);
        lanes.total()
    }

    /// Combines two scans.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            nan: self.nan | other.nan,
        }
    }

    /// True when every value is zero.
    pub(super) fn is_zero(&self) -> bool {
        !self.nan && self.min == 0.0 && self.max == 0.0
    }

    /// True when every value is −inf.
    pub(super) fn is_dead(&self) -> bool {
        !self.nan && self.min == f32::NEG_INFINITY && self.max == f32::NEG_INFINITY
    }

    /// True when a value is infinite.
    pub(super) fn has_infinity(&self) -> bool {
        self.min == f32::NEG_INFINITY || (self.max == f32::INFINITY)
    }
}

/// A scan in progress, over one spectrum or the spectra of a row; folded into one value at the end.
#[derive(Debug)]
pub(super) struct Lanes {
    min: [f32; LANES],
    max: [f32; LANES],
    nan: [u32; LANES],
}

impl Lanes {
    pub(super) const fn new() -> Self {
        Self {
            min: [f32::INFINITY; LANES],
            max: [f32::NEG_INFINITY; LANES],
            nan: [0; LANES],
        }
    }

    /// Adds a spectrum.
    #[inline]
    pub(super) fn add(&mut self, values: &Values<'_>) {
        match values {
            Values::Wire(bytes) => self.look(bytes.as_chunks::<4>().0, f32::from_le_bytes),
            Values::Owned(values) => self.look(values, |value| value),
        }
    }

    #[inline]
    fn look<T: Copy>(&mut self, values: &[T], float: impl Fn(T) -> f32) {
        let Some(last) = values.last_chunk::<LANES>() else {
            for (lane, value) in values.iter().enumerate().take(LANES) {
                let value = float(*value);
                look_at(&mut self.min[lane], &mut self.max[lane], &mut self.nan[lane], value);
            }
            return;
        };
        // Local arrays stay in registers.
        let (mut min, mut max, mut nan) = (self.min, self.max, self.nan);
        for chunk in values.as_chunks::<LANES>().0 {
            for (lane, value) in chunk.iter().enumerate() {
                look_at(&mut min[lane], &mut max[lane], &mut nan[lane], float(*value));
            }
        }
        // Values that were seen already do not change extremes: the end is taken as one piece.
        for (lane, value) in last.iter().enumerate() {
            look_at(&mut min[lane], &mut max[lane], &mut nan[lane], float(*value));
        }
        *self = Self { min, max, nan };
    }

    /// Returns the scan of everything so far.
    pub(super) fn total(&self) -> Scan {
        let mut total = Scan::EMPTY;
        for lane in 0..LANES {
            total.min = total.min.min(self.min[lane]);
            total.max = total.max.max(self.max[lane]);
            total.nan |= self.nan[lane] != 0;
        }
        total
    }
}

/// Scans one group of floats; each line is one vector instruction over all lanes; a NaN loses both comparisons.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "it is the body of a loop that must become vector code"
)]
fn look_at(min: &mut f32, max: &mut f32, nan: &mut u32, value: f32) {
    *min = if value < *min { value } else { *min };
    *max = if value > *max { value } else { *max };
    *nan |= u32::from(value.is_nan());
}

/// First and last value of a spectrum and its length: two spectra that differ here differ.
#[inline]
pub(super) fn mark(values: &Values<'_>) -> u64 {
    let ends = match values {
        Values::Wire(bytes) => bytes
            .first_chunk()
            .zip(bytes.last_chunk())
            .map(|(first, last)| (u32::from_le_bytes(*first), u32::from_le_bytes(*last))),
        Values::Owned(values) => {
            (values.first().zip(values.last())).map(|(first, last)| (first.to_bits(), last.to_bits()))
        }
    };
    let (first, last) = ends.unwrap_or((0, 0));
    ((u64::from(first) << 32) | u64::from(last)) ^ (values.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// True when both have the same values, bit by bit.
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
                assert_eq!(both(&values).max.to_bits(), 7.5_f32.to_bits(), "{at} of {len}");
                values[at] = f32::NEG_INFINITY;
                assert!(both(&values).has_infinity(), "{at} of {len}");
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
