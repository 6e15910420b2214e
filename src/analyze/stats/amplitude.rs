//! Statistics of intensities.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    moments::Moments,
    percentiles::{Collected, Percentiles},
};

/// Number of sensors with statistics of their own; the values of further ones count for the whole only. Real fibres are
/// asked for some thousand channels; ids that never repeat must not fill the memory.
pub(crate) const MAX_SENSORS: usize = 65_536;

/// Statistics of intensities, dB. Extremes, mean, deviation and percentiles are over the finite values.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Amplitude {
    /// Values of every kind.
    pub values: u64,
    /// Values that are neither infinite nor NaN.
    pub finite: u64,
    /// Values of −∞.
    pub negative_infinite: u64,
    /// Values of +∞.
    pub positive_infinite: u64,
    /// Values that are no number.
    pub nan: u64,
    /// Values of exactly 0.
    pub zeros: u64,
    /// The smallest value; `None` without a finite value, as all below.
    pub min_db: Option<f64>,
    /// The largest value.
    pub max_db: Option<f64>,
    /// The mean value.
    pub mean_db: Option<f64>,
    /// The standard deviation of the population.
    pub std_db: Option<f64>,
    /// Percentiles, dB; `None` also for a sensor whose histogram found no room.
    pub percentiles_db: Option<Percentiles>,
}

/// Statistics of one sensor.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SensorStats {
    /// The sensor's id.
    pub id: i32,
    /// Spectra: rows that hold the sensor.
    pub spectra: u64,
    /// Bins of its shortest spectrum.
    pub bins_min: u64,
    /// Bins of its longest spectrum.
    pub bins_max: u64,
    /// Its intensities.
    pub amplitude: Amplitude,
}

/// The smallest and the largest value that is not NaN, infinities included.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Extremes(pub(super) Option<(f32, f32)>);

impl Extremes {
    pub(super) fn join(&mut self, other: Self) {
        if let Some((min, max)) = other.0 {
            let (low, high) = self.0.unwrap_or((min, max));
            self.0 = Some((low.min(min), high.max(max)));
        }
    }

    fn of(run: &[f32]) -> Self {
        let mut extremes = Self::default();
        for value in run.iter().filter(|value| !value.is_nan()) {
            extremes.join(Self(Some((*value, *value))));
        }
        extremes
    }
}

/// Counts and sums under construction.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    values: u64,
    finite: u64,
    negative_infinite: u64,
    positive_infinite: u64,
    zeros: u64,
    finite_extremes: Extremes,
    moments: Moments,
}

impl Tally {
    fn add(&mut self, run: &[f32]) {
        self.values += run.len() as u64;
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        let mut finite = 0;
        for value in run {
            if value.is_finite() {
                finite += 1;
                self.zeros += u64::from(*value == 0.0);
                min = min.min(*value);
                max = max.max(*value);
                self.moments.add(f64::from(*value));
            } else {
                self.negative_infinite += u64::from(*value == f32::NEG_INFINITY);
                self.positive_infinite += u64::from(*value == f32::INFINITY);
            }
        }
        self.finite += finite;
        if finite > 0 {
            self.finite_extremes.join(Extremes(Some((min, max))));
        }
    }

    fn amplitude(&self, percentiles: Option<Percentiles>) -> Amplitude {
        Amplitude {
            values: self.values,
            finite: self.finite,
            negative_infinite: self.negative_infinite,
            positive_infinite: self.positive_infinite,
            nan: self.values - self.finite - self.negative_infinite - self.positive_infinite,
            zeros: self.zeros,
            min_db: self.finite_extremes.0.map(|(min, _)| f64::from(min)),
            max_db: self.finite_extremes.0.map(|(_, max)| f64::from(max)),
            mean_db: self.moments.mean(),
            std_db: self.moments.std(),
            percentiles_db: percentiles,
        }
    }
}

/// Intensities of the whole capture and of each sensor.
#[derive(Debug, Clone)]
pub(super) struct Amplitudes {
    whole: Tally,
    sensors: Vec<Tracked>,
    by_id: BTreeMap<i32, usize>,
    /// The slot for all sensors that have none of their own.
    others: Option<usize>,
    /// The slot of the sensor that is expected next: rows name their sensors in one order.
    next: usize,
    collected: Collected,
}

#[derive(Debug, Clone)]
struct Tracked {
    id: i32,
    slot: usize,
    spectra: u64,
    bins: (u64, u64),
    tally: Tally,
}

impl Amplitudes {
    pub(super) const fn new(exact_values: usize) -> Self {
        Self {
            whole: Tally {
                values: 0,
                finite: 0,
                negative_infinite: 0,
                positive_infinite: 0,
                zeros: 0,
                finite_extremes: Extremes(None),
                moments: Moments::new(),
            },
            sensors: Vec::new(),
            by_id: BTreeMap::new(),
            others: None,
            next: 0,
            collected: Collected::new(exact_values),
        }
    }

