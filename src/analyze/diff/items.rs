//! The rows and messages that one call received, read as they are needed.

use std::{
    borrow::Cow,
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Seek},
};

use bytes::Bytes;

use super::{
    calls::{self, Surveyed},
    identity::Identity,
};
use crate::{
    das::{
        dialect::Layout,
        frames::{Frames, Seen},
        spectrogram::{Block, Frame, Row, UnknownField},
    },
    file::{FileError, Reader},
    model::{
        event::{CallStart, Direction, Ending, Event, EventKind, Headers, Message},
        finding::Place,
    },
};

/// The property that identifies an item, so that it can be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A row that has a number or a time.
    Row { index: Option<i64>, start_ms: Option<i64> },
    /// Any other item, by its content.
    Content(u64),
}

/// A row, or a message that has none.
#[derive(Debug)]
pub(super) enum Item {
    Row(Box<RowItem>),
    Message(MessageItem),
}

impl Item {
    pub(super) const fn key(&self) -> Key {
        match self {
            Self::Row(row) => row.key,
            Self::Message(message) => Key::Content(message.mark),
        }
    }

    pub(super) const fn place(&self) -> Place {
        match self {
            Self::Row(row) => row.place,
            Self::Message(message) => message.place,
        }
    }

    pub(super) const fn mark(&self) -> u64 {
        match self {
            Self::Row(row) => row.mark,
            Self::Message(message) => message.mark,
        }
    }

    pub(super) const fn is_row(&self) -> bool {
        matches!(self, Self::Row(_))
    }
}

#[derive(Debug)]
pub(super) struct RowItem {
    pub(super) place: Place,
    pub(super) key: Key,
    pub(super) start_ms: Option<i64>,
    pub(super) end_ms: Option<i64>,
    pub(super) canvas: Option<String>,
    pub(super) sensors: Vec<(i32, Vec<f32>)>,
    /// Hash of sensors and values.
    pub(super) mark: u64,
    /// The fields of the message besides its rows; with its first row.
    pub(super) head: Option<Head>,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) message: Message,
    pub(super) declared_max: f64,
    pub(super) declared_min: f64,
    pub(super) block: Option<Block>,
    pub(super) unknown: Vec<UnknownField>,
}

#[derive(Debug)]
pub(super) struct MessageItem {
    pub(super) place: Place,
    pub(super) mark: u64,
    /// The payload, inflated where possible.
    pub(super) data: Bytes,
    pub(super) compressed: bool,
    /// Why a message of a spectrogram stream holds no row.
    pub(super) why: Option<String>,
}

/// The properties of a call besides the messages that it received.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) start: CallStart,
    pub(super) headers: Option<Headers>,
    pub(super) ending: Option<Ending>,
    pub(super) lost: u64,
}

/// Reads one call of a capture.
#[derive(Debug)]
pub(super) struct Source<'r, R> {
    reader: &'r mut Reader<R>,
    call: u32,
    method: String,
    /// Wall-clock time of offset 0, and its offset in the capture that this one was cut from.
    clock: (u64, Option<u64>),
    end_ns: u64,
    frames: Frames,
    encoding: Option<String>,
    received: u64,
    rows: u64,
    done: bool,
    pub(super) queue: VecDeque<Item>,
    pub(super) facts: Facts,
}

impl<'r, R: Read + Seek> Source<'r, R> {
    pub(super) fn new(reader: &'r mut Reader<R>, call: &Surveyed, layout: Layout) -> Result<Self, FileError> {
        match call.place {
            Some(place) => reader.seek_to(place),
            None => reader.seek(call.start_ns)?,
        }
        let header = reader.header();
        let clock = (header.anchor_unix_ns, header.slice().map(|slice| slice.origin_ns));
        Ok(Self {
            reader,
            clock,
            call: call.number,
            method: call.method.clone(),
            end_ns: call.end_ns.unwrap_or(u64::MAX),
            frames: Frames::with_layout(layout),
            encoding: None,
            received: 0,
            rows: 0,
            done: false,
            queue: VecDeque::new(),
            facts: Facts::default(),
        })
    }

