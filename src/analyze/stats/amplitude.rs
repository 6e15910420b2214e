//! Statistics of intensities.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    moments::Moments,
    percentiles::{Collected, Percentiles},
    spectrum::Spectrum,
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
    /// Adds a spectrum; gives the extremes of its finite values, and those of all that are no NaN. When some values are
    /// not finite, the others are in `finite`.
    fn add(&mut self, run: &[f32], finite: &mut Vec<f32>) -> (Extremes, Extremes) {
        self.values += run.len() as u64;
        let first = run.iter().copied().find(|value| value.is_finite());
        let shift = self.moments.shift(first.map_or(0.0, f64::from));
        let all = Spectrum::of(run, shift);
        let extremes = Extremes((all.min <= all.max).then_some((all.min, all.max)));
        let is_finite = all.is_finite();
        let found = if is_finite {
            all
        } else {
            finite.clear();
            finite.extend(run.iter().filter(|value| value.is_finite()));
            self.negative_infinite += count(run, f32::NEG_INFINITY);
            self.positive_infinite += count(run, f32::INFINITY);
            Spectrum::of(finite, shift)
        };
        let values = if is_finite { run.len() } else { finite.len() } as u64;
        self.finite += values;
        self.zeros += found.zeros;
        self.moments.add_run(values, shift, found.sums);
        let of_finite = Extremes((values > 0).then_some((found.min, found.max)));
        self.finite_extremes.join(of_finite);
        (of_finite, extremes)
    }

    fn join(&mut self, other: &Self) {
        self.values += other.values;
        self.finite += other.finite;
        self.negative_infinite += other.negative_infinite;
        self.positive_infinite += other.positive_infinite;
        self.zeros += other.zeros;
        self.finite_extremes.join(other.finite_extremes);
        self.moments.join(&other.moments);
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

fn count(run: &[f32], infinity: f32) -> u64 {
    run.iter().filter(|value| value.to_bits() == infinity.to_bits()).count() as u64
}

/// Intensities of the whole capture and of each sensor.
#[derive(Debug, Clone)]
pub(super) struct Amplitudes {
    sensors: Vec<Tracked>,
    by_id: BTreeMap<i32, usize>,
    /// The slot and the tally of all sensors that have none of their own.
    others: Option<(usize, Tally)>,
    /// The slot of the sensor that is expected next: rows name their sensors in one order.
    next: usize,
    collected: Collected,
    /// The finite values of a spectrum that holds others as well.
    finite: Vec<f32>,
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
            sensors: Vec::new(),
            by_id: BTreeMap::new(),
            others: None,
            next: 0,
            collected: Collected::new(exact_values),
            finite: Vec::new(),
        }
    }

    /// Adds one spectrum; gives its extremes.
    pub(super) fn add(&mut self, id: i32, run: &[f32]) -> Extremes {
        self.collected.make_room(run.len());
        let (slot, tally) = if let Some(place) = self.place(id)
            && let Some(sensor) = self.sensors.get_mut(place)
        {
            let bins = run.len() as u64;
            sensor.spectra += 1;
            sensor.bins = (sensor.bins.0.min(bins), sensor.bins.1.max(bins));
            self.next = place + 1;
            (sensor.slot, &mut sensor.tally)
        } else {
            let open = || (self.collected.open(), Tally::default());
            let (slot, tally) = self.others.get_or_insert_with(open);
            (*slot, tally)
        };
        let before = tally.finite;
        let (of_finite, extremes) = tally.add(run, &mut self.finite);
        if let Some(of_finite) = of_finite.0 {
            let is_finite = tally.finite - before == run.len() as u64;
            let finite = if is_finite { run } else { &self.finite };
            self.collected.add(slot, finite, of_finite);
        }
        extremes
    }

    /// Lets go of room that hardly any spectrum takes.
    pub(super) fn shrink_to(&mut self, values: usize) {
        self.finite.shrink_to(values);
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
    pub(super) fn finish(self) -> (Amplitude, Vec<SensorStats>) {
        let mut whole = Tally::default();
        let others = self.others.as_ref().map(|(_, tally)| tally);
        for tally in self.sensors.iter().map(|sensor| &sensor.tally).chain(others) {
            whole.join(tally);
        }
        let whole = whole.amplitude(self.collected.whole());
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
    fn only_finite_values_count_for_percentiles() {
        for exact_values in [0, 100] {
            let mut amplitudes = Amplitudes::new(exact_values);
            amplitudes.add(3, &[f32::NAN, 1.0, f32::INFINITY, f32::NEG_INFINITY]);
            let (whole, _) = amplitudes.finish();
            let percentiles = whole.percentiles_db.unwrap();
            assert_eq!(
                [percentiles.p01, percentiles.p50, percentiles.p99].map(f64::to_bits),
                [1.0_f64.to_bits(); 3]
            );
            assert_eq!((whole.mean_db, whole.std_db), (Some(1.0), Some(0.0)));
        }
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
