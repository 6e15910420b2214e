//! Rules about the times of rows.

use crate::{
    analyze::validate::{
        clock::{Basis, Content, Irregular, Irregularity},
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::{
            stamps,
            text::{human, short},
        },
    },
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// Rows are missing.
pub(crate) const MISSING_ROWS: Rule = Rule {
    id: "missing-rows",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "lines_dt is only inferred, or the recording pauses")),
    phase: RulePhase::Content,
    title: "no row is missing between two others",
    unit: "rows",
    doc: "Rows follow each other at lines_dt (in pandadatastream, by row number). A hole of half a row or more means \
          missing rows, unless they arrive late, within 64 rows. An error when lines_dt is known from the configure \
          response or an expectation; a warning when it is inferred from the rows, and for a pause of at least a \
          minute and 16 rows, as recordings have them.",
    hint: "rows were lost between the fibre and the capture: look for a slow consumer, a second client on the same \
           stream (consumers compete), or a restart of the job",
};

/// Rows are duplicated.
pub(crate) const DUPLICATE_ROWS: Rule = Rule {
    id: "duplicate-rows",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "lines_dt is only inferred")),
    phase: RulePhase::Content,
    title: "no row is sent twice",
    unit: "rows",
    doc: "A row has the start time (or row number) of one of the last 64 rows and the same content, or the start time \
          of the row directly before it. An error when lines_dt is known, a warning when it is inferred.",
    hint: "the server sent rows again, or two sources were spliced: look for a retry or a reconnect",
};

/// Time runs backwards.
pub(crate) const BACKWARDS_TIME: Rule = Rule {
    id: "backwards-time",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "rows are in the order of their times",
    unit: "times",
    doc: "A row begins before the previous row and is no repetition of an earlier one: messages are out of order, a \
          timestamp is wrong, or the clock was set back. Each step back counts once.",
    hint: "messages were reordered, or the clock of the interrogator was set back",
};

/// Rows overlap.
pub(crate) const OVERLAP: Rule = Rule {
    id: "overlap",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "rows do not overlap",
    unit: "times",
    doc: "A row begins more than half a row too early, but after the start of the previous one. Rows that always \
          overlap by the same time do so by design and do not count; less than half a row is clock-jitter.",
    hint: "two blocks of the recording overlap: the clock was corrected, or two sources were spliced",
};

/// The clock deviates a little.
pub(crate) const CLOCK_JITTER: Rule = Rule {
    id: "clock-jitter",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "a row begins where the previous one ends",
    unit: "times",
    doc: "A row begins early or late by more than 2 ms and more than 2 % of a row, but less than half a row. Rounding \
          of timestamps to milliseconds is taken into account.",
    hint: "the clocks of some interrogators jitter from block to block; if this one should not, check its time source",
};

/// The clock disagrees with the row numbers.
pub(crate) const CLOCK_JUMP: Rule = Rule {
    id: "clock-jump",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the clock and the row numbers agree",
    unit: "times",
    doc: "Row numbers are consecutive (pandadatastream), but the timestamps jump by half a row or more.",
    hint: "the recording paused, or the clock was set; no row number is missing",
};

/// Rows have another duration than expected.
pub(crate) const ROW_DURATION: Rule = Rule {
    id: "row-duration",
    severity: Severity::Warning,
    otherwise: Some((Severity::Error, "an expectation gives lines_dt")),
    phase: RulePhase::Content,
    title: "rows are as long as lines_dt and as the other rows",
    unit: "rows",
    doc: "The duration of a row differs from that of the first rows by more than 2 ms and 2 %; or the rows follow each \
          other at another interval than lines_dt, which is then ignored. An error when an expectation gives lines_dt.",
    hint: "compare lines_dt of the configure response with the rows; the job may have been reconfigured",
};

