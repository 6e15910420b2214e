//! Distributions of times and sizes in bounded memory.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Significant digits of the percentiles, so that they are within 0.1 %.
const DIGITS: u8 = 3;

/// A distribution of times or sizes. Percentiles come from an HdrHistogram with three significant digits: they are at
/// most 0.1 % too large, and never beyond the largest value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    /// Number of values.
    pub(crate) count: u64,
    /// The smallest.
    pub(crate) min: u64,
    /// The median.
    pub(crate) p50: u64,
    /// The 95th percentile.
    pub(crate) p95: u64,
    /// The 99th percentile.
    pub(crate) p99: u64,
    /// The largest.
    pub(crate) max: u64,
    /// The mean.
    pub(crate) mean: f64,
}

/// A distribution under construction. Memory grows with the magnitude of the largest value, not with the number of
/// values: at most 130 kB for times of an hour in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Distribution {
    /// `None` before the first value.
    histogram: Option<Histogram<u32>>,
    sum: u128,
    extremes: Option<(u64, u64)>,
    count: u64,
}

impl Distribution {
    pub(super) fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum += u128::from(value);
        let (min, max) = self.extremes.unwrap_or((value, value));
        self.extremes = Some((min.min(value), max.max(value)));
        if self.histogram.is_none() {
            self.histogram = Histogram::new(DIGITS).ok();
        }
        if let Some(histogram) = &mut self.histogram
            && histogram.record(value).is_err()
        {
            // It cannot grow that far: the largest value it knows stands for this one.
            histogram.saturating_record(value);
        }
    }

    /// The quantiles; `None` without a value.
    pub(super) fn quantiles(&self) -> Option<Quantiles> {
        let (min, max) = self.extremes?;
        let histogram = self.histogram.as_ref()?;
        let percentile = |share| histogram.value_at_quantile(share).clamp(min, max);
        Some(Quantiles {
            count: self.count,
            min,
            p50: percentile(0.50),
            p95: percentile(0.95),
            p99: percentile(0.99),
            max,
            mean: self.sum as f64 / self.count as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth_and_within_the_extremes() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.quantiles(), None);
        (1..=1000).for_each(|value| distribution.add(value * 1_000_000));
        let quantiles = distribution.quantiles().unwrap();
        assert_eq!(
            (quantiles.count, quantiles.min, quantiles.max),
            (1000, 1_000_000, 1_000_000_000)
        );
        for (found, exact) in [
            (quantiles.p50, 500_000_000_u64),
            (quantiles.p95, 950_000_000),
            (quantiles.p99, 990_000_000),
        ] {
            assert!(found.abs_diff(exact) <= exact / 1000, "{found} is not {exact}");
        }
        assert_eq!(quantiles.mean.to_bits(), 500_500_000.0_f64.to_bits());
    }

    #[test]
    fn a_single_value_is_exact_however_large() {
        for value in [0, 7, 123_456_789, u64::MAX] {
            let mut distribution = Distribution::default();
            distribution.add(value);
            let quantiles = distribution.quantiles().unwrap();
            assert_eq!((quantiles.p50, quantiles.p99, quantiles.max), (value, value, value));
        }
    }
}
