//! The vocabulary of a capture: what happened on a gRPC call, and when.
//!
//! Modelled on the gRPC binary log (gRPC proposal A16): a call is a sequence of [`Event`]s, from one
//! [`CallStart`] to exactly one [`Ending`]. Everything here is plain data; nothing reads a clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The call number of events that belong to the capture as a whole, such as an operator's note.
pub(crate) const CAPTURE_CALL: u32 = 0;

/// The author of remarks by the recorder.
pub(crate) const RECORDER_AUTHOR: &str = "recorder";

/// The author of notes about what the recorder could not record.
pub(crate) const FAILURE_AUTHOR: &str = "recorder-error";

/// The author of the proxy's notes about REST exchanges: `{"rest": …}`.
pub(crate) const PROXY_AUTHOR: &str = "proxy";

/// One thing that happened on a call.
///
/// ```
/// use grpc_capture::model::{Event, EventKind, Message, Direction};
/// let event = Event {
///     call: 1,
///     seq: 2,
///     offset_ns: 400_000_000,
///     kind: EventKind::Message(Message::plain(Direction::Received, &b"\x0a\x00"[..])),
/// };
/// assert_eq!(event.kind.name(), "message");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The call, counted from 1 within the capture; `CAPTURE_CALL` for the capture itself.
    pub call: u32,
    /// Number of the event within its call, counted from 1 without holes.
    pub seq: u64,
    /// Nanoseconds since the capture began, on a monotonic clock.
    pub offset_ns: u64,
    /// Kind and content of the event.
    pub kind: EventKind,
}

/// Numbers the messages of a capture: each from 1 in its call and direction, as places name them everywhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessageNumbers {
    /// Number of messages of each open call so far: sent and received.
    calls: BTreeMap<u32, (u64, u64)>,
}

impl MessageNumbers {
    /// Returns the number of a message; `None` for other events. Every event of the call must be given, in order.
    pub(crate) fn of(&mut self, event: &Event) -> Option<u64> {
        match &event.kind {
            EventKind::Message(message) => {
                let (sent, received) = self.calls.entry(event.call).or_default();
                let count = match message.direction {
                    Direction::Sent => sent,
                    Direction::Received => received,
                };
                *count += 1;
                Some(*count)
            }
            EventKind::End(_) => {
                self.calls.remove(&event.call);
                None
            }
            _ => None,
        }
    }
}

/// Kind and content of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The call was opened.
    CallStart(CallStart),
    /// The server's initial metadata arrived; absent from a trailers-only answer.
    Headers(Headers),
    /// One message, in either direction.
    Message(Message),
    /// The client sends no more messages.
    HalfClose,
    /// The call ended; the last event of a call.
    End(Ending),
    /// Messages are known to be lost here.
    Gap(Gap),
    /// A remark by the recorder or by an operator.
    Note(Note),
}

impl EventKind {
    /// The name used in JSON: `call_start`, `headers`, `message`, `half_close`, `end`, `gap` or `note`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CallStart(_) => "call_start",
            Self::Headers(_) => "headers",
            Self::Message(_) => "message",
            Self::HalfClose => "half_close",
            Self::End(_) => "end",
            Self::Gap(_) => "gap",
            Self::Note(_) => "note",
        }
    }
}

/// The opening of a call, as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallStart {
    /// Full method path, `/package.Service/Method`.
    pub method: String,
    /// The requested `:authority`.
    pub authority: String,
    /// Address of the peer, where it is known.
    pub peer: String,
    /// Request metadata in wire order.
    pub metadata: Metadata,
    /// Number of the client's connection, counted from 1 within the capture; 0 where it is not known.
    pub connection: u32,
    /// SHA-256 of the server's certificate, where the connection used TLS.
    pub certificate_sha256: Option<[u8; 32]>,
    /// Unknown attributes: names and values. They are kept when the call is written again.
    pub attributes: Vec<(String, Vec<u8>)>,
}

/// The server's initial metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Response metadata in wire order.
    pub metadata: Metadata,
}

/// Metadata as on the wire: names in lower case, values byte for byte, order kept.
///
/// Values of `-bin` names are kept in their base64 wire form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(pub Vec<(String, Vec<u8>)>);

impl Metadata {
    /// The first value under `name` (lower case), or `None`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The first value under `name` as text, or `None` when it is absent or is not UTF-8.
    #[must_use]
    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Appends an entry.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Name and value of each entry, in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// True when there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Direction of a message, seen from the client of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    Sent,
    /// From the server to the client.
    Received,
}

/// One message, as its gRPC length prefix delimited it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Direction of the message.
    pub direction: Direction,
    /// The compressed flag of the gRPC prefix; the encoding is named in the metadata (`grpc-encoding`).
    pub compressed: bool,
    /// The payload exactly as on the wire, compressed when `compressed` is set.
    pub data: Bytes,
}

impl Message {
    /// Makes a message with an uncompressed payload.
    #[must_use]
    pub fn plain(direction: Direction, data: impl Into<Bytes>) -> Self {
        Self {
            direction,
            compressed: false,
            data: data.into(),
        }
    }
}

