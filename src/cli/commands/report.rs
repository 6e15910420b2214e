//! `capture report`: a page about a capture for people.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    file::{Reader, is_locked},
    model::finding::{Severity, Verdict},
    report::{
        ReportCommands, html,
        input::{CollectOptions, ReportInput, collect},
        markdown,
    },
};

use super::{
    Done, Failure, Outcome, expect, input, output, schema,
    stats::{layout, layout_flag},
};
use crate::cli::flags::report::{PageFormat, ReportArgs};

/// The commands of this program that a report shows to its reader.
pub(crate) const COMMANDS: ReportCommands = ReportCommands {
    validate: "capture validate",
    expectations: "--expect",
    strict: "--strict",
    serve: "capture serve",
    verify: "capture verify",
    spectrogram: "capture export --png FILE --what spectrogram --sensor ID",
    open_bundle: "capture bundle --open",
};

pub(crate) fn run(args: &ReportArgs) -> Done {
    let (path, format) = target(args);
    output::apart(&args.capture, &path)?;
    let options = CollectOptions {
        expectations: expect::expectations(&args.expect)?,
        fails_from: if args.expect.strict {
            Severity::Warning
        } else {
            Severity::Error
        },
        layout: layout(&args.layout),
        layout_flag: layout_flag(&args.layout),
        commands: Some(COMMANDS),
        is_recorded: is_locked(&args.capture),
        ..CollectOptions::default()
    };
    let given = schema::given(&args.schema)?;
    input::read_through(&args.capture, |reader| {
        schema::give(reader, given.as_deref())?;
        let input = write(reader, &args.capture, &path, format, &options, args.force)?;
        Ok(told(&path, &input))
    })
}

fn told(path: &Path, input: &ReportInput) -> Outcome {
    output::say(format!("{}: {}", path.display(), verdict(input)));
    if let Some(damage) = &input.validation.damage {
        output::say(format!("capture: {damage}"));
        return Outcome::Failed;
    }
    if input.validation.fails() {
        Outcome::Findings
    } else {
        Outcome::Ok
    }
}

/// Writes the report of a capture into a file, or to stdout for `-`.
pub(crate) fn write(
    reader: &mut Reader<File>,
    capture: &Path,
    path: &Path,
    format: PageFormat,
    options: &CollectOptions,
    force: bool,
) -> Result<ReportInput, Failure> {
    // A path says something of the machine that the report was made on; the name is enough.
    let name = capture.file_name().unwrap_or_default().to_string_lossy();
    let input = collect(reader, &name, options)?;
    let text = match format {
        PageFormat::Html => html::render(&input),
        PageFormat::Markdown => markdown::render(&input),
    };
    let (mut out, new) = output::sink(Some(path), force, output::Gone::GoOn)?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| output::unwritten(path, &error))?;
    new.map_or(Ok(()), output::finish)?;
    Ok(input)
}

fn target(args: &ReportArgs) -> (PathBuf, PageFormat) {
    let is_markdown = |path: &Path| {
        let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        ending.is_some_and(|ending| ending == "md" || ending == "markdown")
    };
    let format = args.format.unwrap_or(match &args.output {
        Some(path) if is_markdown(path) => PageFormat::Markdown,
        _ => PageFormat::Html,
    });
    let ending = match format {
        PageFormat::Html => ".report.html",
        PageFormat::Markdown => ".report.md",
    };
    let path = args
        .output
        .clone()
        .unwrap_or_else(|| output::beside(&args.capture, ending));
    (path, format)
}

/// The verdict line: `PASS`, or `FAIL` and the reason.
fn verdict(input: &ReportInput) -> String {
    let validation = &input.validation;
    match (validation.verdict, validation.findings.first()) {
        (Verdict::Fail, Some(worst)) => format!("FAIL: {}: {}", worst.rule, worst.message),
        (Verdict::Fail, None) => "FAIL".to_owned(),
        (Verdict::Pass, _) => "PASS".to_owned(),
    }
}
