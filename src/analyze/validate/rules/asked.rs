//! Rules that compare the request with the stream: a job that streams less than it was asked for.

use std::collections::BTreeSet;

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::text::short,
    },
    das::{expect::Expectations, focus::Span},
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// The stream contains less than was requested.
pub(crate) const REQUEST_NOT_MET: Rule = Rule {
    id: "request-not-met",
    severity: Severity::Error,
    otherwise: Some((
        Severity::Warning,
        "the server uses other sensor numbers, so only their count can be compared, or when frequencies are missing",
    )),
    phase: RulePhase::Identity,
    title: "a job streams what was requested",
    unit: "times",
    doc: "The configure request asks for more channels than the answer maps to streams (or, if it maps none, than all \
          streams together have), or for frequencies that frequencies_list of the answer misses by more than a bin. A \
          server may skip channels evenly if it covers the range. Not judged in a slice, when an expectation names the \
          sensors, or in a recording of a served capture, which answers with what it has.",
    hint: "compare the configure request with the answer, which the capture holds: the fibre has fewer channels, the \
           server reduces the request, or another job answered",
};

/// Judges the channels: `seen` are the sensors of all streams.
pub(crate) fn channels(log: &mut FindingLog, expect: &Expectations, seen: &BTreeSet<i32>) {
    let Some(asked) = expect.requested.channels else { return };
    let mapped = &expect.channels.streams;
    let (got, by) = if mapped.is_empty() {
        (seen.iter().map(|id| i64::from(*id)).collect::<BTreeSet<_>>(), "came")
    } else {
        (mapped.keys().copied().collect(), "are in the answer")
    };
    let wanted = asked.max.saturating_sub(asked.min).saturating_add(1);
    let Ok(wanted) = u64::try_from(wanted) else { return };
    if got.is_empty() || got.len() as u64 >= wanted {
        return;
    }
    let severity = match fit(asked, &got) {
        Fit::Covers => return,
        // unexpected-sensor says so, row by row.
        Fit::OtherNumbers if mapped.is_empty() => return,
        Fit::Part => Severity::Error,
        Fit::OtherNumbers => Severity::Warning,
    };
    let note = Note::new(&REQUEST_NOT_MET, Place::default());
    log.note(note.severity(severity), || {
        let (count, wanted) = (grouped(got.len() as u64), grouped(wanted));
        let range = match (got.first(), got.last()) {
            (Some(first), Some(last)) if first != last => format!(" ({first}..{last})"),
            (Some(only), _) => format!(" ({only})"),
            _ => String::new(),
        };
        Text::new(format!(
            "{wanted} channels ({}..{}) were asked for, and {count}{range} {by}",
            asked.min, asked.max
        ))
        .seen(count)
        .expected(wanted)
    });
}

/// How the streamed channels fit the requested range.
enum Fit {
    /// The channels are spread evenly from its beginning to its end.
    Covers,
    /// The channels cover a part of it.
    Part,
    /// No channel lies in it: they are counted otherwise.
    OtherNumbers,
}

fn fit(asked: Span<i64>, got: &BTreeSet<i64>) -> Fit {
    // Some servers count from 0 what is asked for from 1.
    let from_zero = got.first() == Some(&0) && asked.min > 0;
    let Span { min, max } = if from_zero {
        Span {
            min: 0,
            max: asked.max.saturating_sub(asked.min),
        }
    } else {
        asked
    };
    let (Some(first), Some(last)) = (got.first(), got.last()) else {
        return Fit::Part;
    };
    if *last < min || *first > max {
        return Fit::OtherNumbers;
    }
    let mut steps = got.iter().zip(got.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a));
    let step = steps.next().filter(|step| steps.all(|other| other == *step));
    match step {
        Some(step) if first.saturating_sub(min) < step && max.saturating_sub(*last) < step => Fit::Covers,
        _ => Fit::Part,
    }
}

/// Judges the frequencies.
pub(crate) fn frequencies(log: &mut FindingLog, expect: &Expectations) {
    let (Some(bins), Some(asked)) = (&expect.bins_hz, &expect.requested.frequency_hz) else {
        return;
    };
    let steps = expect
        .bins
        .as_ref()
        .map_or(1, |bins| bins.value.saturating_sub(1).max(1));
    let step = (bins.value.max - bins.value.min) / steps as f64;
    let reached = Span {
        min: bins.value.min - step,
        max: bins.value.max + step,
    };
    if reached.min <= asked.min && reached.max >= asked.max {
        return;
    }
    let note = Note::new(&REQUEST_NOT_MET, Place::default()).severity(Severity::Warning);
    log.note(note, || {
        let seen = format!("{}..{} Hz", short(bins.value.min), short(bins.value.max));
        let wanted = format!("{}..{} Hz", asked.min, asked.max);
        Text::new(format!("{wanted} were asked for, and the bins span {seen}"))
            .seen(seen)
            .expected(wanted)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(asked: (i64, i64), got: impl IntoIterator<Item = i64>) -> &'static str {
        let (min, max) = asked;
        match fit(Span { min, max }, &got.into_iter().collect()) {
            Fit::Covers => "covers",
            Fit::Part => "part",
            Fit::OtherNumbers => "other numbers",
        }
    }

    #[test]
    fn a_server_may_step_over_channels_and_may_not_leave_off_an_end() {
        assert_eq!(is((1, 51), 1..=10), "part");
        assert_eq!(is((1, 51), 0..10), "part", "counted from 0");
        assert_eq!(is((1, 51), [1]), "part");
        assert_eq!(is((1, 51), (1..=51).step_by(5)), "covers");
        assert_eq!(is((1, 50), (0..50).step_by(2)), "covers", "counted from 0");
        assert_eq!(is((32_500, 35_000), (32_500..=35_000).step_by(50)), "covers");
        assert_eq!(is((1, 51), [1, 2, 50]), "part", "uneven");
        assert_eq!(is((1, 51), (1..26).step_by(2)), "part", "the upper half lacks");
        assert_eq!(is((1, 51), 500..510), "other numbers");
        assert_eq!(is((i64::MIN, i64::MAX), [0, 5]), "part", "extremes do not overflow");
    }
}
