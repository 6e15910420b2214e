//! Merging of captures into one, on a common clock.

mod header;

use std::io::{Read, Seek};

use serde::Serialize;

use crate::{
    file::{CaptureState, Digest, FileError, Header, Reader, Storage, Writer},
    model::event::{CAPTURE_CALL, Event, EventKind, Note},
};

/// The author of the note that a merge adds.
pub(crate) const AUTHOR: &str = "merge";

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The sources in their order.
    pub sources: Vec<Joined>,
    /// Contradictions between the headers of the sources, in words. Each of them is kept under a name of its own.
    pub conflicts: Vec<String>,
    /// Received messages.
    pub messages: u64,
    /// Content digest of the new capture.
    pub digest: Digest,
    /// True when every source was finished; otherwise the new capture is unfinished as well.
    pub finished: bool,
}

/// A source of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Name of the capture, as given by the caller.
    pub name: String,
    /// Content digest of the capture, hexadecimal; `None` when it was not finished.
    pub digest: Option<String>,
    /// Number of its calls.
    pub calls: u64,
    /// Number that is added to its call numbers.
    pub first_call: u32,
    /// Delay of its beginning after that of the new capture, nanoseconds.
    pub begins_ns: u64,
    /// Whether it is finished.
    #[serde(flatten)]
    pub state: CaptureState,
}

/// A source while it is read.
struct Source<'r, R> {
    reader: &'r mut Reader<R>,
    shift_ns: u64,
    first_call: u32,
    next: Option<Event>,
}

impl<R: Read + Seek> Source<'_, R> {
    /// Reads the next event, with its time and call number in the new capture.
    fn advance(&mut self) -> Result<(), FileError> {
        self.next = self.reader.next_event()?.map(|event| Event {
            call: if event.call == CAPTURE_CALL {
                CAPTURE_CALL
            } else {
                event.call.saturating_add(self.first_call)
            },
            offset_ns: event.offset_ns.saturating_add(self.shift_ns),
            ..event
        });
        Ok(())
    }
}

/// Merges captures into a new one, which `begin` creates from the merged header: events in the order of their
/// wall-clock times, as the anchors tell; the calls of the second follow those of the first in number, and so on.
/// Message bytes and the numbers within a call stay as they are.
///
/// What all sources say alike of themselves stays in the header; what they say differently is kept for each under
/// `merged.N.NAME`, N counted from 1, and told as a conflict.
///
/// # Errors
/// When a capture cannot be read, or the new one cannot be written.
pub fn merge<R: Read + Seek, S: Storage>(
    sources: &mut [(String, Reader<R>)],
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
) -> Result<Merged, FileError> {
    let anchor = sources
        .iter()
        .map(|(_, reader)| reader.header().anchor_unix_ns)
        .min()
        .unwrap_or(0);
    let (mut joined, mut first_call) = (Vec::new(), 0_u32);
    for (name, reader) in sources.iter_mut() {
        let overview = reader.overview()?;
        let last = overview.calls.iter().map(|call| call.call).max().unwrap_or(0);
        joined.push(Joined {
            name: name.clone(),
            digest: reader.summary()?.map(|summary| summary.digest.to_string()),
            calls: overview.calls.len() as u64,
            first_call,
            begins_ns: reader.header().anchor_unix_ns - anchor,
            state: reader.state()?,
        });
        first_call = first_call.saturating_add(last);
    }
    let headers: Vec<&Header> = sources.iter().map(|(_, reader)| reader.header()).collect();
    let (header, conflicts) = header::join(anchor, &headers);
    let mut writer = begin(&header)?;
    let mut open = Vec::new();
    for ((_, reader), joined) in sources.iter_mut().zip(&joined) {
        reader.rewind_checked();
        let (shift_ns, first_call) = (joined.begins_ns, joined.first_call);
        let mut source = Source {
            reader,
            shift_ns,
            first_call,
            next: None,
        };
        source.advance()?;
        open.push(source);
    }
    let (mut own, mut last_ns) = (0, 0);
    loop {
        // Of events at the same time, the first source's come first.
        let soonest = open.iter_mut().filter(|source| source.next.is_some());
        let soonest = soonest.min_by_key(|source| source.next.as_ref().map(|event| event.offset_ns));
        let Some(source) = soonest else { break };
        let Some(mut event) = source.next.take() else { break };
        source.advance()?;
        if event.call == CAPTURE_CALL {
            own += 1;
            event.seq = own;
        }
        last_ns = last_ns.max(event.offset_ns);
        writer.write(&event)?;
    }
    drop(open);
    for ((_, reader), joined) in sources.iter_mut().zip(&mut joined) {
        joined.state = reader.state()?;
        writer.keep_parts_of(reader)?;
    }
    let ends_as = joined.iter().map(|source| source.state);
    let ends_as = ends_as.fold(
        CaptureState::Finished,
        |all, one| if all.is_finished() { one } else { all },
    );
    let text = story(&joined, &conflicts);
    let author = AUTHOR.to_owned();
    writer.write(&Event {
        call: CAPTURE_CALL,
        seq: own + 1,
        offset_ns: last_ns,
        kind: EventKind::Note(Note { author, text }),
    })?;
    let summary = writer.finish_as(ends_as)?;
    Ok(Merged {
        sources: joined,
        conflicts,
        messages: summary.messages,
        digest: summary.digest,
        finished: ends_as.is_finished(),
    })
}

fn story(sources: &[Joined], conflicts: &[String]) -> String {
    let source = |source: &Joined| {
        let digest = source
            .digest
            .as_deref()
            .and_then(|digest| digest.get(..12))
            .unwrap_or("unfinished");
        let (from, begins) = (source.first_call + 1, source.begins_ns as f64 / 1e9);
        format!(
            "{digest} ({} calls from {from} on, begins at {begins:.3} s{})",
            source.calls,
            if source.state.is_finished() {
                String::new()
            } else {
                format!(", {}", source.state)
            }
        )
    };
    let sources: Vec<_> = sources.iter().map(source).collect();
    let mut text = format!("merged from {}", sources.join(", "));
    if !conflicts.is_empty() {
        text.push_str(&format!("; they differ: {}", conflicts.join("; ")));
    }
    text
}
