//! Rules that compare declared extremes with actual ones.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        scan::Scan,
    },
    das::spectrogram::{Frame, Values},
    model::finding::{Place, Severity},
};

/// The declared maximum is below the declared minimum.
pub(crate) const MAX_BELOW_MIN: Rule = Rule {
    id: "max-below-min",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the declared maximum is not below the declared minimum",
    unit: "frames",
    doc: "current_max_amp < current_min_amp, or global_maximum < global_minimum. The values are then not compared.",
    hint: "the server swaps minimum and maximum, or sends them before it has computed them",
};

/// The declared extremes are not those of the values.
pub(crate) const EXTREMES_MISMATCH: Rule = Rule {
    id: "extremes-mismatch",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the declared extremes match the values",
    unit: "frames",
    doc: "datastream: current_max_amp and current_min_amp are the extremes of the frame's values (of the finite ones, \
          if the server leaves infinities out). pandadatastream: the block's values lie within the running extremes of \
          the job. Compared with 32-bit precision, and only when no other rule explains the difference: NaN, zeros, a \
          frozen payload, ragged or missing sensors.",
    hint: "the server computes minimum and maximum from other data than it sends; a picture that is scaled with them is wrong",
};

/// A running maximum that fell.
pub(crate) const GLOBAL_MAXIMUM_FELL: Rule = Rule {
    id: "global-maximum-fell",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the running maximum of a job does not fall",
    unit: "times",
    doc: "global_maximum (pandadatastream) is less than in an earlier frame of the same call.",
    hint: "the port may have been reused: these may be the frames of another job",
};

/// Relative difference of a double from the float that it was computed from.
const RELATIVE: f64 = 1e-6;

/// The state of a call for these rules.
#[derive(Debug, Default)]
pub(crate) struct Running {
    maximum: Option<f64>,
}

/// A reason why extremes may not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excuse {
    None,
    /// Values are missing or shifted, so that declared extremes may lie outside the actual ones.
    Fewer,
    /// The values are not those from which the extremes were computed.
    Other,
}

/// Judges the declared extremes of a frame whose values are `actual`.
pub(crate) fn judge(
    log: &mut FindingLog,
    running: &mut Running,
    place: Place,
    frame: &Frame<'_>,
    actual: Scan,
    excuse: Excuse,
) {
    let (max, min) = (frame.declared_max, frame.declared_min);
    if max < min {
        let note = Note::new(&MAX_BELOW_MIN, place).weight(min - max);
        return log.note(note, || {
            Text::new(format!("the maximum {max} is below the minimum {min} at {place}"))
                .seen(max)
                .expected(format!("{min} or more"))
        });
    }
    let has_values = actual.min <= actual.max && !actual.nan;
    if has_values && excuse != Excuse::Other && mismatch(log, place, frame, actual, excuse) {
        return;
    }
    if frame.block.is_some() && excuse != Excuse::Other {
        fell(log, running, place, max);
    }
}

fn mismatch(log: &mut FindingLog, place: Place, frame: &Frame<'_>, actual: Scan, excuse: Excuse) -> bool {
    let (max, min) = (frame.declared_max, frame.declared_min);
    let within_is_enough = frame.block.is_some() || excuse == Excuse::Fewer;
    let fits = |actual: Scan| {
        let (high, low) = (f64::from(actual.max), f64::from(actual.min));
        let (high_fits, low_fits) = (close(max, high), close(min, low));
        (high_fits || (within_is_enough && high <= max)) && (low_fits || (within_is_enough && low >= min))
    };
    if fits(actual) || others(frame, actual).into_iter().flatten().any(fits) {
        return false;
    }
    let off = (max - f64::from(actual.max))
        .abs()
        .max((min - f64::from(actual.min)).abs());
    let weight = if off.is_finite() { off } else { f64::MAX };
    log.note(Note::new(&EXTREMES_MISMATCH, place).weight(weight), || {
        let (low, high) = (actual.min, actual.max);
        Text::new(format!(
            "extremes {min}..{max} are declared and the values span {low}..{high}, at {place}"
        ))
        .seen(format!("{min}..{max}"))
        .expected(format!("{low}..{high}"))
    });
    true
}

/// The extremes without infinities, and without spectra that are all zero: those break rules of their own.
fn others(frame: &Frame<'_>, actual: Scan) -> [Option<Scan>; 2] {
    let spectra = || {
        frame
            .rows
            .iter()
            .flat_map(|row| &row.sensors)
            .map(|sensor| &sensor.intensity)
    };
    let finite = actual.has_infinity().then(|| {
        let finite = spectra().flat_map(Values::iter).filter(|value| value.is_finite());
        finite.fold(Scan::EMPTY, |scan, value| Scan {
            min: scan.min.min(value),
            max: scan.max.max(value),
            nan: false,
        })
    });
    let live = (actual.max == 0.0 || actual.min == 0.0).then(|| {
        let live = spectra().map(Scan::of).filter(|scan| !scan.is_zero());
        live.fold(Scan::EMPTY, Scan::and)
    });
    [finite, live]
}

fn fell(log: &mut FindingLog, running: &mut Running, place: Place, maximum: f64) {
    if let Some(before) = running
        .maximum
        .filter(|before| maximum < *before && !close(maximum, *before))
    {
        let note = Note::new(&GLOBAL_MAXIMUM_FELL, place).weight(before - maximum);
        log.note(note, || {
            Text::new(format!(
                "the running maximum falls from {before} to {maximum} at {place}"
            ))
            .seen(maximum)
            .expected(format!("{before} or more"))
        });
    }
    running.maximum = Some(maximum);
}

#[expect(
    clippy::float_cmp,
    reason = "infinities are equal, and their difference is no number"
)]
fn close(declared: f64, actual: f64) -> bool {
    declared == actual || (declared - actual).abs() <= RELATIVE * actual.abs().max(1.0)
}
