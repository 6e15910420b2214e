//! `capture validate`: is the stream right, and why not?

use std::{fs::File, path::Path};

use crate::{
    analyze::{
        stats::{
            Digests, StatsCollector, StatsOptions,
            baseline::{Baseline, compare, compare_methods},
        },
        validate::{Expectations, RULES, ReadTo, Validator},
    },
    das::frames::Frames,
    file::{FileError, Reader, is_locked},
    model::{event::Observer, finding::Severity},
    report::{junit, regression, validation::Report, validation_text},
};

use super::{
    Done, Failure, Outcome, expect, input, output,
    stats::{layout, read_text},
};
use crate::cli::flags::{Format, validate::ValidateArgs};

pub(crate) fn run(args: &ValidateArgs) -> Done {
    if args
        .tolerance
        .is_some_and(|percent| !(percent.is_finite() && percent >= 0.0))
    {
        return Err(Failure::Usage("--tolerance is a percentage, such as 20".to_owned()));
    }
    let expectations = expect::expectations(&args.expect)?;
    if args.init {
        return init(args, &expectations);
    }
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let mut outcome = Outcome::Ok;
    let mut reports = Vec::new();
    for path in &args.captures {
        let judged = input::read_through(path, |reader| {
            let (report, damage) = validate(args, path, reader, &expectations, baseline.as_ref())?;
            output::print_verdict(args.format.format, &report, validation_text::render)?;
            let verdict = if report.fails() { Outcome::Findings } else { Outcome::Ok };
            reports.push(report);
            let Some(error) = damage else { return Ok(verdict) };
            output::say(format!("capture: {}", Failure::from(error)));
            Ok(Outcome::Failed)
        })?;
        outcome = match (outcome, judged) {
            // A verdict outranks that there was more to judge.
            (Outcome::Findings, Outcome::Lossy) | (Outcome::Lossy, Outcome::Findings) => Outcome::Findings,
            (outcome, judged) => outcome.worst(judged),
        };
    }
    if let Some(path) = &args.junit {
        write_junit(path, &reports)?;
    }
    Ok(outcome)
}

/// Validates one capture; what can be read of a damaged one is judged too.
fn validate(
    args: &ValidateArgs,
    path: &Path,
    reader: &mut Reader<File>,
    expectations: &Expectations,
    baseline: Option<&Baseline>,
) -> Result<(Report, Option<FileError>), Failure> {
    // Asked before and after: a recorder may finish while the capture is read.
    let was_recorded = is_locked(path);
    let expected = Expectations::from_header(reader.header()).merge(expectations.clone());
    let layout = layout(&args.layout);
    let mut validator = Validator::new(expected, reader.header()).with_layout(layout);
    let options = StatsOptions {
        layout,
        digests: Digests::Skip,
        ..StatsOptions::default()
    };
    let mut stats = baseline.map(|_| StatsCollector::new(reader.header(), options));
    let mut frames = Frames::with_layout(layout);
    let damage = loop {
        match reader.next_event() {
            Ok(Some(event)) => match &mut stats {
                Some(stats) => frames.show(&event, &mut [&mut validator, stats]),
                None => validator.observe(&event),
            },
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let read_to = ReadTo::of(reader.state()?, was_recorded || is_locked(path), damage.as_ref());
    let mut validation = validator.finish_at(&read_to);
    if let (Some(baseline), Some(stats)) = (baseline, stats) {
        let tolerance = args.tolerance.map_or(baseline.tolerance(), |percent| percent / 100.0);
        let stats = stats.finish();
        if stats.timing.source != baseline.timing {
            output::say(format!(
                "{}: only one of it and the baseline has delivery times, so only frames and rows are compared",
                path.display()
            ));
        }
        let mut regressions = compare(baseline, &stats, tolerance);
        if read_to == ReadTo::Growing {
            // More of them are on their way.
            regressions.retain(|found| !matches!(found.metric, "frames" | "rows"));
        }
        validation.findings.extend(regression::findings(&regressions));
        let mut methods = compare_methods(baseline, &stats, tolerance);
        // Calls of further methods may be on their way.
        methods.retain(|found| read_to != ReadTo::Growing || found.measured_ns.is_some());
        validation.findings.extend(regression::method_findings(&methods));
    }
    for expected in &validation.expected {
        tracing::info!("the {} expects {} {}", expected.source, expected.key, expected.value);
    }
    let report = Report::new(path.display().to_string(), validation, fails_from(args), &read_to);
    Ok((report, damage))
}

const fn fails_from(args: &ValidateArgs) -> Severity {
    if args.expect.strict {
        Severity::Warning
    } else {
        Severity::Error
    }
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let text = read_text(path, "baseline")?;
    Baseline::parse(&text).map_err(|error| format!("{}: {}", path.display(), crate::cli::remedies::told(&error)).into())
}

fn write_junit(path: &Path, reports: &[Report]) -> Result<(), Failure> {
    let rules: Vec<_> = RULES.iter().map(|rule| rule.id).chain([regression::RULE]).collect();
    let suites: Vec<_> = reports.iter().map(|report| report.suite(&rules)).collect();
    let xml = junit::render("capture validate", &suites)
        .map_err(|error| format!("could not write {}: {error}", path.display()))?;
    // A report of a test run is replaced by the next, as every CI server expects.
    let is_xml = |head: &[u8]| {
        String::from_utf8_lossy(head)
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('<')
    };
    output::write_again(path, is_xml, "JUnit report", xml.as_bytes())
}

/// Prints an expectation file; only a capture that passes can be an example.
fn init(args: &ValidateArgs, expectations: &Expectations) -> Done {
    let [path] = args.captures.as_slice() else {
        return Err(Failure::Usage("--init makes expectations from one capture".to_owned()));
    };
    input::read_through(path, |reader| print_expectations(args, path, reader, expectations))
}

fn print_expectations(
    args: &ValidateArgs,
    path: &Path,
    reader: &mut Reader<File>,
    expectations: &Expectations,
) -> Done {
    let expected = Expectations::from_header(reader.header()).merge(expectations.clone());
    let mut validator = Validator::new(expected, reader.header()).with_layout(layout(&args.layout));
    while let Some(event) = reader.next_event()? {
        validator.observe(&event);
    }
    let read_to = ReadTo::of(reader.state()?, false, None);
    let validation = validator.finish_at(&read_to);
    let observed = validation.observed.clone();
    let report = Report::new(path.display().to_string(), validation, fails_from(args), &read_to);
    if report.fails() {
        output::say_lines(validation_text::render(&report));
        output::say("expectations are made from a good capture; this one fails");
        return Ok(Outcome::Findings);
    }
    output::put(Format::Text, Expectations::init_from(&observed))?;
    Ok(Outcome::Ok)
}
