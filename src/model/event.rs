//! The vocabulary of a capture: what happened on a gRPC call, and when.
//!
//! Modelled on the gRPC binary log (gRPC proposal A16): a call is a sequence of [`Event`]s, from one
//! [`CallStart`] to exactly one [`Ending`]. Everything here is plain data; nothing reads a clock.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The call number of events that belong to the capture as a whole, such as an operator's note.
pub(crate) const CAPTURE_CALL: u32 = 0;

/// The author of the recorder's remarks.
pub(crate) const RECORDER_AUTHOR: &str = "recorder";

/// The author of notes that say why the recorder could not record what it was asked to.
pub(crate) const FAILURE_AUTHOR: &str = "recorder-error";

/// The author of a proxy's notes of REST exchanges: `{"rest": …}`.
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
    /// Place within the call, counted from 1 without holes.
    pub seq: u64,
    /// Nanoseconds since the capture began, on a monotonic clock.
    pub offset_ns: u64,
    /// Kind of the event, with its content.
    pub kind: EventKind,
}

/// Numbers the messages of a capture: each from 1 in its call and direction, as places name them everywhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessageNumbers {
    /// Messages so far of each call that is open: sent and received.
    calls: BTreeMap<u32, (u64, u64)>,
}

impl MessageNumbers {
    /// The number of a message; `None` for other events. Every event of the call must be given, in order.
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

/// Kind of the event, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The call was opened.
    CallStart(CallStart),
    /// The server's initial metadata arrived; absent from a trailers-only answer.
    Headers(Headers),
    /// One message, in either direction.
    Message(Message),
    /// The client said that it will send no more.
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
    /// The `:authority` that was asked for.
    pub authority: String,
    /// The address of the other side, where it is known.
    pub peer: String,
    /// Request metadata in wire order.
    pub metadata: Metadata,
    /// The client's connection that the call came on, counted from 1 within the capture; 0 where it is not known.
    pub connection: u32,
    /// SHA-256 of the certificate that the server showed for this call's connection, where that was TLS.
    pub certificate_sha256: Option<[u8; 32]>,
    /// Names and values that this release does not know. They are kept when the call is written again.
    pub attributes: Vec<(String, Vec<u8>)>,
}

/// The server's initial metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// Response metadata in wire order.
    pub metadata: Metadata,
}

/// Metadata as it stood on the wire: names in lower case, values byte for byte, order kept.
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

    /// Adds an entry at the end.
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

/// Which way a message went, seen from the client of the call.
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
    /// Which way it went.
    pub direction: Direction,
    /// The compressed flag of the gRPC prefix; the encoding is named in the metadata (`grpc-encoding`).
    pub compressed: bool,
    /// The payload exactly as it stood on the wire, compressed when `compressed` is set.
    pub data: Bytes,
}

impl Message {
    /// A message whose payload is not compressed.
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
    /// Someone gave the call up.
    Cancelled(Cancelled),
    /// The transport failed before a status came.
    Broken(Broken),
    /// A limit of ours ran out.
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

/// Who gave a call up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The tap itself, because it had what it wanted or was told to stop.
    Us,
    /// The client behind the proxy.
    Client,
    /// The server.
    Server,
}

/// A call that someone gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// Who it was.
    pub by: Party,
    /// The HTTP/2 error code of the reset, where there was one.
    pub code: Option<u32>,
    /// Why, as far as it is known.
    pub reason: String,
    /// True when nobody gave the call up: it went on, and the capture is a slice that ends before it does.
    pub cut: bool,
}

impl Cancelled {
    /// Somebody gave the call up, without a reset that is known.
    #[must_use]
    pub fn new(by: Party, reason: impl Into<String>) -> Self {
        Self {
            by,
            code: None,
            reason: reason.into(),
            cut: false,
        }
    }

    /// The call went on after `seconds`, where a slice of its capture ends.
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
    /// What the transport reported.
    pub error: String,
    /// True when the server announced it with an HTTP/2 GOAWAY of code `NO_ERROR`: it closed the connection on purpose.
    pub goaway: bool,
    /// The HTTP/2 error code with which the server reset the stream, where it did.
    pub reset: Option<u32>,
    /// The GOAWAY that the server sent, where it is known in full.
    pub announced: Option<GoAway>,
    /// True when the server ended the stream in order, but without a status. The connection lives on.
    pub ended: bool,
}

impl Broken {
    /// The transport failed, as `error` says.
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
    /// The last stream that the server worked on.
    pub last_stream: u32,
    /// The error code; 0 for an orderly goodbye.
    pub code: u32,
    /// The debug data, which is a text where there is any.
    pub data: Bytes,
}

/// Which limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The job did not become reachable or ready in time.
    Connect,
    /// The call was open and no message came.
    FirstFrame,
    /// No message came for too long after an earlier one.
    Idle,
    /// The deadline that the client had set for the whole call (`grpc-timeout`).
    Call,
}

/// A limit that ran out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// Which limit.
    pub limit: Limit,
    /// Its length in nanoseconds.
    pub after_ns: u64,
}

/// Messages that are known to be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which way the messages went.
    pub direction: Direction,
    /// How many were lost.
    pub messages: u64,
    /// Why.
    pub reason: String,
}

impl Gap {
    /// The reason of messages that a recorder left out because its queue was full.
    pub const OVERFLOW: &str = "the recorder's queue was full";
    /// The reason of messages that lay in a damaged part of a file that was recovered.
    pub const DAMAGE: &str = "lost with a damaged part of the capture file";
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who says it: `RECORDER_AUTHOR`, `FAILURE_AUTHOR`, `PROXY_AUTHOR`, `recover`, or an operator's name.
    pub author: String,
    /// What is said.
    pub text: String,
}

/// Watches events as they are recorded or read back; the validator and the live statistics are observers.
///
/// An observer sees every event of a capture once, in order, and must not block for long.
pub trait Observer: Send {
    /// Takes note of one event.
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
