//! Conversion of events to decoded frames: finds each call's dialect and decodes its messages.
//!
//! The validator and the statistics both watch a stream through this; live and replayed events take the same path.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    das::{
        dialect::{DecodeError, Dialect, Layout, datastream, pandadatastream},
        spectrogram::Frame,
    },
    grpc::{self, InflateError},
    model::event::{Direction, Event, EventKind},
};

/// Finds the frames among events and decodes them.
///
/// Memory grows with the calls that are open, not with their messages.
///
/// ```
/// use grpc_capture::{file::Reader, das::{Frames, Seen}};
///
/// let (mut frames, mut rows) = (Frames::default(), 0);
/// for event in Reader::open("captures/febus-jitter.gcap")? {
///     if let Seen::Frame(_, frame) = frames.see(&event?) {
///         rows += frame.rows.len();
///     }
/// }
/// assert_eq!(rows, 50);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[derive(Debug)]
pub struct Frames {
    calls: BTreeMap<u32, Call>,
    layout: Layout,
    /// The inflated content of the last compressed message.
    inflated: Bytes,
    max_message_bytes: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            calls: BTreeMap::new(),
            layout: Layout::default(),
            inflated: Bytes::new(),
            max_message_bytes: grpc::MAX_INFLATED,
        }
    }
}

#[derive(Debug, Default)]
struct Call {
    dialect: Option<Dialect>,
    encoding: Option<String>,
    received: u64,
}

/// A received message of a spectrogram stream, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePlace {
    /// The call, counted from 1.
    pub call: u32,
    /// Received message of the call, counted from 1.
    pub message: u64,
    /// Nanoseconds since the capture began.
    pub offset_ns: u64,
    /// Bytes as on the wire.
    pub wire_bytes: usize,
    /// Dialect of the call.
    pub dialect: Dialect,
}

/// The result of reading one event.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A frame.
    Frame(MessagePlace, Frame<'a>),
    /// A message of a spectrogram stream that cannot be decoded.
    Malformed(MessagePlace, DecodeError),
    /// A compressed message of a spectrogram stream that cannot be inflated.
    NotInflated(MessagePlace, InflateError),
    /// Any other event.
    Other,
}

/// An observer of events and of the frames in them, so that several observers share one decoding.
pub(crate) trait FrameObserver {
    /// Observes the next event, and what [`Frames::see`] has decoded of it.
    fn observe_frame(&mut self, event: &Event, seen: &Seen<'_>);
}

/// What numbers and pictures lack of their capture, or of the selected call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Received messages of spectrogram calls that could not be decoded.
    pub undecodable: u64,
    /// Received messages of other methods.
    pub other_messages: u64,
    /// Messages that the capture reports as lost.
    pub lost: u64,
}

impl LeftOut {
    /// Counts an event without a frame that stands for messages.
    pub fn count(&mut self, seen: &Seen<'_>, event: &Event) {
        match (seen, &event.kind) {
            (Seen::Malformed(..) | Seen::NotInflated(..), _) => self.undecodable += 1,
            (Seen::Other, EventKind::Message(message)) if message.direction == Direction::Received => {
                self.other_messages += 1;
            }
            (_, EventKind::Gap(gap)) => self.lost = self.lost.saturating_add(gap.messages),
            _ => {}
        }
    }

    /// True when nothing was left out.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.undecodable == 0 && self.other_messages == 0 && self.lost == 0
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut comma = "";
        for (count, what) in [
            (self.undecodable, "cannot be decoded"),
            (self.other_messages, "belong to methods without a spectrogram stream"),
            (self.lost, "were lost during recording, as gaps in the capture say"),
        ] {
            if count > 0 {
                let plural = if count == 1 { "" } else { "s" };
                write!(f, "{comma}{count} message{plural} that {what}")?;
                comma = ", ";
            }
        }
        Ok(())
    }
}

impl Frames {
    /// Reads `pandadatastream` payloads with a known layout; the default is a guess.
    #[must_use]
    pub fn with_layout(layout: Layout) -> Self {
        Self {
            layout,
            ..Self::default()
        }
    }

    /// Accepts messages up to this many bytes, compressed or not; 100 MiB by default.
    #[must_use]
    pub const fn with_max_message_bytes(mut self, bytes: u64) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Releases the content of the last message; for those who do not see the next one at once.
    pub fn forget(&mut self) {
        self.inflated = Bytes::new();
    }

    /// Reads the next event, and passes it to observers with what was decoded.
    pub(crate) fn show(&mut self, event: &Event, observers: &mut [&mut dyn FrameObserver]) {
        let seen = self.see(event);
        for observer in observers {
            observer.observe_frame(event, &seen);
        }
        drop(seen);
        self.forget();
    }