/// How a call ended. Every call has exactly one ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The server answered with a status, in trailers or in a trailers-only answer.
    Status(Status),
    /// One side cancelled the call.
    Cancelled(Cancelled),
    /// The transport failed before a status arrived.
    Broken(Broken),
    /// A time limit of the recorder or the client expired.
    Deadline(Deadline),
}

impl Ending {
    /// The name used in JSON: `status`, `cancelled`, `broken` or `deadline`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Cancelled(_) => "cancelled",
            Self::Broken(_) => "broken",
            Self::Deadline(_) => "deadline",
        }
    }
}

/// The status a server ended a call with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// gRPC status code, 0 = OK. A code that the trailers lack or that cannot be read is 2 (UNKNOWN).
    pub code: u32,
    /// The status message, percent-decoded.
    pub message: String,
    /// The trailers in wire order, `grpc-status` and `grpc-message` included.
    pub trailers: Metadata,
    /// True when status and headers came as one block and no message could follow.
    pub trailers_only: bool,
}

/// The side that cancelled a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The tap itself, because it had all it wanted or was told to stop.
    Us,
    /// The client behind the proxy.
    Client,
    /// The server.
    Server,
}

/// A cancelled call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// The side that cancelled it.
    pub by: Party,
    /// The HTTP/2 error code of the reset, where there was one.
    pub code: Option<u32>,
    /// The reason, as far as it is known.
    pub reason: String,
    /// True when no side cancelled the call: it went on, and the capture is a slice that ends before it does.
    pub cut: bool,
}

impl Cancelled {
    /// A call that was cancelled without a known reset.
    #[must_use]
    pub fn new(by: Party, reason: impl Into<String>) -> Self {
        Self {
            by,
            code: None,
            reason: reason.into(),
            cut: false,
        }
    }

    /// A call that continued after `seconds`, where the slice of its capture ends.
    #[must_use]
    pub fn by_slice(seconds: f64) -> Self {
        Self {
            cut: true,
            ..Self::new(Party::Us, format!("cut by slice at {seconds:.3} s: the call went on"))
        }
    }
}

/// A call whose transport failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Broken {
    /// The error of the transport.
    pub error: String,
    /// True when the server announced the end by a GOAWAY with code `NO_ERROR`: it closed the connection on purpose.
    pub goaway: bool,
    /// HTTP/2 error code of the server's reset, where it sent one.
    pub reset: Option<u32>,
    /// The server's GOAWAY, where it is known in full.
    pub announced: Option<GoAway>,
    /// True when the server ended the stream in order but without a status. The connection lives on.
    pub ended: bool,
}

impl Broken {
    /// A call whose transport failed with `error`.
    #[must_use]
    pub fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            ..Self::default()
        }
    }
}

/// An HTTP/2 GOAWAY (RFC 9113 §6.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoAway {
    /// The last stream that the server processed.
    pub last_stream: u32,
    /// The error code; 0 for an orderly goodbye.
    pub code: u32,
    /// The debug data, usually text.
    pub data: Bytes,
}

/// The limit that expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The time limit for the job to become reachable and ready.
    Connect,
    /// The time limit for the first message of an open call.
    FirstFrame,
    /// The time limit between two messages.
    Idle,
    /// The client's deadline for the whole call (`grpc-timeout`).
    Call,
}

/// An expired limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The limit.
    pub limit: Limit,
    /// Length of the limit in nanoseconds.
    pub after_ns: u64,
}

/// Messages that are known to be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Direction of the messages.
    pub direction: Direction,
    /// Number of lost messages.
    pub messages: u64,
    /// The reason.
    pub reason: String,
}

impl Gap {
    /// The reason for messages that were left out because the queue was full.
    pub const OVERFLOW: &str = "the recorder's queue was full";
    /// The reason for messages in a damaged part of a recovered file.
    pub const DAMAGE: &str = "lost with a damaged part of the capture file";
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Author of the remark: `RECORDER_AUTHOR`, `FAILURE_AUTHOR`, `PROXY_AUTHOR`, `recover`, or an operator's name.
    pub author: String,
    /// Text of the remark.
    pub text: String,
}

/// Watches events as they are recorded or read back; the validator and the live statistics are observers.
///
/// An observer sees every event of a capture once, in order, and must not block for long.
pub trait Observer: Send {
    /// Receives one event.
    fn observe(&mut self, event: &Event);
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_message_numbers() {
        use crate::model::{Direction, Event, EventKind, Message, event::MessageNumbers};
        let mut numbers = MessageNumbers::default();
        let mut number = |direction| {
            let kind = EventKind::Message(Message::plain(direction, &b""[..]));
            numbers.of(&Event {
                call: 1,
                seq: 1,
                offset_ns: 0,
                kind,
            })
        };
        assert_eq!(number(Direction::Sent), Some(1));
        assert_eq!(number(Direction::Received), Some(1));
        assert_eq!(number(Direction::Received), Some(2));
    }
}
