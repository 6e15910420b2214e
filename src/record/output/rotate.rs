//! A series of captures: the next one begins when one is large or old enough.

use std::time::Duration;

use super::{
    CaptureTemplate, Names, RecordingFiles, RecordingSummary,
    continued::ContinuedCalls,
    naming::NamingMoment,
    part::{Part, Plan},
};
use crate::{
    model::event::{Event, EventKind},
    record::{Sink, SinkError},
};

/// When a capture is closed, at the next message or call, and how many are kept. At least one of the first two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RotateOptions {
    /// Stored bytes after which the next capture begins. Default: no limit.
    pub size: Option<u64>,
    /// Longest time of one capture, by the offsets of its events. Default: no limit.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional")]
    pub interval: Option<Duration>,
    /// Number of captures to keep, the current one included, at least 1; older ones are removed. Default: all.
    pub keep: Option<usize>,
}

/// Writes a series of captures.
///
/// Each is whole: header, summary, and the opening of every call that goes on from an earlier one.
#[derive(Debug)]
pub(crate) struct Rotate {
    names: Names,
    template: CaptureTemplate,
    options: RotateOptions,
    number: u64,
    /// `None` after a failure.
    part: Option<Part>,
    open_calls: ContinuedCalls,
    written: RecordingSummary,
    last_ns: u64,
}

impl Rotate {
    /// Begins the first capture of the series.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn start(names: Names, template: CaptureTemplate, options: RotateOptions) -> Result<Self, SinkError> {
        let template = match options.size {
            Some(size) => template.for_files_of(size),
            None => template,
        };
        let mut rotate = Self {
            names,
            template,
            options,
            number: 0,
            part: None,
            open_calls: ContinuedCalls::default(),
            written: RecordingSummary::default(),
            last_ns: 0,
        };
        rotate.next(0)?;
        Ok(rotate)
    }

    pub(super) const fn files(&self) -> &RecordingFiles {
        &self.template.files
    }

    fn is_due(&self, at_ns: u64) -> bool {
        self.part.as_ref().is_some_and(|part| {
            let (size, interval) = (self.options.size, self.options.interval);
            let spans = Duration::from_nanos(at_ns.saturating_sub(part.begins_ns()));
            size.is_some_and(|size| part.has_reached(size)) || interval.is_some_and(|interval| spans >= interval)
        })
    }

    /// Closes the capture, and begins the next one.
    fn next(&mut self, at_ns: u64) -> Result<(), SinkError> {
        let mut note = None;
        if let Some(part) = self.part.take() {
            let Some((file, codecs)) = part.finish(at_ns, true)? else {
                return Err("a file of the series is not there".into());
            };
            let before = file.path.file_name().unwrap_or_default().to_string_lossy();
            note = Some(format!("continues {before}, which ends here"));
            self.written.add((file, codecs));
            let keep = self.options.keep.map(|keep| keep.saturating_sub(1));
            self.written.keep(keep, &self.template.files)?;
        }
        self.number += 1;
        let file = self.names.create(self.number)?;
        let plan = Plan {
            template: &self.template,
            range: format!("rotation {}", self.number),
            from_ns: at_ns,
            to_ns: u64::MAX,
            open_calls: &self.open_calls,
            note,
            // A later one is begun for something that is to be in it.
            named: if self.number == 1 {
                NamingMoment::Evidence
            } else {
                NamingMoment::FirstEvent
            },
        };
        self.part = Some(Part::begin(file, &plan)?);
        Ok(())
    }
}

impl Sink for Rotate {
    type Summary = RecordingSummary;

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        // Only what a capture may begin with: one that held nothing but the ending of a call would say that it had no
        // frame.
        let begins = matches!(event.kind, EventKind::CallStart(_) | EventKind::Message(_));
        if begins && self.is_due(event.offset_ns) {
            self.next(event.offset_ns)?;
        }
        self.last_ns = event.offset_ns;
        self.open_calls.see(event);
        if let Some(part) = &mut self.part {
            part.write(event)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.part.as_mut().map_or(Ok(()), Part::flush)
    }

    fn check(&mut self) -> Result<(), SinkError> {
        self.part.as_mut().map_or(Ok(()), Part::check)
    }

    fn pressure(&mut self, percent: u8) {
        if let Some(part) = &mut self.part {
            part.pressure(percent);
        }
    }

    fn finish(mut self) -> Result<RecordingSummary, SinkError> {
        if let Some(part) = self.part.take() {
            self.written.extend(part.finish(self.last_ns, false)?);
        }
        Ok(self.written)
    }

    fn stored_bytes(&self) -> u64 {
        self.written.summary.stored_bytes + self.part.as_ref().map_or(0, Part::stored_bytes)
    }
}
