//! `capture stats`: the numbers of captures.

use std::{fs::File, path::Path};

use crate::{
    analyze::stats::{
        Stats, StatsOptions,
        baseline::{Baseline, KNOWN_FROM},
    },
    das::dialect::Layout,
    file::{CaptureState, Existing, Reader},
    report::stats_text,
};

use serde::Serialize;

use super::{Done, Failure, Outcome, input, output};
use crate::cli::flags::{
    Format,
    validate::{LayoutArgs, StatsArgs},
};

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    stats: Stats,
    capture: String,
    #[serde(flatten)]
    source: CaptureState,
}

pub(crate) fn run(args: &StatsArgs) -> Done {
    if let Some(baseline) = &args.save_baseline {
        for capture in &args.captures {
            output::apart(capture, baseline)?;
        }
    }
    let (mut outcome, mut all, mut empty) = (Outcome::Ok, Vec::new(), None);
    for (number, path) in args.captures.iter().enumerate() {
        if args.captures.len() > 1 && args.format.format == Format::Text {
            let gap = if number > 0 { "\n" } else { "" };
            output::put(Format::Text, format!("{gap}==> {} <==\n", output::shown(path)))?;
        }
        let counted = input::read_through(path, |reader| {
            let stats = count(args, path, reader)?;
            all.push(Baseline::of(&stats));
            if stats.totals.frames > 0 || (stats.is_service() && stats.totals.messages > 0) {
                return Ok(Outcome::Ok);
            }
            empty.get_or_insert((path, lack(&stats)));
            output::say(format!("{} holds no {}", path.display(), lack(&stats)));
            Ok(Outcome::Findings)
        })?;
        outcome = outcome.worst(counted);
    }
    match (&args.save_baseline, empty) {
        (None, _) => Ok(outcome),
        (Some(_), Some((empty, lack))) => {
            output::say(format!(
                "no baseline was written: {} holds no {lack} to compare with",
                empty.display()
            ));
            Ok(outcome)
        }
        (Some(path), None) => save(args, path, &all).map(|()| outcome),
    }
}

/// What an empty capture lacks.
fn lack(stats: &Stats) -> &'static str {
    match (stats.is_service(), stats.totals.calls) {
        (true, 0) => "call",
        (true, _) => "message",
        (false, _) => "frame",
    }
}

fn save(args: &StatsArgs, path: &Path, all: &[Baseline]) -> Result<(), Failure> {
    let Some(baseline) = Baseline::of_several(all) else {
        return Err(
            "no baseline was written: some of the captures have times of delivery, and some were imported without"
                .into(),
        );
    };
    let text = serde_json::to_string_pretty(&baseline)?;
    output::write_shared(path, Existing::forced(args.force), format!("{text}\n").as_bytes())?;
    if baseline.captures < KNOWN_FROM {
        output::say(format!(
            "{}: made of {}; a baseline of {KNOWN_FROM} or more captures also has their variation",
            path.display(),
            output::counted(baseline.captures.into(), "capture")
        ));
    }
    Ok(())
}

fn count(args: &StatsArgs, path: &Path, reader: &mut Reader<File>) -> Result<Stats, Failure> {
    let options = StatsOptions {
        layout: layout(&args.layout),
        ..StatsOptions::default()
    };
    let report = Report {
        stats: Stats::with(reader, options)?,
        capture: path.display().to_string(),
        source: reader.state()?,
    };
    output::print(args.format.format, &report, |report| stats_text::render(&report.stats))?;
    Ok(report.stats)
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
    crate::cli::commands::input::text(path)
        .map_err(|error| format!("could not read the {what} {}: {error}", path.display()).into())
}

/// The flags that select a layout, for commands that repeat it.
pub(crate) fn layout_flag(args: &LayoutArgs) -> Option<String> {
    let element = args.element.map(|element| format!("--element {element}"));
    let axis = args.axis.map(|axis| format!("--axis {axis}"));
    let flags: Vec<_> = element.into_iter().chain(axis).collect();
    (!flags.is_empty()).then(|| flags.join(" "))
}
