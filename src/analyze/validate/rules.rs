//! The rules, by theme: each a constant that says what must hold, and a function that judges it.

pub(super) mod amplitude;
pub(super) mod asked;
pub(super) mod content;
pub(super) mod delivery;
pub(super) mod drift;
pub(super) mod endings;
pub(super) mod expected;
pub(super) mod extremes;
pub(super) mod frozen;
pub(super) mod origin;
pub(super) mod payload;
pub(super) mod sensors;
pub(super) mod service;
pub(super) mod stamps;
pub(super) mod structure;
mod text;
pub(super) mod timing;
pub(super) mod values;

use super::rule::Rule;

/// Every rule, by theme.
pub const RULES: &[Rule] = &[
    origin::NOT_RECORDED,
    origin::CONFIGURE_REFUSED,
    origin::UNHEALTHY_JOB,
    service::NOT_SERVING,
    structure::ZERO_FRAMES,
    service::ZERO_MESSAGES,
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
    service::GOAWAY,
    service::KEEPALIVE_ABUSE,
    endings::DEADLINE,
    endings::DAMAGED_CAPTURE,
    endings::UNENDED_CALL,
    endings::GAP,
    delivery::LATE_FIRST_FRAME,
    delivery::STALL,
    delivery::LOW_THROUGHPUT,
    service::LATENCY,
    service::TOO_FEW_CALLS,
    service::TOO_FEW_MESSAGES,
    drift::SHAPE_CHANGE,
    sensors::SENSOR_SET_CHANGE,
    sensors::SENSOR_ORDER,
    drift::CANVAS_CHANGE,
    drift::JOB_CHANGE,
    drift::UNKNOWN_FIELDS,
    service::NOT_DECODED,
    asked::REQUEST_NOT_MET,
    sensors::UNEXPECTED_SENSOR,
    sensors::MISSING_SENSOR,
    expected::UNEXPECTED_BINS,
    expected::OUT_OF_RANGE_FREQUENCY,
    amplitude::OUT_OF_RANGE_AMPLITUDE,
    expected::SHORT_STREAM,
    expected::MISSING_STREAM,
];

impl Rule {
    /// The names of all rules, by theme; an expectation file may give each a severity.
    pub const NAMES: [&'static str; RULES.len()] = {
        let mut names = [""; RULES.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = RULES[at].id;
            at += 1;
        }
        names
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The rule of this name.
    pub(super) fn rule(id: &str) -> Option<&'static Rule> {
        RULES.iter().find(|rule| rule.id == id)
    }

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
        use super::{Rule, tests::rule};
        let text = rule("duplicate-rows").map(Rule::severity_text);
        assert_eq!(text.as_deref(), Some("error; warning when lines_dt is only inferred"));
    }

    #[test]
    fn example_of_rule() {
        use super::tests::rule;
        use crate::model::Severity;
        assert_eq!(rule("nan").map(|rule| rule.severity), Some(Severity::Error));
        assert!(rule("no-such-rule").is_none());
    }
}
