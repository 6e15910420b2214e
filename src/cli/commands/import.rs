//! `capture import`: a capture from length-delimited frames, a gRPC binary log or an MCAP file.

mod header;
mod recognized;
mod source;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::{
    das::dialect::Dialect,
    file::{Attribute, Codec, Digest, Summary, Writer, WriterOptions},
    model::text::printable,
    transform::convert::Losses,
};
use serde::Serialize;

use super::{Done, Failure, Outcome, output, progress};
use crate::cli::flags::ImportArgs;
pub(crate) use header::header;
use source::Source;

#[derive(Serialize)]
struct Report {
    capture: String,
    frames: u64,
    undecodable: u64,
    /// Messages that cannot be decoded by the dialect.
    #[serde(skip)]
    malformed: u64,
    /// Frames that would take too much memory to decode.
    #[serde(skip)]
    too_large: u64,
    /// True when the input is bare messages, whose encoding a flag tells.
    #[serde(skip)]
    is_frames: bool,
    message_bytes: u64,
    stored_bytes: u64,
    duration_ns: u64,
    digest: Digest,
    /// Why the input was not read to its end.
    error: Option<String>,
    /// Losses of the import, by kind.
    losses: Losses,
}

pub(crate) fn run(args: &ImportArgs) -> Done {
    let stdin = args.input == Path::new("-");
    let name = if stdin { "stdin" } else { stem(&args.input) };
    let path = match &args.output {
        Some(path) => path.clone(),
        None if stdin => {
            return Err(Failure::Usage(
                "input from stdin needs a name for the capture: -o FILE".to_owned(),
            ));
        }
        None => args.input.with_file_name(format!("{name}.gcap")),
    };
    output::apart(&args.input, &path)?;
    let mut line = None;
    let input: Box<dyn Read> = if stdin {
        Box::new(io::stdin().lock())
    } else {
        let open = File::open(&args.input);
        let file = open.map_err(|error| format!("could not open {}: {error}", args.input.display()))?;
        let file = progress::Watched::new(file, &args.input);
        line = file.line();
        Box::new(file)
    };
    let job_id = args.job_id.clone().unwrap_or_else(|| name.to_owned());
    let mut source = Source::open(args, input, &job_id)?;
    let mut header = source.header.clone();
    // A capture in another form keeps what it said of itself.
    if !source.is_ours() {
        header.set(Attribute::SOURCE, format!("import of {}", file_name(&args.input)));
    }
    if let Some(job_id) = &args.job_id {
        header.set(Attribute::JOB_ID, job_id.as_str());
    }
    for tag in &args.tags {
        header.set(format!("{}{}", Attribute::TAG_PREFIX, tag.0), tag.1.as_str());
    }
    let mut writer_options = WriterOptions::default();
    match args.level {
        Some(level) => writer_options.codec = Codec::Zstd(level),
        // Nobody waits for a chunk to be closed in time, and rows of one chunk predict each other.
        None => writer_options.chunk_ns = u64::MAX,
    }
    let new = output::begin(&path, args.force)?;
    let writer = Writer::with_new_file(&new, &header, writer_options)?.parallel()?;
    let (summary, error) = write(writer, &mut source)?;
    if let Some(line) = line {
        line.done();
    }
    if let Some(error) = error.as_ref().filter(|_| source.received == 0) {
        // A capture of nothing would only be in the way.
        return Err(format!("could not import {}: {error}", args.input.display()).into());
    }
    output::finish(new)?;
    let report = Report {
        capture: path.display().to_string(),
        frames: source.received,
        undecodable: source.undecodable + source.not_inflated,
        malformed: source.undecodable,
        too_large: source.too_large,
        is_frames: source.is_frames(),
        message_bytes: summary.message_bytes,
        stored_bytes: summary.stored_bytes,
        duration_ns: summary.last_offset_ns,
        digest: summary.digest,
        error: error.map(|error| error.to_string()),
        losses: source.losses(),
    };
    output::print(args.format.format, &report, text)?;
    if source.is_frames() && report.error.is_none() && report.frames > 0 {
        let input = args.input.display();
        output::say(format!(
            "{input} does not say how its call ended; it is taken as a complete call that ended with OK"
        ));
    }
    Ok(judge(args, &report))
}

/// Writes every event; an input that ends badly leaves a finished capture of all that came before.
fn write(mut writer: Writer<File>, source: &mut Source) -> Result<(Summary, Option<source::Problem>), Failure> {
    let mut failed = None;
    while let Some(event) = source.next() {
        match event {
            Ok(event) => writer.write(&event)?,
            // The call's ending still follows.
            Err(error) => failed = Some(error),
        }
    }
    Ok((writer.finish()?, failed))
}

fn judge(args: &ImportArgs, report: &Report) -> Outcome {
    let input = args.input.display();
    let mut outcome = Outcome::Ok;
    if let Some(error) = &report.error {
        output::say(format!("{input} was not read to its end: {error}"));
        outcome = Outcome::Lossy;
    }
    if !report.losses.is_empty() {
        output::say(format!("not everything of {input} was kept: {}", report.losses));
        outcome = Outcome::Lossy;
    }
    if report.frames == 0 && report.error.is_none() {
        output::say(format!("{input} holds no frame"));
        return outcome.worst(Outcome::Findings);
    }
    if report.too_large > 0 {
        output::say(format!(
            "{} of {input} would need more memory than allowed to decode; the capture holds them byte for byte",
            output::counted(report.too_large, "frame")
        ));
    }
    if report.undecodable > 0 && report.error.is_none() {
        output::say(format!(
            "{} of {input} cannot be decoded{}",
            output::counted(report.undecodable, "frame"),
            undecodable(args, report)
        ));
        outcome = outcome.worst(Outcome::Findings);
    }
    outcome
}

/// Suggests a reason for undecodable messages. The dialect is in question where nothing fits it, and where it was not
/// in the file.
fn undecodable(args: &ImportArgs, report: &Report) -> String {
    let other = match args.dialect {
        Dialect::DataStream => Dialect::PandaDataStream,
        Dialect::PandaDataStream => Dialect::DataStream,
    };
    if report.malformed == 0 {
        ": their compression is damaged or unknown".to_owned()
    } else if !report.is_frames {
        "; `capture validate` says what is wrong with the first".to_owned()
    } else if report.malformed + report.too_large < report.frames {
        format!(
            " as {}, though others can; `capture validate` says what is wrong with the first",
            args.dialect
        )
    } else {
        format!(
            " as {}; if the job spoke the other dialect, give --dialect {other}",
            args.dialect
        )
    }
}

fn text(report: &Report) -> String {
    let Report {
        capture,
        message_bytes,
        stored_bytes,
        ..
    } = report;
    let capture = printable(capture);
    let ratio = *message_bytes as f64 / (*stored_bytes).max(1) as f64;
    format!(
        "{capture}: {} over {}, {} in {} ({ratio:.2} : 1), digest {}",
        output::counted(report.frames, "frame"),
        output::seconds(report.duration_ns),
        output::bytes(*message_bytes),
        output::bytes(*stored_bytes),
        report.digest
    )
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("frames")
}

/// The file name up to its first dot: `optodas_quake.dstream.bin` is `optodas_quake`.
fn stem(path: &Path) -> &str {
    let name = file_name(path);
    match name.split('.').next() {
        Some(stem) if !stem.is_empty() => stem,
        _ => name,
    }
}
