//! What a rule is, and the list of them all.

use serde::Serialize;

use super::rules::{
    amplitude, asked, delivery, drift, endings, expected, extremes, frozen, origin, payload, sensors, stamps,
    structure, timing, values,
};
use crate::model::finding::Severity;

/// One invariant of a spectrogram stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name in findings, expectation files and reports, kebab-case.
    pub id: &'static str,
    /// How bad a breach is, unless [`Self::otherwise`] or an expectation file says something else.
    pub severity: Severity,
    /// How bad a breach is on another occasion, and on which.
    pub otherwise: Option<(Severity, &'static str)>,
    /// What must hold, in a few words.
    pub title: &'static str,
    /// What is counted, in the plural.
    pub unit: &'static str,
    /// What is judged, when, and what is not.
    pub doc: &'static str,
    /// What to do about a breach.
    pub hint: &'static str,
}

impl Rule {
    /// The severity in words, with the occasion on which it is another one: `error; warning when lines_dt is only inferred`.
    #[must_use]
    pub fn severity_text(&self) -> String {
        match self.otherwise {
            Some((severity, when)) => format!("{}; {severity} when {when}", self.severity),
            None => self.severity.to_string(),
        }
    }

    /// True when a breach can have this severity without anybody asking for it.
    pub(super) fn allows(&self, severity: Severity) -> bool {
        self.severity == severity || self.otherwise.is_some_and(|(other, _)| other == severity)
    }
}

/// Every rule, by theme.
pub const RULES: &[Rule] = &[
    origin::NOT_RECORDED,
    origin::CONFIGURE_REFUSED,
    origin::UNHEALTHY_JOB,
    structure::ZERO_FRAMES,
    structure::MALFORMED_MESSAGE,
    structure::EMPTY_FRAME,
    structure::RAGGED_ROWS,
    structure::DUPLICATE_SENSOR,
    structure::END_BEFORE_START,
    extremes::MAX_BELOW_MIN,
    extremes::EXTREMES_MISMATCH,
    extremes::GLOBAL_MAXIMUM_FELL,
    values::NAN,
    values::INFINITY,
    values::ALL_ZERO,
    values::ZERO_SENSOR,
    values::DEAD_SENSOR,
    frozen::FROZEN_PAYLOAD,
    frozen::STUCK_SENSOR,
    payload::BAD_SHAPE,
    payload::INDIVISIBLE_PAYLOAD,
    payload::CHANNEL_RANGE_MISMATCH,
    payload::GUESSED_LAYOUT,
    stamps::TIMESTAMP_UNIT,
    stamps::STUCK_CLOCK,
    stamps::CLOCK_OFF,
    timing::MISSING_ROWS,
    timing::DUPLICATE_ROWS,
    timing::BACKWARDS_TIME,
    timing::OVERLAP,
    timing::CLOCK_JITTER,
    timing::CLOCK_JUMP,
    timing::ROW_DURATION,
    endings::ERROR_STATUS,
    endings::BROKEN_CALL,
    endings::DEADLINE,
    endings::DAMAGED_CAPTURE,
    endings::UNENDED_CALL,
    endings::GAP,
    delivery::LATE_FIRST_FRAME,
    delivery::STALL,
    delivery::LOW_THROUGHPUT,
    drift::SHAPE_CHANGE,
    sensors::SENSOR_SET_CHANGE,
    sensors::SENSOR_ORDER,
    drift::CANVAS_CHANGE,
    drift::JOB_CHANGE,
    drift::UNKNOWN_FIELDS,
    asked::REQUEST_NOT_MET,
    sensors::UNEXPECTED_SENSOR,
    sensors::MISSING_SENSOR,
    expected::UNEXPECTED_BINS,
    expected::OUT_OF_RANGE_FREQUENCY,
    amplitude::OUT_OF_RANGE_AMPLITUDE,
    expected::SHORT_STREAM,
    expected::MISSING_STREAM,
];

/// The rule of this name.
#[must_use]
pub(crate) fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique_and_each_rule_says_what_to_do() {
        let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len(), "a name is used twice");
        for rule in RULES {
            assert!(
                rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{} is not kebab-case",
                rule.id
            );
            for text in [rule.title, rule.doc, rule.hint, rule.unit] {
                assert!(!text.is_empty(), "{} says too little", rule.id);
            }
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_severity_text() {
        use crate::analyze::validate::rule::rule;
        let text = rule("duplicate-rows").map(|rule| rule.severity_text());
        assert_eq!(text.as_deref(), Some("error; warning when lines_dt is only inferred"));
    }

    #[test]
    fn example_of_rule() {
        use crate::{analyze::validate::rule::rule, model::Severity};
        assert_eq!(rule("nan").map(|rule| rule.severity), Some(Severity::Error));
        assert!(rule("no-such-rule").is_none());
    }
}
