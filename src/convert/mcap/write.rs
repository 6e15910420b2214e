//! Events to MCAP.

use std::{
    collections::BTreeMap,
    io::{Seek, Write},
};

use bytes::Bytes;
use mcap::{WriteOptions, Writer, records::MessageHeader, records::Metadata as Record};

use crate::{
    event::{Direction, Ending, Event, EventKind, Metadata},
    file::{Header, attribute},
    wire,
};

/// Names the protobuf type of the messages that go one way on a method.
pub type McapSchema<'a> = dyn Fn(&str, Direction) -> Option<String> + 'a;

/// The part of a metadata record's name that all of ours share.
pub(super) const RECORD: &str = "grpc-capture.";

/// Why nothing more was written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the MCAP file: {0}")]
pub struct McapWriteError(#[from] mcap::McapError);

/// Writes a capture's events as an MCAP file, zstd-compressed.
pub struct McapWriter<'a, W: Write + Seek> {
    to: Writer<W>,
    anchor_unix_ns: u64,
    descriptor_set: Vec<u8>,
    types: &'a McapSchema<'a>,
    calls: BTreeMap<u32, Call>,
    /// Messages written.
    pub messages: u64,
    /// Messages that could not be inflated and stand as they stood on the wire.
    pub not_inflated: u64,
}

#[derive(Default)]
struct Call {
    method: String,
    start: BTreeMap<String, String>,
    encodings: [Option<String>; 2],
    channels: [Option<u16>; 2],
    sequence: [u32; 2],
}

impl<W: Write + Seek> std::fmt::Debug for McapWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McapWriter")
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

impl<'a, W: Write + Seek> McapWriter<'a, W> {
    /// Begins a file for a capture with this header, whose text attributes become the metadata record
    /// `grpc-capture.header`.
    ///
    /// # Errors
    /// As the writer's.
    pub fn new(to: W, header: &Header, types: &'a McapSchema<'a>) -> Result<Self, McapWriteError> {
        let library = concat!("grpc-capture ", env!("CARGO_PKG_VERSION"));
        let mut to = WriteOptions::new().library(library).create(to)?;
        let text = |(name, value): &(String, Vec<u8>)| Some((name.clone(), String::from_utf8(value.clone()).ok()?));
        let known = |name: &str| name != attribute::DESCRIPTOR_SET;
        let attributes = header.attributes.iter().filter(|(name, _)| known(name));
        let mut metadata: BTreeMap<_, _> = attributes.filter_map(text).collect();
        metadata.insert("anchor_unix_ns".to_owned(), header.anchor_unix_ns.to_string());
        to.write_metadata(&Record {
            name: format!("{RECORD}header"),
            metadata,
        })?;
        Ok(Self {
            to,
            anchor_unix_ns: header.anchor_unix_ns,
            descriptor_set: header.get(attribute::DESCRIPTOR_SET).unwrap_or_default().to_vec(),
            types,
            calls: BTreeMap::new(),
            messages: 0,
            not_inflated: 0,
        })
    }

    /// Writes one event.
    ///
    /// # Errors
    /// As the writer's.
    pub fn write(&mut self, event: &Event) -> Result<(), McapWriteError> {
        let mut fields = BTreeMap::from([
            ("call".to_owned(), event.call.to_string()),
            ("offset_ns".to_owned(), event.offset_ns.to_string()),
        ]);
        match &event.kind {
            EventKind::CallStart(start) => {
                let call = self.calls.entry(event.call).or_default();
                call.method.clone_from(&start.method);
                call.encodings[0] = encoding(&start.metadata);
                fields.extend([
                    ("method".to_owned(), start.method.clone()),
                    ("authority".to_owned(), start.authority.clone()),
                    ("peer".to_owned(), start.peer.clone()),
                ]);
                put(&mut fields, &start.metadata);
                call.start.clone_from(&fields);
                return Ok(());
            }
            EventKind::Headers(headers) => {
                let call = self.calls.entry(event.call).or_default();
                call.encodings[1] = encoding(&headers.metadata);
                put(&mut fields, &headers.metadata);
            }
            EventKind::Message(message) => {
                return self.message(event, message.direction, message.compressed, &message.data);
            }
            EventKind::HalfClose => {}
            EventKind::End(ending) => {
                fields.insert("ending".to_owned(), ending.name().to_owned());
                if let Ending::Status(status) = ending {
                    fields.insert("code".to_owned(), status.code.to_string());
                    fields.insert("text".to_owned(), status.message.clone());
                    put(&mut fields, &status.trailers);
                }
                self.calls.remove(&event.call);
            }
            EventKind::Gap(gap) => {
                fields.insert("messages".to_owned(), gap.messages.to_string());
                fields.insert("reason".to_owned(), gap.reason.clone());
            }
            EventKind::Note(note) => {
                fields.insert("author".to_owned(), note.author.clone());
                fields.insert("text".to_owned(), note.text.clone());
            }
        }
        self.to.write_metadata(&Record {
            name: format!("{RECORD}{}", event.kind.name()),
            metadata: fields,
        })?;
        Ok(())
    }

    /// Completes the file, and gives it back.
    ///
    /// # Errors
    /// As the writer's.
    pub fn finish(mut self) -> Result<W, McapWriteError> {
        self.to.finish()?;
        Ok(self.to.into_inner())
    }

    fn message(
        &mut self,
        event: &Event,
        direction: Direction,
        compressed: bool,
        data: &Bytes,
    ) -> Result<(), McapWriteError> {
        let side = usize::from(direction == Direction::Received);
        let call = self.calls.entry(event.call).or_default();
        let mut content = data.clone();
        if compressed {
            let encoding = call.encodings[side].as_deref().unwrap_or(wire::NO_ENCODING);
            match wire::inflate(encoding, data, wire::MAX_INFLATED) {
                Ok(inflated) => content = inflated,
                Err(_) => self.not_inflated += 1,
            }
        }
        let channel = if let Some(channel) = call.channels[side] {
            channel
        } else {
            let schema = match (self.types)(&call.method, direction) {
                Some(name) => self.to.add_schema(&name, "protobuf", &self.descriptor_set)?,
                None => 0,
            };
            let word = if side == 1 { "received" } else { "sent" };
            let topic = format!("{} {} {word}", call.method, event.call);
            let mut metadata = call.start.clone();
            metadata.insert("direction".to_owned(), word.to_owned());
            let channel = self.to.add_channel(schema, &topic, "protobuf", &metadata)?;
            call.channels[side] = Some(channel);
            channel
        };
        let at = self.anchor_unix_ns.saturating_add(event.offset_ns);
        let header = MessageHeader {
            channel_id: channel,
            sequence: call.sequence[side],
            log_time: at,
            publish_time: at,
        };
        call.sequence[side] = call.sequence[side].wrapping_add(1);
        self.to.write_to_known_channel(&header, &content)?;
        self.messages += 1;
        Ok(())
    }
}

fn encoding(metadata: &Metadata) -> Option<String> {
    metadata.get_text("grpc-encoding").map(str::to_owned)
}

/// Metadata under names of its own; repeated names are joined as HTTP joins them.
fn put(fields: &mut BTreeMap<String, String>, metadata: &Metadata) {
    for (name, value) in metadata.iter() {
        let value = String::from_utf8_lossy(value);
        fields
            .entry(format!("metadata.{name}"))
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
}
