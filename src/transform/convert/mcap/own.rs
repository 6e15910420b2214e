//! Import of a file that this program exported: its lines and messages as the events of the capture that it was made
//! of.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use mcap::records::MessageHeader;

use super::line::{Line, LineContent};
use crate::{
    file::Header,
    model::event::{Direction, Event, EventKind, Gap, Message},
    transform::convert::{Loss, Losses},
};

/// The events of an exported file.
#[derive(Debug)]
pub(super) struct Own {
    header: Header,
    /// Last event number of each open call, and details of messages to come.
    calls: BTreeMap<u32, Call>,
    /// Number of events so far.
    events: u64,
    /// Number of events by the last line; `None` until it was read.
    expected: Option<u64>,
}

#[derive(Debug, Default)]
struct Call {
    seq: u64,
    /// True between opening and ending.
    open: bool,
    /// Details of the next message of each direction.
    next: [Option<Next>; 2],
}

#[derive(Debug)]
struct Next {
    seq: u64,
    offset_ns: u64,
    compressed: bool,
    wire: Option<Bytes>,
}

/// The beginning of an event.
#[derive(Debug, Clone, Copy)]
struct Place {
    call: u32,
    seq: u64,
    offset_ns: u64,
}

impl Own {
    pub(super) fn new(header: Header) -> Self {
        Self {
            header,
            calls: BTreeMap::new(),
            events: 0,
            expected: None,
        }
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn line(&mut self, line: Line, queue: &mut VecDeque<Event>, losses: &mut Losses) {
        let place = Place {
            call: line.call,
            seq: line.seq,
            offset_ns: line.offset_ns,
        };
        match line.said {
            // A second beginning is refused where files are distinguished.
            LineContent::CaptureStart { .. } => {}
            LineContent::CaptureEnd { events, finished } => {
                self.expected = Some(events);
                losses.add(Loss::Unfinished, u64::from(!finished));
            }
            LineContent::Message {
                direction,
                compressed,
                wire,
            } => {
                self.before(place, line.after, queue, losses);
                let call = self.calls.entry(place.call).or_default();
                call.seq = place.seq;
                call.next[side(direction)] = Some(Next {
                    seq: place.seq,
                    offset_ns: place.offset_ns,
                    compressed,
                    wire: wire.map(|wire| wire.0),
                });
            }
            said => {
                let Some(kind) = said.into_event() else { return };
                self.before(place, line.after, queue, losses);
                let call = self.calls.entry(place.call).or_default();
                call.seq = place.seq;
                match kind {
                    EventKind::CallStart(_) => call.open = true,
                    EventKind::End(_) => {
                        self.calls.remove(&place.call);
                    }
                    _ => {}
                }
                self.push(place, kind, queue);
            }
        }
    }

    pub(super) fn message(
        &mut self,
        header: &MessageHeader,
        direction: Direction,
        data: Bytes,
        queue: &mut VecDeque<Event>,
        losses: &mut Losses,
    ) {
        let call = self.calls.entry(header.sequence).or_default();
        let next = call.next[side(direction)].take().unwrap_or_else(|| {
            call.seq = call.seq.saturating_add(1);
            let since = header.log_time.checked_sub(self.header.anchor_unix_ns);
            losses.add(Loss::EarlierTimes, u64::from(since.is_none()));
            Next {
                seq: call.seq,
                offset_ns: since.unwrap_or_default(),
                compressed: false,
                wire: None,
            }
        });
        let place = Place {
            call: header.sequence,
            seq: next.seq,
            offset_ns: next.offset_ns,
        };
        let message = Message {
            direction,
            compressed: next.compressed,
            data: next.wire.unwrap_or(data),
        };
        self.push(place, EventKind::Message(message), queue);
    }

    /// Handles the end of the file.
    pub(super) fn end(&self, losses: &mut Losses) {
        let open = self.calls.values().filter(|call| call.open).count();
        losses.add(Loss::UnendedCalls, open as u64);
        match self.expected {
            Some(events) => losses.add(Loss::MissingEvents, events.saturating_sub(self.events)),
            None => losses.add(Loss::FileEnd, 1),
        }
    }

    /// Counts the events missing before this one as a gap.
    fn before(&mut self, place: Place, after: Option<u64>, queue: &mut VecDeque<Event>, losses: &mut Losses) {
        let there = self.calls.get(&place.call).map_or(0, |call| call.seq);
        let before = after.unwrap_or_else(|| place.seq.saturating_sub(1));
        if before > there {
            let missing = before - there;
            losses.add(Loss::MissingEvents, missing);
            let gap = Gap {
                direction: Direction::Received,
                messages: missing,
                reason: "missing from the MCAP file".to_owned(),
            };
            let place = Place {
                seq: there + 1,
                ..place
            };
            self.push(place, EventKind::Gap(gap), queue);
            // It stands for events that the file's end counts, and they have been counted here.
            self.events = self.events.saturating_add(missing - 1);
        } else if before < there {
            losses.add(Loss::RepeatedEntries, 1);
        }
    }

    fn push(&mut self, place: Place, kind: EventKind, queue: &mut VecDeque<Event>) {
        self.events = self.events.saturating_add(1);
        queue.push_back(Event {
            call: place.call,
            seq: place.seq,
            offset_ns: place.offset_ns,
            kind,
        });
    }
}

const fn side(direction: Direction) -> usize {
    match direction {
        Direction::Sent => 0,
        Direction::Received => 1,
    }
}
