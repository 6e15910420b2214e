//! Rules about impossible intensities.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        scan::Scan,
    },
    das::{focus::Span, spectrogram::Row},
    model::finding::{Place, Severity},
};

/// An intensity out of bounds.
pub(crate) const OUT_OF_RANGE_AMPLITUDE: Rule = Rule {
    id: "out-of-range-amplitude",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "intensities lie within their bounds",
    unit: "spectra",
    doc: "A finite intensity is outside amplitude_db of an expectation. Judged only when an expectation gives it. A \
          sensor whose values are all zero does not count.",
    hint: "the gain or the unit changed, or the bounds are too narrow",
};

/// Judges a row with a value outside the limits.
pub(crate) fn out_of_range(log: &mut FindingLog, place: Place, row: &Row<'_>, scans: &[Scan], bounds: &Span<f64>) {
    let outside = |value: f32| value.is_finite() && !(bounds.min..=bounds.max).contains(&f64::from(value));
    let candidates =
        row.sensors.iter().zip(scans).filter(|(_, scan)| {
            !scan.is_zero() && (f64::from(scan.min) < bounds.min || f64::from(scan.max) > bounds.max)
        });
    for (sensor, _) in candidates {
        let far = |value: f32| (bounds.min - f64::from(value)).max(f64::from(value) - bounds.max);
        let values = sensor.intensity.iter().enumerate().filter(|(_, value)| outside(*value));
        let Some((bin, value)) = values.max_by(|a, b| far(a.1).total_cmp(&far(b.1))) else {
            continue;
        };
        let place = place.at_sensor(sensor.id).at_bin(bin as u64);
        log.note(Note::new(&OUT_OF_RANGE_AMPLITUDE, place).weight(far(value)), || {
            Text::new(format!("{value} dB in {place}"))
                .seen(value)
                .expected(format!("{}..{}", bounds.min, bounds.max))
        });
    }
}
