//! Rules about what was requested or promised: bins, frequencies, length, streams.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::text::short,
    },
    das::{
        expect::{ExpectationSource, Expectations, Expected},
        focus::Span,
    },
    model::finding::{Place, Severity},
    model::text::grouped,
};

/// The number of bins differs from the configured one.
pub(crate) const UNEXPECTED_BINS: Rule = Rule {
    id: "unexpected-bins",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "spectra have the configured number of bins",
    unit: "rows",
    doc: "The number of bins differs from the one in an expectation or in the configure response (frequencies_amount, \
          or the length of frequencies_list).",
    hint: "compare frequencies_list of the configure response with what the server sends",
};

/// Frequencies lie outside the requested range.
pub(crate) const OUT_OF_RANGE_FREQUENCY: Rule = Rule {
    id: "out-of-range-frequency",
    severity: Severity::Warning,
    otherwise: Some((Severity::Error, "an expectation gives the range")),
    phase: RulePhase::Content,
    title: "the bins are in the requested frequency range",
    unit: "times",
    doc: "frequencies_list of the configure response exceeds frequencyRange of the request by more than one bin \
          (warning, because the response describes what is sent and a served capture answers with its own), or exceeds \
          frequency_hz of an expectation (error).",
    hint: "the server rounds the range to its bins, or misunderstands it",
};

/// The stream has fewer rows or frames than expected.
pub(crate) const SHORT_STREAM: Rule = Rule {
    id: "short-stream",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "only the requested time window gives the length")),
    phase: RulePhase::Sum,
    title: "the stream is as long as it should be",
    unit: "times",
    doc: "Fewer frames or rows than minimum_frames or minimum_rows (error), or less than 95 % of the rows of the \
          requested time window at lines_dt, by more than a second (warning; not judged when the recorder stopped the \
          stream itself).",
    hint: "the recording is shorter than the requested window, or the stream ended early",
};

/// The capture has fewer streams than expected.
pub(crate) const MISSING_STREAM: Rule = Rule {
    id: "missing-stream",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Loss,
    title: "all streams of a job are captured",
    unit: "streams",
    doc: "A pandadatastream job has stream_amount streams, each with a part of the channels, and fewer were recorded. \
          For datastream, judged only when an expectation gives the number of streams.",
    hint: "record all streams of the job together; each frame is delivered only once",
};

/// Share of the requested rows that must arrive.
const COMPLETE: f64 = 0.95;

/// Tolerance in seconds, because time ranges are requested in whole seconds and recordings do not start on them: so
/// many may be lacking.
const WINDOW_SLACK_S: f64 = 1.0;

pub(crate) fn unexpected_bins(log: &mut FindingLog, place: Place, bins: usize, expected: &Expected<u64>) -> bool {
    if bins as u64 == expected.value {
        return false;
    }
    log.note(Note::new(&UNEXPECTED_BINS, place), || {
        Text::new(format!(
            "{bins} bins where the {} says {}, in {place}",
            expected.source, expected.value
        ))
        .seen(bins)
        .expected(expected.value)
    });
    true
}

pub(crate) fn out_of_range_frequency(log: &mut FindingLog, expect: &Expectations) {
    let (Some(bins), Some(asked)) = (&expect.bins_hz, &expect.frequency_hz) else {
        return;
    };
    let steps = expect
        .bins
        .as_ref()
        .map_or(1, |bins| bins.value.saturating_sub(1).max(1));
    let step = (bins.value.max - bins.value.min) / steps as f64;
    let slack = if asked.source.is_explicit() { 0.0 } else { step };
    let Span { min, max } = asked.value;
    if bins.value.min >= min - slack && bins.value.max <= max + slack {
        return;
    }
    let severity = if asked.source.is_explicit() {
        Severity::Error
    } else {
        Severity::Warning
    };
    log.note(
        Note::new(&OUT_OF_RANGE_FREQUENCY, Place::default()).severity(severity),
        || {
            let seen = format!("{}..{} Hz", short(bins.value.min), short(bins.value.max));
            let wanted = format!("{min}..{max} Hz");
            Text::new(format!("the bins span {seen} and the {} says {wanted}", asked.source))
                .seen(seen)
                .expected(wanted)
        },
    );
}

/// Length of a capture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// Frames of all calls.
    pub(crate) frames: u64,
    /// Rows of all calls.
    pub(crate) rows: u64,
    /// Rows of the longest call, when every call ended by itself.
    pub(crate) complete_rows: Option<u64>,
}

pub(crate) fn short_stream(log: &mut FindingLog, expect: &Expectations, length: Length) {
    let minima = [
        (expect.minimum_frames.as_ref(), length.frames, "frames"),
        (expect.minimum_rows.as_ref(), length.rows, "rows"),
    ];
    for (minimum, seen, unit) in minima {
        if let Some(minimum) = minimum.filter(|minimum| seen < minimum.value) {
            log.note(Note::new(&SHORT_STREAM, Place::default()), || {
                Text::new(format!(
                    "{} {unit} where {} are expected",
                    grouped(seen),
                    grouped(minimum.value)
                ))
                .seen(seen)
                .expected(format!("{} or more", minimum.value))
            });
        }
    }
    let window = expect.window_s.as_ref().zip(expect.lines_dt_s.as_ref());
    let asked = window.map(|(window, dt)| ((window.value / dt.value).floor(), WINDOW_SLACK_S / dt.value));
    let (Some((asked, slack)), Some(seen)) = (asked.filter(|(rows, _)| *rows >= 1.0), length.complete_rows) else {
        return;
    };
    if seen as f64 + slack < COMPLETE * asked {
        let note = Note::new(&SHORT_STREAM, Place::default()).severity(Severity::Warning);
        log.note(note, || {
            let percent = short((seen as f64 / asked * 1000.0).round() / 10.0);
            Text::new(format!(
                "{} rows of the {} that the asked window holds, {percent} %",
                grouped(seen),
                grouped(asked as u64)
            ))
            .seen(seen)
            .expected(asked)
        });
    }
}

/// Judges the number of recorded `streams`; `panda` of them are known to be parts of a whole.
pub(crate) fn missing_stream(log: &mut FindingLog, expect: &Expectations, streams: u32, is_parted: bool) {
    let Some(expected) = &expect.streams else { return };
    let judged = is_parted || expected.source != ExpectationSource::Response;
    if !judged || streams >= expected.value || streams == 0 {
        return;
    }
    let lack = expected.value - streams;
    log.note(
        Note::new(&MISSING_STREAM, Place::default()).times(u64::from(lack)),
        || {
            Text::new(format!("{streams} of {} streams were recorded", expected.value))
                .seen(streams)
                .expected(expected.value)
        },
    );
}
