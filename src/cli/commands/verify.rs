//! `capture verify`: every checksum, count and digest.

use std::{fs::File, path::Path};

use crate::{
    file::{self, Damage, Digest, Verified},
    model::text::printable,
};
use serde::Serialize;

use super::{Done, Failure, Outcome, output, progress};
use crate::cli::flags::VerifyArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    /// `whole`, `unfinished` or `damaged`.
    state: &'static str,
    finished: bool,
    events: u64,
    calls: u64,
    messages: u64,
    message_bytes: u64,
    gaps: u64,
    chunks: u64,
    stored_bytes: u64,
    torn_bytes: u64,
    digest: Digest,
    damage: Vec<Damage>,
    more_damage: u64,
}

pub(crate) fn run(args: &VerifyArgs) -> Done {
    let mut outcome = Outcome::Ok;
    for path in &args.captures {
        let report = match verify(path) {
            Ok(report) => report,
            Err(failure) => {
                // The others are checked all the same.
                output::say(format!("capture: {failure}"));
                outcome = outcome.worst(Outcome::Failed);
                continue;
            }
        };
        outcome = outcome.worst(match report.state {
            "whole" => Outcome::Ok,
            "unfinished" => Outcome::Lossy,
            _ => Outcome::Failed,
        });
        output::print(args.format.format, &report, text)?;
    }
    Ok(outcome)
}

fn verify(path: &Path) -> Result<Report, Failure> {
    tracing::info!("checking every byte of {}", path.display());
    // Opening it as a reader would first tells a file that is not a capture, or too new, from a damaged one.
    let reader = file::Reader::open(path);
    let header_error = match reader {
        Ok(_) => None,
        Err(error) if matches!(error.kind(), file::FileErrorKind::Corrupt(_)) => Some(error),
        Err(error) => return Err(error.into()),
    };
    let open = File::open(path).map_err(|error| format!("could not open {}: {error}", path.display()))?;
    let verified = file::verify(progress::Watched::new(open, path))?;
    let mut verified = verified;
    if let Some(error) = header_error
        && verified.damage.is_empty()
    {
        verified.damage.push(Damage {
            byte: error.byte().unwrap_or(0),
            chunk: None,
            event: None,
            what: error.to_string(),
        });
    }
    let damaged = !verified.damage.is_empty();
    let state = match verified.finished {
        _ if damaged => "damaged",
        true => "whole",
        false => "unfinished",
    };
    let Verified {
        summary,
        finished,
        torn_bytes,
        damage,
        more_damage,
    } = verified;
    Ok(Report {
        capture: path.display().to_string(),
        state,
        finished,
        events: summary.events,
        calls: summary.calls,
        messages: summary.messages,
        message_bytes: summary.message_bytes,
        gaps: summary.gaps,
        chunks: summary.chunks,
        stored_bytes: summary.stored_bytes,
        torn_bytes,
        digest: summary.digest,
        damage,
        more_damage,
    })
}

fn text(report: &Report) -> String {
    let Report {
        capture,
        events,
        chunks,
        digest,
        ..
    } = report;
    let capture = printable(capture);
    let holds = format!(
        "{} in {}",
        output::counted(*events, "event"),
        output::counted(*chunks, "chunk")
    );
    let mut text = match report.state {
        "whole" => format!("{capture}: whole: {holds}, digest {digest}"),
        "unfinished" => format!(
            "{capture}: unfinished: {holds} are complete; it is being recorded, or was cut off ({} of an incomplete \
             chunk); `capture recover {capture}` completes it",
            output::counted(report.torn_bytes, "byte")
        ),
        _ => format!(
            "{capture}: DAMAGED in {}: {holds} are intact; `capture recover {capture}` saves them",
            output::counted(report.damage.len() as u64 + report.more_damage, "place")
        ),
    };
    for damage in &report.damage {
        text.push_str(&format!("\n  {}", printable(&damage.to_string())));
    }
    if report.more_damage > 0 {
        text.push_str(&format!("\n  … and {} more", output::grouped(report.more_damage)));
    }
    text
}
