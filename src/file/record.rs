//! Encoding of record heads and part bodies. The only home of bincode.
//!
//! bincode 2 with its legacy configuration: integers little-endian at full width, lengths as u64, enum variants as u32.
//! FORMAT.md §4 states the resulting bytes, so that a reader needs no bincode. Every decode has a limit on what it may
//! claim, and must consume its input to the last byte, except for a message's head, which its payload follows.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Header;
use crate::model::event::{CallStart, Direction, Event, EventKind, Gap, Headers, Message, Note};

mod ending;
mod entries;
mod parts;

use ending::{EndHead, end_head, ending_of};
use entries::{Entries, entries, metadata_of};
pub(super) use parts::{
    CHUNK_FIXED_LEN, CallCount, ChunkHead, DONE_LEN, Done, INDEX_ENTRY_FIXED_LEN, IndexBlock, IndexEntry,
    MAX_INDEXED_CALLS,
};

/// Largest claimed size of one head: a header with its descriptor set and configure response fits with room to spare.
const HEAD_LIMIT: usize = 64 << 20;

/// Largest number of metadata pairs in one event: twice what any HTTP library of this language holds. A pair takes five
/// times as much in memory as in the file.
const MAX_PAIRS: usize = 1 << 16;

const fn config() -> Configuration<LittleEndian, Fixint, Limit<HEAD_LIMIT>> {
    bincode::config::legacy().with_limit::<HEAD_LIMIT>()
}

fn encode(value: &impl Serialize, into: &mut Vec<u8>) -> Result<(), String> {
    bincode::serde::encode_into_std_write(value, into, config())
        .map(drop)
        .map_err(|error| error.to_string())
}

fn decode_all<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config()).map_err(|error| error.to_string())?;
    match bytes.len() - used {
        0 => Ok(value),
        rest => Err(format!("{rest} bytes are left over")),
    }
}

#[derive(Serialize, Deserialize)]
struct EventHead<'a> {
    call: u32,
    seq: u64,
    offset_ns: u64,
    #[serde(borrow)]
    kind: KindHead<'a>,
}

/// The kind of an event as stored; the order of the variants is part of the format.
#[derive(Serialize, Deserialize)]
enum KindHead<'a> {
    CallStart {
        method: &'a str,
        authority: &'a str,
        peer: &'a str,
        #[serde(borrow)]
        metadata: Entries<'a>,
        #[serde(borrow)]
        attributes: Entries<'a>,
    },
    Headers {
        #[serde(borrow)]
        metadata: Entries<'a>,
    },
    Message {
        direction: DirectionHead,
        compressed: bool,
    },
    HalfClose,
    End(#[serde(borrow)] EndHead<'a>),
    Gap {
        direction: DirectionHead,
        messages: u64,
        reason: &'a str,
    },
    Note {
        author: &'a str,
        text: &'a str,
    },
}

/// Attribute of a call start: the client's connection, u32.
const CONNECTION: &str = "connection";
/// Attribute of a call start: SHA-256 of the server's certificate, 32 bytes.
const CERTIFICATE: &str = "certificate-sha256";

#[derive(Serialize, Deserialize)]
enum DirectionHead {
    Sent,
    Received,
}

/// Appends the head of an event's record; a message's payload is to follow it.
pub(super) fn encode_event_head(event: &Event, into: &mut Vec<u8>) -> Result<(), String> {
    let connection;
    let kind = match &event.kind {
        EventKind::CallStart(start) => {
            connection = start.connection.to_le_bytes();
            let connection = (start.connection != 0).then_some((CONNECTION, &connection[..]));
            let certificate = start.certificate_sha256.as_ref();
            let certificate = certificate.map(|sha256| (CERTIFICATE, &sha256[..]));
            let others = start.attributes.iter().map(|(name, value)| (&**name, &**value));
            KindHead::CallStart {
                method: &start.method,
                authority: &start.authority,
                peer: &start.peer,
                metadata: entries(&start.metadata),
                attributes: connection.into_iter().chain(certificate).chain(others).collect(),
            }
        }
        EventKind::Headers(headers) => KindHead::Headers {
            metadata: entries(&headers.metadata),
        },
        EventKind::Message(message) => KindHead::Message {
            direction: direction_head(message.direction),
            compressed: message.compressed,
        },
        EventKind::HalfClose => KindHead::HalfClose,
        EventKind::End(ending) => KindHead::End(end_head(ending)),
        EventKind::Gap(gap) => KindHead::Gap {
            direction: direction_head(gap.direction),
            messages: gap.messages,
            reason: &gap.reason,
        },
        EventKind::Note(note) => KindHead::Note {
            author: &note.author,
            text: &note.text,
        },
    };
    let head = EventHead {
        call: event.call,
        seq: event.seq,
        offset_ns: event.offset_ns,
        kind,
    };
    check_pairs(&head.kind)?;
    encode(&head, into)
}

/// Decodes only call and offset of a record's event.
pub(super) fn place_of(record: &[u8]) -> Option<(u32, u64)> {
    let (call, rest) = record.split_first_chunk()?;
    let (_seq, rest) = rest.split_first_chunk::<8>()?;
    let (offset_ns, _) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*call), u64::from_le_bytes(*offset_ns)))
}

