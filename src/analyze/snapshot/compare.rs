//! Comparison of golden text with new text, with a tolerance for measured numbers.

mod diff;
mod line;
mod tolerance;

pub(crate) use diff::DiffColour;
pub use diff::GoldenDiff;
pub use tolerance::GoldenTolerance;

/// Compares golden text with new text; the result is empty when they are alike. Line endings of either kind are one, so
/// that a checkout on Windows is no difference.
#[must_use]
pub fn compare(golden: &str, new: &str, tolerance: GoldenTolerance) -> GoldenDiff {
    let golden: Vec<_> = golden.lines().collect();
    let new: Vec<_> = new.lines().collect();
    diff::diff(&golden, &new, |golden, new| line::alike(golden, new, tolerance))
}

/// The only kind of difference between two golden texts, when it does not show a change of the stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OnlyDiffers {
    /// Message digests: structure and statistics are the same, and the bytes are others, as in every recording of a live
    /// stream.
    Digests,
    /// Measured numbers (and digests), by at most this share of the larger number.
    Measured(f64),
}

/// The only kind of difference between golden text and new text; `None` when they are alike, and when counts, structure or
/// words differ.
#[must_use]
pub(crate) fn only_differs(golden: &str, new: &str) -> Option<OnlyDiffers> {
    let (mut golden, mut new) = (golden.lines(), new.lines());
    let (mut digests, mut apart) = (false, None::<f64>);
    loop {
        match (golden.next(), new.next()) {
            (None, None) => break,
            (Some(golden), Some(new)) if golden == new => {}
            (Some(golden), Some(new)) if line::are_digests(golden, new) => digests = true,
            (Some(golden), Some(new)) => apart = Some(line::apart(golden, new)?.max(apart.unwrap_or(0.0))),
            _ => return None,
        }
    }
    apart
        .map(OnlyDiffers::Measured)
        .or(digests.then_some(OnlyDiffers::Digests))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn compare() {
        use crate::analyze::{
            GoldenTolerance,
            snapshot::compare::{DiffColour, compare},
        };
        let (golden, new) = ("rows  50\nmean  12.8\n", "rows  50\nmean  12.9\n");
        assert!(compare(golden, new, GoldenTolerance { abs: 0.0, rel: 0.01 }).is_empty());
        let diff = compare(golden, new, GoldenTolerance::EXACT);
        assert!(
            diff.render("golden", "new", DiffColour::Plain)
                .contains("-mean  12.8\n+mean  12.9\n")
        );
        assert!(!compare(golden, "rows  51\nmean  12.8\n", GoldenTolerance { abs: 9.0, rel: 9.0 }).is_empty());
    }

    #[test]
    fn only_differs() {
        use crate::analyze::snapshot::compare::{OnlyDiffers, only_differs};
        assert_eq!(
            only_differs("rows  5\nmean  8.0\n", "rows  5\nmean  10.0\n"),
            Some(OnlyDiffers::Measured(0.2))
        );
        assert_eq!(only_differs("rows  5\n", "rows  6\n"), None);
    }
}