    /// Reads the next event; a frame borrows from it.
    pub fn see<'a>(&'a mut self, event: &'a Event) -> Seen<'a> {
        self.forget();
        let message = match &event.kind {
            EventKind::CallStart(start) => {
                let dialect = Dialect::from_method(&start.method);
                self.calls.insert(
                    event.call,
                    Call {
                        dialect,
                        ..Call::default()
                    },
                );
                return Seen::Other;
            }
            EventKind::Headers(headers) => {
                if let Some(call) = self.calls.get_mut(&event.call) {
                    call.encoding = crate::grpc::protocol::message_encoding(&headers.metadata).map(str::to_owned);
                }
                return Seen::Other;
            }
            EventKind::End(_) => {
                self.calls.remove(&event.call);
                return Seen::Other;
            }
            EventKind::Message(message) if message.direction == Direction::Received => message,
            _ => return Seen::Other,
        };
        let Some(call) = self.calls.get_mut(&event.call) else {
            return Seen::Other;
        };
        let Some(dialect) = call.dialect else {
            return Seen::Other;
        };
        call.received += 1;
        let place = MessagePlace {
            call: event.call,
            message: call.received,
            offset_ns: event.offset_ns,
            wire_bytes: message.data.len(),
            dialect,
        };
        let bytes: &'a [u8] = if message.compressed {
            let encoding = call.encoding.as_deref().unwrap_or(grpc::NO_ENCODING);
            match grpc::inflate(encoding, &message.data, self.max_message_bytes) {
                Ok(inflated) => self.inflated = inflated,
                Err(error) => return Seen::NotInflated(place, error),
            }
            &self.inflated
        } else {
            &message.data
        };
        let decoded = match dialect {
            Dialect::DataStream => datastream::decode(bytes),
            Dialect::PandaDataStream => pandadatastream::decode(bytes, self.layout),
        };
        match decoded {
            Ok(frame) => Seen::Frame(place, frame),
            Err(error) => Seen::Malformed(place, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{CallStart, Ending, Headers, Message, Metadata, Status};

    fn event(call: u32, kind: EventKind) -> Event {
        Event {
            call,
            seq: 1,
            offset_ns: 7,
            kind,
        }
    }

    fn start(method: &str) -> EventKind {
        let method = method.to_owned();
        EventKind::CallStart(CallStart {
            method,
            ..CallStart::default()
        })
    }

    fn received(data: &[u8]) -> EventKind {
        EventKind::Message(Message::plain(Direction::Received, data.to_vec()))
    }

    #[test]
    fn frames_are_counted_call_by_call_and_other_methods_are_left_alone() {
        let mut frames = Frames::default();
        frames.see(&event(1, start(datastream::METHOD)));
        frames.see(&event(2, start("/other.Service/Method")));
        for expected in 1..4 {
            let message = event(1, received(b"\x0a\x00"));
            let Seen::Frame(place, frame) = frames.see(&message) else {
                panic!("a frame")
            };
            assert_eq!(
                (place.call, place.message, place.offset_ns, frame.rows.len()),
                (1, expected, 7, 1)
            );
            assert!(matches!(frames.see(&event(2, received(b"\x0a\x00"))), Seen::Other));
        }
        let sent = EventKind::Message(Message::plain(Direction::Sent, &b"\x0a\x00"[..]));
        assert!(matches!(frames.see(&event(1, sent)), Seen::Other));
        frames.see(&event(1, EventKind::End(Ending::Status(Status::default()))));
        assert!(
            matches!(frames.see(&event(1, received(b"\x0a\x00"))), Seen::Other),
            "after the end"
        );
    }

    #[test]
    fn damage_is_told_with_its_place_and_the_next_message_is_still_decoded() {
        let mut frames = Frames::default();
        frames.see(&event(1, start(datastream::METHOD)));
        assert!(
            matches!(frames.see(&event(1, received(b"\x0a\x7f"))), Seen::Malformed(place, _) if place.message == 1)
        );
        assert!(matches!(frames.see(&event(1, received(b""))), Seen::Frame(place, _) if place.message == 2));
    }

    #[test]
    fn a_message_has_one_limit_however_it_is_packed() {
        let mut frames = Frames::default().with_max_message_bytes(3);
        frames.see(&event(1, start(datastream::METHOD)));
        let mut metadata = Metadata::default();
        metadata.push("grpc-encoding", "gzip");
        frames.see(&event(1, EventKind::Headers(Headers { metadata })));
        let small = grpc::deflate("gzip", b"\x0a\x00\x0a\x00").unwrap();
        let mut message = Message::plain(Direction::Received, small);
        message.compressed = true;
        let message = event(1, EventKind::Message(message));
        let Seen::NotInflated(place, error) = frames.see(&message) else {
            panic!("over the limit")
        };
        assert_eq!(
            (place.message, error.to_string().as_str()),
            (1, "it inflates to more than 3 bytes")
        );
    }

    #[test]
    fn compressed_messages_are_inflated_by_the_encoding_of_the_headers() {
        use std::io::Write;
        let mut frames = Frames::default();
        frames.see(&event(1, start(datastream::METHOD)));
        let mut metadata = Metadata::default();
        metadata.push("grpc-encoding", "gzip");
        frames.see(&event(1, EventKind::Headers(Headers { metadata })));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"\x0a\x00\x0a\x00").unwrap();
        let compressed = |data: Vec<u8>| {
            let direction = Direction::Received;
            event(
                1,
                EventKind::Message(Message {
                    direction,
                    compressed: true,
                    data: data.into(),
                }),
            )
        };
        let message = compressed(gzip.finish().unwrap());
        assert!(matches!(frames.see(&message), Seen::Frame(_, frame) if frame.rows.len() == 2));
        assert!(matches!(
            frames.see(&compressed(b"junk".to_vec())),
            Seen::NotInflated(..)
        ));
    }
}
