//! `capture diff`: two captures, call by call and row by row.

use std::io::Write as _;

use grpc_capture::{
    diff::{Diff, MetadataMode, Options, diff_with_map},
    file::Reader,
    report::{diff_html, diff_text},
};
use serde::Serialize;

use super::{Done, Failure, Outcome, output, stats::layout};
use crate::cli::diff::DiffArgs;

#[derive(Serialize)]
struct Report {
    a: String,
    b: String,
    #[serde(flatten)]
    diff: Diff,
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
    let (mut a, mut b) = (Reader::open(&args.a)?, Reader::open(&args.b)?);
    let metadata = match (args.ignore_metadata, args.all_metadata) {
        (true, _) => MetadataMode::Ignore,
        (_, true) => MetadataMode::All,
        _ => MetadataMode::Stable,
    };
    let options = Options {
        abs: args.abs,
        rel: args.rel,
        metadata,
        layout: layout(&args.layout),
    };
    let (diff, map) = diff_with_map(&mut a, &mut b, options)?;
    let report = Report {
        a: args.a.display().to_string(),
        b: args.b.display().to_string(),
        diff,
    };
    if let Some(path) = &args.html {
        let page = diff_html::page(&report.diff, map.as_ref(), &report.a, &report.b);
        let written = output::create(path, args.force)?.write_all(page.as_bytes());
        written.map_err(|error| format!("could not write {}: {error}", path.display()))?;
    }
    output::print(args.format.format, &report, |report| {
        diff_text::render(&report.diff, &report.a, &report.b)
    })?;
    for (path, summary) in [(&report.a, a.summary()?), (&report.b, b.summary()?)] {
        if summary.is_none() {
            output::say(format!("{path} is unfinished; it was compared as far as it goes"));
        }
    }
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
