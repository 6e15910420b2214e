//! Recovery: copies every readable chunk of a damaged or unfinished capture into a new file that lists what is missing.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use super::{
    Damage, FileError, Header, Summary, Writer,
    ancillary::Ancillary,
    record::{self, ChunkHead},
    schema::{self, MAX_SCHEMA_BYTES},
    storage::Storage,
    walk::{GoodChunk, Visit, walk},
};
use crate::model::event::{Broken, CAPTURE_CALL, Direction, Ending, Event, EventKind, Gap, Note};
use crate::model::text::counted;

/// Result of a recovery: what was saved, and what was lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Totals of the new capture.
    pub summary: Summary,
    /// Events saved.
    pub events_saved: u64,
    /// Messages known to be lost, by the numbering of the calls' events and the heads of damaged chunks. The numbering
    /// counts every event, so that lost headers or endings are among them.
    pub messages_lost: u64,
    /// Calls that were closed as broken, because their end is not in the file.
    pub calls_cut_off: u64,
    /// True when the file had its summary.
    pub was_finished: bool,
    /// True when the header could not be read, so that the new capture has an empty one.
    pub header_lost: bool,
    /// Bytes of an incomplete last part, which is dropped.
    pub torn_bytes: u64,
    /// Places that cannot be read, in file order.
    pub damage: Vec<Damage>,
}

impl Recovered {
    /// True when nothing was missing or damaged, and no ending was added: the new capture holds the same events.
    #[must_use]
    pub const fn is_lossless(&self) -> bool {
        self.was_finished && self.damage.is_empty() && !self.header_lost && self.calls_cut_off == 0
    }
}

/// Writes everything readable into a new capture, which `begin` creates from the recovered header.
///
/// Events keep their bytes, numbers and offsets. Where events are missing, a gap says how many; a call without an end
/// is closed as broken; a note says what was done. A whole capture is copied with the same content digest.
///
/// # Errors
/// When the file cannot be read at all, or the new one cannot be written.
pub fn recover<R: Read + Seek, S: Storage>(
    mut input: R,
    begin: impl FnOnce(&Header) -> Result<Writer<S>, FileError>,
) -> Result<Recovered, FileError> {
    let header = read_header(&mut input)?;
    let mut salvage = Salvage {
        writer: begin(header.as_ref().unwrap_or(&Header::default()))?,
        result: Recovered {
            header_lost: header.is_none(),
            ..Recovered::default()
        },
        calls: BTreeMap::new(),
        lost: BTreeMap::new(),
        last_offset_ns: 0,
        error: None,
    };
    let end = walk(input, |visited| match visited {
        Visit::Header(_) => {}
        Visit::Ancillary(part) => salvage.ancillary(part),
        Visit::Chunk(chunk) => salvage.chunk(chunk),
        Visit::Damage(damage) => salvage.result.damage.push(damage),
        Visit::Lost(head, damage) => salvage.lost(head, damage),
    })?;
    salvage.result.was_finished = end.done.is_some();
    salvage.result.torn_bytes = end.torn_bytes;
    salvage.finish()
}

fn read_header<R: Read + Seek>(input: &mut R) -> Result<Option<Header>, FileError> {
    use super::scan::{Content, Found, Scanner};
    let mut scanner = Scanner::new(input);
    scanner.jump(super::format::PROLOGUE_LEN as u64);
    match scanner.step(Content::Read)?.found {
        Found::Header(body) => Ok(record::decode_header(&body).ok()),
        _ => Ok(None),
    }
}

struct Salvage<S: Storage> {
    writer: Writer<S>,
    result: Recovered,
    /// Last event number of each open call.
    calls: BTreeMap<u32, u64>,
    /// Messages of each call in damaged chunks since the last event of it that was saved.
    lost: BTreeMap<u32, u64>,
    last_offset_ns: u64,
    error: Option<FileError>,
}

impl<S: Storage> Salvage<S> {
    fn chunk(&mut self, chunk: &GoodChunk) {
        let ended = chunk.events(|event| self.event(&event));
        if let Err(damage) = ended {
            self.result.damage.push(damage);
        }
    }

