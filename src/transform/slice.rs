//! Cutting, joining and annotating captures: [`slice()`], [`merge::merge`], [`note::note`].
//!
//! A capture is append-only and never rewritten, so each of these makes a new one. Message bytes stay as they are, except
//! where a slice keeps only some sensors: then messages are encoded again, and header and note say so.

mod machine;
pub(crate) mod merge;
pub(crate) mod note;
mod plan;
mod sensors;

use std::io::{Read, Seek};

use serde::Serialize;

use crate::{
    das::{
        dialect::DecodeError,
        focus::{SensorSet, Span},
    },
    file::{CaptureState, Digest, FileError, Header, Reader, SliceOf, Storage, Tail, Writer},
    model::event::{CAPTURE_CALL, Event, EventKind, Note},
};
use machine::Machine;
use plan::Plan;

/// The author of the notes that a slice adds.
pub(crate) const AUTHOR: &str = "slice";

/// What to keep.
///
/// Numbers count as in findings: messages of each call from 1, rows from 0; both ends of a range are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// Everything.
    #[default]
    Whole,
    /// What happened from one offset to another, nanoseconds since the capture began.
    Time {
        /// The first offset.
        from_ns: u64,
        /// The last offset.
        to_ns: u64,
    },
    /// The messages of each spectrogram call that hold these rows.
    Rows(Span<u64>),
    /// These received messages of each call, counted from 1.
    Frames(Span<u64>),
}

impl std::fmt::Display for Range {
    /// As [`SliceOf::range`] says it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Time { .. } => f.write_str("time"),
            Self::Rows(span) => write!(f, "rows {span}"),
            Self::Frames(span) => write!(f, "frames {span}"),
        }
    }
}

/// How to cut. The default keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut {
    /// The part of each call that is kept.
    pub range: Range,
    /// The calls that are kept; empty = all.
    pub calls: Vec<u32>,
    /// The sensors that are kept; `None` = all, and then every message stays as it is.
    pub sensors: Option<SensorSet>,
}

/// What a slice holds, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sliced {
    /// Offset in the source at which the slice begins, nanoseconds.
    pub from_ns: u64,
    /// Offset in the source at which it ends, nanoseconds.
    pub to_ns: u64,
    /// The calls in it.
    pub calls: Vec<SlicedCall>,
    /// Calls of the source that are not in it.
    pub calls_left_out: u64,
    /// Received messages in it.
    pub messages: u64,
    /// Received messages of the source that are not in it, those of calls left out included.
    pub messages_left_out: u64,
    /// Messages that were encoded again, without the other sensors.
    pub encoded_anew: u64,
    /// Messages that should have been encoded again and could not be decoded: they stand as they were.
    pub kept_whole: u64,
    /// Content digest of the slice.
    pub digest: Digest,
    /// Whether the source is finished. A slice of an unfinished one is unfinished as well, unless it ends before that does.
    #[serde(flatten)]
    pub source: CaptureState,
}

/// A call of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SlicedCall {
    /// Its number, here and in the source.
    pub call: u32,
    /// Received messages that are kept.
    pub kept: u64,
    /// Received messages before these that are not.
    pub before: u64,
    /// Received messages after them that are not.
    pub after: u64,
    /// True when its own ending is in the slice.
    pub ending: bool,
}

/// Why nothing could be cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The capture cannot be read, or the slice cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such call.
    #[error("there is no call {call}; the capture holds {known}")]
    NoCall {
        /// The call.
        call: u32,
        /// Those that there are, in words.
        known: String,
    },
    /// The range begins where the capture has ended.
    #[error("the capture ends at {ends_s:.3} s, before the start of the slice at {from_s:.3} s")]
    BeyondEnd {
        /// The capture's length, seconds.
        ends_s: f64,
        /// Where the slice would begin, seconds.
        from_s: f64,
    },
    /// A range whose end lies before its beginning.
    #[error("the slice would end before it begins")]
    Reversed,
    /// Nothing is there.
    #[error("no call holds {what}; the longest holds {most}")]
    Nothing {
        /// What was asked for.
        what: String,
        /// What there is.
        most: String,
    },
    /// None of the sensors is in what would be kept.
    #[error("no message of the slice holds any of the sensors {0}; `capture stats` lists those that there are")]
    NoSensor(SensorSet),
    /// A block's channels are contiguous, and what would be left of it is not.
    #[error(
        "call {call}, message {message}: a pandadatastream block holds channels {start} to {end} as one range, and \
         {sensors} would leave several; choose one range"
    )]
    Pieces {
        /// The call.
        call: u32,
        /// The message, counted from 1.
        message: u64,
        /// The block's first channel.
        start: i32,
        /// The block's last channel.
        end: i32,
        /// What was to be kept.
        sensors: SensorSet,
    },
}

