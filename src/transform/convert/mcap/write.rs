//! Conversion of events to MCAP.

use std::{
    collections::BTreeMap,
    io::{Seek, Write},
};

use bytes::Bytes;
use mcap::{WriteOptions, Writer, records::MessageHeader, records::Metadata as Record};

use super::{
    DIRECTION, EVENTS_TOPIC, HEADER_RECORD,
    line::{Base64, Entries, LAYOUT, Line, LineContent},
};
use crate::{
    file::{Attribute, Header},
    grpc,
    model::event::{CAPTURE_CALL, Direction, Event, EventKind, Message, Metadata},
    transform::convert::{Loss, Losses},
};

/// Returns the protobuf type of the messages in one direction of a method.
pub(crate) type McapSchema<'a> = dyn Fn(&str, Direction) -> Option<String> + 'a;

/// JSON schema of the objects in the channel of events.
const EVENT_SCHEMA: &str = r#"{"type": "object", "properties": {"event": {"type": "string"}, "call": {"type": "integer"}, "seq": {"type": "integer"}, "offset_ns": {"type": "integer"}}, "required": ["event"]}"#;

/// Encoding of messages with unknown types.
const UNKNOWN_ENCODING: &str = "application/grpc";

/// Largest number of channels for single methods: MCAP numbers them with 16 bits. Messages of further methods share
/// two.
const MOST_CHANNELS: usize = 60_000;

/// Errors of writing an MCAP file.
#[derive(Debug, thiserror::Error)]
pub enum McapWriteError {
    /// The file cannot be written.
    #[error("could not write the MCAP file: {0}")]
    Mcap(#[from] mcap::McapError),
    /// An event cannot be encoded as JSON.
    #[error("could not write an event as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Writes a capture's events as an MCAP file, zstd-compressed.
pub struct McapWriter<'a, W: Write + Seek> {
    to: Writer<W>,
    anchor_unix_ns: u64,
    descriptor_set: Vec<u8>,
    types: &'a McapSchema<'a>,
    calls: BTreeMap<u32, Call>,
    channels: BTreeMap<(String, Direction), u16>,
    /// The channel of events, and its number of messages.
    lines: (u16, u32),
    events: u64,
    /// The latest offset of any event.
    last_offset_ns: u64,
    finished: bool,
    /// Number of messages written.
    pub messages: u64,
    losses: Losses,
}

/// State of an open call in the file.
#[derive(Default)]
struct Call {
    method: String,
    encodings: [Option<String>; 2],
    seq: u64,
}

impl<W: Write + Seek> std::fmt::Debug for McapWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McapWriter")
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

impl<'a, W: Write + Seek> McapWriter<'a, W> {
    /// Begins a file for a capture with this header.
    ///
    /// # Errors
    /// As the writer's.
    pub fn new(to: W, header: &Header, types: &'a McapSchema<'a>) -> Result<Self, McapWriteError> {
        let library = concat!("grpc-capture ", env!("CARGO_PKG_VERSION"));
        let mut to = WriteOptions::new().library(library).create(to)?;
        to.write_metadata(&Record {
            name: HEADER_RECORD.to_owned(),
            metadata: text_attributes(header),
        })?;
        let schema = to.add_schema("grpc_capture.Event", "jsonschema", EVENT_SCHEMA.as_bytes())?;
        let channel = to.add_channel(schema, EVENTS_TOPIC, "json", &BTreeMap::new())?;
        let mut writer = Self {
            to,
            anchor_unix_ns: header.anchor_unix_ns,
            descriptor_set: header.get(Attribute::DESCRIPTOR_SET).unwrap_or_default().to_vec(),
            types,
            calls: BTreeMap::new(),
            channels: BTreeMap::new(),
            lines: (channel, 0),
            events: 0,
            last_offset_ns: 0,
            finished: true,
            messages: 0,
            losses: Losses::default(),
        };
        writer.line(&Line {
            call: CAPTURE_CALL,
            seq: 0,
            offset_ns: 0,
            after: None,
            said: LineContent::CaptureStart {
                layout: LAYOUT,
                anchor_unix_ns: header.anchor_unix_ns,
                attributes: Entries::of(&header.attributes),
            },
        })?;
        Ok(writer)
    }

    /// Writes one event.
    ///
    /// # Errors
    /// As the writer's.
    pub fn write(&mut self, event: &Event) -> Result<(), McapWriteError> {
        self.events += 1;
        self.last_offset_ns = self.last_offset_ns.max(event.offset_ns);
        let call = self.calls.entry(event.call).or_default();
        let after = Some(call.seq).filter(|before| before.checked_add(1) != Some(event.seq));
        call.seq = event.seq;
        match &event.kind {
            EventKind::CallStart(start) => {
                call.method.clone_from(&start.method);
                call.encodings[0] = encoding(&start.metadata);
            }
            EventKind::Headers(headers) => call.encodings[1] = encoding(&headers.metadata),
            EventKind::Message(message) => return self.message(event, message, after),
            EventKind::End(_) => {
                self.calls.remove(&event.call);
            }
            EventKind::HalfClose | EventKind::Gap(_) | EventKind::Note(_) => {}
        }
        match LineContent::of(&event.kind) {
            Some(said) => self.line(&Line {
                call: event.call,
                seq: event.seq,
                offset_ns: event.offset_ns,
                after,
                said,
            }),
            None => Ok(()),
        }
    }

