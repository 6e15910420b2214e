//! The result of a recording: the exit code, and the report.

use crate::{
    das::dialect::Dialect,
    file::Digest,
    model::{
        event::{Ending, Limit, Status},
        text::printable,
    },
    record::{RecordingSummary, StoredCall, StoredFiles},
    report::{event_json::EndingJson, event_text, validation, validation_text},
    tap::CallOutcome,
};
use serde::Serialize;

use super::{Done, Outcome, RecordedJob, output};
use crate::cli::{
    commands::{bottleneck::Bottleneck, kept, redact, series},
    flags::{Format, record::RecordArgs},
    remedies::told,
};

/// The result of a recording.
#[derive(Serialize)]
pub(super) struct Report {
    /// `None` when nothing was recorded, so that no file was left.
    pub(super) capture: Option<String>,
    calls: usize,
    /// Messages received.
    pub(super) messages: u64,
    pub(super) message_bytes: u64,
    pub(super) stored_bytes: u64,
    duration_ns: u64,
    /// Messages known to be lost.
    pub(super) gaps: u64,
    /// How long messages waited because neither codec nor disk kept up.
    pub(super) held_ns: u64,
    /// Messages that waited in the spool file for the same reason.
    pub(super) spilled_messages: u64,
    pub(super) lossy: bool,
    endings: Vec<CallEnding>,
    /// `None` when the capture could not be finished.
    digest: Option<Digest>,
    /// Chunks by the codec that stored them.
    codecs: serde_json::Map<String, serde_json::Value>,
    /// Chunks that were compressed with less effort or not at all, because messages waited for compression.
    hurried_chunks: u64,
    waited: Bottleneck,
    pub(super) errors: Vec<String>,
    /// The captures of a series, or the dumps of a flight recorder.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<serde_json::Value>,
    #[serde(skip)]
    files_text: String,
    /// The result of `--validate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<validation::Report>,
}

#[derive(Serialize)]
struct CallEnding {
    call: u32,
    method: String,
    messages: u64,
    message_bytes: u64,
    first_message_offset_ns: Option<u64>,
    last_message_offset_ns: Option<u64>,
    end_offset_ns: u64,
    retries: u32,
    /// True when the server closed an idle job; not a failure.
    idle_close: bool,
    #[serde(flatten)]
    ending: serde_json::Value,
    #[serde(skip)]
    ended: String,
}

/// Makes the report of a recording, and the exit code.
pub(super) fn build(args: &RecordArgs, recording: RecordedJob) -> (Outcome, Report) {
    let (outcome, errors) = judge(args, &recording);
    let mut errors: Vec<_> = errors.iter().map(|error| recording.secrets.line(error)).collect();
    let calls = recording.outcome.as_ref().map_or(&[][..], |outcome| &outcome.calls);
    let written = recording.written.as_ref().ok();
    let held = kept::stored(&recording.written);
    let totals = &recording.totals;
    let numbered = args.series.is_numbered();
    let kept::Content {
        summary,
        gaps,
        capture,
        series,
    } = kept::content(&recording.written, totals, &recording.path, numbered);
    let only = calls.len() == 1 && !recording.shared;
    let endings: Vec<_> = calls.iter().map(|call| ending(call, held, only)).collect();
    if let Some(RecordingSummary { files, .. }) = written
        && !numbered
    {
        errors.extend(kept::earlier(&recording.path, files));
    }
    let report = Report {
        capture: capture.map(|path| path.display().to_string()),
        calls: calls.len(),
        messages: held.filter(|_| !recording.shared).map_or_else(
            || endings.iter().map(|call| call.messages).sum(),
            |held| held.summary.messages,
        ),
        message_bytes: held.filter(|_| !recording.shared).map_or_else(
            || endings.iter().map(|call| call.message_bytes).sum(),
            |held| held.summary.message_bytes,
        ),
        stored_bytes: summary.map_or(totals.stored_bytes, |summary| summary.stored_bytes),
        duration_ns: calls.iter().map(|call| call.end_offset_ns).max().unwrap_or(0),
        gaps,
        held_ns: calls.iter().map(|call| call.blocked_ns).sum(),
        spilled_messages: calls.iter().map(|call| call.spooled).sum(),
        lossy: gaps > 0 || written.is_none(),
        endings,
        digest: written.and_then(RecordingSummary::digest),
        codecs: written.map_or_else(serde_json::Map::new, |written| {
            let codecs = written.codecs.iter();
            codecs
                .map(|(name, chunks)| ((*name).to_owned(), (*chunks).into()))
                .collect()
        }),
        hurried_chunks: written.map_or(0, |written| written.cheaper_chunks),
        waited: Bottleneck::of(written),
        errors,
        files: series.map(series::files_json),
        files_text: series::files_text(&args.series, &recording.path, written, held),
        validation: recording.judged,
    };
    (outcome, report)
}

