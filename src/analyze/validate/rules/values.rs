//! Rules about values that no spectrum should hold.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Kind, Note, Text},
        rule::{Rule, RulePhase},
        scan::Scan,
    },
    das::spectrogram::Row,
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// Values are NaN.
pub(crate) const NAN: Rule = Rule {
    id: "nan",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "no value is NaN",
    unit: "values",
    doc: "An intensity is not a number. The extremes of the frame are then not judged.",
    hint: "the server computes the logarithm of a negative number, or divides 0 by 0",
};

/// Values are infinite.
pub(crate) const INFINITY: Rule = Rule {
    id: "infinity",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "every value is finite",
    unit: "values",
    doc: "An intensity is −inf or +inf. Each one counts, those of dead sensors too. −inf is silence in dB.",
    hint: "−inf: the sensor delivers exact zeros, so check the fibre end and the interrogator; +inf: an overflow",
};

/// All values are zero.
pub(crate) const ALL_ZERO: Rule = Rule {
    id: "all-zero",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "at least one sensor of a row is not zero",
    unit: "rows",
    doc: "All values of all sensors of a row (two or more) are zero. Its values are not judged further.",
    hint: "the server sends rows without filling them",
};

/// One sensor is all zeros.
pub(crate) const ZERO_SENSOR: Rule = Rule {
    id: "zero-sensor",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "no sensor is zero in all bins",
    unit: "spectra",
    doc: "All bins of a sensor (two or more) are exactly zero in a row, while those of other sensors are not.",
    hint: "the server does not fill the sensor, or masks it",
};

/// One sensor is all −inf.
pub(crate) const DEAD_SENSOR: Rule = Rule {
    id: "dead-sensor",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "no sensor is dead",
    unit: "spectra",
    doc: "All bins of a sensor are −inf in a row: the channel delivers exact silence. Its values count as infinity \
          too.",
    hint: "the fibre is broken or ends before this channel, or the channel is masked",
};

/// Number of zeros from which chance is excluded: a single value may well be 0 dB.
const MIN_ZEROS: usize = 2;

/// The defect of a row whose values are all zero or all −inf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifeless {
    No,
    /// Every sensor is zero.
    Zero,
    /// Every sensor is dead (−inf).
    Dead,
}

/// Judges a row in which one pass has found something unusual; `scans` has one entry for each sensor.
pub(crate) fn unusual(log: &mut FindingLog, place: Place, row: &Row<'_>, scans: &[Scan]) -> Lifeless {
    let spectra = || {
        row.sensors
            .iter()
            .zip(scans)
            .filter(|(sensor, _)| !sensor.intensity.is_empty())
    };
    let values: usize = row.sensors.iter().map(|sensor| sensor.intensity.len()).sum();
    if values >= MIN_ZEROS && spectra().all(|(_, scan)| scan.is_zero()) {
        log.note(Note::new(&ALL_ZERO, place), || {
            Text::new(format!(
                "every value of all {} sensors is zero, in {place}",
                row.sensors.len()
            ))
            .seen(0)
        });
        return Lifeless::Zero;
    }
    let mut dead = 0;
    for (sensor, scan) in spectra() {
        let place = place.at_sensor(sensor.id);
        let values = || sensor.intensity.iter();
        if scan.nan {
            let count = values().filter(|value| value.is_nan()).count();
            let bin = values().position(f32::is_nan).unwrap_or(0);
            not_finite(log, &NAN, place.at_bin(bin as u64), count, "NaN");
        }
        if scan.is_dead() {
            dead += 1;
            dead_sensor(log, place, sensor.intensity.len());
            not_finite(log, &INFINITY, place.at_bin(0), sensor.intensity.len(), "-inf");
            continue;
        }
        for (infinite, name) in [(f32::NEG_INFINITY, "-inf"), (f32::INFINITY, "+inf")] {
            let bits = infinite.to_bits();
            if bits == scan.min.to_bits() || bits == scan.max.to_bits() {
                let is_it = |value: f32| value.to_bits() == bits;
                let count = values().filter(|value| is_it(*value)).count();
                let bin = values().position(is_it).unwrap_or(0);
                not_finite(log, &INFINITY, place.at_bin(bin as u64), count, name);
            }
        }
        if scan.is_zero() && sensor.intensity.len() >= MIN_ZEROS {
            zero_sensor(log, place);
        }
    }
    let all = spectra().count();
    if dead > 0 && dead == all {
        Lifeless::Dead
    } else {
        Lifeless::No
    }
}

fn not_finite(log: &mut FindingLog, rule: &'static Rule, place: Place, count: usize, name: &'static str) {
    if count == 0 {
        return;
    }
    let note = Note::new(rule, place).times(count as u64).kind(Kind::Word(name));
    log.note(note, || {
        let values = if count == 1 { "value is" } else { "values are" };
        Text::new(format!(
            "{} {values} {name}, the first in {place}",
            grouped(count as u64)
        ))
        .seen(name)
    });
}

fn zero_sensor(log: &mut FindingLog, place: Place) {
    log.note(Note::new(&ZERO_SENSOR, place), || {
        Text::new(format!("all bins are zero in {place}")).seen(0)
    });
}

fn dead_sensor(log: &mut FindingLog, place: Place, bins: usize) {
    log.note(Note::new(&DEAD_SENSOR, place), || {
        Text::new(format!("all {bins} bins are -inf in {place}")).seen("-inf")
    });
}
