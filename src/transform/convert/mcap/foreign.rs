//! Import of a file from other software: each channel becomes a call.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use mcap::records::{Channel, MessageHeader, Metadata as MetadataRecord, SchemaHeader};
use serde_json::json;

use crate::{
    das::dialect::Dialect,
    model::event::{CAPTURE_CALL, CallStart, Direction, Event, EventKind, Headers, Message, Note},
    transform::convert::{Loss, Losses},
};

/// The service for the calls of channels without a known method.
pub(super) const SERVICE: &str = "mcap";

/// The author of notes about the file itself.
const AUTHOR: &str = "import";

/// Largest part of a schema's text or of a metadata record in a note, in bytes.
const MOST_NOTE_BYTES: usize = 1 << 20;

/// Largest size of all channels and schemas in memory, in bytes: a small file can repeat them without end.
const MOST_KEPT_BYTES: usize = 32 << 20;

/// Memory of a pair of texts besides their bytes.
const PAIR_BYTES: usize = 64;

/// The method name for a topic.
pub(super) fn topic_method(topic: &str) -> &str {
    topic.trim_start_matches('/')
}

/// A channel of which only the number is known.
fn unnamed(id: u16) -> Channel {
    Channel {
        id,
        schema_id: 0,
        topic: format!("channel-{id}"),
        message_encoding: String::new(),
        metadata: BTreeMap::new(),
    }
}

/// The channels of a file of other software.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    schemas: BTreeMap<u16, Schema>,
    channels: BTreeMap<u16, Channel>,
    /// The call of each channel.
    calls: BTreeMap<u16, Call>,
    opened: u32,
    /// Size of channels and schemas so far, in bytes.
    kept_bytes: usize,
    /// Notes of the capture so far.
    notes: u64,
    pub(super) anchor_ns: Option<u64>,
    offset_ns: u64,
    /// Sequence number of the last message of any channel.
    last_sequence: Option<u32>,
    /// True once the sequence numbers of the channels are known not to come from one counter.
    counters: bool,
}

#[derive(Debug)]
struct Schema {
    name: String,
    encoding: String,
    /// The definition, if it is text.
    text: Option<String>,
}

#[derive(Debug)]
struct Call {
    number: u32,
    seq: u64,
    sequence: Option<u32>,
}

impl Foreign {
    pub(super) fn schema(&mut self, header: SchemaHeader, data: &[u8], losses: &mut Losses) {
        if self.schemas.contains_key(&header.id) {
            return;
        }
        let protobuf = header.encoding == "protobuf";
        let text = (!protobuf && data.len() <= MOST_NOTE_BYTES).then(|| std::str::from_utf8(data).ok());
        let text = text.flatten().map(str::to_owned);
        let bytes = header.name.len() + header.encoding.len() + text.as_ref().map_or(0, String::len);
        let fits = self.keep(bytes);
        let lost = !protobuf && !data.is_empty() && text.is_none();
        losses.add(Loss::Schemas, u64::from(lost || !fits));
        if !fits {
            return;
        }
        let schema = Schema {
            name: header.name,
            encoding: header.encoding,
            text,
        };
        self.schemas.insert(header.id, schema);
    }

    pub(super) fn channel(&mut self, mut channel: Channel, losses: &mut Losses) {
        if self.channels.contains_key(&channel.id) {
            return;
        }
        let pairs = channel.metadata.iter();
        let pairs = pairs.map(|(name, value)| name.len() + value.len() + PAIR_BYTES);
        let bytes = channel.topic.len() + channel.message_encoding.len() + pairs.sum::<usize>();
        if !self.keep(bytes) {
            losses.add(Loss::Notes, 1);
            channel = unnamed(channel.id);
        }
        self.channels.insert(channel.id, channel);
    }

    /// Adds to the memory in use; false when it is too much.
    const fn keep(&mut self, bytes: usize) -> bool {
        let fits = bytes <= MOST_KEPT_BYTES - self.kept_bytes;
        if fits {
            self.kept_bytes += bytes;
        }
        fits
    }

    pub(super) fn metadata(&mut self, record: &MetadataRecord, queue: &mut VecDeque<Event>, losses: &mut Losses) {
        let text = json!({"mcap_metadata": record.name, "values": record.metadata}).to_string();
        if text.len() > MOST_NOTE_BYTES {
            losses.add(Loss::Notes, 1);
            return;
        }
        self.note(text, queue);
    }

