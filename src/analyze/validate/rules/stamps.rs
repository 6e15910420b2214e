//! Rules about timestamps: in which unit they are, whether they move on, and whether they lie in the time that was
//! asked for.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::text::human,
    },
    das::{expect::AskedTime, spectrogram::Row},
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// Timestamps are in another unit.
pub(crate) const TIMESTAMP_UNIT: Rule = Rule {
    id: "timestamp-unit",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "timestamps are milliseconds since 1970",
    unit: "rows",
    doc: "A timestamp is a date between 2000 and 2100 only when read as seconds, microseconds or nanoseconds since \
          1970. The time of rows in seconds is not judged further; other rows are judged in their unit.",
    hint: "the server sends startTimestamp and endTimestamp in another unit than milliseconds, which clients expect",
};

/// Timestamps do not advance.
pub(crate) const STUCK_CLOCK: Rule = Rule {
    id: "stuck-clock",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "timestamps increase from row to row",
    unit: "rows",
    doc: "More than 8 consecutive rows, or all rows of a stream of 3 or more, have the same timestamp but other values \
          or row numbers. They are not reported as duplicates, nor as missing when the clock goes on.",
    hint: "the server sends no timestamps, or its clock stands still; a waterfall draws these rows on one line",
};

/// Rows lie outside the requested time.
pub(crate) const CLOCK_OFF: Rule = Rule {
    id: "clock-off",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Content,
    title: "rows are in the requested time range",
    unit: "rows",
    doc: "A row of a live job is more than 10 minutes away from its arrival (plus the displayed time, if it is in the \
          past), a row of a recording is more than 10 minutes outside start_time..end_time, or a row of any job is \
          more than 10 minutes after its arrival. Judged when the capture holds the configure request and times of \
          arrival. Rows with timestamp 0 have no time, and a served capture keeps its own.",
    hint: "check the clock and the time zone of the interrogator, of the server, and of the recording machine",
};

/// Plausible dates: 2000-01-01 and 2100-01-01, seconds since 1970: between them lies every date that can be meant.
const DATES_S: (i64, i64) = (946_684_800, 4_102_444_800);

/// How far a row may lie outside the requested time, milliseconds: buffers and slow clocks of a sound system stay
/// below, and the smallest mistake of a time zone (15 minutes) is above.
const SLACK_MS: i64 = 10 * 60 * 1000;

/// Unit of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    /// The unit in which a timestamp is a plausible date; milliseconds when it is none.
    fn of(time: i64) -> Self {
        let (first, last) = DATES_S;
        let is = |per_second: i64| (first * per_second..last * per_second).contains(&time);
        match () {
            () if is(1) => Self::Seconds,
            () if is(1_000_000) => Self::Microseconds,
            // 2100 in nanoseconds is within 64 bits.
            () if is(1_000_000_000) => Self::Nanoseconds,
            () => Self::Milliseconds,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }

    /// The timestamp in milliseconds; `None` where the unit is too coarse to tell rows apart.
    const fn ms(self, time: i64) -> Option<i64> {
        match self {
            Self::Seconds => None,
            Self::Milliseconds => Some(time),
            Self::Microseconds => Some(time / 1000),
            Self::Nanoseconds => Some(time / 1_000_000),
        }
    }
}

/// Start and end of a row in milliseconds, whatever unit the server uses; `None` when they cannot be judged any
/// further.
pub(crate) fn times(log: &mut FindingLog, place: Place, row: &Row<'_>) -> Option<(Option<i64>, Option<i64>)> {
    let Some(start) = row.start_ms else {
        return Some((None, row.end_ms));
    };
    let unit = Unit::of(start);
    if unit == Unit::Milliseconds {
        return Some((row.start_ms, row.end_ms));
    }
    log.note(Note::new(&TIMESTAMP_UNIT, place), || {
        let unit = unit.name();
        Text::new(format!(
            "the timestamp {start} is a date in {unit} and none in milliseconds, at {place}"
        ))
        .seen(unit)
        .expected(Unit::Milliseconds.name())
    });
    let start = unit.ms(start)?;
    Some((Some(start), row.end_ms.and_then(|end| unit.ms(end))))
}

