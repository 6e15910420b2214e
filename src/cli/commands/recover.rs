//! `capture recover`: a new capture from what a damaged one still holds.

use std::fs::File;

use crate::{
    file::{self, Damage, Digest, FileErrorKind},
    model::text::printable,
};
use serde::Serialize;

use super::{
    Done, Outcome,
    output::{self, NewCapture},
};
use crate::cli::flags::RecoverArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    recovered: String,
    events: u64,
    messages: u64,
    messages_lost: u64,
    calls_cut_off: u64,
    was_finished: bool,
    header_lost: bool,
    torn_bytes: u64,
    lossless: bool,
    digest: Digest,
    damage: Vec<Damage>,
    summary: String,
}

pub(crate) fn run(args: &RecoverArgs) -> Done {
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| output::beside(&args.capture, ".recovered.gcap"));
    output::apart(&args.capture, &path)?;
    match file::Reader::open(&args.capture) {
        Ok(_) => {}
        // What is not a capture, or too new, holds nothing that could be saved.
        Err(error) if matches!(error.kind(), FileErrorKind::Corrupt(_)) => {}
        Err(error) if matches!(error.kind(), FileErrorKind::NotACapture) && starts_damaged(&args.capture) => {}
        Err(error) => return Err(error.into()),
    }
    let input = File::open(&args.capture)?;
    let new = NewCapture::new(&path, args.force, &[])?;
    let recovered = file::recover(input, |header| new.begin(header));
    let recovered = new.settle(recovered)?;
    let report = Report {
        capture: args.capture.display().to_string(),
        recovered: path.display().to_string(),
        events: recovered.events_saved,
        messages: recovered.summary.messages,
        messages_lost: recovered.messages_lost,
        calls_cut_off: recovered.calls_cut_off,
        was_finished: recovered.was_finished,
        header_lost: recovered.header_lost,
        torn_bytes: recovered.torn_bytes,
        lossless: recovered.is_lossless(),
        digest: recovered.summary.digest,
        summary: recovered.to_string(),
        damage: recovered.damage,
    };
    output::print(args.format.format, &report, text)?;
    Ok(if report.lossless { Outcome::Ok } else { Outcome::Lossy })
}

/// True when the file does not begin like a capture, but a complete part of one follows.
fn starts_damaged(path: &std::path::Path) -> bool {
    let verified = File::open(path)
        .map_err(|_| ())
        .and_then(|input| file::verify(input).map_err(|_| ()));
    verified.is_ok_and(|verified| verified.summary.chunks > 0)
}

fn text(report: &Report) -> String {
    let mut text = format!("{}: {}", printable(&report.recovered), report.summary);
    if report.lossless {
        text.push_str("; nothing was missing");
    }
    for damage in &report.damage {
        text.push_str(&format!("\n  {}", printable(&damage.to_string())));
    }
    text
}
