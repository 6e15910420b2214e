//! Rules about endings of calls and about lost messages.

use crate::{
    analyze::validate::{
        finding_log::{FindingLog, Note, Text},
        rule::{Rule, RulePhase},
        rules::text::short,
    },
    grpc::{idle::is_idle_close, status},
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
    title: "a stream does not end with an error status",
    unit: "calls",
    doc: "The call ended with a gRPC status other than OK. A production server that closes an idle job (UNAVAILABLE after \
          5 s of silence or more, with frames before it) does not count.",
    hint: "the status message gives the reason; NOT_FOUND means that the server does not know the job, or does not know it any more",
};

/// A connection that broke.
pub(crate) const BROKEN_CALL: Rule = Rule {
    id: "broken-call",
    severity: Severity::Error,
    otherwise: None,
    phase: RulePhase::Ending,
    title: "a stream does not break",
    unit: "calls",
    doc: "The transport failed before a status came, or the server reset the call. Production servers close an idle \
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
    doc: "One of the recorder's own limits ended the call: connect, first frame, idle, or the client's deadline.",
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
                text.hint("the recorder could not keep up: record again on a faster disk, or with fewer jobs")
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

/// Judges an ending.
pub(crate) fn judge(log: &mut FindingLog, place: Place, ending: &Ending, before: Before) -> Verdict {
    if is_idle_close(ending, before.messages, before.silence_ns) {
        return Verdict::Complete;
    }
    let (rule, what) = match ending {
        Ending::Status(status) if status.code == 0 => return Verdict::Complete,
        Ending::Cancelled(cancelled) if cancelled.by != Party::Server => return Verdict::Stopped,
        Ending::Status(status) => (
            &ERROR_STATUS,
            match status.message.as_str() {
                "" => format!("the call ended with {}", status::name(status.code)),
                message => format!("the call ended with {}: {message}", status::name(status.code)),
            },
        ),
        Ending::Cancelled(cancelled) => (&BROKEN_CALL, format!("the server reset the call: {}", cancelled.reason)),
        Ending::Broken(broken) => {
            let what = match &broken.announced {
                // The error may be no more than what came of it.
                Some(announced) if !announced.is_orderly() => announced.told(),
                _ => format!("the connection broke: {}", broken.error),
            };
            (&BROKEN_CALL, what)
        }
        Ending::Deadline(deadline) => {
            let limit = match deadline.limit {
                Limit::Connect => "connect limit",
                Limit::FirstFrame => "first-frame limit",
                Limit::Idle => "idle limit",
                Limit::Call => "client's deadline",
            };
            let seconds = short(deadline.after_ns as f64 / 1e9);
            (&DEADLINE, format!("the {limit} of {seconds} s ran out"))
        }
    };
    let heard = log.severity(rule, None);
    log.note(Note::new(rule, place), || {
        let when = match before.messages {
            0 => "before any frame came".to_owned(),
            messages => format!("after {}", counted(messages, "frame")),
        };
        Text::new(format!("{what}, {when}, at {place}")).seen(ending.name())
    });
    if heard == Some(Severity::Error) {
        Verdict::Failed
    } else {
        Verdict::Stopped
    }
}

pub(crate) fn unended(log: &mut FindingLog, place: Place, messages: u64, is_recorded: bool) {
    let severity = if is_recorded { Severity::Info } else { Severity::Error };
    log.note(Note::new(&UNENDED_CALL, place).severity(severity), || {
        let frames = counted(messages, "frame");
        Text::new(if is_recorded {
            format!("the call goes on: {frames} so far, at {place}")
        } else {
            format!("the capture ends after {frames}, before the end of the call, at {place}")
        })
    });
}

pub(crate) fn damaged(log: &mut FindingLog, place: Place, what: &str) {
    log.note(Note::new(&DAMAGED_CAPTURE, place), || {
        Text::new(format!("judged up to the damage only: {what}"))
    });
}
