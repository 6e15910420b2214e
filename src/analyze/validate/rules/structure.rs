//! Rules about the structure that a stream and its messages must have to be judged.

use std::collections::BTreeSet;

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::service::CAUSE_HINT,
    },
    das::{dialect::DecodeError, spectrogram::Row},
    grpc::InflateError,
    model::finding::{Place, Severity},
};

/// The stream has no frames.
pub(crate) const ZERO_FRAMES: Rule = Rule {
    id: "zero-frames",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Silence,
    title: "every stream has frames",
    unit: "streams",
    doc: "A spectrogram stream ended without a message, or the capture holds no spectrogram stream. Not reported when \
          the ending of the stream is already an error.",
    hint: "the job had nothing to send, or another client received its frames (each is delivered only once); if no \
           frames are expected, set allow_empty = true",
};

/// The bytes are not a valid message.
pub(crate) const MALFORMED_MESSAGE: Rule = Rule {
    id: "malformed-message",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "every message can be decoded",
    unit: "messages",
    doc: "A message is not valid protobuf, a known field has another wire type, or a compressed message cannot be \
          inflated. The rest of the stream is judged. Rows that the message may have held are not reported as missing.",
    hint: "the server uses another schema, or the bytes were damaged before they were recorded: verify the capture to \
           rule out damage to the file",
};

/// The frame is empty.
pub(crate) const EMPTY_FRAME: Rule = Rule {
    id: "empty-frame",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "every frame has values",
    unit: "frames",
    doc: "A message without rows, a row without sensors, or sensors without bins (pandadatastream: a payload of no bytes).",
    hint: "the server sent a frame before it had data, or it lost its data source",
};

/// The spectra of one row differ in length.
pub(crate) const RAGGED_ROWS: Rule = Rule {
    id: "ragged-rows",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "the sensors of a row have equally many bins",
    unit: "rows",
    doc: "The spectrum of a sensor has a different number of bins from the expectation, from earlier rows, or from the \
        first sensor of the row.",
    hint: "a spectrum was cut off, or two configurations are mixed; a picture of this row would be wrong",
};

/// A row has a sensor twice.
pub(crate) const DUPLICATE_SENSOR: Rule = Rule {
    id: "duplicate-sensor",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "a row holds each sensor once",
    unit: "rows",
    doc: "A sensor id occurs more than once in a row.",
    hint: "the server numbers its sensors wrongly, or merges two streams",
};

/// A row ends before it starts.
pub(crate) const END_BEFORE_START: Rule = Rule {
    id: "end-before-start",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Content,
    title: "a row ends after it starts",
    unit: "rows",
    doc: "endTimestamp is less than startTimestamp. The times of the row are not judged further.",
    hint: "the server sends wrong timestamps",
};

/// Whether it is known why no frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another finding states the cause.
    Told,
    Unknown,
}

pub(crate) fn zero_frames(log: &mut FindingLog, place: Place, what: &str, cause: Cause) {
    log.note(Note::new(&ZERO_FRAMES, place), || {
        let text = Text::new(what).seen(0).expected("1 or more");
        match cause {
            Cause::Told => text.hint(CAUSE_HINT),
            Cause::Unknown => text,
        }
    });
}

pub(crate) fn malformed(log: &mut FindingLog, place: Place, error: &DecodeError) {
    let place = place.at_byte(error.byte as u64);
    log.note(Note::new(&MALFORMED_MESSAGE, place), || {
        let what = format!("{} at byte {}: {}", error.message, error.byte, error.kind);
        Text::new(format!("{place}: could not decode {what}"))
    });
}

pub(crate) fn not_inflated(log: &mut FindingLog, place: Place, error: &InflateError) {
    log.note(Note::new(&MALFORMED_MESSAGE, place), || {
        Text::new(format!("{place}: could not inflate the message: {error}"))
    });
}

pub(crate) fn empty_frame(log: &mut FindingLog, place: Place, lacks: &str) {
    log.note(Note::new(&EMPTY_FRAME, place), || {
        Text::new(format!("{place} holds no {lacks}"))
    });
}

/// Judges the lengths of spectra; `reference` is the expected number of bins.
pub(crate) fn ragged(log: &mut FindingLog, place: Place, row: &Row<'_>, reference: usize) {
    let odd = row.sensors.iter().find(|sensor| sensor.intensity.len() != reference);
    let Some(odd) = odd else { return };
    let bins = odd.intensity.len();
    log.note(Note::new(&RAGGED_ROWS, place.at_sensor(odd.id)), || {
        Text::new(format!(
            "sensor {} has {bins} bins while others have {reference}, at {place}",
            odd.id
        ))
        .seen(bins)
        .expected(reference)
    });
}

/// The first sensor that occurs twice in the row.
pub(crate) fn duplicate_sensor(log: &mut FindingLog, place: Place, row: &Row<'_>) -> bool {
    let mut ids = BTreeSet::new();
    let twice = row.sensors.iter().find(|sensor| !ids.insert(sensor.id));
    let Some(id) = twice.map(|sensor| sensor.id) else {
        return false;
    };
    log.note(Note::new(&DUPLICATE_SENSOR, place.at_sensor(id)), || {
        Text::new(format!("sensor {id} occurs twice in {place}"))
    });
    true
}

/// Judges the end of the row; false when the row has no plausible end.
pub(crate) fn end_before_start(log: &mut FindingLog, place: Place, row: &Row<'_>) -> bool {
    let (Some(start), Some(end)) = (row.start_ms, row.end_ms) else {
        return true;
    };
    if end >= start {
        return true;
    }
    let weight = start as f64 - end as f64;
    log.note(Note::new(&END_BEFORE_START, place).weight(weight), || {
        Text::new(format!("a row starts at {start} ms and ends at {end} ms, at {place}"))
            .seen(end)
            .expected(format!("{start} or later"))
    });
    false
}
