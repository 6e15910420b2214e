//! How much of a capture fits into a bundle, and which part of it: around the worst finding.

use std::path::{Path, PathBuf};

use super::{Kept, TicketError, TicketOptions, size, validate};
use crate::{
    file::{Digest, Reader, Writer, WriterOptions},
    report::input::ReportInput,
    slice::{Cut, Range, slice},
};

/// Bytes for the small texts and the archive's own directory, beside what is measured.
const OVERHEAD: u64 = 48 * 1024;

/// Text packs to less than a third of itself; half is on the safe side.
const TEXT_RATIO: u64 = 2;

/// How often another margin is tried. Each try scales by what the one before came to, so three or four are enough.
const TRIES: usize = 8;

/// The first margin is made so much smaller than the sizes suggest, for the stream is not the same everywhere.
const CAUTION: f64 = 0.85;

/// The part of a capture that goes into a bundle.
#[derive(Debug)]
pub struct Fit {
    /// What was kept.
    pub kept: Kept,
    /// The file that holds it; `None` when nothing fits.
    pub file: Option<PathBuf>,
    /// Its content digest.
    pub digest: Option<Digest>,
}

/// About what so many bytes of text take in the archive.
pub(super) const fn packed(bytes: u64) -> u64 {
    bytes / TEXT_RATIO + OVERHEAD
}

impl Fit {
    /// All of `redacted` when it fits beside `other` bytes, else the largest slice of it that does.
    pub(super) fn new(
        redacted: &Path,
        scratch: &Path,
        options: &TicketOptions,
        input: &ReportInput,
        other: u64,
    ) -> Result<Self, TicketError> {
        let Some(room) = options.max_bytes.checked_sub(other) else {
            return Err(TicketError::TooSmall {
                size: other,
                max: options.max_bytes,
            });
        };
        let whole = size(redacted)?;
        if whole <= room {
            return Ok(Self {
                kept: Kept::Whole,
                file: Some(redacted.to_owned()),
                digest: input.summary.map(|summary| summary.digest),
            });
        }
        let search = Search {
            redacted,
            options,
            room,
            last_ns: input.stats.totals.last_offset_ns,
            worst: worst(input),
        };
        search.run(scratch, whole)
    }
}

/// The finding that matters most and has a place in time.
fn worst(input: &ReportInput) -> Option<(&'static str, u64)> {
    let findings = &input.validation.findings;
    findings
        .iter()
        .find_map(|finding| Some((finding.rule, finding.first.offset_ns?)))
}

struct Search<'a> {
    redacted: &'a Path,
    options: &'a TicketOptions,
    room: u64,
    last_ns: u64,
    worst: Option<(&'static str, u64)>,
}

/// A slice that was tried.
struct Tried {
    fit: Fit,
    size: u64,
    /// True when the finding around which it lies is found in it again.
    shows: bool,
}

impl Search<'_> {
    /// The largest slice that fits and shows the finding; else the largest that fits.
    fn run(&self, scratch: &Path, whole: u64) -> Result<Fit, TicketError> {
        let length = self.last_ns.max(1) as f64;
        let mut margin = length * (self.room as f64 / whole as f64) / 2.0 * CAUTION;
        let mut best: Option<Tried> = None;
        for at in 0..TRIES {
            let file = scratch.join(format!("slice-{at}.gcap"));
            let Some(tried) = self.cut(&file, margin as u64)? else {
                break;
            };
            let used = tried.size as f64 / self.room as f64;
            if used <= 1.0 {
                let better = best
                    .as_ref()
                    .is_none_or(|best| (tried.shows, tried.size) > (best.shows, best.size));
                let good = tried.shows && used > CAUTION;
                if better {
                    best = Some(tried);
                }
                if good || margin >= length {
                    break;
                }
            }
            if used > 1.0 && margin < 1.0 {
                break;
            }
            // What is fixed in a slice (header, descriptors, openings) makes small ones relatively larger.
            margin = (margin * CAUTION.max(0.95) / used.clamp(0.05, 20.0)).min(length);
        }
        let none = Fit {
            kept: Kept::Nothing,
            file: None,
            digest: None,
        };
        Ok(best.map_or(none, |best| best.fit))
    }

    /// A slice with this margin; `None` when nothing lies there.
    fn cut(&self, file: &Path, margin_ns: u64) -> Result<Option<Tried>, TicketError> {
        let range = match self.worst {
            Some((_, at)) => (at.saturating_sub(margin_ns), at.saturating_add(margin_ns)),
            None => (0, margin_ns.saturating_mul(2)),
        };
        let cut = Cut {
            range: Range::Time {
                from_ns: range.0,
                to_ns: range.1,
            },
            ..Cut::default()
        };
        let mut reader = Reader::open(self.redacted)?;
        let sliced = slice(&mut reader, &cut, |header| {
            Writer::create(file, header, WriterOptions::default())
        });
        let sliced = match sliced {
            Ok(sliced) => sliced,
            Err(crate::slice::SliceError::File(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let shows = match self.worst {
            Some((rule, _)) => {
                let report = validate(file, self.options)?;
                report.findings.iter().any(|finding| finding.rule == rule)
            }
            None => true,
        };
        let kept = Kept::Part {
            from_ns: sliced.from_ns,
            to_ns: sliced.to_ns,
            messages: sliced.messages,
            messages_left_out: sliced.messages_left_out,
            around: self.worst.map(|(rule, _)| rule),
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
