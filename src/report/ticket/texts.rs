//! The bundle's own pages: `summary.md` and `README.md`. Pure.

use std::fmt::Write as _;

use super::{pages::Pages, part::BundledCapture};
use crate::{
    file::{Attribute, Header},
    model::finding::{Finding, Place},
    model::text::counted,
    report::{
        again,
        markdown::{code, inline},
        validation::Report,
    },
    transform::slice::SlicedCall,
};

/// Number of findings in a summary; the rest is counted.
const LISTED: usize = 12;

/// The summary for the ticket itself: the verdict, what was found, and whose stream it was.
pub(super) fn summary(pages: &Pages<'_>) -> String {
    let whole = pages.whole;
    let mut text = format!("## {}\n\n", verdict(whole));
    let _ = writeln!(text, "{}\n", identity(pages));
    if !whole.findings.is_empty() {
        let part = Part::of(pages.kept);
        text.push_str(if part.is_some() {
            "| severity | rule | count | first, in the whole recording | first, in capture.gcap | what |\n|---|---|---|---|---|---|\n"
        } else {
            "| severity | rule | count | first | what |\n|---|---|---|---|---|\n"
        });
        for finding in whole.findings.iter().take(LISTED) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |{} {} |",
                finding.severity,
                finding.rule,
                finding.count,
                finding.first.in_full(),
                part.as_ref()
                    .map_or_else(String::new, |part| format!(" {} |", part.place(&finding.first))),
                inline(&finding.message)
            );
        }
        if whole.findings.len() > LISTED {
            let _ = writeln!(text, "\n{} more are in report.html.", whole.findings.len() - LISTED);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", left_out(pages));
    text
}

/// The README: how to reproduce the finding, and the files of the bundle.
pub(super) fn readme(pages: &Pages<'_>) -> String {
    let mut text = format!("# {}\n\n{}\n\n", verdict(pages.whole), identity(pages));
    match pages.kept {
        BundledCapture::Nothing => {
            let _ = writeln!(text, "{}\n", left_out(pages));
        }
        BundledCapture::Whole | BundledCapture::Part { .. } => {
            if let Some((validate, serve)) = pages.again.judge_and_serve(super::CAPTURE) {
                let _ = writeln!(
                    text,
                    "## Reproduce\n\nGet `capture` with {}, unpack this bundle, and run in its folder:\n\n```console\n$ \
                     {validate}\n```\n\nThis gives the findings of `validation.json`{}. To run a front end or a test \
                     against the same stream:\n\n```console\n$ {serve}\n```\n",
                    again::source(),
                    exits(pages.part),
                );
            }
            let _ = writeln!(text, "{}\n", left_out(pages));
            if matches!(pages.kept, BundledCapture::Part { .. }) {
                let _ = writeln!(
                    text,
                    "`report.html` and `summary.md` cover the whole recording. `validation.json` and `junit.xml` cover \
                     capture.gcap, whose messages are counted from its own beginning. `original_offset_ns` of \
                     a place is its offset in the whole recording; `time` is the same in both.\n"
                );
            }
        }
    }
    let commands = pages.again.commands.as_ref();
    let judged = commands.map_or_else(
        || "what is found in that capture".to_owned(),
        |commands| format!("what `{}` finds in that capture", commands.validate),
    );
    text.push_str("## Files\n\n| file | holds |\n|---|---|\n");
    for (name, what) in [
        ("summary.md", "summary for the ticket"),
        ("report.html", "report with pictures; opens in any browser, offline"),
        (super::CAPTURE, "the recorded stream, redacted, byte for byte"),
        ("validation.json", judged.as_str()),
        ("junit.xml", "the same findings for a CI server"),
        (
            "expectations.toml",
            "expectations beyond the configuration in the capture",
        ),
        ("redaction.json", "what was replaced, and how often"),
        ("MANIFEST.json", "size and SHA-256 of every other file"),
    ] {
        if pages.names.iter().any(|known| known == name) || name == "MANIFEST.json" {
            let _ = writeln!(text, "| {name} | {what} |");
        }
    }
    let opened = commands.map_or_else(String::new, |commands| {
        format!(
            " `{}` checks every file against the manifest before it unpacks one.",
            commands.open_bundle
        )
    });
    let _ = writeln!(
        text,
        "\nMade by grpc-capture {}; any release that reads capture format {} reads it.{opened}",
        env!("CARGO_PKG_VERSION"),
        crate::file::VERSION,
    );
    text
}

fn verdict(report: &Report) -> String {
    let found = format!(
        "{}, {}",
        counted(report.errors as u64, "error"),
        counted(report.warnings as u64, "warning")
    );
    match report.findings.first().filter(|_| report.fails()) {
        Some(worst) => format!("FAIL: {} ({found})", inline(&worst.message)),
        None => format!("PASS: {} ({found})", report.judged()),
    }
}