/// Decodes the event of one record; a message's data is a slice of `record`.
pub(super) fn decode_event(record: &Bytes) -> Result<Event, String> {
    let (head, used): (EventHead<'_>, usize) =
        bincode::serde::borrow_decode_from_slice(record, config()).map_err(|error| error.to_string())?;
    check_pairs(&head.kind)?;
    let left = record.len() - used;
    if left > 0 && !matches!(head.kind, KindHead::Message { .. }) {
        return Err(format!("{left} bytes are left over"));
    }
    let kind = match head.kind {
        KindHead::CallStart {
            method,
            authority,
            peer,
            metadata,
            attributes,
        } => {
            let mut start = CallStart {
                method: method.to_owned(),
                authority: authority.to_owned(),
                peer: peer.to_owned(),
                metadata: metadata_of(metadata),
                ..CallStart::default()
            };
            set_attributes(&mut start, attributes);
            EventKind::CallStart(start)
        }
        KindHead::Headers { metadata } => EventKind::Headers(Headers {
            metadata: metadata_of(metadata),
        }),
        KindHead::Message { direction, compressed } => EventKind::Message(Message {
            direction: direction_of(&direction),
            compressed,
            data: record.slice(used..),
        }),
        KindHead::HalfClose => EventKind::HalfClose,
        KindHead::End(end) => EventKind::End(ending_of(end)),
        KindHead::Gap {
            direction,
            messages,
            reason,
        } => EventKind::Gap(Gap {
            direction: direction_of(&direction),
            messages,
            reason: reason.to_owned(),
        }),
        KindHead::Note { author, text } => EventKind::Note(Note {
            author: author.to_owned(),
            text: text.to_owned(),
        }),
    };
    Ok(Event {
        call: head.call,
        seq: head.seq,
        offset_ns: head.offset_ns,
        kind,
    })
}

/// Gives a call start its attributes; those that this release does not know, or cannot read, are kept as they are.
fn set_attributes(start: &mut CallStart, attributes: Entries<'_>) {
    for (name, value) in attributes {
        match (name, <[u8; 4]>::try_from(value), <[u8; 32]>::try_from(value)) {
            (CONNECTION, Ok(number), _) if start.connection == 0 && number != [0; 4] => {
                start.connection = u32::from_le_bytes(number);
            }
            (CERTIFICATE, _, Ok(sha256)) if start.certificate_sha256.is_none() => {
                start.certificate_sha256 = Some(sha256);
            }
            _ => start.attributes.push((name.to_owned(), value.to_owned())),
        }
    }
}

fn check_pairs(kind: &KindHead<'_>) -> Result<(), String> {
    let pairs = match kind {
        KindHead::CallStart {
            metadata, attributes, ..
        } => metadata.len() + attributes.len(),
        KindHead::Headers { metadata } => metadata.len(),
        KindHead::End(EndHead::Status { trailers, .. }) => trailers.len(),
        _ => 0,
    };
    if pairs > MAX_PAIRS {
        return Err(format!("{pairs} pairs of metadata are more than {MAX_PAIRS}"));
    }
    Ok(())
}

const fn direction_head(direction: Direction) -> DirectionHead {
    match direction {
        Direction::Sent => DirectionHead::Sent,
        Direction::Received => DirectionHead::Received,
    }
}

const fn direction_of(head: &DirectionHead) -> Direction {
    match head {
        DirectionHead::Sent => Direction::Sent,
        DirectionHead::Received => Direction::Received,
    }
}

/// A type that can be the body of a part.
pub(super) trait Body: Serialize + DeserializeOwned {
    fn to_body(&self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        encode(self, &mut body)?;
        Ok(body)
    }

    fn from_body(body: &[u8]) -> Result<Self, String> {
        decode_all(body)
    }
}

impl Body for ChunkHead {}
impl Body for IndexBlock {}
impl Body for Done {}

#[derive(Serialize)]
struct HeaderOut<'a> {
    anchor_unix_ns: u64,
    attributes: Entries<'a>,
}

#[derive(Deserialize)]
struct HeaderIn<'a> {
    anchor_unix_ns: u64,
    #[serde(borrow)]
    attributes: Entries<'a>,
}

/// Encodes the body of the header part.
pub(super) fn encode_header(header: &Header) -> Result<Vec<u8>, String> {
    let attributes = header.attributes.iter();
    let out = HeaderOut {
        anchor_unix_ns: header.anchor_unix_ns,
        attributes: attributes
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect(),
    };
    let mut body = Vec::new();
    encode(&out, &mut body)?;
    Ok(body)
}

/// Decodes the header from its part's body.
pub(super) fn decode_header(body: &[u8]) -> Result<Header, String> {
    let (head, used): (HeaderIn<'_>, usize) =
        bincode::serde::borrow_decode_from_slice(body, config()).map_err(|error| error.to_string())?;
    if used < body.len() {
        return Err(format!("{} bytes are left over", body.len() - used));
    }
    let attributes = head.attributes.into_iter();
    Ok(Header {
        anchor_unix_ns: head.anchor_unix_ns,
        attributes: attributes
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}
