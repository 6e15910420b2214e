//! Selection of the part of a capture that fits into a bundle: around the worst finding.

use std::path::{Path, PathBuf};

use super::{
    error::TicketError,
    judge::{size, validate},
    options::Watched,
    part::BundledCapture,
};
use crate::{
    das::focus::Span,
    file::{Digest, Writer, WriterOptions},
    report::input::ReportInput,
    transform::slice::{Cut, Range, SliceError, slice},
};

/// Bytes reserved for small texts that are not written yet, and their share of the archive's directory.
const OVERHEAD: u64 = 24 * 1024;

/// Largest number of margins to try. Each try scales by what the one before came to, so three or four are enough.
const TRIES: usize = 8;

/// Factor by which the first margin is smaller than the sizes suggest, because streams are not uniform.
const CAUTION: f64 = 0.85;

/// Share of the limit that further margins aim at, so that the attempts approach it from below.
const STEP: f64 = 0.95;

/// The part of a capture that fits into a bundle.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The selected part.
    pub kept: BundledCapture,
    /// The file with the part; `None` when nothing fits.
    pub file: Option<PathBuf>,
    /// Content digest of the file.
    pub digest: Option<Digest>,
}

impl Fit {
    /// The whole of `redacted` when it fits beside `other` bytes, else the largest slice of it that does.
    pub(super) fn new(
        redacted: &Path,
        scratch: &Path,
        options: &Watched,
        input: &ReportInput,
        other: u64,
    ) -> Result<Self, TicketError> {
        let other = other + OVERHEAD;
        let Some(room) = options.max_bytes.checked_sub(other) else {
            return Err(TicketError::TooSmall {
                size: other,
                max: options.max_bytes,
            });
        };
        let whole = size(redacted)?;
        if whole <= room {
            return Ok(Self {
                kept: BundledCapture::Whole,
                file: Some(redacted.to_owned()),
                digest: input.summary.map(|summary| summary.digest),
            });
        }
        let search = Search {
            redacted,
            options,
            room,
            last_ns: input.stats.totals.last_offset_ns,
            messages: input.stats.totals.messages,
            worst: worst(input),
        };
        search.run(scratch, whole)
    }
}

/// The most important finding with a place in time.
fn worst(input: &ReportInput) -> Option<Worst> {
    let findings = &input.validation.findings;
    findings.iter().find_map(|finding| {
        Some(Worst {
            rule: finding.rule,
            at_ns: finding.first.offset_ns?,
            message: finding.first.message,
        })
    })
}

/// The finding around which a part is cut.
#[derive(Debug, Clone, Copy)]
struct Worst {
    rule: &'static str,
    at_ns: u64,
    /// Received message of the call, where the finding has one.
    message: Option<u64>,
}

/// Unit of the margin on both sides of the finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A time in nanoseconds.
    Time,
    /// A number of messages of each call: a burst of them cannot be divided by time.
    Messages,
}

struct Search<'a> {
    redacted: &'a Path,
    options: &'a Watched,
    room: u64,
    last_ns: u64,
    /// Number of received messages of the whole capture.
    messages: u64,
    worst: Option<Worst>,
}

/// A slice that was tried.
#[derive(Debug)]
struct Tried {
    fit: Fit,
    size: u64,
    /// True when the slice shows the finding again.
    shows: bool,
}

impl Search<'_> {
    /// Finds the largest slice that fits and shows the finding; else the largest that fits.
    fn run(&self, scratch: &Path, whole: u64) -> Result<Fit, TicketError> {
        let mut best = self.largest(scratch, By::Time, whole)?;
        if best.as_ref().is_none_or(|best| !best.shows) {
            let other = self.largest(scratch, By::Messages, whole)?;
            best = better(best, other);
        }
        let none = Fit {
            kept: BundledCapture::Nothing,
            file: None,
            digest: None,
        };
        Ok(best.map_or(none, |best| best.fit))
    }

    /// Finds the largest slice by trying margins; `None` when none fits.
    fn largest(&self, scratch: &Path, by: By, whole: u64) -> Result<Option<Tried>, TicketError> {
        let length = match by {
            By::Time => self.last_ns,
            By::Messages => self.messages,
        };
        let length = length.max(1) as f64;
        let mut margin = length * (self.room as f64 / whole as f64) / 2.0 * CAUTION;
        let mut best: Option<Tried> = None;
        for at in 0..TRIES {
            let file = scratch.join(format!("{by:?}-{at}.gcap"));
            let Some(tried) = self.cut(&file, by, margin as u64)? else {
                break;
            };
            let used = tried.size as f64 / self.room as f64;
            if used <= 1.0 {
                let good = tried.shows && used > CAUTION;
                best = better(best, Some(tried));
                if good || margin >= length {
                    break;
                }
            } else if margin < 1.0 {
                break;
            }
            // What is fixed in a slice (header, descriptors, openings) makes small ones relatively larger.
            margin = (margin * STEP / used.clamp(0.05, 20.0)).min(length);
        }
        Ok(best)
    }

    /// Cuts a slice with this margin; `None` when nothing lies there.
    fn cut(&self, file: &Path, by: By, margin: u64) -> Result<Option<Tried>, TicketError> {
        let around = |at: u64| (at.saturating_sub(margin), at.saturating_add(margin));
        let beginning = (0, margin.saturating_mul(2));
        let range = match by {
            By::Time => {
                let (from_ns, to_ns) = self.worst.map_or(beginning, |worst| around(worst.at_ns));
                Range::Time { from_ns, to_ns }
            }
            By::Messages => {
                let message = self.worst.and_then(|worst| worst.message);
                let (min, max) = message.map_or(beginning, around);
                Range::Frames(Span { min, max })
            }
        };
        let cut = Cut {
            range,
            ..Cut::default()
        };
        let mut reader = self.options.open(self.redacted)?;
        let sliced = slice(&mut reader, &cut, |header| {
            Writer::create(file, header, WriterOptions::default())?.parallel()
        });
        let sliced = match sliced {
            Ok(sliced) => sliced,
            Err(SliceError::File(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let shows = match self.worst {
            Some(worst) => {
                let report = validate(file, self.options)?;
                report.findings.iter().any(|finding| finding.rule == worst.rule)
            }
            None => true,
        };
        let kept = BundledCapture::Part {
            from_ns: sliced.from_ns,
            to_ns: sliced.to_ns,
            messages: sliced.messages,
            messages_left_out: sliced.messages_left_out,
            calls: sliced.calls,
            around: self.worst.map(|worst| worst.rule),
        };
        let fit = Fit {
            kept,
            file: Some(file.to_owned()),
            digest: Some(sliced.digest),
        };
        Ok(Some(Tried {
            fit,
            size: size(file)?,
            shows,
        }))
    }
}

/// The better of two slices: the one that shows the finding, or else the larger one.
fn better(one: Option<Tried>, other: Option<Tried>) -> Option<Tried> {
    one.into_iter()
        .chain(other)
        .max_by_key(|tried| (tried.shows, tried.size))
}
