//! The tolerance for measured numbers in golden text.

/// The largest difference of measured numbers that counts as equal.
///
/// A number is measured when it is written with a point or an exponent; counts and ids are not, and must be equal. Two
/// measured numbers are alike when they differ by no more than `abs`, or by no more than `rel` times the larger one.
/// With any tolerance, message digests are not compared (they tell every bit) and blanks count as one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GoldenTolerance {
    /// The largest difference, in the number's own unit.
    pub abs: f64,
    /// The largest difference as a share of the larger number.
    pub rel: f64,
}

impl GoldenTolerance {
    /// Every byte must be equal.
    pub const EXACT: Self = Self { abs: 0.0, rel: 0.0 };

    /// True when every byte must be equal.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !(self.abs > 0.0 || self.rel > 0.0)
    }
}
