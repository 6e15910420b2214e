//! The result of a proxy's session: the exit code, and the report.

use crate::{
    file::Digest,
    model::text::printable,
    record::{RecordingSummary, StoredFiles},
    report::{event_json::EndingJson, event_text},
    tap::proxy::{CallEnd, ProxyOutcome},
};
use serde::Serialize;

use super::{Done, output, session::Session};
use crate::cli::{
    commands::{Outcome, bottleneck::Bottleneck, kept, redact, series},
    flags::{Format, proxy::ProxyArgs},
};

/// Number of endings that the text lists.
const ENDINGS_SHOWN: usize = 20;

#[derive(Serialize)]
struct Report<'a> {
    /// `None` when nothing was recorded, so that no file was left.
    capture: Option<String>,
    calls: u64,
    /// Messages of both directions.
    messages: u64,
    message_bytes: u64,
    stored_bytes: u64,
    /// Messages known to be lost.
    gaps: u64,
    /// How long messages waited because neither codec nor disk kept up, summed over all calls.
    held_ns: u64,
    /// Messages that waited in the spool file for the same reason.
    spilled_messages: u64,
    waited: Bottleneck,
    lossy: bool,
    /// The endings of the first thousand calls, in the order in which they ended.
    endings: Vec<CallEnding<'a>>,
    /// `None` when the capture could not be finished.
    digest: Option<Digest>,
    errors: Vec<String>,
    connections: u64,
    /// The captures of a series, or the dumps of a flight recorder.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<serde_json::Value>,
    #[serde(skip)]
    files_text: String,
    /// Requests that were forwarded and not recorded.
    not_grpc: u64,
    /// Calls that `--method` left out.
    filtered: u64,
    /// Calls that were forwarded and not recorded, because their connections could not be followed any further.
    unrecorded_calls: u64,
    /// Metadata fields of recorded calls that were forwarded and not recorded.
    unrecorded_fields: u64,
    /// Number of calls that `--only-errors` left out; they are not among `calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u64>,
    /// Number of calls that `--only-errors` recorded before they had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    undecided: Option<u64>,
    /// Why the proxy stopped.
    stopped: &'a str,
}

#[derive(Serialize)]
struct CallEnding<'a> {
    call: u32,
    method: &'a str,
    messages: u64,
    messages_sent: u64,
    messages_received: u64,
    message_bytes: u64,
    end_offset_ns: u64,
    #[serde(flatten)]
    ending: EndingJson<'a>,
}

pub(super) fn report(args: &ProxyArgs, session: &Session, verbosity: output::Verbosity) -> Done {
    let (outcome, mut errors) = judge(args, session);
    let (written, held) = (session.written.as_ref().ok(), kept::stored(&session.written));
    let totals = &session.totals;
    let numbered = args.series.is_numbered();
    let kept::Content {
        summary,
        gaps,
        capture,
        series,
    } = kept::content(&session.written, totals, &session.path, numbered);
    // The content of the files, where it is less than what came.
    let stored = match (written, held) {
        (_, Some(held)) => Some(&held.summary),
        (Some(written), None) if args.only_errors => Some(&written.summary),
        _ => None,
    };
    let (messages, message_bytes) = stored.map_or((totals.messages, totals.message_bytes), |stored| {
        (
            stored.messages + stored.sent_messages,
            stored.message_bytes + stored.sent_bytes,
        )
    });
    let calls = match (written, held) {
        (Some(written), _) => u64::from(totals.calls).saturating_sub(written.left_out),
        (None, Some(held)) if args.only_errors => held.summary.calls,
        _ => totals.calls.into(),
    };
    if let Some(RecordingSummary { files, .. }) = written
        && !numbered
    {
        errors.extend(kept::earlier(&session.path, files));
    }
    let report = Report {
        capture: capture.map(|path| path.display().to_string()),
        files: series.map(series::files_json),
        files_text: series::files_text(&args.series, &session.path, written, held),
        filtered: session.outcome.filtered,
        unrecorded_calls: session.outcome.unrecorded_calls,
        unrecorded_fields: session.outcome.unrecorded_fields,
        left_out: written.filter(|_| args.only_errors).map(|written| written.left_out),
        undecided: written.filter(|_| args.only_errors).map(|written| written.undecided),
        calls,
        messages,
        message_bytes,
        stored_bytes: summary.map_or(totals.stored_bytes, |summary| summary.stored_bytes),
        gaps,
        held_ns: totals.blocked_ns,
        spilled_messages: totals.spooled,
        waited: Bottleneck::of(written),
        lossy: gaps > 0 || written.is_none() || !lacks(&session.outcome).is_empty(),
        endings: session.outcome.endings.iter().map(|call| ending(call, held)).collect(),
        digest: written.and_then(RecordingSummary::digest),
        errors,
        connections: session.outcome.connections,
        not_grpc: session.outcome.not_grpc,
        stopped: &session.stopped,
    };
    for error in &report.errors {
        output::say(format!("capture: {error}"));
    }
    if verbosity.is_quiet() && args.format.format == Format::Text {
        return Ok(outcome);
    }
    let print = if args.wrapped.command.is_empty() {
        output::print
    } else {
        output::print_beside
    };
    print(args.format.format, &report, text)?;
    Ok(outcome)
}

