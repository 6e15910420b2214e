//! Rules about the timing of the delivery. Not judged where offsets come from the rows' own times.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::{service::named, text::short},
    },
    das::expect::Expectations,
    model::finding::{Place, Severity},
};

/// The first frame is late.
pub(crate) const LATE_FIRST_FRAME: Rule = Rule {
    id: "late-first-frame",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Sum,
    title: "the first frame comes in time",
    unit: "calls",
    doc: "The first message comes later than first_frame_s after the start of the call (default 5 s, from the \
        specification).",
    hint: "the job was not ready, or its data source is slow",
};

/// Silence between frames.
pub(crate) const STALL: Rule = Rule {
    id: "stall",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Silence,
    title: "frames keep coming",
    unit: "times",
    doc: "The time between two messages of a call is longer than largest_gap_s (default 10 s, or three rows if that is \
          longer; for calls without spectrograms, also ten times the mean wait of the stream so far). The wait for an \
          answer begins with the request. The time before the end of a call is judged by its ending.",
    hint: "the server or its source paused; compare with the rows' own times",
};

/// Too few frames or bytes per second.
pub(crate) const LOW_THROUGHPUT: Rule = Rule {
    id: "low-throughput",
    severity: Severity::Warning,
    otherwise: None,
    phase: RulePhase::Sum,
    title: "the throughput meets its target",
    unit: "calls",
    doc: "From its first to its last message, a call has fewer frames per second than minimum_fps, or fewer megabytes \
          per second than minimum_mb_per_s. Judged only when one of them is given.",
    hint: "the server, the network or the recorder is slower than the target",
};

const NS: f64 = 1e9;

pub(crate) fn late_first_frame(log: &mut FindingLog, place: Place, waited_ns: u64, expect: &Expectations) {
    let limit = expect.first_frame_ns();
    if waited_ns <= limit {
        return;
    }
    log.note(Note::new(&LATE_FIRST_FRAME, place).weight(waited_ns as f64), || {
        let (waited, limit) = (short(waited_ns as f64 / NS), short(limit as f64 / NS));
        Text::new(format!("the first frame comes after {waited} s, at {place}"))
            .seen(format!("{waited} s"))
            .expected(format!("{limit} s or less"))
    });
}

pub(crate) fn stall(log: &mut FindingLog, place: Place, silence_ns: u64, expect: &Expectations) {
    let limit = expect.largest_gap_ns();
    if silence_ns <= limit {
        return;
    }
    log.note(Note::new(&STALL, place).weight(silence_ns as f64), || {
        let (silence, limit) = (short(silence_ns as f64 / NS), short(limit as f64 / NS));
        Text::new(format!("{silence} s of silence before {place}"))
            .seen(format!("{silence} s"))
            .expected(format!("{limit} s or less"))
    });
}

/// Reports a silence within a stream of a service that is longer than its limit.
pub(crate) fn silent_stream(log: &mut FindingLog, place: Place, method: &str, (silence_ns, limit_ns): (u64, u64)) {
    log.note(
        Note::new(&STALL, place).weight(silence_ns as f64).kind(named(method)),
        || {
            let (silence, limit) = (short(silence_ns as f64 / NS), short(limit_ns as f64 / NS));
            Text::new(format!("{method}: {silence} s of silence before {place}"))
                .seen(format!("{silence} s"))
                .expected(format!("{limit} s or less"))
                .hint("the server or its source paused: look at its log at this time")
        },
    );
}

/// Judges the throughput of `messages` and `bytes` within `lasted_ns`, the first message not included.
pub(crate) fn low_throughput(
    log: &mut FindingLog,
    place: Place,
    (messages, bytes, lasted_ns): (u64, u64, u64),
    expect: &Expectations,
) {
    if messages == 0 || lasted_ns == 0 {
        return;
    }
    let seconds = lasted_ns as f64 / NS;
    let fps = expect
        .minimum_fps
        .as_ref()
        .map(|target| (target.value, messages as f64 / seconds, "frames/s"));
    let rate = expect.minimum_mb_per_s.as_ref();
    let rate = rate.map(|target| (target.value, bytes as f64 / 1e6 / seconds, "MB/s"));
    for (target, seen, unit) in [fps, rate]
        .into_iter()
        .flatten()
        .filter(|(target, seen, _)| seen < target)
    {
        log.note(Note::new(&LOW_THROUGHPUT, place).weight(target / seen), || {
            let seen = short(seen);
            Text::new(format!("{seen} {unit} over {} s, until {place}", short(seconds)))
                .seen(format!("{seen} {unit}"))
                .expected(format!("{target} {unit} or more"))
        });
    }
}
