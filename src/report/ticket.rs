//! The bundle for a ticket, made from a capture: redacted, cut to size around what is wrong, with the report and the
//! way to reproduce it.
//!
//! [`make`] composes redaction, validation, the report and the slice; [`super::bundle::archive`] packs what it gives. The
//! capture in the bundle is validated as it lies there: `validation.json` is what the bundle's own README command gives.

mod error;
mod fit;
mod judge;
mod options;
mod pages;
mod part;
mod texts;
pub(crate) mod xray;

use std::{
    fs::File,
    io::{self, Seek as _},
    path::Path,
    sync::Arc,
};

use super::bundle::archive::{Manifest, Member};
use crate::{
    analyze::validate::RULES,
    file::{CaptureState, FileError, ReadWatch, Writer, WriterOptions},
    model::finding::Verdict,
    report::{
        again::{Again, EXPECTATIONS},
        html,
        input::{CollectOptions, ReportInput, collect},
        junit, regression,
        validation::Report,
    },
    transform::redact::rewrite,
};
pub use error::TicketError;
pub(crate) use fit::Fit;
pub(crate) use judge::CAPTURE;
use judge::validate;
pub use options::TicketOptions;
use options::Watched;
use pages::Pages;
pub use part::BundledCapture;

/// The composed bundle of a ticket.
#[derive(Debug)]
pub struct Ticket {
    /// The members of the bundle.
    pub members: Vec<Member>,
    /// The verdict on the whole capture.
    pub verdict: Verdict,
    /// The validation of the whole capture.
    pub whole: Report,
    /// The validation of the bundle's capture, as the command in its README gives it.
    pub part: Report,
    /// The part of the capture that is in the bundle.
    pub kept: BundledCapture,
    /// The summary, in Markdown.
    pub summary: String,
    /// Start and end of the stream, RFC 3339.
    pub time: (String, String),
    /// Messages that redaction could not decode and left out; a gap stands for each.
    pub withheld: u64,
    /// Whether the capture is finished.
    pub source: CaptureState,
    /// The given redaction rules that found nothing.
    pub unmatched: Vec<String>,
    /// Largest size of the archive, bytes.
    pub max_bytes: u64,
}

/// Writes the bundle of a capture into `archive`, an empty file; scratch files are made in `scratch`, an empty folder
/// of the caller's. Gives what was packed, the manifest, and the archive's bytes.
///
/// # Errors
/// When the capture cannot be read, redacted or cut, when nothing useful fits, and when the archive cannot be written or cannot be made small enough.
pub fn bundle(
    capture: &Path,
    archive: &mut File,
    scratch: &Path,
    options: &TicketOptions,
) -> Result<(Ticket, Manifest, u64), TicketError> {
    bundle_watched(capture, archive, scratch, options, None)
}

/// [`bundle`], which tells `watch` how far each pass over a capture has come.
pub(crate) fn bundle_watched(
    capture: &Path,
    archive: &mut File,
    scratch: &Path,
    options: &TicketOptions,
    watch: Option<Arc<dyn ReadWatch>>,
) -> Result<(Ticket, Manifest, u64), TicketError> {
    let mut asked = Watched {
        options: options.clone(),
        watch,
    };
    let unwritten = |source| TicketError::Scratch {
        path: scratch.to_owned(),
        source,
    };
    for attempt in 0..ATTEMPTS {
        let folder = scratch.join(attempt.to_string());
        std::fs::create_dir(&folder).map_err(unwritten)?;
        let mut ticket = make(capture, &folder, &asked)?;
        archive.set_len(0).and_then(|()| archive.rewind()).map_err(unwritten)?;
        let manifest = super::bundle::archive::write(&mut *archive, &ticket.members)?;
        let size = archive.metadata().map_err(unwritten)?.len();
        if size <= options.max_bytes {
            ticket.max_bytes = options.max_bytes;
            return Ok((ticket, manifest, size));
        }
        // The texts packed less well than texts do; the capture has to make room.
        asked.options.max_bytes = asked
            .options
            .max_bytes
            .saturating_sub(size - options.max_bytes + MARGIN);
    }
    Err(TicketError::TooSmall {
        size: options.max_bytes + 1,
        max: options.max_bytes,
    })
}

/// Number of attempts when the bundle is too large, each with less room.
const ATTEMPTS: usize = 4;

/// Additional reduction in bytes, so that the next attempt is not slightly too large again.
const MARGIN: u64 = 4096;

