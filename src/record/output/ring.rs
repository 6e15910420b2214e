//! The ring buffer of a flight recorder: keeps the last stretch of a recording, and writes it when something happens.
//!
//! The stretch lies in short temporary captures beside the output ([`Segment`]), so that memory stays flat however long
//! it is. A trigger pins the pieces that are there; when the post-roll is over, a thread writes them into a dump while
//! the ring goes on. Dumps do not overlap: one that follows soon begins where the one before it ended.

use std::{collections::VecDeque, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    CaptureTemplate, Names, RecordingSummary, Trigger, TriggerQueue,
    continued::ContinuedCalls,
    dump::{Dump, Dumper},
    segment::{OpenSegment, Segment},
};
use crate::{
    model::{
        event::{Ending, Event, EventKind},
        units,
    },
    record::SinkError,
};

/// Number of segments of a full ring. More make its bound exact, fewer make fewer files.
const PIECES: u64 = 16;
/// How often the ring checks the clock and the triggers when no event comes.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// Number of triggers that a dump describes one by one.
const TOLD: usize = 100;

/// Size of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingBound {
    /// The last period of this length, by the offsets of events; on the disk it takes what the stream brings in that time.
    Time(#[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")] Duration),
    /// The last stored bytes, this many.
    Bytes(u64),
}

/// Options of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingOptions {
    /// Size of the ring.
    pub bound: RingBound,
    /// Time to continue recording after a trigger, before the dump is written.
    #[serde(
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required",
        default = "default_post_roll"
    )]
    pub post_roll: Duration,
    /// Whether a call that ends with an error status, breaks or misses its deadline is a trigger. Default: it is.
    #[serde(default)]
    pub on_error: OnError,
    /// Silence on all open calls of this length is a trigger. Default: none.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional", default)]
    pub stall: Option<Duration>,
    /// Number of dumps to keep, at least 1; older ones are removed. Default: all.
    #[serde(default)]
    pub keep: Option<usize>,
}

/// Default time to continue recording after a trigger.
const fn default_post_roll() -> Duration {
    Duration::from_secs(10)
}

/// Whether failed calls are triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// They trigger a dump.
    #[default]
    Dump,
    /// They are ignored.
    Ignore,
}

impl RingOptions {
    /// A ring of this size that continues for 10 s after a trigger and is triggered by failed calls.
    #[must_use]
    pub fn new(bound: RingBound) -> Self {
        Self {
            bound,
            post_roll: default_post_roll(),
            on_error: OnError::default(),
            stall: None,
            keep: None,
        }
    }
}

/// Keeps the last stretch of a recording in segments.
#[derive(Debug)]
pub(crate) struct Ring {
    names: Names,
    template: CaptureTemplate,
    options: RingOptions,
    /// Receives dump requests from elsewhere.
    triggers: TriggerQueue,
    segments: VecDeque<Arc<Segment>>,
    current: Option<OpenSegment>,
    open_calls: ContinuedCalls,
    /// Stored bytes of all closed segments, including deleted ones.
    closed_bytes: u64,
    pieces: u64,
    /// The thread that writes dumps, until the end.
    dumper: Option<Dumper>,
    dumps: u64,
    pending: Option<Dump>,
    /// End of the last dump.
    dumped_ns: Option<u64>,
    last_ns: u64,
    /// Silence before this time does not count.
    quiet_ns: u64,
    stalled: bool,
}

impl Ring {
    /// An empty ring; dumps are named by `names`, and so are the pieces.
    ///
    /// # Errors
    /// When no thread can be started, or the folder cannot be written into.
    pub(crate) fn start(
        names: Names,
        template: CaptureTemplate,
        options: RingOptions,
        triggers: TriggerQueue,
    ) -> Result<Self, SinkError> {
        let dumper = Dumper::start(names.clone(), template.clone(), options.keep)?;
        let template = match options.bound {
            RingBound::Bytes(bytes) => template.for_files_of(bytes / PIECES),
            RingBound::Time(_) => template,
        };
        let mut ring = Self {
            names,
            template,
            options,
            triggers,
            segments: VecDeque::new(),
            current: None,
            open_calls: ContinuedCalls::default(),
            closed_bytes: 0,
            pieces: 0,
            dumper: Some(dumper),
            dumps: 0,
            pending: None,
            dumped_ns: None,
            last_ns: 0,
            quiet_ns: 0,
            stalled: false,
        };
        // A folder that cannot be written into is known before the stream is.
        ring.open_piece(0)?;
        Ok(ring)
    }

