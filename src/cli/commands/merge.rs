//! `capture merge`: several captures as one.

use std::{fs::File, path::Path};

use crate::{
    file::Reader,
    model::text::printable,
    transform::slice::merge::{Merged, merge},
};
use serde::Serialize;

use super::{
    Done, Outcome, input,
    output::{self, NewCapture, counted, seconds},
};
use crate::cli::flags::merge::MergeArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    #[serde(flatten)]
    merged: Merged,
}

pub(crate) fn run(args: &MergeArgs) -> Done {
    let inputs: Vec<&Path> = args.captures.iter().map(std::path::PathBuf::as_path).collect();
    let new = NewCapture::new(&args.output, args.force, &inputs)?;
    input::read_each(&args.captures, |sources| join(args, new, sources))
}

fn join(args: &MergeArgs, new: NewCapture, sources: &mut [(String, Reader<File>)]) -> Done {
    let (capture, made) = (new.name(), merge(sources, |header| new.begin(header)));
    let merged = new.settle(made)?;
    let report = Report { capture, merged };
    output::print(args.format.format, &report, text)?;
    Ok(Outcome::Ok)
}

fn text(report: &Report) -> String {
    let messages = counted(report.merged.messages, "message");
    let mut text = format!(
        "{}: {messages} from {}",
        printable(&report.capture),
        counted(report.merged.sources.len() as u64, "capture")
    );
    for source in &report.merged.sources {
        text.push_str(&format!(
            "\n  {}: {} from {} on, begins at {}",
            printable(&source.name),
            counted(source.calls, "call"),
            u64::from(source.first_call) + 1,
            seconds(source.begins_ns)
        ));
    }
    for conflict in &report.merged.conflicts {
        text.push_str(&format!("\n  {}", printable(conflict)));
    }
    text.push_str(&format!("\ndigest {}", report.merged.digest));
    text
}
