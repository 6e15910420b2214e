//! The calls of a capture, listed without decompressing its messages.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use super::{
    FileError, Reader, chunk, record,
    scan::{Content, Found, Step},
};
use crate::model::event::{CallStart, Ending, Event, EventKind, Metadata, Note};

/// Largest size of the trailers kept for all calls together, 16 MiB: a hundred thousand calls with a few fields each.
/// Every call of a hostile capture may have as much.
const MOST_TRAILER_BYTES: usize = 16 * 1024 * 1024;
/// Memory that an entry of trailers takes besides its bytes.
const ENTRY_BYTES: usize = 96;

/// The calls of a capture, and its totals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The calls, by number.
    pub calls: Vec<CallOverview>,
    /// Remarks about the capture as a whole, with their offsets in nanoseconds.
    pub notes: Vec<(u64, Note)>,
    /// Messages known to be lost.
    pub gaps: u64,
    /// Chunks.
    pub chunks: u64,
    /// Events of every kind.
    pub events: u64,
    /// Bytes of event records before compression.
    pub raw_bytes: u64,
    /// The largest offset, nanoseconds since the capture began.
    pub last_offset_ns: u64,
    /// Calls whose endings are listed without their trailers, because earlier calls used up the 16 MiB.
    pub trailers_left_out: u64,
}

/// One call of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallOverview {
    /// The call's number.
    pub call: u32,
    /// The opening of the call, without its metadata; `None` when that is not in the file.
    pub start: Option<CallStart>,
    /// Offset of the opening, nanoseconds.
    pub start_offset_ns: u64,
    /// The ending of the call; `None` while it runs, or when that is not in the file.
    pub ending: Option<Ending>,
    /// Offset of the ending, nanoseconds.
    pub end_offset_ns: u64,
    /// Messages from the client.
    pub sent: u64,
    /// Messages from the server.
    pub received: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Lists the calls. Reads the head of every chunk, and the content only of those that hold more than messages; then
    /// starts again from the first event.
    ///
    /// # Errors
    /// Damage, with its place.
    pub fn overview(&mut self) -> Result<Overview, FileError> {
        let mut overview = Overview::default();
        let mut calls = BTreeMap::<u32, CallOverview>::new();
        let mut room = MOST_TRAILER_BYTES;
        self.restart(None, 0);
        loop {
            let before = self.scanner().at();
            let Step { byte, found } = self.scanner().step(Content::Skip)?;
            if self.is_beyond(byte) {
                break;
            }
            let head = match found {
                Found::Chunk(head, _) => head,
                Found::Index(_) | Found::Ancillary(_) => continue,
                Found::Bad(damage) => return Err(FileError::corrupt("read the capture", damage.what).at(byte)),
                Found::Torn(ref head) if self.goes_on_behind(byte, head.is_some())? => continue,
                Found::End | Found::Torn(_) => {
                    self.end_unfinished(byte)?;
                    break;
                }
                _ => break,
            };
            overview.chunks += 1;
            overview.events += u64::from(head.events);
            overview.raw_bytes += head.raw_len;
            overview.last_offset_ns = overview.last_offset_ns.max(head.max_offset_ns);
            for count in head
                .calls
                .iter()
                .filter(|count| count.call != crate::model::event::CAPTURE_CALL)
            {
                let call = calls.entry(count.call).or_default();
                call.sent += u64::from(count.sent);
                call.received += u64::from(count.received);
            }
            if head.control {
                self.scanner().jump(before);
                let Found::Chunk(head, stored) = self.scanner().step(Content::Read)?.found else {
                    continue;
                };
                let raw = self.opener().open(&head, &stored).map_err(|error| error.at(byte))?;
                let mut at = 0;
                let corrupt = |what| FileError::corrupt("read the capture", what).at(byte);
                while let Some((event, next)) = chunk::record_at(&raw, at).map_err(corrupt)? {
                    let event = record::decode_event(&event).map_err(corrupt)?;
                    note(&mut overview, &mut calls, &mut room, event);
                    at = next;
                }
            }
        }
        overview.calls = calls
            .into_iter()
            .map(|(call, overview)| CallOverview { call, ..overview })
            .collect();
        self.restart(None, 0);
        Ok(overview)
    }
}

fn note(overview: &mut Overview, calls: &mut BTreeMap<u32, CallOverview>, room: &mut usize, event: Event) {
    match event.kind {
        EventKind::CallStart(start) => {
            let call = calls.entry(event.call).or_default();
            call.start_offset_ns = event.offset_ns;
            call.start = Some(CallStart {
                metadata: Metadata::default(),
                attributes: Vec::new(),
                ..start
            });
        }
        EventKind::End(mut ending) => {
            if let Ending::Status(status) = &mut ending {
                let entries = status.trailers.iter();
                let bytes: usize = entries
                    .map(|(name, value)| name.len() + value.len() + ENTRY_BYTES)
                    .sum();
                if bytes <= *room {
                    *room -= bytes;
                } else {
                    status.trailers = Metadata::default();
                    overview.trailers_left_out += 1;
                }
            }
            let call = calls.entry(event.call).or_default();
            call.end_offset_ns = event.offset_ns;
            call.ending = Some(ending);
        }
        EventKind::Gap(gap) => overview.gaps = overview.gaps.saturating_add(gap.messages),
        EventKind::Note(note) if event.call == crate::model::event::CAPTURE_CALL => {
            overview.notes.push((event.offset_ns, note));
        }
        _ => {}
    }
}
