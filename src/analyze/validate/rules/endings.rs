//! Rules about endings of calls and about lost messages.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::{service, text::short},
    },
    grpc::{http2::code, idle::is_idle_close, status},
    model::text::counted,
    model::{
        event::{Ending, Gap, Limit, Party},
        finding::{Place, Severity},
    },
};

/// A call ended with a status other than OK.
pub(crate) const ERROR_STATUS: Rule = Rule {
    id: "error-status",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "a call does not end with an error status",
    unit: "calls",
    doc: "The call ended with a gRPC status other than OK, or, where an expectation file gives the statuses of its method, \
          with another one than these. A production server that closes an idle job (UNAVAILABLE after 5 s of silence or \
          more, with frames before it) does not count, nor do health checks and reflection, which unhealthy-job and not-serving \
          judge.",
    hint: "the status message gives the reason; NOT_FOUND means that the server does not know the job, or does not know it any more",
};

/// A connection that broke.
pub(crate) const BROKEN_CALL: Rule = Rule {
    id: "broken-call",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "a call does not break",
    unit: "calls",
    doc: "The transport failed before a status came, or the server reset the call. Where the server announced it, calls \
          without spectrograms are reported as goaway or keepalive-abuse. Production servers close an idle \
          job with a GOAWAY without an error, after frames and at least 1 s of silence; that does not count.",
    hint: "the server or the network failed: look at the log of the server at this time",
};

/// A time limit of the recorder ended a call.
pub(crate) const DEADLINE: Rule = Rule {
    id: "deadline",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "no time limit is exceeded",
    unit: "calls",
    doc: "One of the recorder's own limits ended the call: connect, first frame, idle, or the client's deadline. A call \
          without spectrograms that ends with DEADLINE_EXCEEDED counts too.",
    hint: "the stream stopped, or the limit (for the first frame, or between frames) is too short for it",
};

/// A call without an ending.
pub(crate) const UNENDED_CALL: Rule = Rule {
    id: "unended-call",
    severity: Severity::Error,
    otherwise: Some((Severity::Info, "the capture is being recorded")),
    phase: RulePhase::Cut,
    title: "every call has its ending",
    unit: "calls",
    doc: "The capture ends before the call does, because the recorder was killed. While the capture is being recorded \
          this is allowed: the stream is judged so far, and fails only if it has no frame yet.",
    hint: "it is unknown how the stream continued; recover the capture to complete it, or turn this rule off",
};

/// A capture that cannot be read to its end.
pub(crate) const DAMAGED_CAPTURE: Rule = Rule {
    id: "damaged-capture",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Damage,
    title: "the capture can be read to its end",
    unit: "captures",
    doc: "The capture is damaged and was read up to the damage. What comes before it is judged. Calls that are open \
          there are not reported as unended or too short.",
    hint: "recover the capture, and validate the result; it also holds the readable part after the damage",
};

/// Messages that the recorder lost.
pub(crate) const GAP: Rule = Rule {
    id: "gap",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Loss,
    title: "the recorder loses no message",
    unit: "messages",
    doc: "The capture records that messages were lost here. Their rows are not reported as missing too.",
    hint: "the reason of the gap says why messages are missing",
};

pub(crate) fn gap(log: &mut FindingLog, place: Place, gap: &Gap) {
    let note = Note::new(&GAP, place).times(gap.messages).weight(gap.messages as f64);
    log.note(note, || {
        let text = Text::new(format!(
            "{} lost at {place}: {}",
            counted(gap.messages, "message"),
            gap.reason
        ));
        match gap.reason.as_str() {
            Gap::OVERFLOW => {
                text.hint("the recorder could not keep up: record again on a faster disk, or less at once")
            }
            Gap::DAMAGE => text.hint("the file was damaged after it was recorded: is there a good copy of it?"),
            _ => text,
        }
    });
}

/// The facts before an ending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// Number of messages received.
    pub(crate) messages: u64,
    /// Nanoseconds since the last of them.
    pub(crate) silence_ns: u64,
}

/// What an ending means for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server finished the stream.
    Complete,
    /// The client ended the stream.
    Stopped,
    /// The stream failed, which is a finding of severity error.
    Failed,
}

/// The call whose ending is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Its method; `None` for a spectrogram stream.
    pub(crate) method: Option<&'a str>,
    /// Codes of the statuses that an expectation allows; `None` when it says nothing of them.
    pub(crate) allowed: Option<&'a [u32]>,
}