    fn ancillary(&mut self, part: &Ancillary) {
        let kept = match schema::of_part(part, MAX_SCHEMA_BYTES) {
            Some(Ok(set)) => self.writer.add_schema(&set),
            // The walk has told of it.
            Some(Err(_)) => Ok(()),
            None => self.writer.keep(part),
        };
        if self.error.is_none() {
            self.error = kept.err();
        }
    }

    fn event(&mut self, event: &Event) {
        let last = self.calls.get(&event.call).copied().unwrap_or(0);
        if event.seq > last + 1 && event.call != CAPTURE_CALL {
            self.gap(event.call, last + 1, event.offset_ns, event.seq - last - 1);
        }
        self.lost.remove(&event.call);
        self.last_offset_ns = self.last_offset_ns.max(event.offset_ns);
        if matches!(event.kind, EventKind::End(_)) {
            self.calls.remove(&event.call);
        } else {
            self.calls.insert(event.call, event.seq);
        }
        self.result.events_saved += 1;
        self.write(event);
    }

    fn lost(&mut self, head: &ChunkHead, damage: Damage) {
        self.result.damage.push(damage);
        self.last_offset_ns = self.last_offset_ns.max(head.max_offset_ns);
        for count in head.calls.iter().filter(|count| count.call != CAPTURE_CALL) {
            *self.lost.entry(count.call).or_default() += u64::from(count.sent) + u64::from(count.received);
            self.calls.entry(count.call).or_default();
        }
    }

    fn gap(&mut self, call: u32, seq: u64, offset_ns: u64, messages: u64) {
        self.result.messages_lost += messages;
        let gap = Gap {
            direction: Direction::Received,
            messages,
            reason: Gap::DAMAGE.to_owned(),
        };
        self.write(&Event {
            call,
            seq,
            offset_ns,
            kind: EventKind::Gap(gap),
        });
    }

    fn write(&mut self, event: &Event) {
        if self.error.is_none() {
            self.error = self.writer.write(event).err();
        }
    }

    fn finish(mut self) -> Result<Recovered, FileError> {
        let note_seq = self.calls.remove(&CAPTURE_CALL).unwrap_or(0) + 1;
        let lost = std::mem::take(&mut self.lost);
        for (call, mut seq) in std::mem::take(&mut self.calls) {
            self.result.calls_cut_off += 1;
            if let Some(messages) = lost.get(&call).copied().filter(|messages| *messages > 0) {
                seq += 1;
                self.gap(call, seq, self.last_offset_ns, messages);
            }
            self.write(&Event {
                call,
                seq: seq + 1,
                offset_ns: self.last_offset_ns,
                kind: EventKind::End(Ending::Broken(Broken {
                    error: "the recording was cut off before the call ended".to_owned(),
                    ..Broken::default()
                })),
            });
        }
        if !self.result.is_lossless() {
            self.write(&Event {
                call: CAPTURE_CALL,
                seq: note_seq,
                offset_ns: self.last_offset_ns,
                kind: EventKind::Note(Note {
                    author: "recover".to_owned(),
                    text: self.result.to_string(),
                }),
            });
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        self.result.summary = self.writer.finish()?;
        Ok(self.result)
    }
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} saved", counted(self.events_saved, "event"))?;
        if self.messages_lost > 0 {
            write!(f, "; at least {} lost", self.messages_lost)?;
        }
        if self.header_lost {
            write!(f, "; the header was lost")?;
        }
        if !self.damage.is_empty() {
            write!(f, "; {}", counted(self.damage.len() as u64, "damaged place"))?;
        }
        if self.torn_bytes > 0 {
            write!(
                f,
                "; {} of an incomplete chunk left out",
                counted(self.torn_bytes, "byte")
            )?;
        }
        if !self.was_finished {
            write!(f, "; the recording was not finished")?;
        }
        if self.calls_cut_off > 0 {
            write!(f, "; {} without an ending closed", counted(self.calls_cut_off, "call"))?;
        }
        Ok(())
    }
}