pub(super) fn report(args: &RecordArgs, recording: RecordedJob, verbosity: output::Verbosity) -> Done {
    let (outcome, report) = build(args, recording);
    for error in &report.errors {
        output::say(format!("capture: {error}"));
    }
    if verbosity.is_quiet() && args.format.format == Format::Text {
        return Ok(outcome);
    }
    let print = if args.wrapped.command.is_empty() {
        output::print_verdict
    } else {
        output::print_beside
    };
    print(args.format.format, &report, text)?;
    Ok(outcome)
}

/// The ending of a call as a line of text; its messages are those in the files, where not all of them are.
fn ending(call: &CallOutcome, held: Option<&StoredFiles>, only: bool) -> CallEnding {
    let held = held.and_then(|held| match &held.calls {
        Some(calls) => Some(calls.get(&call.call).copied().unwrap_or_default()),
        // Parts of a ring that are gone were not read, and one call's messages are all that there are.
        None => only.then_some(StoredCall {
            received: held.summary.messages,
            received_bytes: held.summary.message_bytes,
            sent: held.summary.sent_messages,
            sent_bytes: held.summary.sent_bytes,
        }),
    });
    CallEnding {
        call: call.call,
        method: call.method.clone(),
        messages: held.map_or(call.messages, |held| held.received),
        message_bytes: held.map_or(call.message_bytes, |held| held.received_bytes),
        first_message_offset_ns: call.first_message_offset_ns,
        last_message_offset_ns: call.last_message_offset_ns,
        end_offset_ns: call.end_offset_ns,
        retries: call.retries,
        idle_close: call.is_idle_close(),
        ending: serde_json::to_value(EndingJson(&call.ending)).unwrap_or_default(),
        ended: event_text::ending(&call.ending),
    }
}

/// Decides the exit code and lists all problems, each with its remedy.
fn judge(args: &RecordArgs, recording: &RecordedJob) -> (Outcome, Vec<String>) {
    let (mut outcome, mut errors) = (Outcome::Ok, Vec::new());
    let mut add = |worse: Outcome, error: Option<String>| {
        outcome = outcome.worst(worse);
        errors.extend(error);
    };
    if let Err(error) = &recording.written {
        // Of a capture that several jobs share, it is said once.
        let text = (!recording.shared).then(|| kept::failure(error, &recording.totals));
        add(Outcome::Failed, text);
    }
    if let Ok(written) = &recording.written
        && let Some(text) = kept::taken(&written.files)
    {
        add(Outcome::Failed, Some(text));
    }
    for error in &recording.errors {
        add(Outcome::Failed, Some(error.clone()));
    }
    let calls = match &recording.outcome {
        Ok(outcome) => &outcome.calls,
        Err(error) => {
            add(Outcome::Failed, Some(error.to_string()));
            return (outcome, errors);
        }
    };
    for call in calls {
        let (worse, error) = judge_call(args, call);
        add(worse, error.map(|error| format!("call {}: {error}", call.call)));
        // Of a message that was refused, the fault has said so.
        if call.lost > 0 && call.fault.is_none() {
            let lost = output::counted(call.lost, "message");
            let text = format!("call {}: {lost} arrived only in part and counts as lost", call.call);
            add(Outcome::Lossy, Some(text));
        }
    }
    let on_the_wire: u64 = calls.iter().map(|call| call.lost).sum();
    let lost = recording.totals.gaps.saturating_sub(on_the_wire);
    if lost > 0 && recording.written.is_ok() {
        let lost = output::counted(lost, "message");
        add(
            Outcome::Lossy,
            Some(format!("the disk could not keep up; lost: {lost}")),
        );
    }
    let gaps = recording.written.as_ref().map_or(0, |written| written.summary.gaps);
    let withheld = gaps.saturating_sub(recording.totals.gaps);
    if args.recorder.redact.is_some() && withheld > 0 && !recording.shared {
        add(Outcome::Lossy, Some(redact::withheld(withheld)));
    }
    // Of a call that failed, its ending says why nothing came.
    if outcome == Outcome::Ok && !args.expect.allow_empty {
        let empty: Vec<_> = calls
            .iter()
            .filter(|call| call.messages == 0)
            .map(|call| call.call.to_string())
            .collect();
        if !empty.is_empty() {
            let which = match empty.len() {
                all if all == calls.len() => String::new(),
                _ => format!(" on call {}", empty.join(", ")),
            };
            outcome = Outcome::Findings;
            errors.push(if args.call.method.is_some() {
                "the server sent no message, so nothing was recorded (--allow-empty accepts this)".to_owned()
            } else {
                format!(
                    "no frame was recorded{which}; a job delivers each frame once: did another client receive them? \
                     (--allow-empty accepts this)"
                )
            });
        }
    }
    if outcome == Outcome::Ok && recording.judged.as_ref().is_some_and(validation::Report::fails) {
        outcome = Outcome::Findings;
    }
    (outcome, errors)
}

