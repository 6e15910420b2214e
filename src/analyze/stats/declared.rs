//! Comparison of the extremes that senders declare with those of their frames.

use serde::Serialize;

use super::{amplitude::Extremes, number};
use crate::model::finding::Place;

/// Differences up to this share of the larger number are rounding: a 32-bit float keeps six to seven digits.
const ROUNDING: f64 = 1e-6;

/// Comparison of declared extremes (`current_max_amp`, `global_maximum` and similar fields) with actual ones,
/// infinities included and NaN left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Declared {
    /// Frames with values that could be compared.
    pub frames: u64,
    /// Frames with an extreme that differs from the declared one by more than rounding.
    pub frames_that_differ: u64,
    /// Frames with a value beyond the declared extremes.
    pub frames_beyond: u64,
    /// The largest difference of a maximum, dB; infinite when only one of the two is, or when NaN was declared.
    #[serde(serialize_with = "number::float")]
    pub largest_max_difference_db: f64,
    /// The largest difference of a minimum, dB.
    #[serde(serialize_with = "number::float")]
    pub largest_min_difference_db: f64,
    /// The first frame that differs.
    pub first: Option<Place>,
    /// The largest maximum that a frame with values declared, dB.
    #[serde(serialize_with = "number::optional")]
    pub max_db: Option<f64>,
    /// The smallest minimum that a frame with values declared, dB.
    #[serde(serialize_with = "number::optional")]
    pub min_db: Option<f64>,
}

impl Declared {
    pub(super) fn add(&mut self, place: impl FnOnce() -> Place, max: f64, min: f64, actual: Extremes) {
        // A frame without values declares nothing, whatever its defaults say.
        let Some((low, high)) = actual.0 else { return };
        self.max_db = Some(self.max_db.map_or(max, |before| before.max(max)));
        self.min_db = Some(self.min_db.map_or(min, |before| before.min(min)));
        let (low, high) = (f64::from(low), f64::from(high));
        self.frames += 1;
        let (above, below) = (difference(max, high), difference(min, low));
        self.largest_max_difference_db = self.largest_max_difference_db.max(above);
        self.largest_min_difference_db = self.largest_min_difference_db.max(below);
        let (max_differs, min_differs) = (differs(max, high, above), differs(min, low, below));
        if max_differs || min_differs {
            self.frames_that_differ += 1;
            self.first.get_or_insert_with(place);
        }
        // A declared NaN bounds nothing.
        let beyond = (max_differs && (max.is_nan() || high > max)) || (min_differs && (min.is_nan() || low < min));
        self.frames_beyond += u64::from(beyond);
    }
}

fn difference(declared: f64, actual: f64) -> f64 {
    if declared.total_cmp(&actual).is_eq() {
        // Equal infinities have no difference that could be computed.
        return 0.0;
    }
    let difference = (declared - actual).abs();
    if difference.is_nan() { f64::INFINITY } else { difference }
}

fn differs(declared: f64, actual: f64, difference: f64) -> bool {
    difference.is_infinite() || difference > declared.abs().max(actual.abs()) * ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(max: f64, min: f64, actual: (f32, f32)) -> Declared {
        let mut declared = Declared::default();
        declared.add(Place::default, max, min, Extremes(Some(actual)));
        declared
    }

    #[test]
    fn equal_extremes_agree_infinities_too() {
        for declared in [
            seen(5.5, -7.25, (-7.25, 5.5)),
            seen(5.5, f64::NEG_INFINITY, (f32::NEG_INFINITY, 5.5)),
            seen(0.1, 0.1, (0.1, 0.1)),
        ] {
            assert_eq!((declared.frames, declared.frames_that_differ), (1, 0), "{declared:?}");
            assert!(declared.first.is_none());
        }
    }

    #[test]
    fn a_difference_is_measured_and_placed() {
        let declared = seen(6.0, -7.25, (-7.25, 5.5));
        assert_eq!((declared.frames_that_differ, declared.frames_beyond), (1, 0));
        assert_eq!(declared.largest_max_difference_db.to_bits(), 0.5_f64.to_bits());
        assert_eq!(seen(5.0, -7.25, (-7.25, 5.5)).frames_beyond, 1);
        assert_eq!(seen(5.5, -7.0, (-7.25, 5.5)).frames_beyond, 1);
        assert!(declared.first.is_some());
    }

    #[test]
    fn nan_and_infinities_never_agree_with_a_number() {
        for declared in [
            seen(f64::NAN, -1.0, (-1.0, 1.0)),
            seen(1.0, f64::NEG_INFINITY, (-1.0, 1.0)),
        ] {
            assert_eq!(declared.frames_that_differ, 1);
            let largest = declared
                .largest_max_difference_db
                .max(declared.largest_min_difference_db);
            assert!(largest.is_infinite());
        }
    }

    #[test]
    fn a_frame_without_values_is_not_compared() {
        let mut declared = Declared::default();
        declared.add(Place::default, 0.0, 0.0, Extremes(None));
        assert_eq!((declared.frames, declared.max_db), (0, None));
    }
}