    fn open_piece(&mut self, at_ns: u64) -> Result<(), SinkError> {
        self.pieces += 1;
        let open_calls = self.open_calls.clone();
        let piece = OpenSegment::begin(&self.names, self.pieces, &self.template, at_ns, open_calls)?;
        self.current = Some(piece);
        Ok(())
    }

    /// Closes the current segment, so that it can be read.
    fn close_piece(&mut self) -> Result<(), SinkError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let segment = Arc::new(current.close()?);
        self.closed_bytes += segment.stored_bytes;
        if let Some(pending) = &mut self.pending {
            pending.segments.push(Arc::clone(&segment));
        }
        self.segments.push_back(segment);
        Ok(())
    }

    /// Whether the current segment is large or long enough.
    fn is_piece_full(&self, at_ns: u64) -> bool {
        self.current.as_ref().is_some_and(|piece| match self.options.bound {
            RingBound::Bytes(bytes) => piece.stored_bytes() >= bytes / PIECES,
            RingBound::Time(span) => {
                Duration::from_nanos(at_ns.saturating_sub(piece.begins_ns())) >= span / (PIECES as u32)
            }
        })
    }

    /// Drops the oldest segments beyond the ring's size.
    fn expire(&mut self, at_ns: u64) {
        match self.options.bound {
            RingBound::Bytes(bytes) => {
                // Room for the piece that is being written, and for the chunk that makes it full.
                let room = bytes - bytes / PIECES * 2;
                let mut held: u64 = self.segments.iter().map(|segment| segment.stored_bytes).sum();
                while held > room {
                    let Some(oldest) = self.segments.pop_front() else { break };
                    held -= oldest.stored_bytes;
                }
            }
            RingBound::Time(span) => {
                let from_ns = at_ns.saturating_sub(nanos(span));
                while self.segments.front().is_some_and(|oldest| oldest.last_ns < from_ns) {
                    self.segments.pop_front();
                }
            }
        }
    }

    /// Handles a trigger: a dump is begun, or it is part of the one that is under way.
    fn trigger(&mut self, trigger: Trigger) {
        if let Some(pending) = &mut self.pending {
            if pending.triggers.len() < TOLD {
                pending.triggers.push(trigger);
            } else {
                pending.more += 1;
            }
            return;
        }
        self.dumps += 1;
        tracing::warn!("dump {}: {}", self.dumps, trigger.what);
        let oldest = self.segments.front().map(|segment| segment.from_ns);
        let oldest = oldest.or_else(|| self.current.as_ref().map(OpenSegment::begins_ns));
        let mut from_ns = oldest.unwrap_or(trigger.offset_ns);
        if let RingBound::Time(span) = self.options.bound {
            from_ns = from_ns.max(trigger.offset_ns.saturating_sub(nanos(span)));
        }
        if let Some(dumped_ns) = self.dumped_ns {
            from_ns = from_ns.max(dumped_ns + 1);
        }
        let to_ns = trigger.offset_ns.saturating_add(nanos(self.options.post_roll));
        let pinned = self.segments.iter().filter(|segment| segment.last_ns >= from_ns);
        self.pending = Some(Dump {
            number: self.dumps,
            from_ns: from_ns.min(trigger.offset_ns),
            to_ns,
            segments: pinned.cloned().collect(),
            triggers: vec![trigger],
            more: 0,
        });
    }

    /// Submits the dump when its post-roll is over.
    fn settle(&mut self, at_ns: u64) -> Result<(), SinkError> {
        if self.pending.as_ref().is_some_and(|pending| at_ns > pending.to_ns) {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), SinkError> {
        self.close_piece()?;
        if let Some(mut dump) = self.pending.take() {
            dump.triggers.sort_by_key(|trigger| trigger.offset_ns);
            self.dumped_ns = Some(dump.to_ns);
            if let Some(dumper) = &self.dumper {
                dumper.write(dump);
            }
        }
        Ok(())
    }

    /// Checks the triggers and the length of the silence.
    fn look(&mut self, at_ns: u64) -> Result<(), SinkError> {
        for trigger in self.triggers.take() {
            self.settle(trigger.offset_ns)?;
            self.trigger(trigger);
        }
        let quiet = Duration::from_nanos(at_ns.saturating_sub(self.last_ns.max(self.quiet_ns)));
        if let Some(stall) = self.options.stall
            && quiet >= stall
            && !self.stalled
            && !self.open_calls.is_empty()
        {
            self.stalled = true;
            let calls = self.open_calls.calls().map(|(number, _)| number.to_string());
            let calls: Vec<_> = calls.take(8).collect();
            let what = format!(
                "nothing came for {:.3} s (open calls: {})",
                quiet.as_secs_f64(),
                calls.join(", ")
            );
            self.trigger(Trigger { offset_ns: at_ns, what });
        }
        self.settle(at_ns)
    }

    /// Notes that no event could arrive until now.
    pub(super) fn resumed(&mut self, now_ns: u64) {
        self.quiet_ns = now_ns;
    }

    pub(super) fn wake(&mut self, now_ns: u64) -> Result<(), SinkError> {
        self.look(now_ns)?;
        if matches!(self.options.bound, RingBound::Time(_)) {
            self.expire(now_ns);
        }
        Ok(())
    }

    pub(super) fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        let at_ns = event.offset_ns;
        self.look(at_ns)?;
        if self.is_piece_full(at_ns) {
            self.close_piece()?;
            self.expire(at_ns);
        }
        if self.current.is_none() {
            self.open_piece(at_ns)?;
        }
        if let Some(current) = &mut self.current {
            current.write(event)?;
        }
        self.open_calls.see(event);
        (self.last_ns, self.stalled) = (at_ns, false);
        if let EventKind::End(ending) = &event.kind
            && self.options.on_error == OnError::Dump
            && let Some(why) = failure(ending)
        {
            let what = format!("call {} ended with {why}", event.call);
            self.trigger(Trigger { offset_ns: at_ns, what });
        }
        Ok(())
    }

    pub(super) fn pressure(&mut self, percent: u8) {
        if let Some(current) = &mut self.current {
            current.pressure(percent);
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        self.current.as_mut().map_or(Ok(()), OpenSegment::flush)
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        match &self.current {
            Some(current) => self.closed_bytes + current.stored_bytes(),
            None => self.closed_bytes,
        }
    }

    pub(super) fn finish(mut self) -> Result<RecordingSummary, SinkError> {
        for trigger in self.triggers.take() {
            self.settle(trigger.offset_ns)?;
            self.trigger(trigger);
        }
        let end_ns = self.pending.as_ref().and_then(|pending| pending.triggers.last());
        let end_ns = end_ns.map_or(self.last_ns, |trigger| trigger.offset_ns.max(self.last_ns));
        if let Some(pending) = &mut self.pending {
            pending.to_ns = pending.to_ns.min(end_ns);
        }
        self.hand_over()?;
        let Some(dumper) = self.dumper.take() else {
            return Ok(RecordingSummary::default());
        };
        self.segments.clear();
        dumper.finish()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // At its end there is nothing left. Before, it could not go on: what it holds is all that there is.
        self.segments.iter().for_each(|segment| segment.save());
        if let Some(current) = &self.current {
            current.save();
        }
        if let Some(pending) = &self.pending {
            pending.segments.iter().for_each(|segment| segment.save());
        }
    }
}