/// Adds the findings about the irregularities of a call's clock.
pub(crate) fn irregular(log: &mut FindingLog, irregular: Irregular, dt_is_explicit: bool) {
    let Irregular { what, basis, place } = irregular;
    match what {
        Irregularity::Missing { rows, span_ms, dt_ms } => missing_rows(log, place, rows, span_ms, dt_ms, basis),
        Irregularity::Standstill { rows, start_ms, whole } => stamps::standstill(log, place, start_ms, rows, whole),
        Irregularity::Pause { rows, span_ms } => pause(log, place, rows, span_ms),
        Irregularity::Duplicate {
            start_ms,
            index,
            content,
        } => duplicate_rows(log, place, start_ms, index, content, basis),
        Irregularity::Backwards { by_ms, by_rows } => backwards_time(log, place, by_ms, by_rows),
        Irregularity::Overlap { by_ms } => overlap(log, place, by_ms),
        Irregularity::Jitter { by_ms } => clock_jitter(log, place, by_ms),
        Irregularity::Jump { by_ms } => clock_jump(log, place, by_ms),
        Irregularity::Duration { seen_ms, expected_ms } => row_duration(log, place, seen_ms, expected_ms),
        Irregularity::OtherDt { seen_ms, expected_ms } => other_dt(log, place, seen_ms, expected_ms, dt_is_explicit),
    }
}

const fn by_basis(basis: Basis) -> Severity {
    match basis {
        Basis::Known => Severity::Error,
        Basis::Learnt => Severity::Warning,
    }
}

fn missing_rows(log: &mut FindingLog, place: Place, rows: u64, span_ms: Option<f64>, dt_ms: Option<f64>, basis: Basis) {
    let note = Note::new(&MISSING_ROWS, place).times(rows).weight(rows as f64);
    log.note(note.severity(by_basis(basis)), || {
        let noun = if rows == 1 { "row is" } else { "rows are" };
        let text = Text::new(format!("{} {noun} missing before {place}", grouped(rows)));
        match (span_ms, dt_ms) {
            (Some(span), Some(dt)) => text.seen(format!("{span} ms")).expected(format!("{} ms", short(dt))),
            _ => text,
        }
    });
}

fn pause(log: &mut FindingLog, place: Place, rows: u64, span_ms: f64) {
    let note = Note::new(&MISSING_ROWS, place).times(rows).weight(rows as f64);
    log.note(note.severity(Severity::Warning), || {
        Text::new(format!(
            "the recording pauses for {}, {} rows, before {place}",
            human(span_ms),
            grouped(rows)
        ))
        .seen(format!("{span_ms} ms"))
    });
}

fn duplicate_rows(
    log: &mut FindingLog,
    place: Place,
    start_ms: Option<i64>,
    index: Option<i64>,
    content: Content,
    basis: Basis,
) {
    let note = Note::new(&DUPLICATE_ROWS, place).severity(by_basis(basis));
    log.note(note, || {
        let name = match (index, start_ms) {
            (Some(index), _) => format!("row number {index}"),
            (_, Some(start)) => format!("the row of {start} ms"),
            _ => "a row".to_owned(),
        };
        let content = match content {
            Content::Same => "",
            Content::Other => ", with other intensities",
        };
        Text::new(format!("{name} is repeated at {place}{content}"))
    });
}

fn backwards_time(log: &mut FindingLog, place: Place, by_ms: Option<f64>, by_rows: f64) {
    let weight = by_ms.unwrap_or(by_rows);
    log.note(Note::new(&BACKWARDS_TIME, place).weight(weight), || {
        let far = by_ms.map_or_else(|| format!("{} rows", short(by_rows)), human);
        Text::new(format!("time goes back by {far} at {place}")).seen(format!("-{far}"))
    });
}

fn overlap(log: &mut FindingLog, place: Place, by_ms: f64) {
    log.note(Note::new(&OVERLAP, place).weight(by_ms), || {
        Text::new(format!(
            "a row begins {} before the previous one ends, at {place}",
            human(by_ms)
        ))
    });
}

fn clock_jitter(log: &mut FindingLog, place: Place, by_ms: f64) {
    log.note(Note::new(&CLOCK_JITTER, place).weight(by_ms.abs()), || {
        let late = if by_ms > 0.0 { "late" } else { "early" };
        Text::new(format!("a row begins {} ms {late} at {place}", short(by_ms.abs())))
            .seen(format!("{} ms", short(by_ms)))
            .expected("0 ms")
    });
}

