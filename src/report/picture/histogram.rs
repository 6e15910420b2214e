//! The histogram of amplitudes.

/// Number of bars.
const BARS: usize = 96;

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

impl Histogram {
    pub(super) fn new(range_db: Option<(f32, f32)>) -> Self {
        let Some((low, high)) = range_db else {
            return Self::default();
        };
        let bar = (f64::from(high) - f64::from(low)) / BARS as f64;
        let bar = if bar > 0.0 { bar as f32 } else { 1.0 };
        Self {
            low_db: low,
            bar_db: bar,
            counts: vec![0; BARS],
        }
    }

    pub(super) fn add(&mut self, value: f32) {
        let last = self.counts.len().saturating_sub(1);
        let at = ((value - self.low_db) / self.bar_db) as usize;
        if let Some(count) = self.counts.get_mut(at.min(last)) {
            *count += 1;
        }
    }
}
