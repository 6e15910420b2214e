//! `capture bundle`: everything for a defect ticket in one archive, and such an archive opened again.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    file::CaptureState,
    model::{
        finding::{Severity, Verdict},
        text::printable,
    },
    report::{
        bundle::{Opened, archive::Manifest},
        ticket::{
            self, BundledCapture, Ticket, TicketOptions,
            xray::{Edition, Execution},
        },
    },
};
use serde::Serialize;

use super::{Done, Failure, Outcome, expect, input, output, progress, redact, report::COMMANDS, stats};
use crate::cli::flags::bundle::{BundleArgs, XrayEdition};

/// The JSON of `capture bundle --format json`.
#[derive(Debug, Serialize)]
struct Report {
    bundle: String,
    size: u64,
    verdict: Verdict,
    /// True when the bundle holds the whole capture.
    whole: bool,
    /// Offsets in the capture at which the bundled part begins and ends.
    from_ns: Option<u64>,
    to_ns: Option<u64>,
    messages_left_out: Option<u64>,
    /// Number of messages that redaction could not decode and left out.
    withheld: u64,
    /// Whether the source capture is finished.
    #[serde(flatten)]
    source: CaptureState,
    /// The findings of `capture validate` for the bundle's capture.
    findings: Vec<&'static str>,
    members: Manifest,
}

pub(crate) fn run(args: &BundleArgs) -> Done {
    match (&args.open, &args.capture) {
        (Some(bundle), _) => open(args, bundle),
        (None, Some(capture)) => make(args, capture),
        (None, None) => Err(Failure::Usage("name a capture, or a bundle with --open".to_owned())),
    }
}

fn make(args: &BundleArgs, capture: &Path) -> Done {
    let path = args.output.clone().unwrap_or_else(|| output::beside(capture, ".zip"));
    output::apart(capture, &path)?;
    let options = TicketOptions {
        max_bytes: args.max_size.0,
        expectations: expect::expectations(&args.expect)?,
        fails_from: if args.expect.strict {
            Severity::Warning
        } else {
            Severity::Error
        },
        layout: stats::layout(&args.layout),
        layout_flag: stats::layout_flag(&args.layout),
        commands: Some(COMMANDS),
        redaction: redact::rules(&args.rules)?,
    };
    let new = output::begin(&path, args.force)?;
    let scratch = Scratch::beside(&path)?;
    let mut archive = new.file().try_clone()?;
    let made = ticket::bundle_watched(capture, &mut archive, &scratch.0, &options, progress::of(capture));
    let (ticket, manifest, size) = made.map_err(|error| output::while_making(&path, error.into()))?;
    output::finish(new)?;
    let report = report(&path, &ticket, manifest, size);
    output::print(args.format.format, &report, |report| text(report, &ticket))?;
    redact::warn_of_unmatched(&ticket.unmatched);
    xray(args, &path, &ticket)?;
    let outcome = match ticket.kept {
        BundledCapture::Whole | BundledCapture::Part { .. } if ticket.withheld == 0 => Outcome::Ok,
        _ => Outcome::Lossy,
    };
    Ok(input::tell(capture, ticket.source, outcome))
}

fn report(path: &Path, ticket: &Ticket, members: Manifest, size: u64) -> Report {
    let part = match &ticket.kept {
        BundledCapture::Part {
            from_ns,
            to_ns,
            messages_left_out,
            ..
        } => Some((*from_ns, *to_ns, *messages_left_out)),
        BundledCapture::Whole | BundledCapture::Nothing => None,
    };
    Report {
        bundle: path.display().to_string(),
        size,
        verdict: ticket.verdict,
        whole: ticket.kept == BundledCapture::Whole,
        from_ns: part.map(|part| part.0),
        to_ns: part.map(|part| part.1),
        messages_left_out: part.map(|part| part.2),
        withheld: ticket.withheld,
        source: ticket.source,
        findings: ticket.part.findings.iter().map(|finding| finding.rule).collect(),
        members,
    }
}

fn text(report: &Report, ticket: &Ticket) -> String {
    let mut text = format!("{}: {}\n", printable(&report.bundle), output::bytes(report.size));
    for member in &report.members.members {
        text.push_str(&format!(
            "  {:<18} {:>8}\n",
            printable(&member.name),
            output::bytes(member.size)
        ));
    }
    text.push_str(&ticket.summary);
    text
}

/// The result for Xray, with the bundle as its evidence.
fn xray(args: &BundleArgs, bundle: &Path, ticket: &Ticket) -> Result<(), Failure> {
    let (Some(path), Some(test)) = (&args.xray.xray, &args.xray.xray_test) else {
        return Ok(());
    };
    let name = bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = [(name, "application/zip", fs::read(bundle)?)];
    let done = Execution {
        test,
        belongs_to: args.xray.xray_execution.as_deref(),
        verdict: ticket.verdict,
        start: &ticket.time.0,
        finish: &ticket.time.1,
        comment: &ticket.summary,
        files: &files,
    };
    let edition = match args.xray.xray_edition {
        XrayEdition::Cloud => Edition::Cloud,
        XrayEdition::Server => Edition::Server,
    };
    let mut file = output::begin(path, args.force)?;
    let written = writeln!(file, "{}", ticket::xray::json(&done, edition));
    written.map_err(|error| output::unwritten(path, &error))?;
    output::finish(file)?;
    output::say(format!("{}: the result for Xray", path.display()));
    Ok(())
}

fn open(args: &BundleArgs, bundle: &Path) -> Done {
    let folder = args.output.clone().unwrap_or_else(|| output::beside(bundle, ""));
    let mut opened = Opened::open(bundle, args.max_unpacked.0)?;
    let files = opened.unpack(&folder);
    let files = files.map_err(|error| output::while_making(&folder, error.into()))?;
    let members = &opened.manifest.members;
    output::print(args.format.format, &opened.manifest, |_| {
        format!(
            "{}: {} verified by the manifest, unpacked into {}\nNext: see {}",
            output::shown(bundle),
            output::counted(members.len() as u64, "file"),
            output::shown(&folder),
            output::shown(&folder.join("README.md"))
        )
    })?;
    tracing::debug!(files = files.len(), "unpacked");
    Ok(Outcome::Ok)
}

/// A temporary folder for files under construction, beside the output, where there is room for the bundle. It is
/// deleted at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(path: &Path) -> Result<Self, Failure> {
        let folder = output::beside(path, &format!(".{}.making", std::process::id()));
        let mut private = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
        let made = private.create(&folder);
        made.map_err(|error| format!("could not create the folder {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is named by its ending; the bundle is made all the same.
        let _ = fs::remove_dir_all(&self.0);
    }
}