    /// Marks the capture as unfinished, so that an import tells so.
    pub const fn unfinished(&mut self) {
        self.finished = false;
    }

    /// What readers of other software do not find in the file: messages that could not be inflated. An import of the
    /// file finds everything.
    #[must_use]
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Completes the file and returns the output.
    ///
    /// # Errors
    /// As the writer's.
    pub fn finish(mut self) -> Result<W, McapWriteError> {
        let (events, finished) = (self.events, self.finished);
        self.line(&Line {
            call: CAPTURE_CALL,
            seq: 0,
            // Tools that sort by time leave it at the end.
            offset_ns: self.last_offset_ns,
            after: None,
            said: LineContent::CaptureEnd { events, finished },
        })?;
        self.to.finish()?;
        Ok(self.to.into_inner())
    }

    fn message(&mut self, event: &Event, message: &Message, after: Option<u64>) -> Result<(), McapWriteError> {
        let direction = message.direction;
        let call = self.calls.entry(event.call).or_default();
        let mut content = None;
        if message.compressed {
            let side = usize::from(direction == Direction::Received);
            let encoding = call.encodings[side].as_deref().unwrap_or(grpc::NO_ENCODING);
            match grpc::inflate(encoding, &message.data, grpc::MAX_INFLATED) {
                Ok(inflated) => content = Some(inflated),
                Err(_) => self.losses.add(Loss::NotInflated, 1),
            }
        }
        let method = call.method.clone();
        let channel = self.channel(method, direction)?;
        let at = self.anchor_unix_ns.checked_add(event.offset_ns);
        if after.is_some() || at.is_none() || message.compressed {
            self.line(&Line {
                call: event.call,
                seq: event.seq,
                offset_ns: event.offset_ns,
                after,
                said: LineContent::Message {
                    direction,
                    compressed: message.compressed,
                    wire: content.is_some().then(|| Base64(message.data.clone())),
                },
            })?;
        }
        let content = content.as_ref().unwrap_or(&message.data);
        self.put(channel, event.call, at.unwrap_or(u64::MAX), content)?;
        self.messages += 1;
        Ok(())
    }

    fn channel(&mut self, method: String, direction: Direction) -> Result<u16, McapWriteError> {
        let word = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let mut key = (method, direction);
        if let Some(channel) = self.channels.get(&key) {
            return Ok(*channel);
        }
        if self.channels.len() >= MOST_CHANNELS {
            "other methods".clone_into(&mut key.0);
        }
        let (schema, encoding) = match (self.types)(&key.0, direction) {
            Some(name) => (self.to.add_schema(&name, "protobuf", &self.descriptor_set)?, "protobuf"),
            None => (0, UNKNOWN_ENCODING),
        };
        let topic = format!("{} {word}", key.0);
        let metadata = BTreeMap::from([
            (DIRECTION.to_owned(), word.to_owned()),
            ("method".to_owned(), key.0.clone()),
        ]);
        let channel = self.to.add_channel(schema, &topic, encoding, &metadata)?;
        self.channels.insert(key, channel);
        Ok(channel)
    }

    fn line(&mut self, line: &Line) -> Result<(), McapWriteError> {
        let text = Bytes::from(serde_json::to_vec(line)?);
        let (channel, sequence) = self.lines;
        self.lines.1 = sequence.wrapping_add(1);
        let at = self.anchor_unix_ns.saturating_add(line.offset_ns);
        self.put(channel, sequence, at, &text)
    }

    fn put(&mut self, channel_id: u16, sequence: u32, at: u64, data: &[u8]) -> Result<(), McapWriteError> {
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time: at,
            publish_time: at,
        };
        Ok(self.to.write_to_known_channel(&header, data)?)
    }
}

/// The header attributes that a metadata record can contain.
fn text_attributes(header: &Header) -> BTreeMap<String, String> {
    let text = |(name, value): &(String, Vec<u8>)| Some((name.clone(), String::from_utf8(value.clone()).ok()?));
    let known = |name: &str| name != Attribute::DESCRIPTOR_SET;
    let attributes = header.attributes.iter().filter(|(name, _)| known(name));
    let mut texts: BTreeMap<_, _> = attributes.filter_map(text).collect();
    texts.insert("anchor_unix_ns".to_owned(), header.anchor_unix_ns.to_string());
    texts
}

fn encoding(metadata: &Metadata) -> Option<String> {
    crate::grpc::protocol::message_encoding(metadata).map(str::to_owned)
}
