//! Conversion of events to log entries.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use prost::Message as _;

use super::{
    proto::{
        Address, ClientHeader, Data, Entries, EventType, GrpcLogEntry, MetadataEntry, Payload, ServerHeader, Timestamp,
        Trailer,
    },
    read,
};
use crate::{
    das::{dialect::Dialect, proto::FOCUS_DESCRIPTOR_SET},
    file::{Attribute, Header},
    grpc::{self, descriptors::is_part_of},
    model::event::{Direction, Ending, Event, EventKind, Metadata, Party},
    transform::convert::{Loss, Losses},
};

/// gRPC peers send base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A log written by a client.
const CLIENT: i32 = 1;

/// Trailers for which a log entry has fields.
const IN_FIELDS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// Address types.
const UNKNOWN_ADDRESS: i32 = 0;
const IPV4: i32 = 1;
const IPV6: i32 = 2;

/// Writes a capture's events as a binary log.
///
/// A log holds what happened on calls that ended with a status or were cancelled by their client. A call that ended
/// otherwise has no ending in the log. What does not come back from the log as it was is counted in
/// [`losses`](Self::losses).
#[derive(Debug)]
pub struct BinlogWriter<W> {
    to: W,
    anchor_unix_ns: u64,
    calls: BTreeMap<u32, Call>,
    /// Entries written.
    pub entries: u64,
    losses: Losses,
}

/// An open call.
#[derive(Debug, Default)]
struct Call {
    /// Encodings of its messages, by direction.
    encodings: [Option<String>; 2],
    /// Number of its last entry.
    sequence: u64,
    /// True after the server sent metadata or a message.
    answered: bool,
}

impl<W: Write> BinlogWriter<W> {
    /// A log of a capture with this wall-clock time of offset 0.
    pub fn new(to: W, anchor_unix_ns: u64) -> Self {
        Self {
            to,
            anchor_unix_ns,
            calls: BTreeMap::new(),
            entries: 0,
            losses: Losses::default(),
        }
    }

    /// Writes one event.
    ///
    /// # Errors
    /// As the writer's; an entry larger than 4 GiB cannot be framed.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        let call = self.calls.entry(event.call).or_default();
        let encoding = call.note(event);
        let entry = entry(event, self.anchor_unix_ns, encoding.as_deref());
        self.losses.note(event, entry.as_ref(), call.answered);
        let sequence = match &event.kind {
            // Numbers that are left out say how many messages are missing.
            EventKind::Gap(gap) => call.sequence.saturating_add(gap.messages),
            _ => call.sequence.saturating_add(u64::from(entry.is_some())),
        };
        call.sequence = sequence;
        if let EventKind::End(_) = &event.kind {
            self.calls.remove(&event.call);
        }
        let Some(mut entry) = entry else { return Ok(()) };
        entry.sequence_id_within_call = sequence;
        let length = u32::try_from(entry.encoded_len()).map_err(io::Error::other)?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(&entry.encode_to_vec())?;
        self.entries += 1;
        Ok(())
    }

    /// What an import of the log would not restore of the events so far.
    #[must_use]
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Completes the log.
    ///
    /// # Errors
    /// As the writer's.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

impl Call {
    /// Notes the encodings in a call's metadata, and returns the encoding of an event's message.
    fn note(&mut self, event: &Event) -> Option<String> {
        let of = |metadata: &Metadata| crate::grpc::protocol::message_encoding(metadata).map(str::to_owned);
        match &event.kind {
            EventKind::CallStart(start) => self.encodings[0] = of(&start.metadata),
            EventKind::Headers(headers) => {
                self.encodings[1] = of(&headers.metadata);
                self.answered = true;
            }
            EventKind::Message(message) => {
                let side = usize::from(message.direction == Direction::Received);
                self.answered |= message.direction == Direction::Received;
                return self.encodings[side].clone().filter(|_| message.compressed);
            }
            _ => {}
        }
        None
    }
}

impl Losses {
    /// Counts what an event's entry does not contain of it.
    fn note(&mut self, event: &Event, entry: Option<&GrpcLogEntry>, answered: bool) {
        let loss = match (&event.kind, entry) {
            (EventKind::Message(message), Some(entry)) => match (message.compressed, entry.payload_truncated) {
                (_, true) => Loss::NotInflated,
                (true, false) => Loss::Compressed,
                (false, false) => return,
            },
            (EventKind::Gap(_), _) => Loss::GapReasons,
            (EventKind::Note(_), _) => Loss::Notes,
            (EventKind::CallStart(start), Some(entry)) => {
                self.add(Loss::Connections, u64::from(start.connection != 0));
                let mut kept = start.clone();
                kept.connection = 0;
                match read::kind(entry.clone(), answered) {
                    Ok(Some(EventKind::CallStart(back))) if back == kept => return,
                    _ => Loss::Metadata,
                }
            }
            (kind, Some(entry)) => match read::kind(entry.clone(), answered) {
                Ok(Some(back)) if back == *kind || is_implied(&back, kind) => return,
                _ if matches!(kind, EventKind::End(Ending::Cancelled(_))) => Loss::CancelReasons,
                _ => Loss::Metadata,
            },
            (_, None) => Loss::Endings,
        };
        self.add(loss, 1);
    }
}

