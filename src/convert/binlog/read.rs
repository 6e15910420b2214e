//! Log entries to events.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message as _;

use super::proto::{Entries, EventType, GrpcLogEntry, Payload, Timestamp, Trailer};
use crate::{
    convert::delimited::{DelimitedError, DelimitedReader, MAX_MESSAGE_BYTES},
    event::{
        CallStart, Cancelled, Direction, Ending, Event, EventKind, Gap, Headers, Message, Metadata, Party, Status,
    },
};

/// Bytes that are reserved for an entry before it has been seen to be that long.
const MAX_RESERVED_BYTES: u32 = 1 << 20;

/// How the entries of a log are delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Four bytes, big end first.
    Fixed,
    /// A varint.
    Varint,
}

impl Framing {
    /// Tells the framing by the first bytes of a log: an entry below 16 MiB has a zero in front of its fixed length, and
    /// no entry is empty.
    #[must_use]
    pub const fn of(start: &[u8]) -> Self {
        match start {
            [0, ..] => Self::Fixed,
            _ => Self::Varint,
        }
    }
}

/// Why a log cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum BinlogError {
    /// The file is cut off, or no log.
    #[error(transparent)]
    Delimited(#[from] DelimitedError),
    /// Reading failed.
    #[error("could not read entry {entry}: {source}")]
    Io {
        /// The entry, counted from 1.
        entry: u64,
        /// Why not.
        source: io::Error,
    },
    /// No entry of a binary log.
    #[error("entry {entry} is no entry of a gRPC binary log: {problem}")]
    NoEntry {
        /// The entry, counted from 1.
        entry: u64,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Debug)]
enum Source<R> {
    Fixed(BufReader<R>),
    Varint(DelimitedReader<R>),
}

/// The events of a log; calls are numbered in the order in which they were opened.
///
/// Offsets count from the first entry, and never run backwards. An entry of a side that the other side logged as well
/// stands twice: a log of one process has each call once.
#[derive(Debug)]
pub struct BinlogReader<R> {
    source: Source<R>,
    entry: u64,
    calls: BTreeMap<u64, Call>,
    opened: u32,
    ahead: Option<GrpcLogEntry>,
    anchor_ns: Option<i128>,
    offset_ns: u64,
    failed: bool,
}

#[derive(Debug)]
struct Call {
    number: u32,
    seq: u64,
}

impl<R: Read> BinlogReader<R> {
    /// Reads a log, the first entry at once, so that the wall clock of offset 0 is known.
    ///
    /// # Errors
    /// When the first entry cannot be read.
    pub fn new(from: R, framing: Framing) -> Result<Self, BinlogError> {
        let source = match framing {
            Framing::Fixed => Source::Fixed(BufReader::new(from)),
            Framing::Varint => Source::Varint(DelimitedReader::new(from)),
        };
        let mut reader = Self {
            source,
            entry: 0,
            calls: BTreeMap::new(),
            opened: 0,
            ahead: None,
            anchor_ns: None,
            offset_ns: 0,
            failed: false,
        };
        reader.ahead = reader.read()?;
        reader.anchor_ns = reader.ahead.as_ref().and_then(|entry| entry.timestamp).map(unix_ns);
        Ok(reader)
    }

    /// Wall clock at offset 0, nanoseconds since the Unix epoch; 0 when the first entry has no time.
    #[must_use]
    pub fn anchor_unix_ns(&self) -> u64 {
        let anchor = self.anchor_ns.unwrap_or_default();
        u64::try_from(anchor).unwrap_or_default()
    }