fn judge_call(args: &RecordArgs, call: &CallOutcome) -> (Outcome, Option<String>) {
    if let Some(fault) = &call.fault {
        return (Outcome::Failed, Some(told(fault)));
    }
    if call.is_idle_close() {
        return (Outcome::Ok, None);
    }
    let how = event_text::ending(&call.ending);
    match &call.ending {
        Ending::Status(status) if status.code == 0 => (Outcome::Ok, None),
        Ending::Status(status) => (Outcome::Status(status.code), Some(status_hint(args, status, &how))),
        Ending::Cancelled(cancelled) if cancelled.by == crate::model::event::Party::Us => (Outcome::Ok, None),
        Ending::Cancelled(_) => (
            Outcome::Failed,
            Some(format!("{how}; the capture holds what came before")),
        ),
        Ending::Broken(_) => {
            let text =
                format!("{how}; the job's server died or the network failed; the capture holds what came before");
            (Outcome::Failed, Some(text))
        }
        Ending::Deadline(deadline) => {
            let (what, flag) = match deadline.limit {
                Limit::FirstFrame => ("the job sent no frame", "--first-frame-timeout"),
                Limit::Idle => ("the stream stalled", "--idle-timeout"),
                Limit::Connect => ("the job was not ready", "--connect-timeout"),
                Limit::Call => ("the call's own deadline passed", "the deadline"),
            };
            (
                Outcome::Failed,
                Some(format!("{what}: {how}; {flag} sets how long to wait")),
            )
        }
    }
}

/// The remedy for a gRPC status, by the method that was called.
fn status_hint(args: &RecordArgs, status: &Status, how: &str) -> String {
    const NOT_FOUND: u32 = 5;
    const PERMISSION_DENIED: u32 = 7;
    const UNIMPLEMENTED: u32 = 12;
    const UNAUTHENTICATED: u32 = 16;
    let is_job = args.call.method.is_none();
    let credentials = args.dial.headers.iter().any(|header| {
        let name = header.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("authorization")
    });
    let hint = match status.code {
        NOT_FOUND if is_job => "; is the job's name right, and does it still run?",
        UNIMPLEMENTED if !names_no_method(&status.message) => "",
        UNIMPLEMENTED if !is_job => "; is --method spelt as in the schema of the server?",
        UNIMPLEMENTED => match args.job.dialect {
            Dialect::DataStream => "; if this is a production server, it speaks --dialect pandadatastream",
            Dialect::PandaDataStream => "; if this is not a production server, it speaks --dialect datastream",
        },
        UNAUTHENTICATED | PERMISSION_DENIED if credentials => "; it does not accept the credentials that -H gave",
        UNAUTHENTICATED => "; give credentials with -H 'authorization: …'",
        _ => "",
    };
    format!("the server ended it with {how}{hint}")
}

/// Whether an UNIMPLEMENTED status is about the service, by the texts of the gRPC libraries: a server that knows the
/// service may refuse a feature of the call by the same status.
fn names_no_method(message: &str) -> bool {
    /// grpc-go, grpcio and grpc-java, .NET, Node.
    const WORDS: [&str; 4] = [
        "unknown service",
        "method not found",
        "service is unimplemented",
        "does not implement the method",
    ];
    let message = message.to_ascii_lowercase();
    // tonic says nothing.
    message.is_empty() || WORDS.iter().any(|words| message.contains(words))
}