/// True when one has a status in its trailers, and the other has the same without.
fn is_implied(back: &EventKind, kind: &EventKind) -> bool {
    let (EventKind::End(Ending::Status(back)), EventKind::End(Ending::Status(status))) = (back, kind) else {
        return false;
    };
    let mut back = back.clone();
    back.trailers.0.retain(|(name, _)| !IN_FIELDS.contains(&name.as_str()));
    back == *status
}

/// Converts an event to a log entry; `None` for gaps, notes, and endings other than a status and a client's
/// cancellation. A message that cannot be inflated by `encoding` is logged as on the wire, and marked as
/// truncated.
#[must_use]
pub(super) fn entry(event: &Event, anchor_unix_ns: u64, encoding: Option<&str>) -> Option<GrpcLogEntry> {
    let mut peer = None;
    let mut truncated = false;
    let (kind, payload) = match &event.kind {
        EventKind::CallStart(start) => {
            peer = address(&start.peer);
            let header = ClientHeader {
                metadata: Some(entries(&start.metadata, &[])),
                method_name: start.method.clone(),
                authority: start.authority.clone(),
            };
            (EventType::ClientHeader, Some(Payload::ClientHeader(header)))
        }
        EventKind::Headers(headers) => {
            let metadata = Some(entries(&headers.metadata, &[]));
            (
                EventType::ServerHeader,
                Some(Payload::ServerHeader(ServerHeader { metadata })),
            )
        }
        EventKind::Message(message) => {
            let kind = match message.direction {
                Direction::Sent => EventType::ClientMessage,
                Direction::Received => EventType::ServerMessage,
            };
            let content = content(&message.data, message.compressed, encoding);
            truncated = content.is_none();
            let data = content.unwrap_or_else(|| message.data.clone());
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            (kind, Some(Payload::Message(Data { length, data })))
        }
        EventKind::HalfClose => (EventType::ClientHalfClose, None),
        EventKind::End(Ending::Status(status)) => {
            let trailer = Trailer {
                metadata: Some(entries(&status.trailers, &IN_FIELDS)),
                status_code: status.code,
                status_message: status.message.clone(),
                status_details: status
                    .trailers
                    .get("grpc-status-details-bin")
                    .and_then(|value| BASE64.decode(value).ok())
                    .unwrap_or_default(),
            };
            (EventType::ServerTrailer, Some(Payload::Trailer(trailer)))
        }
        EventKind::End(Ending::Cancelled(cancelled)) if cancelled.by != Party::Server => (EventType::Cancel, None),
        EventKind::End(_) | EventKind::Gap(_) | EventKind::Note(_) => return None,
    };
    let at = anchor_unix_ns.saturating_add(event.offset_ns);
    Some(GrpcLogEntry {
        timestamp: Some(Timestamp {
            seconds: (at / 1_000_000_000) as i64,
            nanos: (at % 1_000_000_000) as i32,
        }),
        call_id: event.call.into(),
        sequence_id_within_call: event.seq,
        r#type: kind.into(),
        logger: CLIENT,
        payload,
        payload_truncated: truncated,
        peer,
    })
}

/// Number of header attributes that an import of the log would not restore: all but what the tool says of itself, what
/// the methods tell, and a job that the request names.
#[must_use]
pub(crate) fn lost_attributes(header: &Header) -> u64 {
    let dialect = header.text(Attribute::DIALECT).and_then(|name| name.parse().ok());
    let found = |name: &str, value: &[u8]| match name {
        Attribute::TOOL | Attribute::SOURCE | Attribute::DIALECT | Attribute::DESCRIPTOR_SHA256 => true,
        Attribute::JOB_ID => dialect == Some(Dialect::DataStream),
        Attribute::DESCRIPTOR_SET => is_part_of(value, FOCUS_DESCRIPTOR_SET),
        _ => false,
    };
    let lost = header.attributes.iter().filter(|(name, value)| !found(name, value));
    lost.count() as u64
}

fn content(data: &Bytes, compressed: bool, encoding: Option<&str>) -> Option<Bytes> {
    if !compressed {
        return Some(data.clone());
    }
    grpc::inflate(encoding.unwrap_or(grpc::NO_ENCODING), data, grpc::MAX_INFLATED).ok()
}

fn entries(metadata: &Metadata, but: &[&str]) -> Entries {
    let kept = metadata.iter().filter(|(name, _)| !but.contains(name));
    let entry = |(name, value): (&str, &[u8])| MetadataEntry {
        key: name.to_owned(),
        value: if name.ends_with("-bin") {
            BASE64.decode(value).unwrap_or_else(|_| value.to_vec())
        } else {
            value.to_vec()
        },
    };
    Entries {
        entry: kept.map(entry).collect(),
    }
}

fn address(peer: &str) -> Option<Address> {
    if peer.is_empty() {
        return None;
    }
    Some(match peer.parse::<SocketAddr>() {
        Ok(addr) => Address {
            r#type: if matches!(addr.ip(), IpAddr::V4(_)) { IPV4 } else { IPV6 },
            address: addr.ip().to_string(),
            ip_port: addr.port().into(),
        },
        Err(_) => Address {
            r#type: UNKNOWN_ADDRESS,
            address: peer.to_owned(),
            ip_port: 0,
        },
    })
}