fn clock_jump(log: &mut FindingLog, place: Place, by_ms: f64) {
    log.note(Note::new(&CLOCK_JUMP, place).weight(by_ms.abs()), || {
        let where_to = if by_ms > 0.0 { "ahead" } else { "back" };
        Text::new(format!(
            "the clock jumps {where_to} by {} while row numbers go on, at {place}",
            human(by_ms.abs())
        ))
    });
}

fn row_duration(log: &mut FindingLog, place: Place, seen_ms: f64, expected_ms: f64) {
    let note = Note::new(&ROW_DURATION, place).weight((seen_ms - expected_ms).abs());
    log.note(note, || {
        Text::new(format!(
            "a row lasts {seen_ms} ms while others last {expected_ms} ms, at {place}"
        ))
        .seen(format!("{seen_ms} ms"))
        .expected(format!("{expected_ms} ms"))
    });
}

fn other_dt(log: &mut FindingLog, place: Place, seen_ms: f64, expected_ms: f64, dt_is_explicit: bool) {
    let severity = if dt_is_explicit {
        Severity::Error
    } else {
        Severity::Warning
    };
    let note = Note::new(&ROW_DURATION, place).weight(f64::MAX).severity(severity);
    log.note(note, || {
        let (seen, expected) = (format!("{} ms", short(seen_ms)), format!("{} ms", short(expected_ms)));
        Text::new(format!(
            "rows follow each other every {seen} and lines_dt says {expected}"
        ))
        .seen(seen)
        .expected(expected)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: Irregularity, basis: Basis, explicit: bool) -> (&'static str, Severity, String) {
        let mut log = FindingLog::default();
        let place = Place::call(1, 0).at_row(4);
        irregular(&mut log, Irregular { what, basis, place }, explicit);
        let finding = log.finish().remove(0);
        (finding.rule, finding.severity, finding.message)
    }

    #[test]
    fn what_is_missing_or_doubled_is_an_error_only_when_the_duration_is_known() {
        let missing = Irregularity::Missing {
            rows: 3,
            span_ms: Some(200.0),
            dt_ms: Some(50.0),
        };
        assert_eq!(told(missing, Basis::Known, false).1, Severity::Error);
        assert_eq!(told(missing, Basis::Learnt, false).1, Severity::Warning);
        let double = Irregularity::Duplicate {
            start_ms: Some(5),
            index: None,
            content: Content::Same,
        };
        assert_eq!(told(double, Basis::Known, false).1, Severity::Error);
        assert_eq!(told(double, Basis::Learnt, false).1, Severity::Warning);
        let pause = Irregularity::Pause {
            rows: 18_000,
            span_ms: 3_600_050.0,
        };
        let (rule, severity, message) = told(pause, Basis::Known, false);
        assert_eq!((rule, severity), ("missing-rows", Severity::Warning));
        assert!(message.contains("1 h 0 min, 18,000 rows"), "{message}");
    }

    #[test]
    fn each_irregularity_has_its_rule_and_says_how_far_off_it_is() {
        for (what, rule, part) in [
            (
                Irregularity::Backwards {
                    by_ms: Some(450.0),
                    by_rows: 9.0,
                },
                "backwards-time",
                "450 ms",
            ),
            (
                Irregularity::Backwards {
                    by_ms: None,
                    by_rows: 9.0,
                },
                "backwards-time",
                "9 rows",
            ),
            (Irregularity::Overlap { by_ms: 30.0 }, "overlap", "30 ms"),
            (Irregularity::Jitter { by_ms: -12.0 }, "clock-jitter", "12 ms early"),
            (Irregularity::Jump { by_ms: 90_000.0 }, "clock-jump", "1 min 30 s"),
            (
                Irregularity::Duration {
                    seen_ms: 70.0,
                    expected_ms: 50.0,
                },
                "row-duration",
                "70 ms",
            ),
        ] {
            let (found, severity, message) = told(what, Basis::Known, false);
            assert_eq!((found, severity), (rule, Severity::Warning));
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn rows_that_contradict_lines_dt_are_an_error_when_a_person_gave_it() {
        let other = Irregularity::OtherDt {
            seen_ms: 50.0,
            expected_ms: 100.0,
        };
        assert_eq!(told(other, Basis::Learnt, true).1, Severity::Error);
        assert_eq!(told(other, Basis::Learnt, false).1, Severity::Warning);
    }
}
