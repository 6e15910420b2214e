//! Events to log entries.

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

use super::proto::{
    Address, ClientHeader, Data, Entries, EventType, GrpcLogEntry, MetadataEntry, Payload, ServerHeader, Timestamp,
    Trailer,
};
use crate::{
    event::{Direction, Ending, Event, EventKind, Metadata},
    wire,
};

/// gRPC peers send base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A log written by a client.
const CLIENT: i32 = 1;

/// gRPC status UNAVAILABLE and `DEADLINE_EXCEEDED`: what a client's own library reports for these endings.
const UNAVAILABLE: u32 = 14;
const DEADLINE_EXCEEDED: u32 = 4;

/// Names that HTTP/2 and gRPC use themselves; a binary log leaves them out (A16).
const LEFT_OUT: [&str; 8] = [
    "te",
    "content-type",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-encoding",
    "grpc-accept-encoding",
    "user-agent",
];

/// Writes a capture's events as a binary log.
#[derive(Debug)]
pub struct BinlogWriter<W> {
    to: W,
    anchor_unix_ns: u64,
    /// Encoding of the messages of each open call, by direction.
    encodings: BTreeMap<u32, [Option<String>; 2]>,
    /// Entries written.
    pub entries: u64,
    /// Events that a binary log has no word for: gaps and notes.
    pub left_out: u64,
}

impl<W: Write> BinlogWriter<W> {
    /// A log of a capture whose offset 0 was at this time.
    pub const fn new(to: W, anchor_unix_ns: u64) -> Self {
        Self {
            to,
            anchor_unix_ns,
            encodings: BTreeMap::new(),
            entries: 0,
            left_out: 0,
        }
    }

    /// Writes one event.
    ///
    /// # Errors
    /// As the writer's; an entry larger than 4 GiB cannot be framed.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        let encoding = self.encoding(event);
        let Some(entry) = entry(event, self.anchor_unix_ns, encoding.as_deref()) else {
            self.left_out += 1;
            return Ok(());
        };
        let length = u32::try_from(entry.encoded_len()).map_err(io::Error::other)?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(&entry.encode_to_vec())?;
        self.entries += 1;
        Ok(())
    }

    /// Completes the log.
    ///
    /// # Errors
    /// As the writer's.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }

    /// What the event's message is compressed with; takes note of what a call's metadata says.
    fn encoding(&mut self, event: &Event) -> Option<String> {
        let of = |metadata: &Metadata| metadata.get_text("grpc-encoding").map(str::to_owned);
        match &event.kind {
            EventKind::CallStart(start) => {
                self.encodings.insert(event.call, [of(&start.metadata), None]);
            }
            EventKind::Headers(headers) => {
                self.encodings.entry(event.call).or_default()[1] = of(&headers.metadata);
            }
            EventKind::End(_) => {
                self.encodings.remove(&event.call);
            }
            EventKind::Message(message) if message.compressed => {
                let side = usize::from(message.direction == Direction::Received);
                return self.encodings.get(&event.call)?[side].clone();
            }
            _ => {}
        }
        None
    }
}

/// The log entry of an event; `None` for gaps and notes. A message that cannot be inflated by `encoding` is logged as it
/// stood on the wire, and marked as truncated.
#[must_use]
pub fn entry(event: &Event, anchor_unix_ns: u64, encoding: Option<&str>) -> Option<GrpcLogEntry> {
    let mut peer = None;
    let mut truncated = false;
    let (kind, payload) = match &event.kind {
        EventKind::CallStart(start) => {
            peer = address(&start.peer);
            let header = ClientHeader {
                metadata: Some(entries(&start.metadata)),
                method_name: start.method.clone(),
                authority: start.authority.clone(),
            };
            (EventType::ClientHeader, Some(Payload::ClientHeader(header)))
        }
        EventKind::Headers(headers) => {
            let metadata = Some(entries(&headers.metadata));
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
        EventKind::End(Ending::Cancelled(_)) => (EventType::Cancel, None),
        EventKind::End(ending) => (EventType::ServerTrailer, Some(Payload::Trailer(trailer(ending)))),
        EventKind::Gap(_) | EventKind::Note(_) => return None,
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

fn content(data: &Bytes, compressed: bool, encoding: Option<&str>) -> Option<Bytes> {
    if !compressed {
        return Some(data.clone());
    }
    wire::inflate(encoding.unwrap_or(wire::NO_ENCODING), data, wire::MAX_INFLATED).ok()
}

fn trailer(ending: &Ending) -> Trailer {
    let own = |status_code, status_message: String| Trailer {
        metadata: Some(Entries::default()),
        status_code,
        status_message,
        status_details: Vec::new(),
    };
    match ending {
        Ending::Status(status) => Trailer {
            metadata: Some(entries(&status.trailers)),
            status_code: status.code,
            status_message: status.message.clone(),
            status_details: status
                .trailers
                .get("grpc-status-details-bin")
                .and_then(|value| BASE64.decode(value).ok())
                .unwrap_or_default(),
        },
        Ending::Broken(broken) => own(UNAVAILABLE, broken.error.clone()),
        Ending::Deadline(deadline) => own(DEADLINE_EXCEEDED, format!("after {} ns", deadline.after_ns)),
        Ending::Cancelled(cancelled) => own(1, cancelled.reason.clone()),
    }
}

fn entries(metadata: &Metadata) -> Entries {
    let kept = metadata.iter().filter(|(name, _)| !LEFT_OUT.contains(name));
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
    let addr: SocketAddr = peer.parse().ok()?;
    Some(Address {
        r#type: if matches!(addr.ip(), IpAddr::V4(_)) { 1 } else { 2 },
        address: addr.ip().to_string(),
        ip_port: addr.port().into(),
    })
}