    /// Adds one spectrum; gives its extremes.
    pub(super) fn add(&mut self, id: i32, run: &[f32]) -> Extremes {
        self.whole.add(run);
        let slot = if let Some(place) = self.place(id)
            && let Some(sensor) = self.sensors.get_mut(place)
        {
            let bins = run.len() as u64;
            sensor.spectra += 1;
            sensor.bins = (sensor.bins.0.min(bins), sensor.bins.1.max(bins));
            sensor.tally.add(run);
            self.next = place + 1;
            sensor.slot
        } else {
            *self.others.get_or_insert_with(|| self.collected.open())
        };
        self.collected.add(slot, run);
        Extremes::of(run)
    }

    fn place(&mut self, id: i32) -> Option<usize> {
        for guess in [self.next, 0] {
            if self.sensors.get(guess).is_some_and(|sensor| sensor.id == id) {
                return Some(guess);
            }
        }
        if let Some(place) = self.by_id.get(&id) {
            return Some(*place);
        }
        (self.sensors.len() < MAX_SENSORS).then(|| {
            self.sensors.push(Tracked {
                id,
                slot: self.collected.open(),
                spectra: 0,
                bins: (u64::MAX, 0),
                tally: Tally::default(),
            });
            self.by_id.insert(id, self.sensors.len() - 1);
            self.sensors.len() - 1
        })
    }

    /// Returns the amplitude of the whole capture, and of each sensor in the order of ids.
    pub(super) fn finish(mut self) -> (Amplitude, Vec<SensorStats>) {
        self.collected.sort();
        let whole = self.whole.amplitude(self.collected.whole());
        let tracked = self.by_id.values().filter_map(|place| self.sensors.get(*place));
        let sensors = tracked.map(|sensor| SensorStats {
            id: sensor.id,
            spectra: sensor.spectra,
            bins_min: sensor.bins.0,
            bins_max: sensor.bins.1,
            amplitude: sensor.tally.amplitude(self.collected.slot(sensor.slot)),
        });
        (whole, sensors.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_values_are_told_apart() {
        let mut amplitudes = Amplitudes::new(100);
        let run = [
            f32::NAN,
            -0.0,
            2.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NEG_INFINITY,
            -4.0,
        ];
        assert_eq!(
            amplitudes.add(3, &run),
            Extremes(Some((f32::NEG_INFINITY, f32::INFINITY)))
        );
        let (whole, sensors) = amplitudes.finish();
        let counts = [
            whole.values,
            whole.finite,
            whole.negative_infinite,
            whole.positive_infinite,
            whole.nan,
            whole.zeros,
        ];
        assert_eq!(counts, [7, 3, 2, 1, 1, 1]);
        assert_eq!((whole.min_db, whole.max_db), (Some(-4.0), Some(2.0)));
        assert_eq!(sensors[0].amplitude, whole);
    }

    #[test]
    fn a_dead_sensor_has_counts_and_no_mean() {
        let mut amplitudes = Amplitudes::new(100);
        amplitudes.add(0, &[f32::NEG_INFINITY; 4]);
        let (_, sensors) = amplitudes.finish();
        let dead = &sensors[0].amplitude;
        assert_eq!((dead.values, dead.negative_infinite, dead.finite), (4, 4, 0));
        assert_eq!((dead.min_db, dead.mean_db, dead.percentiles_db), (None, None, None));
    }

    #[test]
    fn sensors_are_listed_by_id_whatever_order_they_come_in() {
        let mut amplitudes = Amplitudes::new(100);
        for (id, run) in [(7, &[1.0, 2.0][..]), (-2, &[3.0]), (7, &[4.0]), (-2, &[]), (0, &[5.0])] {
            amplitudes.add(id, run);
        }
        let (whole, sensors) = amplitudes.finish();
        let listed: Vec<_> = sensors
            .iter()
            .map(|sensor| {
                (
                    sensor.id,
                    sensor.spectra,
                    sensor.bins_min,
                    sensor.bins_max,
                    sensor.amplitude.max_db,
                )
            })
            .collect();
        assert_eq!(
            listed,
            [
                (-2, 2, 0, 1, Some(3.0)),
                (0, 1, 1, 1, Some(5.0)),
                (7, 2, 1, 2, Some(4.0))
            ]
        );
        assert_eq!((whole.values, whole.mean_db), (5, Some(3.0)));
    }

    #[test]
    fn sensors_beyond_the_limit_still_count_for_the_whole() {
        let mut amplitudes = Amplitudes::new(1_000_000);
        for id in 0..MAX_SENSORS as i32 + 2 {
            amplitudes.add(id, &[id as f32]);
        }
        let (whole, sensors) = amplitudes.finish();
        assert_eq!(sensors.len(), MAX_SENSORS);
        assert_eq!(whole.values, MAX_SENSORS as u64 + 2);
        assert_eq!(whole.max_db, Some(MAX_SENSORS as f64 + 1.0));
    }
}
