//! MCAP to events.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Read,
};

use mcap::{
    records::{Channel, Record},
    sans_io::{LinearReadEvent, LinearReader, LinearReaderOptions},
};

use super::write::RECORD;
use crate::{
    dialect::Dialect,
    event::{CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
};

/// Bytes of the longest record that is read, as for every other message that is imported.
const MAX_RECORD_BYTES: usize = 1 << 30;

/// Bytes that are asked for at once.
const READ_BYTES: usize = 1 << 16;

/// Why the file cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum McapReadError {
    /// Reading failed.
    #[error("could not read the MCAP file: {0}")]
    Io(#[from] std::io::Error),
    /// The file is damaged, cut off, or something else.
    #[error("could not read the MCAP file beyond message {messages}: {source}")]
    Mcap {
        /// Whole messages before the damage.
        messages: u64,
        /// What is wrong.
        source: mcap::McapError,
    },
}

/// The events of an MCAP file: each channel becomes a call, or one direction of it where the channel says so as ours do.
///
/// A call begins with its first message and ends with OK after the last of the file, since MCAP has no word for it.
/// Its method is what the channel's metadata names, else that of a dialect whose message type its schema is, else
/// `/mcap/TOPIC`. Offsets count from the first message and never run backwards.
pub struct McapReader<R> {
    from: R,
    reader: LinearReader,
    schemas: BTreeMap<u16, String>,
    descriptor_set: Option<Vec<u8>>,
    channels: BTreeMap<u16, Channel>,
    /// The call of each channel, and which way its messages go.
    of_channel: BTreeMap<u16, (u32, Direction)>,
    /// The call that a number in the metadata of channels means.
    named: BTreeMap<String, u32>,
    /// Events of each call so far.
    seq: Vec<u64>,
    queue: VecDeque<Event>,
    anchor_ns: Option<u64>,
    offset_ns: u64,
    messages: u64,
    ended: bool,
}

impl<R> std::fmt::Debug for McapReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McapReader")
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

impl<R: Read> McapReader<R> {
    /// Reads as far as the first message, so that the wall clock of offset 0 is known.
    ///
    /// # Errors
    /// When the file cannot be read so far.
    pub fn new(from: R) -> Result<Self, McapReadError> {
        let options = LinearReaderOptions::default()
            .with_validate_chunk_crcs(true)
            .with_record_length_limit(MAX_RECORD_BYTES);
        let mut reader = Self {
            from,
            reader: LinearReader::new_with_options(options),
            schemas: BTreeMap::new(),
            descriptor_set: None,
            channels: BTreeMap::new(),
            of_channel: BTreeMap::new(),
            named: BTreeMap::new(),
            seq: Vec::new(),
            queue: VecDeque::new(),
            anchor_ns: None,
            offset_ns: 0,
            messages: 0,
            ended: false,
        };
        reader.fill()?;
        Ok(reader)
    }

    /// Wall clock at offset 0, nanoseconds since the Unix epoch.
    #[must_use]
    pub fn anchor_unix_ns(&self) -> u64 {
        self.anchor_ns.unwrap_or_default()
    }

    /// The `FileDescriptorSet` of the first protobuf schema before the first message.
    #[must_use]
    pub fn descriptor_set(&self) -> Option<&[u8]> {
        self.descriptor_set.as_deref()
    }

    /// Messages so far.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Reads until there is an event, or the file has ended.
    fn fill(&mut self) -> Result<(), McapReadError> {
        while self.queue.is_empty() && !self.ended {
            let failed = |source| McapReadError::Mcap {
                messages: self.messages,
                source,
            };
            let record = match self.reader.next_event() {
                None => {
                    self.end();
                    continue;
                }
                Some(Err(source)) => return Err(failed(source)),
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let space = self.reader.insert(wanted.clamp(1, READ_BYTES));
                    let there = self.from.read(space)?;
                    self.reader.notify_read(there);
                    continue;
                }
                Some(Ok(LinearReadEvent::Record { data, opcode })) => {
                    mcap::parse_record(opcode, data).map_err(failed)?.into_owned()
                }
            };
            self.record(record);
        }
        Ok(())
    }

    fn record(&mut self, record: Record<'_>) {
        match record {
            Record::Schema { header, data } => {
                if header.encoding == "protobuf" && !data.is_empty() {
                    self.descriptor_set.get_or_insert_with(|| data.into_owned());
                }
                self.schemas.insert(header.id, header.name);
            }
            Record::Channel(channel) => {
                self.channels.insert(channel.id, channel);
            }
            Record::Message { header, data } => {
                let anchor = *self.anchor_ns.get_or_insert(header.log_time);
                self.offset_ns = self.offset_ns.max(header.log_time.saturating_sub(anchor));
                let (call, direction) = self.call(header.channel_id);
                self.messages += 1;
                self.push(call, EventKind::Message(Message::plain(direction, data.into_owned())));
            }
            _ => {}
        }
    }

    /// The call of a channel; its opening is queued when it is a new one.
    fn call(&mut self, id: u16) -> (u32, Direction) {
        if let Some(known) = self.of_channel.get(&id) {
            return *known;
        }
        let channel = self.channels.get(&id).cloned().unwrap_or_else(|| Channel {
            id,
            schema_id: 0,
            topic: format!("channel-{id}"),
            message_encoding: String::new(),
            metadata: BTreeMap::new(),
        });
        let said = |name: &str| channel.metadata.get(name).cloned();
        let direction = match said("direction").as_deref() {
            Some("sent") => Direction::Sent,
            _ => Direction::Received,
        };
        let number = said("call").filter(|_| channel.metadata.contains_key("method"));
        let known = number.as_ref().and_then(|number| self.named.get(number)).copied();
        let call = known.unwrap_or_else(|| {
            let start = CallStart {
                method: said("method").unwrap_or_else(|| self.method(&channel)),
                authority: said("authority").unwrap_or_default(),
                peer: said("peer").unwrap_or_default(),
                metadata: metadata(&channel.metadata),
                connection: 0,
            };
            self.seq.push(0);
            let call = self.seq.len() as u32;
            self.push(call, EventKind::CallStart(start));
            self.push(call, EventKind::Headers(Headers::default()));
            call
        });
        self.named.extend(number.map(|number| (number, call)));
        self.of_channel.insert(id, (call, direction));
        (call, direction)
    }

    fn method(&self, channel: &Channel) -> String {
        let dialects = [Dialect::DataStream, Dialect::PandaDataStream];
        let package = self
            .schemas
            .get(&channel.schema_id)
            .and_then(|name| name.strip_suffix(".DataStream"));
        let dialect = dialects.into_iter().find(|dialect| Some(dialect.name()) == package);
        match dialect {
            Some(dialect) => dialect.method().to_owned(),
            None => format!("/mcap/{}", channel.topic.trim_start_matches('/')),
        }
    }

    /// The file has ended, and so have all its calls.
    fn end(&mut self) {
        self.ended = true;
        for call in 1..=self.seq.len() as u32 {
            let mut trailers = Metadata::default();
            trailers.push("grpc-status", "0");
            let status = Status {
                trailers,
                ..Status::default()
            };
            self.push(call, EventKind::End(Ending::Status(status)));
        }
    }

    fn push(&mut self, call: u32, kind: EventKind) {
        let Some(seq) = self.seq.get_mut(call as usize - 1) else {
            return;
        };
        *seq += 1;
        self.queue.push_back(Event {
            call,
            seq: *seq,
            offset_ns: self.offset_ns,
            kind,
        });
    }
}

impl<R: Read> Iterator for McapReader<R> {
    type Item = Result<Event, McapReadError>;

    /// The next event; after an error come the endings of the calls, and then nothing.
    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.end();
            return Some(Err(error));
        }
        self.queue.pop_front().map(Ok)
    }
}

/// What [`super::McapWriter`] keeps of a call's metadata.
fn metadata(fields: &BTreeMap<String, String>) -> Metadata {
    let own = fields
        .iter()
        .filter(|(name, _)| !name.starts_with(RECORD))
        .filter_map(|(name, value)| Some((name.strip_prefix("metadata.")?.to_owned(), value.clone().into_bytes())));
    Metadata(own.collect())
}
