//! Conversion of log entries to events.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufReader, Read},
    net::{IpAddr, SocketAddr},
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message as _;

use super::proto::{Address, Entries, EventType, GrpcLogEntry, Payload, Timestamp, Trailer};
use crate::{
    model::event::{
        CallStart, Cancelled, Direction, Ending, Event, EventKind, Gap, Headers, Message, Metadata, Party, Status,
    },
    transform::convert::{
        Loss, Losses,
        delimited::{DelimitedError, DelimitedReader, MAX_MESSAGE_BYTES},
    },
};

/// Largest buffer reserved for an entry before its bytes have been read.
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
    /// Detects the framing by the first bytes of a log: an entry below 16 MiB has a zero in front of its fixed length,
    /// and no entry is empty.
    #[must_use]
    pub const fn of(start: &[u8]) -> Self {
        match start {
            [0, ..] => Self::Fixed,
            _ => Self::Varint,
        }
    }
}

/// Errors of reading a log.
#[derive(Debug, thiserror::Error)]
pub enum BinlogError {
    /// The file is truncated, or not a log.
    #[error(transparent)]
    Delimited(#[from] DelimitedError),
    /// Reading failed.
    #[error("could not read entry {entry}: {source}")]
    Io {
        /// Number of the entry, counted from 1.
        entry: u64,
        /// The error.
        source: io::Error,
    },
    /// The bytes are not an entry of a binary log.
    #[error("entry {entry} is not an entry of a gRPC binary log: {problem}")]
    NoEntry {
        /// Number of the entry, counted from 1.
        entry: u64,
        /// The problem.
        problem: String,
    },
}

#[derive(Debug)]
enum Source<R> {
    Fixed(BufReader<R>),
    Varint(DelimitedReader<R>),
}

/// Reads the events of a log; calls are numbered in the order in which they were opened.
///
/// Offsets count from the first entry, and never run backwards. An entry of a side that the other side logged as well
/// appears twice, in two calls. A call whose trailers are not in the log has no ending. Entries that are missing by their
/// sequence numbers become a gap; what is not kept is counted in [`losses`](Self::losses).
#[derive(Debug)]
pub struct BinlogReader<R> {
    source: Source<R>,
    entry: u64,
    /// Open calls, by their id and the side that logged them.
    calls: BTreeMap<(u64, i32), Call>,
    opened: u32,
    ahead: Option<GrpcLogEntry>,
    queue: VecDeque<Event>,
    anchor_ns: Option<i128>,
    offset_ns: u64,
    losses: Losses,
    ended: bool,
}

#[derive(Debug)]
struct Call {
    number: u32,
    seq: u64,
    /// Number of the last entry; 0 when it has none.
    sequence: u64,
    /// True after the server sent metadata or a message.
    answered: bool,
}

impl<R: Read> BinlogReader<R> {
    /// Opens a log and reads its first entry, so that the wall-clock time of offset 0 is known.
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
            queue: VecDeque::new(),
            anchor_ns: None,
            offset_ns: 0,
            losses: Losses::default(),
            ended: false,
        };
        reader.ahead = reader.read()?;
        reader.anchor_ns = reader.ahead.as_ref().and_then(|entry| entry.timestamp).map(unix_ns);
        Ok(reader)
    }

    /// Wall-clock time of offset 0, nanoseconds since the Unix epoch; 0 when the first entry has no time.
    #[must_use]
    pub fn anchor_unix_ns(&self) -> u64 {
        let anchor = self.anchor_ns.unwrap_or_default();
        u64::try_from(anchor).unwrap_or_default()
    }

    /// Number of entries read.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entry
    }

    /// The losses so far; complete after the last event.
    #[must_use]
    pub const fn losses(&self) -> &Losses {
        &self.losses
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

    /// Reads until an event is available or the log has ended.
    fn fill(&mut self) -> Result<(), BinlogError> {
        while self.queue.is_empty() && !self.ended {
            let entry = match self.ahead.take() {
                Some(entry) => Some(entry),
                None => self.read()?,
            };
            match entry {
                Some(entry) => self.take(entry)?,
                None => self.end(),
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.losses.add(Loss::UnendedCalls, self.calls.len() as u64);
        }
    }

    fn take(&mut self, entry: GrpcLogEntry) -> Result<(), BinlogError> {
        let opens = entry.r#type == i32::from(EventType::ClientHeader);
        let (sequence, truncated) = (entry.sequence_id_within_call, entry.payload_truncated);
        let mut id = (entry.call_id, entry.logger);
        if !opens && !self.calls.contains_key(&id) {
            // Some writers say of each entry which side it comes from, and not which side logged it.
            let same = self.calls.range((id.0, i32::MIN)..=(id.0, i32::MAX)).next();
            id = same.map_or(id, |(same, _)| *same);
        }
        let answered = self.calls.get(&id).is_some_and(|call| call.answered);
        let timestamp = entry.timestamp;
        let kind = kind(entry, answered).map_err(|problem| BinlogError::NoEntry {
            entry: self.entry,
            problem: problem.to_owned(),
        })?;
        let Some(kind) = kind else { return Ok(()) };
        self.tick(timestamp);
        if matches!(kind, EventKind::CallStart(_)) {
            let number = self.opened + 1;
            self.opened = number;
            let call = Call {
                number,
                seq: 0,
                sequence: 0,
                answered: false,
            };
            // Opened anew, the call before it has no ending.
            let earlier = self.calls.insert(id, call);
            self.losses.add(Loss::UnendedCalls, u64::from(earlier.is_some()));
        }
        // What was logged of a call before the log began has no call to belong to.
        let Some(mut call) = self.calls.remove(&id) else {
            self.losses.add(Loss::EntriesWithoutCall, 1);
            return Ok(());
        };
        self.sequence(&mut call, sequence);
        call.answered |= match &kind {
            EventKind::Headers(_) => true,
            EventKind::Message(message) => message.direction == Direction::Received,
            _ => false,
        };
        let ends = matches!(kind, EventKind::End(_));
        if let EventKind::End(Ending::Cancelled(_)) = &kind {
            self.losses.add(Loss::CancelReasons, 1);
        }
        match kind {
            // Half a message is none: the loss is counted instead.
            EventKind::Message(message) if truncated => {
                self.losses.add(Loss::TruncatedMessages, 1);
                let reason = "the binary log holds only the beginning of this message";
                self.gap(&mut call, message.direction, 1, reason.to_owned());
            }
            kind => {
                // Metadata that was cut to a limit of the log's.
                self.losses.add(Loss::Metadata, u64::from(truncated));
                self.push(&mut call, kind);
            }
        }
        if !ends {
            self.calls.insert(id, call);
        }
        Ok(())
    }

    /// Checks for missing entries before an entry; entries without a number say nothing.
    fn sequence(&mut self, call: &mut Call, sequence: u64) {
        if sequence == 0 {
            return;
        }
        let last = call.sequence;
        call.sequence = last.max(sequence);
        if last == 0 {
            return;
        }
        match sequence.checked_sub(last) {
            None | Some(0) => self.losses.add(Loss::RepeatedEntries, 1),
            Some(1) => {}
            Some(step) => {
                self.losses.add(Loss::MissingEntries, step - 1);
                let reason = format!("entries {} to {} are missing in the binary log", last + 1, sequence - 1);
                self.gap(call, Direction::Received, step - 1, reason);
            }
        }
    }

    fn gap(&mut self, call: &mut Call, direction: Direction, messages: u64, reason: String) {
        let gap = Gap {
            direction,
            messages,
            reason,
        };
        self.push(call, EventKind::Gap(gap));
    }

    fn push(&mut self, call: &mut Call, kind: EventKind) {
        call.seq += 1;
        self.queue.push_back(Event {
            call: call.number,
            seq: call.seq,
            offset_ns: self.offset_ns,
            kind,
        });
    }

    fn tick(&mut self, timestamp: Option<Timestamp>) {
        let Some(at) = timestamp.map(unix_ns) else { return };
        let anchor = *self.anchor_ns.get_or_insert(at);
        match u64::try_from(at - anchor) {
            Ok(since) if since >= self.offset_ns => self.offset_ns = since,
            _ => self.losses.add(Loss::EarlierTimes, 1),
        }
    }
}

/// Converts an entry to an event; `None` when it does not say what. A status without an answer before it came alone.
pub(super) fn kind(entry: GrpcLogEntry, answered: bool) -> Result<Option<EventKind>, &'static str> {
    let kind = EventType::try_from(entry.r#type).unwrap_or(EventType::Unknown);
    let direction = match kind {
        EventType::ClientMessage => Direction::Sent,
        _ => Direction::Received,
    };
    Ok(Some(match (kind, entry.payload) {
        (EventType::ClientHeader, Some(Payload::ClientHeader(header))) => EventKind::CallStart(CallStart {
            method: method(header.method_name),
            authority: header.authority,
            peer: entry.peer.map(peer).unwrap_or_default(),
            metadata: metadata(header.metadata),
            ..CallStart::default()
        }),
        (EventType::ServerHeader, Some(Payload::ServerHeader(header))) => EventKind::Headers(Headers {
            metadata: metadata(header.metadata),
        }),
        (EventType::ClientMessage | EventType::ServerMessage, Some(Payload::Message(message))) => {
            EventKind::Message(Message::plain(direction, message.data))
        }
        (EventType::ClientHalfClose, _) => EventKind::HalfClose,
        (EventType::ServerTrailer, Some(Payload::Trailer(trailer))) => {
            EventKind::End(Ending::Status(status(trailer, !answered)))
        }
        (EventType::Cancel, _) => EventKind::End(Ending::Cancelled(Cancelled::new(
            Party::Client,
            "cancelled, according to the binary log",
        ))),
        (EventType::Unknown, _) => return Ok(None),
        _ => return Err("its payload is not that of its type"),
    }))
}

impl<R: Read> Iterator for BinlogReader<R> {
    type Item = Result<Event, BinlogError>;

    /// The next event; after an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.end();
            return Some(Err(error));
        }
        self.queue.pop_front().map(Ok)
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

/// Formats the peer's address as in captures.
fn peer(address: Address) -> String {
    match (address.address.parse::<IpAddr>(), u16::try_from(address.ip_port)) {
        (Ok(ip), Ok(port)) if port > 0 => SocketAddr::new(ip, port).to_string(),
        _ => address.address,
    }
}

/// Adds the leading slash, which some writers leave out.
fn method(name: String) -> String {
    if name.starts_with('/') {
        name
    } else {
        format!("/{name}")
    }
}

/// Converts metadata: names to lower case, binary values to base64, as on the wire.
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

fn status(trailer: Trailer, trailers_only: bool) -> Status {
    let mut trailers = metadata(trailer.metadata);
    trailers.push("grpc-status", trailer.status_code.to_string());
    if !trailer.status_message.is_empty() {
        trailers.push(
            "grpc-message",
            crate::grpc::status::percent_encode(&trailer.status_message),
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
        trailers_only,
    }
}
