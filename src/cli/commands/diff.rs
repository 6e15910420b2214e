//! `capture diff`: two captures, call by call and row by row.

use std::{fs::File, io::Write as _};

use crate::{
    analyze::diff::{CaptureDiff, DiffOptions, MetadataMode, diff_with_map},
    file::{Attribute, CaptureState, Reader},
    grpc::field_pattern::FieldPatterns,
    report::{diff_html, diff_text},
};
use serde::Serialize;

use super::{Done, Failure, Outcome, input, output, schema, stats::layout};
use crate::cli::flags::diff::DiffArgs;

#[derive(Serialize)]
struct Report {
    a: String,
    b: String,
    /// State of each capture.
    a_state: CaptureState,
    b_state: CaptureState,
    #[serde(flatten)]
    diff: CaptureDiff,
}

pub(crate) fn run(args: &DiffArgs) -> Done {
    if [args.abs, args.rel]
        .iter()
        .any(|tolerance| !(tolerance.is_finite() && *tolerance >= 0.0))
    {
        return Err(Failure::Usage(
            "--abs and --rel are numbers from 0 on, such as 0.001".to_owned(),
        ));
    }
    if let Some(html) = &args.html {
        output::apart(&args.a, html)?;
        output::apart(&args.b, html)?;
    }
    let given = schema::given(&args.schema)?;
    input::read_each(&[args.a.clone(), args.b.clone()], |captures| match captures {
        [(_, a), (_, b)] => {
            for reader in [&mut *a, &mut *b] {
                schema::give(reader, given.as_deref())?;
            }
            compare(args, a, b)
        }
        _ => Err(Failure::Usage("diff compares two captures".to_owned())),
    })
}

fn compare(args: &DiffArgs, a: &mut Reader<File>, b: &mut Reader<File>) -> Done {
    let metadata = match (args.ignore_metadata, args.all_metadata) {
        (true, _) => MetadataMode::Ignore,
        (_, true) => MetadataMode::All,
        _ => MetadataMode::Stable,
    };
    let options = DiffOptions {
        abs: args.abs,
        rel: args.rel,
        metadata,
        layout: layout(&args.layout),
    };
    let ignore = FieldPatterns::new(args.ignore.concat()).map_err(|error| Failure::Usage(error.to_string()))?;
    if !ignore.is_empty() && !has_schema(a) && !has_schema(b) {
        output::say("neither capture holds a schema: --ignore knows fields by their numbers only, such as 1.2");
    }
    let (diff, map) = diff_with_map(a, b, options, ignore)?;
    let report = Report {
        a: args.a.display().to_string(),
        b: args.b.display().to_string(),
        a_state: a.state()?,
        b_state: b.state()?,
        diff,
    };
    if let Some(path) = &args.html {
        let page = diff_html::page(&report.diff, map.as_ref(), &report.a, &report.b);
        let mut file = output::begin(path, args.force)?;
        let written = file.write_all(page.as_bytes());
        written.map_err(|error| output::unwritten(path, &error))?;
        output::finish(file)?;
    }
    output::print_verdict(args.format.format, &report, |report| {
        diff_text::render(&report.diff, &report.a, &report.b)
    })?;
    let empty = report.diff.totals.calls + report.diff.totals.calls_missing + report.diff.totals.calls_extra == 0;
    if empty {
        output::say("neither capture holds a call");
    }
    Ok(if report.diff.differs || empty {
        Outcome::Findings
    } else {
        Outcome::Ok
    })
}

fn has_schema(reader: &Reader<File>) -> bool {
    reader.header().get(Attribute::DESCRIPTOR_SET).is_some()
}