    /// The next message that the call received; what else happens is noted in passing.
    pub(super) fn next_message(&mut self) -> Result<Option<Event>, FileError> {
        while !self.done {
            let Some(event) = self.reader.next_event()? else { break };
            if event.offset_ns > self.end_ns {
                break;
            }
            if event.call != self.call {
                continue;
            }
            match &event.kind {
                EventKind::Message(message) if message.direction == Direction::Received => return Ok(Some(event)),
                EventKind::CallStart(start) => {
                    self.frames.see(&event);
                    self.facts.start = start.clone();
                }
                EventKind::Headers(headers) => {
                    self.frames.see(&event);
                    self.encoding = calls::encoding(&headers.metadata);
                    self.facts.headers = Some(headers.clone());
                }
                EventKind::End(ending) => {
                    self.facts.ending = Some(ending.clone());
                    break;
                }
                EventKind::Gap(gap) => self.facts.lost = self.facts.lost.saturating_add(gap.messages),
                EventKind::Message(_) | EventKind::HalfClose | EventKind::Note(_) => {}
            }
        }
        self.done = true;
        Ok(None)
    }

    /// Reads on until this many items are queued, or the call ends.
    pub(super) fn fill(&mut self, items: usize, identity: &mut Identity) -> Result<(), FileError> {
        while self.queue.len() < items {
            let Some(event) = self.next_message()? else { break };
            self.unpack(&event, identity);
        }
        Ok(())
    }

    /// Puts the items of a message into the queue.
    pub(super) fn unpack(&mut self, event: &Event, identity: &mut Identity) {
        let EventKind::Message(message) = &event.kind else {
            return;
        };
        self.received += 1;
        let place = Place::call(event.call, event.offset_ns)
            .at_message(self.received)
            .on_clock(self.clock.0, self.clock.1);
        let why = match self.frames.see(event) {
            Seen::Frame(_, frame) if !frame.rows.is_empty() => {
                for (at, row) in frame.rows.iter().enumerate() {
                    let head = (at == 0).then(|| head(message, &frame));
                    let item = item(row, place.at_row(self.rows), head);
                    self.rows += 1;
                    self.queue.push_back(Item::Row(Box::new(item)));
                }
                return;
            }
            Seen::Frame(..) => Some("it holds no row".to_owned()),
            Seen::Malformed(_, error) => Some(error.to_string()),
            Seen::NotInflated(_, error) => Some(error.to_string()),
            Seen::Other => None,
        };
        let data = match calls::payload(message, self.encoding.as_deref()) {
            Cow::Borrowed(_) => message.data.clone(),
            Cow::Owned(data) => data.into(),
        };
        self.queue.push_back(Item::Message(MessageItem {
            place,
            mark: identity.mark(&self.method, message.direction, &data),
            data,
            compressed: message.compressed,
            why,
        }));
    }

    /// Counts a message that is not compared further; gives its rows to `see`, with the sensors of the first.
    pub(super) fn pass(&mut self, event: &Event, see: impl FnOnce(&[Row<'_>])) -> u64 {
        self.received += 1;
        let rows = match self.frames.see(event) {
            Seen::Frame(_, frame) => {
                see(&frame.rows);
                frame.rows.len() as u64
            }
            _ => 0,
        };
        self.rows += rows;
        rows
    }

    /// Does the same as [`Self::pass`] when the other side has been read already.
    pub(super) const fn skip(&mut self, rows: u64) {
        self.received += 1;
        self.rows += rows;
    }
}

fn head(message: &Message, frame: &Frame<'_>) -> Head {
    Head {
        message: message.clone(),
        declared_max: frame.declared_max,
        declared_min: frame.declared_min,
        block: frame.block.clone(),
        unknown: frame.unknown.clone(),
    }
}

fn item(row: &Row<'_>, place: Place, head: Option<Head>) -> RowItem {
    let sensors: Vec<(i32, Vec<f32>)> = row
        .sensors
        .iter()
        .map(|sensor| (sensor.id, sensor.intensity.iter().collect()))
        .collect();
    let mark = hash(|state| {
        for (id, values) in &sensors {
            (id, values.len()).hash(state);
            for value in values {
                value.to_bits().hash(state);
            }
        }
    });
    let key = key(row).unwrap_or(Key::Content(mark));
    RowItem {
        place,
        key,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        canvas: row.canvas.as_deref().map(str::to_owned),
        sensors,
        mark,
        head,
    }
}

/// The key of a row that has a number or a time. Rows of a sender without a clock all begin at 0.
pub(super) fn key(row: &Row<'_>) -> Option<Key> {
    let timed = row.index.is_some()
        || row
            .start_ms
            .is_some_and(|start| start != 0 || row.end_ms.unwrap_or(0) != 0);
    timed.then_some(Key::Row {
        index: row.index,
        start_ms: row.start_ms,
    })
}

fn hash(feed: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut state = DefaultHasher::new();
    feed(&mut state);
    state.finish()
}
