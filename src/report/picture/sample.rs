//! A sample of a stream of any length, evenly spaced.

/// Keeps an evenly spaced sample, which thins out as more values come.
#[derive(Debug, Clone)]
pub(super) struct Sample<T> {
    kept: Vec<T>,
    limit: usize,
    stride: u64,
    seen: u64,
}

impl<T> Sample<T> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            stride: 1,
            seen: 0,
        }
    }

    pub(super) fn add(&mut self, value: T) {
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push(value);
            if self.kept.len() > self.limit {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
        }
        self.seen += 1;
    }

    pub(super) fn into_kept(self) -> Vec<T> {
        self.kept
    }
}

/// A quantile of `values`: the value below which the fraction `at` (0 to 1) lies; sorts a part of them. `None` without
/// any.
pub(super) fn quantile(values: &mut [f32], at: f64) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let index = ((last as f64 * at).round() as usize).min(last);
    let (_, value, _) = values.select_nth_unstable_by(index, f32::total_cmp);
    Some(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stays_small_and_even() {
        let mut sample = Sample::new(8);
        (0..1000).for_each(|value| sample.add(value));
        let kept = sample.into_kept();
        assert!((4..=8).contains(&kept.len()), "{kept:?}");
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] == 128), "{kept:?}");
    }

    #[test]
    fn quantiles_are_values_of_the_sample() {
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.0), Some(1.0));
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 1.0), Some(3.0));
    }
}
