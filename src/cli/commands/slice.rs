//! `capture slice`: a part of a capture.

use std::{fs::File, time::Duration};

use crate::{
    analyze::validate::{Expectations, RULES, Validator},
    file::Reader,
    model::{
        event::Observer as _,
        finding::Finding,
        text::{nearest, printable},
    },
    transform::slice::{Cut, Range, Sliced, slice},
};
use serde::Serialize;

use super::{
    Done, Failure, Outcome, input,
    output::{self, NewCapture, counted, seconds},
};
use crate::cli::flags::slice::SliceArgs;

#[derive(Serialize)]
struct Report {
    capture: String,
    source: String,
    #[serde(flatten)]
    sliced: Sliced,
}

pub(crate) fn run(args: &SliceArgs) -> Done {
    let new = NewCapture::new(&args.output, args.force, &[&args.capture])?;
    input::read(&args.capture, |reader| cut_out(args, new, reader))
}

fn cut_out(args: &SliceArgs, new: NewCapture, reader: &mut Reader<File>) -> Done {
    let cut = Cut {
        range: range(args, reader)?,
        calls: args.call.clone(),
        sensors: args.sensors.clone(),
    };
    let (capture, made) = (new.name(), slice(reader, &cut, |header| new.begin(header)));
    let sliced = new.settle(made)?;
    let report = Report {
        capture,
        source: args.capture.display().to_string(),
        sliced,
    };
    output::print(args.format.format, &report, text)?;
    if report.sliced.messages == 0 {
        output::say("the slice holds no message");
        return Ok(Outcome::Findings);
    }
    Ok(Outcome::Ok)
}

fn range(args: &SliceArgs, reader: &mut Reader<File>) -> Result<Range, Failure> {
    let ns = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    if let Some(rows) = args.rows {
        return Ok(Range::Rows(rows));
    }
    if let Some(frames) = args.frames {
        if frames.min == 0 {
            let what = "--frames counts from 1, as findings and `capture cat` do; there is no message 0";
            return Err(Failure::Usage(what.to_owned()));
        }
        return Ok(Range::Frames(frames));
    }
    if let Some(finding) = &args.around {
        return around(args, reader, finding, ns(args.margin.0));
    }
    if args.start_offset.is_none() && args.end_offset.is_none() && args.playback_duration.is_none() {
        return Ok(Range::Whole);
    }
    let from_ns = args.start_offset.map_or(0, |span| ns(span.0));
    let lasts = args.playback_duration.map(|span| from_ns.saturating_add(ns(span.0)));
    let to_ns = args.end_offset.map(|span| ns(span.0)).or(lasts).unwrap_or(u64::MAX);
    Ok(Range::Time { from_ns, to_ns })
}

/// The time around the first place of a finding.
fn around(args: &SliceArgs, reader: &mut Reader<File>, wanted: &str, margin_ns: u64) -> Result<Range, Failure> {
    let (rule, number) = match wanted.split_once('#') {
        None => (wanted, 1),
        Some((rule, number)) => match number.parse::<usize>() {
            Ok(number) if number > 0 => (rule, number),
            _ => {
                let what = format!("`{wanted}` is not a finding; write missing-rows, or missing-rows#2");
                return Err(Failure::Usage(what));
            }
        },
    };
    let mut validator = Validator::new(Expectations::from_header(reader.header()), reader.header());
    while let Some(event) = reader.next_event()? {
        validator.observe(&event);
    }
    let findings = validator.finish().findings;
    let found = findings.iter().filter(|finding| finding.rule == rule).nth(number - 1);
    let Some(found) = found else {
        return Err(Failure::Usage(no_finding(args, rule, wanted, &findings)));
    };
    let Some(at) = found.first.offset_ns else {
        return Err(Failure::Usage(format!(
            "{rule} is about the capture as a whole and has no place in time; choose --start-offset or --rows"
        )));
    };
    Ok(Range::Time {
        from_ns: at.saturating_sub(margin_ns),
        to_ns: at.saturating_add(margin_ns),
    })
}

/// The error for a rule without findings, with the rules that have some and the rule that may have been meant.
fn no_finding(args: &SliceArgs, rule: &str, wanted: &str, findings: &[Finding]) -> String {
    let mut known: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    known.dedup();
    let there = match known.as_slice() {
        [] => "there is none at all".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    };
    let rules = RULES.iter().map(|rule| rule.id);
    let near = nearest(rule, rules).filter(|_| RULES.iter().all(|known| known.id != rule));
    let near = near.map_or_else(String::new, |near| {
        format!(", and no rule has that name; `{near}` is the nearest")
    });
    format!("{} has no finding `{wanted}`{near}; {there}", args.capture.display())
}

fn text(report: &Report) -> String {
    let Sliced { from_ns, to_ns, .. } = report.sliced;
    let mut text = format!(
        "{}: {} in {}, from {} to {} of {}; {} left out",
        printable(&report.capture),
        counted(report.sliced.messages, "message"),
        counted(report.sliced.calls.len() as u64, "call"),
        seconds(from_ns),
        seconds(to_ns),
        printable(&report.source),
        counted(report.sliced.messages_left_out, "message"),
    );
    if report.sliced.calls_left_out > 0 {
        text.push_str(&format!(" and {}", counted(report.sliced.calls_left_out, "call")));
    }
    if report.sliced.encoded_anew > 0 {
        let anew = counted(report.sliced.encoded_anew, "message");
        text.push_str(&format!("; {anew} encoded again without the other sensors"));
    }
    if report.sliced.kept_whole > 0 {
        let whole = counted(report.sliced.kept_whole, "message");
        text.push_str(&format!("; {whole} that cannot be decoded kept as they are"));
    }
    text.push_str(&format!("\ndigest {}", report.sliced.digest));
    text
}