    pub(super) fn attachment(&mut self, name: &str, media_type: &str, bytes: usize, queue: &mut VecDeque<Event>) {
        let text = json!({"mcap_attachment": name, "media_type": media_type, "bytes": bytes}).to_string();
        self.note(text, queue);
    }

    /// Queues a remark about the file as a whole.
    fn note(&mut self, text: String, queue: &mut VecDeque<Event>) {
        self.notes += 1;
        queue.push_back(Event {
            call: CAPTURE_CALL,
            seq: self.notes,
            offset_ns: self.offset_ns,
            kind: EventKind::Note(Note {
                author: AUTHOR.to_owned(),
                text,
            }),
        });
    }

    pub(super) fn message(
        &mut self,
        header: &MessageHeader,
        data: Bytes,
        queue: &mut VecDeque<Event>,
        losses: &mut Losses,
    ) {
        let anchor = *self.anchor_ns.get_or_insert(header.log_time);
        match header.log_time.checked_sub(anchor) {
            Some(since) if since >= self.offset_ns => self.offset_ns = since,
            _ => losses.add(Loss::EarlierTimes, 1),
        }
        let last = self.last_sequence.replace(header.sequence);
        let mut call = match self.calls.remove(&header.channel_id) {
            Some(call) => call,
            None => self.open(header.channel_id, queue),
        };
        // Writers count the messages of each channel, or those of all, or none; a counter that stands still shows nothing.
        self.counters |= last.is_some_and(|last| header.sequence <= last);
        let before = if self.counters { call.sequence } else { last };
        let missing = before.and_then(|before| header.sequence.checked_sub(before)?.checked_sub(1));
        losses.add(Loss::MissingEntries, missing.unwrap_or_default().into());
        call.sequence = Some(header.sequence);
        self.push(
            &mut call,
            EventKind::Message(Message::plain(Direction::Received, data)),
            queue,
        );
        self.calls.insert(header.channel_id, call);
    }

    /// Ends the calls at the end of the file, which does not tell how they ended.
    pub(super) fn end(&self, losses: &mut Losses) {
        losses.add(Loss::UnendedCalls, self.opened.into());
    }

    /// Queues the opening of a channel's call.
    fn open(&mut self, id: u16, queue: &mut VecDeque<Event>) -> Call {
        self.opened += 1;
        let mut call = Call {
            number: self.opened,
            seq: 0,
            sequence: None,
        };
        let channel = self.channels.get(&id).cloned().unwrap_or_else(|| unnamed(id));
        let start = CallStart {
            method: self.method(&channel),
            ..CallStart::default()
        };
        // Its text is said once, however many channels have it.
        let schema = self.schemas.get_mut(&channel.schema_id);
        let schema =
            schema.map(|schema| json!({"name": schema.name, "encoding": schema.encoding, "text": schema.text.take()}));
        let about = json!({
            "mcap_topic": channel.topic,
            "message_encoding": channel.message_encoding,
            "schema": schema,
            "metadata": channel.metadata,
        });
        let about = Note {
            author: AUTHOR.to_owned(),
            text: about.to_string(),
        };
        self.push(&mut call, EventKind::CallStart(start), queue);
        self.push(&mut call, EventKind::Note(about), queue);
        self.push(&mut call, EventKind::Headers(Headers::default()), queue);
        call
    }

    fn method(&self, channel: &Channel) -> String {
        let dialects = [Dialect::DataStream, Dialect::PandaDataStream];
        let package = self
            .schemas
            .get(&channel.schema_id)
            .and_then(|schema| schema.name.strip_suffix(".DataStream"));
        let dialect = dialects.into_iter().find(|dialect| Some(dialect.name()) == package);
        match dialect {
            Some(dialect) => dialect.method().to_owned(),
            None => format!("/{SERVICE}/{}", topic_method(&channel.topic)),
        }
    }

    fn push(&self, call: &mut Call, kind: EventKind, queue: &mut VecDeque<Event>) {
        call.seq += 1;
        queue.push_back(Event {
            call: call.number,
            seq: call.seq,
            offset_ns: self.offset_ns,
            kind,
        });
    }
}