/// What went wrong with one message that was to be encoded again.
#[derive(Debug)]
enum EncodeError {
    /// It cannot be decoded, or inflated.
    Damaged,
    /// What is left is not contiguous: first and last channel of the block.
    Pieces(i32, i32),
}

impl From<DecodeError> for EncodeError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged
    }
}

/// Cuts a part out of a capture into a new one, begun by `begin` from the new header.
///
/// Each kept call keeps what opened it (start, request, headers, half close); its ending, too, when the slice reaches it,
/// and otherwise one that says that it was cut. `FORMAT.md` says how a slice is written.
///
/// ```
/// use grpc_capture::file::{Reader, Writer, WriterOptions};
/// use grpc_capture::transform::{Cut, Range, slice};
///
/// let mut reader = Reader::open("captures/optodas-quake.gcap")?;
/// let range = Range::Time { from_ns: 2_000_000_000, to_ns: 4_000_000_000 };
/// let cut = Cut { range, ..Cut::default() };
/// let options = WriterOptions::default();
/// let sliced = slice(&mut reader, &cut, |header| Writer::new(Vec::new(), header, options))?;
/// assert_eq!((sliced.messages, sliced.messages_left_out), (15, 58));
/// # Ok::<(), grpc_capture::transform::SliceError>(())
/// ```
///
/// # Errors
/// When nothing is there to be kept, the capture cannot be read, or the slice cannot be written.
pub fn slice<R: Read + Seek, S: Storage>(
    reader: &mut Reader<R>,
    cut: &Cut,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
) -> Result<Sliced, SliceError> {
    let plan = Plan::make(reader, cut)?;
    let of = reader.summary()?.map(|summary| summary.digest.to_string());
    let mut writer = begin(&header(reader.header(), cut, &plan, of))?;
    let mut machine = Machine::new(cut, &plan);
    let mut out = Vec::new();
    reader.rewind_checked();
    while let Some(event) = reader.next_event()? {
        if event.offset_ns > plan.to_ns {
            break;
        }
        machine.take(event, &mut out)?;
        drain(&mut writer, &mut out)?;
    }
    let source = reader.state()?;
    let ends_as = if matches!(reader.tail(), Tail::Reading) {
        machine.cut_short(&mut out);
        CaptureState::Finished
    } else {
        source
    };
    drain(&mut writer, &mut out)?;
    if let Some(sensors) = cut.sensors.as_ref().filter(|_| !machine.met_sensors()) {
        return Err(SliceError::NoSensor(sensors.clone()));
    }
    let text = source.told_in(machine.story(&plan, cut));
    writer.write(&machine.stamp(CAPTURE_CALL, plan.to_ns, note_of(text)))?;
    writer.keep_parts_of(reader)?;
    let summary = writer.finish_as(ends_as)?;
    Ok(machine.sliced(&plan, &summary, source))
}

fn note_of(text: String) -> EventKind {
    let author = AUTHOR.to_owned();
    EventKind::Note(Note { author, text })
}

fn drain<S: Storage>(writer: &mut Writer<S>, out: &mut Vec<Event>) -> Result<(), FileError> {
    out.drain(..).try_for_each(|event| writer.write(&event))
}

fn header(source: &Header, cut: &Cut, plan: &Plan, of: Option<String>) -> Header {
    let before = source.slice();
    let mut header = source.clone();
    header.anchor_unix_ns = source.anchor_unix_ns.saturating_add(plan.from_ns);
    let earlier = before.as_ref().and_then(|slice| slice.sensors.clone());
    header.set_slice(&SliceOf {
        of,
        range: cut.range.to_string(),
        from_ns: plan.from_ns,
        to_ns: plan.to_ns,
        origin_ns: before
            .as_ref()
            .map_or(0, |slice| slice.origin_ns)
            .saturating_add(plan.from_ns),
        calls_left_out: before
            .map_or(0, |slice| slice.calls_left_out)
            .saturating_add(plan.left_out),
        sensors: cut.sensors.as_ref().map(ToString::to_string).or(earlier),
    });
    header
}

#[cfg(test)]
mod tests;