fn text(report: &Report) -> String {
    let frames = output::counted(report.messages, "frame");
    let calls = output::counted(report.calls as u64, "call");
    let bytes = output::bytes(report.message_bytes);
    let stored = output::bytes(report.stored_bytes);
    let ratio = match report.messages {
        0 => String::new(),
        _ => format!(
            " ({:.2} : 1)",
            report.message_bytes as f64 / report.stored_bytes.max(1) as f64
        ),
    };
    let duration = output::seconds(report.duration_ns);
    let lost = output::grouped(report.gaps);
    let capture = printable(
        report
            .capture
            .as_deref()
            .unwrap_or("nothing was recorded, and no file was left"),
    );
    let verdict = report.validation.as_ref();
    let verdict = verdict.map_or_else(String::new, |validation| validation_text::verdict(validation) + "\n");
    let mut text = format!(
        "{verdict}{capture}: {frames} of {bytes} in {calls} over {duration}, {stored} on disk{ratio}, {lost} lost\n"
    );
    for call in &report.endings {
        let idle = if call.idle_close {
            " (the server closed an idle job; not a failure)"
        } else {
            ""
        };
        let frames = output::counted(call.messages, "frame");
        text.push_str(&format!("  call {}: {frames}, {}{idle}\n", call.call, call.ended));
    }
    if report.hurried_chunks > 0 {
        let cheaper = output::counted(report.hurried_chunks, "chunk");
        let codecs = report.codecs.iter().map(|(name, chunks)| format!("{chunks} {name}"));
        let codecs = codecs.collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "  messages waited for compression: {cheaper} got less compression or none ({codecs})\n"
        ));
    }
    text.push_str(&report.waited.text());
    text.push_str(&output::waited(report.held_ns));
    text.push_str(&output::spilled(report.spilled_messages));
    text.push_str(&report.files_text);
    if let Some(digest) = report.digest {
        text.push_str(&format!("  digest {digest}\n"));
    }
    if let Some(validation) = report.validation.as_ref().filter(|report| !report.findings.is_empty()) {
        let (findings, verdict) = (
            validation_text::findings(validation),
            validation_text::verdict(validation),
        );
        text.push_str(&format!("\n{findings}{verdict}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::flags::{Cli, Command};

    fn hint(flags: &[&str], code: u32, message: &str) -> String {
        let line = [&["capture", "record", "-t", "h:1"], flags].concat();
        let Command::Record(args) = Cli::try_parse_from(line).unwrap().command else {
            unreachable!()
        };
        let status = Status {
            code,
            message: message.to_owned(),
            trailers: crate::model::event::Metadata::default(),
            trailers_only: true,
        };
        status_hint(&args, &status, "NO")
    }

    /// Checks the advice for the status of a call. An empty advice expects none.
    #[test]
    fn a_status_is_answered_with_what_helps_in_this_very_case() {
        const JOB: &[&str] = &["--job-id", "a"];
        const PANDA: &[&str] = &["--dialect", "pandadatastream"];
        const METHOD: &[&str] = &["--method", "a.B/C"];
        const TOKEN: &[&str] = &["--job-id", "a", "-H", "Authorization: Bearer x"];
        for (flags, code, message, says) in [
            (JOB, 12, "", "--dialect pandadatastream"),
            (
                JOB,
                12,
                "unknown service datastream.DataStreamService",
                "--dialect pandadatastream",
            ),
            (JOB, 12, "Method not found!", "--dialect pandadatastream"),
            (
                PANDA,
                12,
                "Method not found: pandadatastream.DataStreamService/StreamData",
                "--dialect datastream",
            ),
            (METHOD, 12, "unknown service a.B", "--method"),
            (JOB, 12, "compression gzip is not supported", ""),
            (JOB, 12, "live jobs are not implemented here", ""),
            (JOB, 5, "no job a", "the job's name"),
            (METHOD, 5, "no row 7", ""),
            (JOB, 16, "who are you", "-H 'authorization"),
            (TOKEN, 16, "expired", "does not accept the credentials"),
            (TOKEN, 7, "not yours", "does not accept the credentials"),
            (JOB, 3, "bad", ""),
        ] {
            let told = hint(flags, code, message);
            if says.is_empty() {
                assert_eq!(told, "the server ended it with NO", "{flags:?} {code} {message}");
            } else {
                assert!(told.contains(says), "{flags:?} {code} {message}: {told}");
            }
        }
    }
}