/// Describes an ending that is a failure.
fn failure(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Status(status) if status.code == 0 => None,
        Ending::Status(status) => Some(format!("status {} ({})", status.code, status.message)),
        Ending::Cancelled(_) => None,
        Ending::Broken(broken) => Some(format!("a broken transport ({})", broken.error)),
        Ending::Deadline(deadline) => Some(format!("its deadline passed ({} ns)", deadline.after_ns)),
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The error for an invalid ring size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a time of at least 1s nor a size of at least 1MB; write 5m, 90s, 500MB or 64MiB")]
pub struct BoundError(String);

impl RingBound {
    /// The smallest ring, 1 MB: below, a piece would be little more than its header.
    pub const SMALLEST_BYTES: u64 = 1_000_000;
    /// The shortest ring, 1 s: below, files would come and go by the hundred in a second.
    pub const SHORTEST: Duration = Duration::from_secs(1);
}

impl FromStr for RingBound {
    type Err = BoundError;

    /// Parses a ring size: a time with a unit (`5m`, `90s`), or a size with a unit (`500MB`, `64M`).
    fn from_str(text: &str) -> Result<Self, BoundError> {
        let fail = || BoundError(text.to_owned());
        // A number alone may be either.
        if text.trim().parse::<f64>().is_ok() {
            return Err(fail());
        }
        if let Some(span) = units::time(text) {
            return (span >= Self::SHORTEST).then_some(Self::Time(span)).ok_or_else(fail);
        }
        let bytes = units::size(text).filter(|bytes| *bytes >= Self::SMALLEST_BYTES);
        bytes.map(Self::Bytes).ok_or_else(fail)
    }
}