    /// Entries read.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entry
    }

    fn read(&mut self) -> Result<Option<GrpcLogEntry>, BinlogError> {
        let number = self.entry + 1;
        let bytes = match &mut self.source {
            Source::Varint(reader) => reader.next_message()?,
            Source::Fixed(reader) => fixed(reader).map_err(|source| BinlogError::Io { entry: number, source })?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        self.entry = number;
        let entry = GrpcLogEntry::decode(bytes).map_err(|error| BinlogError::NoEntry {
            entry: number,
            problem: error.to_string(),
        })?;
        Ok(Some(entry))
    }

    fn next_event(&mut self) -> Result<Option<Event>, BinlogError> {
        loop {
            let entry = match self.ahead.take() {
                Some(entry) => Some(entry),
                None => self.read()?,
            };
            let Some(entry) = entry else { return Ok(None) };
            if let Some(event) = self.event(entry)? {
                return Ok(Some(event));
            }
        }
    }

    fn event(&mut self, entry: GrpcLogEntry) -> Result<Option<Event>, BinlogError> {
        let wrong = |problem: &str| BinlogError::NoEntry {
            entry: self.entry,
            problem: problem.to_owned(),
        };
        let kind = EventType::try_from(entry.r#type).unwrap_or(EventType::Unknown);
        let truncated = entry.payload_truncated;
        let direction = match kind {
            EventType::ClientMessage => Direction::Sent,
            _ => Direction::Received,
        };
        let kind = match (kind, entry.payload) {
            (EventType::ClientHeader, Some(Payload::ClientHeader(header))) => {
                let number = self.opened + 1;
                self.opened = number;
                self.calls.insert(entry.call_id, Call { number, seq: 0 });
                EventKind::CallStart(CallStart {
                    method: method(header.method_name),
                    authority: header.authority,
                    peer: entry.peer.map(|peer| peer.address).unwrap_or_default(),
                    metadata: metadata(header.metadata),
                    connection: 0,
                })
            }
            (EventType::ServerHeader, Some(Payload::ServerHeader(header))) => EventKind::Headers(Headers {
                metadata: metadata(header.metadata),
            }),
            (EventType::ClientMessage | EventType::ServerMessage, Some(Payload::Message(message))) => {
                EventKind::Message(Message::plain(direction, message.data))
            }
            (EventType::ClientHalfClose, _) => EventKind::HalfClose,
            (EventType::ServerTrailer, Some(Payload::Trailer(trailer))) => {
                EventKind::End(Ending::Status(status(trailer)))
            }
            (EventType::Cancel, _) => EventKind::End(Ending::Cancelled(Cancelled {
                by: Party::Client,
                reason: "cancelled, says the binary log".to_owned(),
                code: None,
            })),
            (EventType::Unknown, _) => return Ok(None),
            _ => return Err(wrong("its payload is not that of its type")),
        };
        self.tick(entry.timestamp);
        let ends = matches!(kind, EventKind::End(_));
        // What was logged of a call before the log began has no call to belong to.
        let Some(call) = self.calls.get_mut(&entry.call_id) else {
            return Ok(None);
        };
        let number = call.number;
        call.seq += 1;
        let event = Event {
            call: number,
            seq: call.seq,
            offset_ns: self.offset_ns,
            kind,
        };
        if truncated && matches!(event.kind, EventKind::Message(_)) {
            // Half a message is none: the loss is counted instead.
            let gap = Gap {
                direction,
                messages: 1,
                reason: "the binary log holds only the beginning of this message".to_owned(),
            };
            return Ok(Some(Event {
                kind: EventKind::Gap(gap),
                ..event
            }));
        }
        if ends {
            self.calls.remove(&entry.call_id);
        }
        Ok(Some(event))
    }

    fn tick(&mut self, timestamp: Option<Timestamp>) {
        let Some(at) = timestamp.map(unix_ns) else { return };
        let anchor = *self.anchor_ns.get_or_insert(at);
        let since = u64::try_from(at - anchor).unwrap_or_default();
        self.offset_ns = self.offset_ns.max(since);
    }
}

impl<R: Read> Iterator for BinlogReader<R> {
    type Item = Result<Event, BinlogError>;

    /// The next event; after an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_event().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

fn fixed(reader: &mut impl Read) -> io::Result<Option<bytes::Bytes>> {
    let mut length = [0; 4];
    let mut there = 0;
    while there < length.len() {
        match reader.read(&mut length[there..])? {
            0 if there == 0 => return Ok(None),
            0 => return Err(io::Error::other("the file ends within an entry's length")),
            more => there += more,
        }
    }
    let length = u32::from_be_bytes(length);
    if u64::from(length) > MAX_MESSAGE_BYTES {
        let text = format!("{length} bytes are announced, more than {MAX_MESSAGE_BYTES}; is this a binary log?");
        return Err(io::Error::other(text));
    }
    let mut body = Vec::with_capacity(length.min(MAX_RESERVED_BYTES) as usize);
    let there = reader.take(length.into()).read_to_end(&mut body)?;
    if there < length as usize {
        let text = format!("{length} bytes are announced and {there} are left; the file was cut off");
        return Err(io::Error::other(text));
    }
    Ok(Some(body.into()))
}

fn unix_ns(timestamp: Timestamp) -> i128 {
    i128::from(timestamp.seconds) * 1_000_000_000 + i128::from(timestamp.nanos)
}

/// Some writers leave the slash out.
fn method(name: String) -> String {
    if name.starts_with('/') {
        name
    } else {
        format!("/{name}")
    }
}

/// Names in lower case, binary values in base64, as they stand on the wire.
fn metadata(entries: Option<Entries>) -> Metadata {
    let entries = entries.map(|entries| entries.entry).unwrap_or_default();
    let entry = |entry: super::proto::MetadataEntry| {
        let name = entry.key.to_ascii_lowercase();
        let value = if name.ends_with("-bin") {
            STANDARD_NO_PAD.encode(entry.value).into_bytes()
        } else {
            entry.value
        };
        (name, value)
    };
    Metadata(entries.into_iter().map(entry).collect())
}

fn status(trailer: Trailer) -> Status {
    let mut trailers = metadata(trailer.metadata);
    trailers.push("grpc-status", trailer.status_code.to_string());
    if !trailer.status_message.is_empty() {
        trailers.push(
            "grpc-message",
            crate::wire::status::percent_encode(&trailer.status_message),
        );
    }
    if !trailer.status_details.is_empty() {
        trailers.push(
            "grpc-status-details-bin",
            STANDARD_NO_PAD.encode(trailer.status_details),
        );
    }
    Status {
        code: trailer.status_code,
        message: trailer.status_message,
        trailers,
        trailers_only: false,
    }
}