fn identity(pages: &Pages<'_>) -> String {
    let header = pages.header;
    let mut lines = vec![format!("- capture {}", code(pages.source))];
    lines.extend(
        pages
            .digest
            .map(|digest| format!("- content digest `{digest}` (after redaction)")),
    );
    lines.push(format!("- recorded {}, {:.3} s", pages.start, pages.length_s));
    for (name, what) in [
        (Attribute::JOB_ID, "job"),
        (Attribute::SOURCE, "source"),
        (Attribute::DIALECT, "dialect"),
        (Attribute::TOOL, "recorded by"),
    ] {
        lines.extend(header.text(name).map(|value| format!("- {what} {}", code(value))));
    }
    lines.extend(tags(header));
    let calls = counted(pages.whole.calls, "call");
    lines.push(if pages.whole.is_service {
        format!("- {}", pages.whole.judged())
    } else {
        format!("- {} in {calls}", pages.whole.judged())
    });
    lines.join("\n")
}

fn tags(header: &Header) -> impl Iterator<Item = String> {
    header
        .tags()
        .map(|(name, value)| format!("- {} {}", inline(name), code(value)))
}

/// Describes what the bundle does not contain.
fn left_out(pages: &Pages<'_>) -> String {
    let mut text = cut(pages);
    if !pages.source_state.is_finished() {
        let _ = write!(
            text,
            " The recording is {}; its calls have no ending.",
            pages.source_state
        );
    }
    if pages.withheld > 0 {
        let plural = if pages.withheld == 1 { "" } else { "s" };
        let _ = write!(
            text,
            " {} message{plural} of the recording could not be searched for redaction and left out; a gap takes the \
                place of each.",
            pages.withheld
        );
    }
    text
}

/// Describes where the bundle's capture begins and ends.
fn cut(pages: &Pages<'_>) -> String {
    match pages.kept {
        BundledCapture::Whole if pages.withheld > 0 => "The bundle holds the whole capture.".to_owned(),
        BundledCapture::Whole => "The whole capture is in the bundle.".to_owned(),
        BundledCapture::Nothing => format!(
            "The capture is left out, because no part of it fits into {} bytes. Ask the sender for {}.",
            pages.max_bytes,
            code(pages.source)
        ),
        BundledCapture::Part {
            from_ns,
            to_ns,
            messages,
            messages_left_out,
            around,
            ..
        } => {
            let mut text = format!(
                "The bundle is limited to {} bytes: it holds {} from {:.3} s to {:.3} s{}; {} left out.",
                pages.max_bytes,
                counted(*messages, "message"),
                *from_ns as f64 / 1e9,
                *to_ns as f64 / 1e9,
                around.map_or_else(String::new, |rule| format!(", around the first `{rule}`")),
                counted(*messages_left_out, "message"),
            );
            let missing: Vec<_> = not_in(&pages.whole.findings, &pages.part.findings).collect();
            if !missing.is_empty() {
                let _ = write!(
                    text,
                    " Found only in the whole capture, not in this part: {}.",
                    missing.join(", ")
                );
            }
            text
        }
    }
}

/// The rules with findings in the whole capture and not in the part.
fn not_in<'a>(whole: &'a [Finding], part: &'a [Finding]) -> impl Iterator<Item = &'a str> {
    let there = |rule| part.iter().any(|finding| finding.rule == rule);
    whole
        .iter()
        .map(|finding| finding.rule)
        .filter(move |rule| !there(*rule))
}

/// Position of the bundle's capture in the whole recording.
struct Part<'a> {
    from_ns: u64,
    to_ns: u64,
    calls: &'a [SlicedCall],
}

impl<'a> Part<'a> {
    fn of(kept: &'a BundledCapture) -> Option<Self> {
        match kept {
            BundledCapture::Part {
                from_ns, to_ns, calls, ..
            } => Some(Self {
                from_ns: *from_ns,
                to_ns: *to_ns,
                calls,
            }),
            BundledCapture::Whole | BundledCapture::Nothing => None,
        }
    }

    /// Converts a place of the whole recording to the numbering of the part; rows are counted by whoever reads the
    /// part.
    fn place(&self, place: &Place) -> String {
        let Some(offset_ns) = place.offset_ns else {
            return "not a place".to_owned();
        };
        let call = self.calls.iter().find(|call| Some(call.call) == place.call);
        let before = call.map_or(0, |call| call.before);
        let message = place
            .message
            .map(|message| message.checked_sub(before).filter(|left| *left > 0));
        let inside = (self.from_ns..=self.to_ns).contains(&offset_ns) && message != Some(None);
        if !inside || (call.is_none() && place.call.is_some()) {
            return "not in it".to_owned();
        }
        let there = Place {
            call: place.call,
            message: message.flatten(),
            sensor: place.sensor,
            bin: place.bin,
            byte: place.byte,
            offset_ns: Some(offset_ns - self.from_ns),
            ..Place::default()
        };
        there.to_string()
    }
}

fn exits(report: &Report) -> &'static str {
    if report.fails() {
        ", and exits with code 1"
    } else if !report.finished {
        ", and exits with code 3: the recording was not finished"
    } else {
        ", and exits with code 0"
    }
}