/// The ending of a call as a line of text; its messages are those in the files, where not all of them are.
fn ending<'a>(call: &'a CallEnd, held: Option<&StoredFiles>) -> CallEnding<'a> {
    let held = held.and_then(|held| held.calls.as_ref());
    let held = held.map(|calls| calls.get(&call.call).copied().unwrap_or_default());
    let (messages_sent, messages_received) = held.map_or((call.messages_sent, call.messages_received), |held| {
        (held.sent, held.received)
    });
    CallEnding {
        call: call.call,
        method: &call.method,
        messages: messages_sent + messages_received,
        messages_sent,
        messages_received,
        message_bytes: held.map_or(call.message_bytes, |held| held.received_bytes + held.sent_bytes),
        end_offset_ns: call.end_offset_ns,
        ending: EndingJson(&call.ending),
    }
}

/// Decides the exit code and lists all problems. How calls ended is their own business.
fn judge(args: &ProxyArgs, session: &Session) -> (Outcome, Vec<String>) {
    if let Err(error) = &session.written {
        let error = kept::failure(error, &session.totals);
        return (
            Outcome::Lossy,
            vec![format!("{error}; the traffic continued without being recorded")],
        );
    }
    if let Ok(written) = &session.written
        && let Some(text) = kept::taken(&written.files)
    {
        return (Outcome::Failed, vec![text]);
    }
    let mut lacking = lacks(&session.outcome);
    let lost = session.totals.gaps;
    if lost > 0 {
        let flag = match session.outcome.largest_refused_bytes {
            0 => String::new(),
            size => format!("; --max-msg-sz {size} accepts the largest"),
        };
        let text = format!(
            "{} could not be recorded; `capture cat` shows each gap with its reason{flag}",
            output::counted(lost, "message")
        );
        lacking.insert(0, text);
    }
    if !lacking.is_empty() {
        return (Outcome::Lossy, lacking);
    }
    let gaps = session.written.as_ref().map_or(0, |written| written.summary.gaps);
    if args.recorder.redact.is_some() && gaps > 0 {
        return (Outcome::Lossy, vec![redact::withheld(gaps)]);
    }
    if session.totals.calls == 0 && !args.allow_empty {
        let text = match session.outcome.filtered {
            0 => "no call came, so nothing was recorded; do the clients use this address? (--allow-empty accepts this)"
                .to_owned(),
            others => format!(
                "nothing was recorded: no call matches --method, and {} passed without being recorded (--allow-empty \
                    accepts this)",
                output::counted(others, "other call")
            ),
        };
        return (Outcome::Findings, vec![text]);
    }
    (Outcome::Ok, Vec::new())
}

/// One sentence for each kind of traffic, besides messages, that was forwarded and not recorded.
fn lacks(outcome: &ProxyOutcome) -> Vec<String> {
    let mut lacking = Vec::new();
    if outcome.lost_connections > 0 {
        lacking.push(format!(
            "{} could not be recorded to the end, because header blocks could not be read; {} after that passed \
             without being recorded",
            output::counted(outcome.lost_connections, "connection"),
            output::counted(outcome.unrecorded_calls, "call")
        ));
    } else if outcome.unrecorded_calls > 0 {
        let calls = output::counted(outcome.unrecorded_calls, "call");
        lacking.push(format!(
            "{calls} passed without being recorded, because their requests were too large"
        ));
    }
    if outcome.unrecorded_fields > 0 {
        lacking.push(format!(
            "{} could not be recorded, because there was too much metadata; `capture cat` shows a note in each such \
                call",
            output::counted(outcome.unrecorded_fields, "metadata field")
        ));
    }
    lacking
}

fn text(report: &Report<'_>) -> String {
    let mut text = format!(
        "{}: {} of {} in {}, {} on disk, {} lost\n",
        printable(
            report
                .capture
                .as_deref()
                .unwrap_or("nothing was recorded, and no file was left")
        ),
        output::counted(report.messages, "message"),
        output::bytes(report.message_bytes),
        output::counted(report.calls, "call"),
        output::bytes(report.stored_bytes),
        output::grouped(report.gaps)
    );
    text.push_str(&report.waited.text());
    text.push_str(&output::waited(report.held_ns));
    text.push_str(&output::spilled(report.spilled_messages));
    for call in report.endings.iter().take(ENDINGS_SHOWN) {
        text.push_str(&format!(
            "  call {} {}: {} sent, {} received, {}\n",
            call.call,
            printable(call.method),
            call.messages_sent,
            call.messages_received,
            event_text::ending(call.ending.0)
        ));
    }
    let more = report
        .calls
        .saturating_sub(report.endings.len().min(ENDINGS_SHOWN) as u64);
    if more > 0 {
        text.push_str(&format!(
            "  and {} (`capture cat` shows them all)\n",
            output::counted(more, "more call")
        ));
    }
    if report.filtered > 0 {
        text.push_str(&format!(
            "  {} passed without being recorded, because --method names others\n",
            output::counted(report.filtered, "call")
        ));
    }
    if let (Some(left_out), Some(undecided)) = (report.left_out, report.undecided) {
        text.push_str(&format!(
            "  not in the capture: {} that ended with OK",
            output::counted(left_out, "call")
        ));
        if undecided > 0 {
            text.push_str(&format!("; {} recorded before they ended", output::grouped(undecided)));
        }
        text.push('\n');
    }
    text.push_str(&report.files_text);
    if let Some(digest) = report.digest {
        text.push_str(&format!("  digest {digest}\n"));
    }
    text
}