/// Reports `rows` consecutive rows that have the same time; the second of them is at `place`.
pub(crate) fn standstill(log: &mut FindingLog, place: Place, start_ms: Option<i64>, rows: u64, whole: bool) {
    let note = Note::new(&STUCK_CLOCK, place).times(rows).weight(rows as f64);
    log.note(note, || {
        let time = start_ms.unwrap_or_default();
        let rows = grouped(rows);
        let which = if whole {
            format!("all {rows} rows have")
        } else {
            format!("{rows} consecutive rows have")
        };
        Text::new(format!(
            "{which} the timestamp {time} ms, the second of them at {place}"
        ))
        .seen(format!("{time} ms"))
    });
}

/// Judges the date of a row; `arrival_ms` is the wall-clock time of its arrival, where it is known.
pub(crate) fn date(
    log: &mut FindingLog,
    place: Place,
    start_ms: i64,
    arrival_ms: Option<i64>,
    asked: Option<AskedTime>,
) {
    let Some(arrival_ms) = arrival_ms.filter(|_| start_ms != 0) else {
        return;
    };
    let (from, to, what) = match asked {
        Some(AskedTime::Live { shown_s }) => {
            let from = arrival_ms.saturating_sub(shown_s.saturating_mul(1000));
            (from, arrival_ms, "its arrival, and the job is live")
        }
        Some(AskedTime::Recorded { start_s, end_s }) => {
            let ms = |s: i64| s.saturating_mul(1000);
            (ms(start_s), ms(end_s), "the requested time window")
        }
        None => (i64::MIN, arrival_ms, "its arrival"),
    };
    let (by_ms, side) = if start_ms < from.saturating_sub(SLACK_MS) {
        (from.saturating_sub(start_ms), "before")
    } else if start_ms > to.saturating_add(SLACK_MS) {
        (start_ms.saturating_sub(to), "after")
    } else {
        return;
    };
    log.note(Note::new(&CLOCK_OFF, place).weight(by_ms as f64), || {
        let far = human(by_ms as f64);
        Text::new(format!("a row is {far} {side} {what}, at {place}"))
            .seen(format!("{start_ms} ms"))
            .expected(match asked {
                Some(AskedTime::Recorded { .. }) => format!("{from} ms to {to} ms"),
                _ => format!("about {arrival_ms} ms"),
            })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_tells_its_unit_where_it_is_a_date_in_one_only() {
        for (time, unit) in [
            (1_700_000_000, Unit::Seconds),
            (1_700_000_000_000, Unit::Milliseconds),
            (1_700_000_000_000_000, Unit::Microseconds),
            (1_700_000_000_000_000_000, Unit::Nanoseconds),
            (0, Unit::Milliseconds),
            (86_400_000, Unit::Milliseconds),
            (-5, Unit::Milliseconds),
            (i64::MAX, Unit::Milliseconds),
            (i64::MIN, Unit::Milliseconds),
        ] {
            assert_eq!(Unit::of(time), unit, "{time}");
        }
    }

    #[test]
    fn a_date_is_judged_by_what_was_asked_for() {
        const HOUR: i64 = 3_600_000;
        let now = 1_700_000_000_000;
        let told = |start_ms, asked| {
            let mut log = FindingLog::default();
            date(&mut log, Place::call(1, 0), start_ms, Some(now), asked);
            log.finish().pop().map(|finding| finding.message)
        };
        let live = Some(AskedTime::Live { shown_s: 7200 });
        let window = Some(AskedTime::Recorded {
            start_s: 1_600_000_000,
            end_s: 1_600_000_060,
        });
        for (start_ms, asked, part) in [
            (now, live, None),
            (now - 2 * HOUR, live, None),
            (now - 24 * HOUR, live, Some("22 h 0 min before")),
            (now + 24 * HOUR, live, Some("24 h 0 min after its arrival")),
            (1_600_000_030_000, window, None),
            (now, window, Some("after the requested time window")),
            (1_500_000_000_000, None, None),
            (now + HOUR, None, Some("1 h 0 min after its arrival")),
            (0, live, None),
            (i64::MIN, live, Some("before")),
            (i64::MAX, None, Some("after")),
        ] {
            let said = told(start_ms, asked);
            assert_eq!(said.is_some(), part.is_some(), "{start_ms} {asked:?}: {said:?}");
            let said = said.unwrap_or_default();
            assert!(said.contains(part.unwrap_or_default()), "{said}");
        }
    }
}
