//! Slicing, merging and annotating captures: [`slice()`], [`merge::merge`], [`note::note`].
//!
//! A capture is append-only and never rewritten, so each of these makes a new one. Message bytes stay as they are, except
//! where a slice keeps only some sensors: then messages are encoded again, and header and note say so.

mod cut;
mod error;
mod machine;
pub(crate) mod merge;
pub(crate) mod note;
mod plan;
mod sensors;
mod sliced;

use std::io::{Read, Seek};

use crate::{
    file::{CaptureState, FileError, Header, Reader, SliceOf, Storage, Tail, Writer},
    model::event::{CAPTURE_CALL, Event, EventKind, Note},
};
pub use cut::{Cut, Range};
pub use error::SliceError;
use machine::Machine;
use plan::Plan;
pub use sliced::Sliced;
pub(crate) use sliced::SlicedCall;

/// The author of the notes that a slice adds.
pub(crate) const AUTHOR: &str = "slice";

/// Copies a part of a capture into a new one, which `begin` creates from the new header.
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