impl Subject<'_> {
    /// Whether the expectation allows an ending, as the client sees it; `None` when it says nothing of it.
    fn allows(&self, ending: &Ending) -> Option<bool> {
        let code = match ending {
            Ending::Status(status) => status.code,
            Ending::Deadline(deadline) if deadline.limit == Limit::Call => status::DEADLINE_EXCEEDED,
            _ => return None,
        };
        self.allowed.map(|allowed| allowed.contains(&code))
    }

    /// The noun for the messages of the call.
    const fn noun(&self) -> &'static str {
        if self.method.is_some() { "message" } else { "frame" }
    }

    /// The rule for the end of a connection or a reset, where it is known by more than that the call broke.
    fn rule_of_break(&self, ending: &Ending) -> &'static Rule {
        let (announced, reset) = match ending {
            Ending::Broken(broken) => (broken.announced.as_ref().map(|goaway| goaway.code), broken.reset),
            Ending::Cancelled(cancelled) => (None, cancelled.code),
            _ => (None, None),
        };
        let is_orderly = matches!(ending, Ending::Broken(broken) if broken.goaway);
        match (announced, reset) {
            _ if self.method.is_none() => &BROKEN_CALL,
            (Some(code::ENHANCE_YOUR_CALM), _) | (_, Some(code::ENHANCE_YOUR_CALM)) => &service::KEEPALIVE_ABUSE,
            (Some(_), _) => &service::GOAWAY,
            _ if is_orderly => &service::GOAWAY,
            _ => &BROKEN_CALL,
        }
    }

    /// The hint for this very call, where the rule's own is about spectrogram streams.
    fn hint(&self, rule: &Rule) -> Option<&'static str> {
        self.method?;
        match rule.id {
            id if id == ERROR_STATUS.id => Some(
                "the status message gives the reason; if clients expect this status, allow it for the method in an \
                 expectation file",
            ),
            id if id == DEADLINE.id => Some(
                "the server took longer than the client waits: look at its log at this time, or give the call more time",
            ),
            _ => None,
        }
    }
}

/// Judges an ending.
pub(crate) fn judge(
    log: &mut FindingLog,
    place: Place,
    ending: &Ending,
    before: Before,
    subject: Subject<'_>,
) -> Verdict {
    if subject.method.is_none() && is_idle_close(ending, before.messages, before.silence_ns) {
        return Verdict::Complete;
    }
    let allows = subject.allows(ending);
    if allows == Some(true) {
        return Verdict::Complete;
    }
    let (rule, what) = match ending {
        Ending::Status(status) if status.code == 0 && allows.is_none() => return Verdict::Complete,
        Ending::Cancelled(cancelled) if cancelled.by != Party::Server => return Verdict::Stopped,
        Ending::Status(status) => (
            if subject.method.is_some() && status.code == status::DEADLINE_EXCEEDED {
                &DEADLINE
            } else {
                &ERROR_STATUS
            },
            match status.message.as_str() {
                "" => format!("the call ended with {}", status::name(status.code)),
                message => format!("the call ended with {}: {message}", status::name(status.code)),
            },
        ),
        Ending::Cancelled(cancelled) => (
            subject.rule_of_break(ending),
            format!("the server reset the call: {}", cancelled.reason),
        ),
        Ending::Broken(broken) => {
            let what = match &broken.announced {
                // The error may be no more than what came of it.
                Some(announced) if !announced.is_orderly() || subject.method.is_some() => announced.told(),
                _ => format!("the connection broke: {}", broken.error),
            };
            (subject.rule_of_break(ending), what)
        }
        Ending::Deadline(deadline) => {
            let limit = match deadline.limit {
                Limit::Connect => "connect limit",
                Limit::FirstFrame if subject.method.is_some() => "limit for the first message",
                Limit::FirstFrame => "first-frame limit",
                Limit::Idle => "idle limit",
                Limit::Call => "client's deadline",
            };
            let seconds = short(deadline.after_ns as f64 / 1e9);
            (&DEADLINE, format!("the {limit} of {seconds} s ran out"))
        }
    };
    let heard = log.severity(rule, None);
    let mut note = Note::new(rule, place);
    if let Some(method) = subject.method {
        note = note.kind(service::named(&match ending {
            Ending::Status(status) => format!("{method} {}", status::name(status.code)),
            _ => method.to_owned(),
        }));
    }
    log.note(note, || {
        let noun = subject.noun();
        let when = match before.messages {
            0 => format!("before any {noun} came"),
            messages => format!("after {}", counted(messages, noun)),
        };
        let whose = subject.method.map_or_else(String::new, |method| format!("{method}: "));
        let mut text = Text::new(format!("{whose}{what}, {when}, at {place}")).seen(ending.name());
        if let Some(allowed) = subject.allowed.filter(|_| allows.is_some()) {
            let names: Vec<_> = allowed.iter().map(|code| status::name(*code)).collect();
            text = text.expected(names.join(", "));
        }
        match subject.hint(rule) {
            Some(hint) => text.hint(hint),
            None => text,
        }
    });
    if heard == Some(Severity::Error) {
        Verdict::Failed
    } else {
        Verdict::Stopped
    }
}

pub(crate) fn unended(log: &mut FindingLog, place: Place, messages: u64, is_recorded: bool, subject: Subject<'_>) {
    let severity = if is_recorded { Severity::Info } else { Severity::Error };
    let mut note = Note::new(&UNENDED_CALL, place).severity(severity);
    if let Some(method) = subject.method {
        note = note.kind(service::named(method));
    }
    log.note(note, || {
        let messages = counted(messages, subject.noun());
        let whose = subject.method.map_or_else(String::new, |method| format!("{method}: "));
        Text::new(if is_recorded {
            format!("{whose}the call goes on: {messages} so far, at {place}")
        } else {
            format!("{whose}the capture ends after {messages}, before the end of the call, at {place}")
        })
    });
}

pub(crate) fn damaged(log: &mut FindingLog, place: Place, what: &str) {
    log.note(Note::new(&DAMAGED_CAPTURE, place), || {
        Text::new(format!("judged up to the damage only: {what}"))
    });
}
