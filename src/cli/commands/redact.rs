//! `capture redact`: a capture without its secrets.

use std::{fs::File, path::Path};

use crate::{
    file::Reader,
    model::text::printable,
    transform::redact::{FieldError, RedactError, Redacted, Rules, preview, rewrite_by},
};
use serde::Serialize;

use super::{
    Done, Failure, Outcome, input,
    output::{self, NewCapture, bytes, counted},
    schema,
    stats::read_text,
};
use crate::cli::flags::redact::{Assigned, RedactArgs, RuleArgs};

#[derive(Serialize)]
struct Report {
    /// `None` when nothing was written.
    capture: Option<String>,
    source: String,
    #[serde(flatten)]
    redacted: Redacted,
}

pub(crate) fn run(args: &RedactArgs) -> Done {
    let rules = rules(&args.rules)?;
    let given = schema::given(&args.schema)?;
    let new = args.output.as_deref().filter(|_| !args.dry_run);
    let new = new
        .map(|path| NewCapture::new(path, args.force, &[&args.capture]))
        .transpose()?;
    input::read_through(&args.capture, |reader| redact(args, &rules, given, new, reader))
}

fn redact(
    args: &RedactArgs,
    rules: &Rules,
    given: Option<Vec<u8>>,
    new: Option<NewCapture>,
    reader: &mut Reader<File>,
) -> Done {
    let schema = given.map(|given| schema::over(&given, reader.header())).transpose()?;
    let capture = new.as_ref().map(NewCapture::name);
    let redacted = match new {
        None => preview(reader, rules, schema.as_deref()).map_err(refused)?,
        Some(new) => {
            let begin = |header: &_| new.begin(header);
            let rewritten = rewrite_by(reader, rules, schema.as_deref(), begin, || File::open(new.place()));
            new.settle(rewritten.map_err(refused))?
        }
    };
    let report = Report {
        capture,
        source: args.capture.display().to_string(),
        redacted,
    };
    output::print(args.format.format, &report, text)?;
    warn_of_unmatched(&report.redacted.unmatched);
    Ok(if report.redacted.withheld > 0 {
        Outcome::Lossy
    } else {
        Outcome::Ok
    })
}

fn refused(error: RedactError) -> Failure {
    match error {
        RedactError::Field(FieldError::NoDescriptors(_)) => {
            format!("{error}; give one with --proto, --protoset or --reflect").into()
        }
        error => error.into(),
    }
}

/// Warns about rules that matched nothing: their names may be mistyped.
pub(crate) fn warn_of_unmatched(rules: &[String]) {
    for rule in rules {
        output::say(format!(
            "the rule {rule} matched nothing in this capture; is its name right? `capture info` and `cat` show the \
                names"
        ));
    }
}

/// Describes messages that a recording left out because its rules could not decode them.
pub(crate) fn withheld(messages: u64) -> String {
    format!(
        "{} could not be searched for --redact and left out; `capture cat` shows each gap with its reason",
        counted(messages, "message")
    )
}

/// The redaction rules: those of a file, overridden by the flags.
pub(crate) fn rules(args: &RuleArgs) -> Result<Rules, Failure> {
    let file = args
        .rules
        .as_deref()
        .map(rules_of_file)
        .transpose()?
        .unwrap_or_default();
    let assigned = |assigned: &[Assigned]| assigned.iter().map(|one| (one.0.clone(), one.1.clone())).collect();
    let values = args
        .values
        .as_deref()
        .map(|path| read_text(path, "file of values"))
        .transpose()?;
    let lines = values.iter().flat_map(|text| text.lines()).map(str::trim);
    Ok(file.merge(Rules {
        defaults: !args.no_defaults,
        fields: assigned(&args.field),
        metadata: assigned(&args.metadata),
        configure: assigned(&args.configure),
        attributes: assigned(&args.attribute),
        addresses: args.addresses.clone(),
        status: args.status.clone(),
        notes: args.notes.clone(),
        values: lines.filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        ..Rules::default()
    }))
}

/// Reads the rules of a TOML file.
pub(crate) fn rules_of_file(path: &Path) -> Result<Rules, Failure> {
    let rules = Rules::parse(&read_text(path, "redaction rules")?);
    rules.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn text(report: &Report) -> String {
    let Report {
        capture,
        source,
        redacted,
    } = report;
    let source = printable(source);
    let mut text = match capture {
        Some(capture) => format!("{}: {source}, redacted", printable(capture)),
        None => format!("{source} would be redacted as follows; nothing was written"),
    };
    if redacted.changes.is_empty() {
        text.push_str("\n  there was nothing to hide");
    }
    for change in &redacted.changes {
        text.push_str(&format!(
            "\n  {:>8}  {}",
            output::grouped(change.count),
            printable(&change.rule)
        ));
    }
    if redacted.withheld > 0 {
        let messages = counted(redacted.withheld, "message");
        text.push_str(&format!(
            "\n{messages} could not be searched and left out; a gap takes the place of each"
        ));
        for why in &redacted.withheld_for {
            text.push_str(&format!("\n  {:>8}  {}", output::grouped(why.messages), why.reason));
        }
    }
    if let Some(scan) = &redacted.scan {
        let values = counted(scan.values, "value");
        text.push_str(&format!(
            "\nsearched {} and every event for {values} that were removed: none is left",
            bytes(scan.bytes)
        ));
        if scan.too_short + scan.not_kept > 0 {
            let too_short = counted(scan.too_short, "occurrence");
            text.push_str(&format!(
                "; not searched for: {too_short} of values of less than 6 bytes"
            ));
            if scan.not_kept > 0 {
                text.push_str(&format!(
                    ", {} beyond the first 65,536 values",
                    output::grouped(scan.not_kept)
                ));
            }
        }
    }
    if let Some(digest) = &redacted.digest {
        text.push_str(&format!("\ndigest {digest}"));
    }
    text
}
