//! Rules about calls of any service.

use std::sync::Arc;

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Kind, Note, Text},
        rule::{Rule, RulePhase},
        rules::text::short,
    },
    model::{
        finding::{Place, Severity},
        text::{counted, grouped},
    },
};

/// A server ended connections because clients ping too often.
pub(crate) const KEEPALIVE_ABUSE: Rule = Rule {
    id: "keepalive-abuse",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "clients do not ping more often than the server allows",
    unit: "calls",
    doc: "The server ended a call, or its connection, with the HTTP/2 error ENHANCE_YOUR_CALM, in a GOAWAY usually with \
          the text too_many_pings. A spectrogram stream that ends so is reported as broken-call.",
    hint: "the client sends keepalive pings more often than the server allows: set its keepalive time to 5 minutes or \
           more, or allow shorter times on the server",
};

/// A server closed a connection on which calls ran.
pub(crate) const GOAWAY: Rule = Rule {
    id: "goaway",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "no server closes a connection on which calls run",
    unit: "calls",
    doc: "The server announced with a GOAWAY that it closes the connection, and the call ended without a status. A \
          spectrogram stream that ends so is reported as broken-call.",
    hint: "the server was stopped or limits the age of its connections (for example MAX_CONNECTION_AGE): give running \
           calls time to end",
};

/// The capture holds nothing that could be wrong.
pub(crate) const ZERO_MESSAGES: Rule = Rule {
    id: "zero-messages",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Silence,
    title: "the capture holds calls and answers",
    unit: "captures",
    doc: "The capture holds no call, or only health checks and reflection, or no call that received a message or an \
          allowed status. Captures of Focus jobs are judged by zero-frames.",
    hint: "nothing was judged: did the client use the recorded address, and did the server answer? If an empty capture \
           is right, set allow_empty = true",
};

/// A server that says that it does not serve.
pub(crate) const NOT_SERVING: Rule = Rule {
    id: "not-serving",
    severity: Severity::Error,
    otherwise: Some((Severity::Warning, "calls were answered nevertheless")),
    phase: RulePhase::Health,
    title: "the server is healthy",
    unit: "servers",
    doc: "The last health check (grpc.health.v1) of an address was answered with another state than SERVING, or not at \
          all. A server without a health check does not count. Focus jobs are judged by unhealthy-job.",
    hint: "the server reports that it cannot serve: look at its log and at what it depends on",
};

/// A latency beyond its limit.
pub(crate) const LATENCY: Rule = Rule {
    id: "latency",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Sum,
    title: "latencies are within their limits",
    unit: "limits",
    doc: "A percentile of a method is above the limit in an expectation file: latency_s from the opening of a call to \
          its status (methods with one message in each direction), first_message_s, or message_gap_s. Not judged where \
          the capture has no delivery times.",
    hint: "the server or the network is slower than expected, or the limit is too short",
};

/// Fewer calls than expected.
pub(crate) const TOO_FEW_CALLS: Rule = Rule {
    id: "too-few-calls",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Sum,
    title: "the expected methods are called often enough",
    unit: "patterns",
    doc: "The methods that fit a pattern of an expectation file have fewer calls than its minimum_calls (1 by default).",
    hint: "the client called less than expected, the capture is too short, or the pattern is misspelt",
};

/// Fewer messages than expected.
pub(crate) const TOO_FEW_MESSAGES: Rule = Rule {
    id: "too-few-messages",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Sum,
    title: "the expected methods answer with enough messages",
    unit: "patterns",
    doc: "The calls whose method fits a pattern of an expectation file received fewer messages than its \
          minimum_messages.",
    hint: "the server sent less than expected, or the capture is too short",
};

/// Messages that were not compared with a schema.
pub(crate) const NOT_DECODED: Rule = Rule {
    id: "not-decoded",
    severity: Severity::Info,
    otherwise: None,
    phase: RulePhase::Identity,
    title: "the capture has the schema of every method",
    unit: "messages",
    doc: "The capture's schema does not know the method, or the messages are compressed in a way that is not supported: \
          their content is not judged. Health checks and reflection do not count.",
    hint: "record with the schema of the service: from its .proto files, a descriptor set, or server reflection",
};

/// The hint of a finding whose cause is another finding.
pub(crate) const CAUSE_HINT: &str = "the finding before this one is the cause: resolve it first";

/// A name from the capture that distinguishes repeats.
pub(crate) fn named(name: &str) -> Kind {
    Kind::Named(Arc::from(name))
}

pub(crate) fn zero_messages(log: &mut FindingLog, what: &str, is_told: bool) {
    log.note(Note::new(&ZERO_MESSAGES, Place::default()), || {
        let text = Text::new(what).seen(0).expected("1 or more");
        if is_told { text.hint(CAUSE_HINT) } else { text }
    });
}

pub(crate) fn not_serving(log: &mut FindingLog, place: Place, what: &str, is_answered: bool) {
    let severity = if is_answered {
        Severity::Warning
    } else {
        Severity::Error
    };
    log.note(Note::new(&NOT_SERVING, place).severity(severity), || {
        Text::new(format!("{what}, at {place}"))
    });
}

pub(crate) fn not_decoded(log: &mut FindingLog, place: Place, method: &str, why: &str) {
    log.note(Note::new(&NOT_DECODED, place).kind(named(method)), || {
        Text::new(format!("{method}: messages are not decoded, because {why}"))
    });
}

/// Reports a percentile that is above its limit.
pub(crate) fn latency(
    log: &mut FindingLog,
    method: &str,
    (key, quantile): (&str, &str),
    (seen_ns, count): (u64, u64),
    limit_s: f64,
) {
    let seen_s = seen_ns as f64 / 1e9;
    if seen_s <= limit_s {
        return;
    }
    let what = match key {
        "first_message_s" => "time to the first message",
        "message_gap_s" => "time between two messages",
        _ => "time to the status",
    };
    let note = Note::new(&LATENCY, Place::default()).kind(named(&format!("{method} {key} {quantile}")));
    log.note(note.weight(seen_s / limit_s), || {
        let quantile = if quantile == "max" {
            "longest".to_owned()
        } else {
            format!("{quantile} of the")
        };
        let (seen, limit) = (short(seen_s), short(limit_s));
        Text::new(format!(
            "{method}: the {quantile} {what} is {seen} s ({} measured)",
            grouped(count)
        ))
        .seen(format!("{seen} s"))
        .expected(format!("{limit} s or less"))
    });
}

/// Reports a sum that is below its minimum; `unlisted` calls could not be counted by method.
pub(crate) fn too_few(
    log: &mut FindingLog,
    rule: &'static Rule,
    pattern: &str,
    (seen, minimum): (u64, u64),
    unlisted: u64,
) {
    if seen >= minimum {
        return;
    }
    let noun = if rule.id == TOO_FEW_CALLS.id { "call" } else { "message" };
    let note = Note::new(rule, Place::default()).kind(named(pattern));
    log.note(note.weight((minimum - seen) as f64), || {
        let more = match unlisted {
            0 => String::new(),
            calls => format!(
                "; {} of methods beyond the limit are not counted",
                counted(calls, "call")
            ),
        };
        Text::new(format!(
            "{} of {pattern} where {} are expected{more}",
            counted(seen, noun),
            grouped(minimum)
        ))
        .seen(seen)
        .expected(format!("{minimum} or more"))
    });
}
