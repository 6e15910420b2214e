//! `capture stats`: the numbers of a capture.

use std::fs::File;

use grpc_capture::{
    dialect::Layout,
    file::{CaptureState, Existing, Reader},
    report::stats_text,
    stats::{Stats, StatsOptions, baseline::Baseline},
};

use serde::Serialize;

use super::{Done, Failure, Outcome, input, output};
use crate::cli::validate::{LayoutArgs, StatsArgs};

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    stats: Stats,
    #[serde(flatten)]
    source: CaptureState,
}

pub(crate) fn run(args: &StatsArgs) -> Done {
    input::read_through(&args.capture, |reader| count(args, reader))
}

fn count(args: &StatsArgs, reader: &mut Reader<File>) -> Done {
    let options = StatsOptions {
        layout: layout(&args.layout),
        ..StatsOptions::default()
    };
    let report = Report {
        stats: Stats::with(reader, options)?,
        source: reader.state()?,
    };
    let stats = &report.stats;
    output::print(args.format.format, &report, |report| stats_text::render(&report.stats))?;
    if let Some(path) = &args.save_baseline {
        output::apart(&args.capture, path)?;
        let text = serde_json::to_string_pretty(&Baseline::of(stats))?;
        output::write_shared(path, Existing::forced(args.force), format!("{text}\n").as_bytes())?;
    }
    if stats.totals.frames == 0 {
        output::say(format!("{} holds no frame", args.capture.display()));
        return Ok(Outcome::Findings);
    }
    Ok(Outcome::Ok)
}

/// The layout that the flags name; a flag that is not given leaves its half of the guess.
pub(crate) fn layout(args: &LayoutArgs) -> Layout {
    match (args.element, args.axis) {
        (None, None) => Layout::default(),
        (element, axis) => Layout::known(element.unwrap_or(Layout::default().element), axis.unwrap_or_default()),
    }
}

/// Reads a whole text file; the error names it and what it is for.
pub(crate) fn read_text(path: &std::path::Path, what: &str) -> Result<String, Failure> {
    crate::commands::input::text(path)
        .map_err(|error| format!("could not read the {what} {}: {error}", path.display()).into())
}

/// The flags of a layout, as they are given again.
pub(crate) fn layout_flag(args: &LayoutArgs) -> Option<String> {
    let element = args.element.map(|element| format!("--element {element}"));
    let axis = args.axis.map(|axis| format!("--axis {axis}"));
    let flags: Vec<_> = element.into_iter().chain(axis).collect();
    (!flags.is_empty()).then(|| flags.join(" "))
}