/// Composes the bundle of a capture; scratch files are made in `scratch`, an empty folder of the caller's.
fn make(capture: &Path, scratch: &Path, options: &Watched) -> Result<Ticket, TicketError> {
    let redacted = scratch.join("redacted.gcap");
    let mut source = options.open(capture)?;
    let changed = rewrite(
        &mut source,
        &options.redaction,
        |header| Writer::create(&redacted, header, WriterOptions::default())?.parallel(),
        || File::open(&redacted),
    )?;

    let name = capture.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Files are named after sites.
    let name = changed.values.replace(&name).unwrap_or(name);
    let mut input = whole(&redacted, &name, options)?;
    let page = html::render(&input);
    let redaction = serde_json::to_string_pretty(&changed).map_err(|error| TicketError::Render(error.to_string()))?;
    let expectations = input.again.expectations.clone();
    let mut members = vec![
        Member::text("report.html", page),
        Member::text("redaction.json", redaction),
    ];
    if !expectations.is_empty() {
        members.push(Member::text(EXPECTATIONS, expectations));
    }
    let mut packed = io::Cursor::new(Vec::new());
    super::bundle::archive::write(&mut packed, &members)?;
    let fit = Fit::new(&redacted, scratch, options, &input, packed.into_inner().len() as u64)?;
    let part = match &fit.file {
        Some(file) => validate(file, options)?,
        None => input.validation.clone(),
    };
    let anchor = input.header.anchor_unix_ns;
    let last_ns = input.stats.totals.last_offset_ns;
    let time = (time(anchor), time(anchor.saturating_add(last_ns)));
    input.again = again(&input.again, &fit.kept, &name);
    if let Some(report) = members.first_mut() {
        // Now it is known what the reader has of the capture.
        *report = Member::text("report.html", html::render(&input));
    }

    if let Some(file) = &fit.file {
        members.insert(1, Member::file(CAPTURE, file));
        members.insert(2, Member::text("validation.json", validation_json(&part)?));
        members.insert(3, Member::text("junit.xml", junit_xml(&part, options)?));
    }
    let mut names: Vec<_> = members.iter().map(|member| member.name.clone()).collect();
    names.push(super::bundle::SUMMARY.to_owned());
    let pages = Pages {
        whole: &input.validation,
        part: &part,
        kept: &fit.kept,
        header: &input.header,
        source: &name,
        digest: fit.digest,
        start: &time.0,
        length_s: last_ns as f64 / 1e9,
        withheld: changed.withheld,
        source_state: changed.source,
        max_bytes: options.max_bytes,
        names,
        again: &input.again,
    };
    let (summary, readme) = (texts::summary(&pages), texts::readme(&pages));
    members.insert(0, Member::text("README.md", readme));
    members.insert(1, Member::text(super::bundle::SUMMARY, summary.clone()));
    Ok(Ticket {
        members,
        verdict: input.validation.verdict,
        whole: input.validation,
        part,
        kept: fit.kept,
        summary,
        time,
        withheld: changed.withheld,
        source: changed.source,
        unmatched: changed.unmatched,
        max_bytes: options.max_bytes,
    })
}

/// Makes the report of the whole capture.
fn whole(file: &Path, name: &str, options: &Watched) -> Result<ReportInput, FileError> {
    let collected = CollectOptions {
        expectations: options.expectations.clone(),
        fails_from: options.fails_from,
        layout: options.layout,
        layout_flag: options.layout_flag.clone(),
        commands: options.commands,
        ..CollectOptions::default()
    };
    collect(&mut options.open(file)?, name, &collected)
}

fn validation_json(report: &Report) -> Result<String, TicketError> {
    let json = serde_json::to_string(report).map_err(|error| TicketError::Render(error.to_string()))?;
    Ok(json + "\n")
}

fn junit_xml(report: &Report, options: &Watched) -> Result<String, TicketError> {
    let rules: Vec<_> = RULES.iter().map(|rule| rule.id).chain([regression::RULE]).collect();
    let name = options.commands.map_or("validation", |commands| commands.validate);
    junit::render(name, &[report.suite(&rules)]).map_err(|error| TicketError::Render(error.clone()))
}

/// The data for the commands of the bundle: its own files.
fn again(whole: &Again, kept: &BundledCapture, source: &str) -> Again {
    let remark = match kept {
        BundledCapture::Whole => None,
        BundledCapture::Nothing => Some(format!(
            "This bundle does not hold the capture; ask its sender for {source}."
        )),
        BundledCapture::Part { from_ns, to_ns, .. } => Some(format!(
            "This page covers all of {source}. {CAPTURE} in this bundle is the part from {:.3} s to {:.3} s; its \
             offsets and messages are counted from its own beginning.",
            *from_ns as f64 / 1e9,
            *to_ns as f64 / 1e9
        )),
    };
    Again {
        capture: (*kept != BundledCapture::Nothing).then(|| CAPTURE.to_owned()),
        has_expectations: true,
        remark,
        ..whole.clone()
    }
}

fn time(unix_ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(unix_ns));
    time.map_or_else(|_| format!("{unix_ns} ns"), |time| time.to_string())
}

#[cfg(test)]
mod tests;
