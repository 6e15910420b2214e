//! Conversion of MCAP to events.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::Read,
};

use bytes::Bytes;
use mcap::records::{MessageHeader, Record};

use super::records::{McapReadError, Records};
use super::{
    DIRECTION, EVENTS_TOPIC, McapSchemas,
    foreign::Foreign,
    line::{LAYOUT, Line, LineContent},
    own::Own,
};
use crate::{
    file::Header,
    model::event::{Direction, Event},
    transform::convert::{Loss, Losses},
};

/// Largest number of values in one line of the channel of events: decoded, each takes some dozen bytes.
const MOST_LINE_VALUES: usize = 1_000_000;

/// Reads the events of an MCAP file.
///
/// A file that [`McapWriter`](super::McapWriter) made gives the events that it was made of. In any other, each channel
/// becomes a call: its method is that of a dialect whose message type its schema is, else `/mcap/TOPIC`; it has no ending,
/// since MCAP has no word for it. Offsets count from the first message. What is not kept is counted in
/// [`losses`](Self::losses).
pub struct McapReader<R> {
    records: Records<R>,
    schemas: McapSchemas,
    /// True when the schemas were read in an earlier pass.
    foreseen: bool,
    /// Schemas that came too late for the header; the end of a file repeats them.
    late: BTreeSet<u16>,
    own: Option<Own>,
    foreign: Foreign,
    /// Direction of the messages of our channels, by channel.
    directions: BTreeMap<u16, Direction>,
    /// The channel of events.
    lines: Option<u16>,
    queue: VecDeque<Event>,
    losses: Losses,
    ended: bool,
}

impl<R> std::fmt::Debug for McapReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McapReader")
            .field("messages", &self.records.messages)
            .finish_non_exhaustive()
    }
}

impl<R: Read> McapReader<R> {
    /// Reads up to the first event, so that the wall-clock time of offset 0 is known. Schemas of other software that
    /// stand behind it are counted as lost.
    ///
    /// # Errors
    /// When the file cannot be read so far.
    pub fn new(from: R) -> Result<Self, McapReadError> {
        Self::begin(from, McapSchemas::default(), false)
    }

    /// Does the same as [`new`](Self::new) with the schemas of the whole file, from an earlier pass.
    ///
    /// # Errors
    /// When the file cannot be read so far.
    pub fn with_schemas(from: R, schemas: McapSchemas) -> Result<Self, McapReadError> {
        Self::begin(from, schemas, true)
    }

    fn begin(from: R, schemas: McapSchemas, foreseen: bool) -> Result<Self, McapReadError> {
        let mut reader = Self {
            records: Records::new(from, schemas.file_bytes()),
            schemas,
            foreseen,
            late: BTreeSet::new(),
            own: None,
            foreign: Foreign::default(),
            directions: BTreeMap::new(),
            lines: None,
            queue: VecDeque::new(),
            losses: Losses::default(),
            ended: false,
        };
        // Notes of a file of other software may stand before its first message, which gives the time.
        while reader.own.is_none() && reader.foreign.anchor_ns.is_none() && !reader.ended {
            reader.step()?;
        }
        if reader.own.is_none() && foreseen {
            reader.losses.add(Loss::Schemas, reader.schemas.left_out());
        }
        Ok(reader)
    }

    /// Wall-clock time of offset 0, nanoseconds since the Unix epoch.
    #[must_use]
    pub fn anchor_unix_ns(&self) -> u64 {
        match &self.own {
            Some(own) => own.header().anchor_unix_ns,
            None => self.foreign.anchor_ns.unwrap_or_default(),
        }
    }

    /// The header of the exported capture; `None` for a file of other software.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        self.own.as_ref().map(Own::header)
    }

    /// The `FileDescriptorSet` of the other software's protobuf schemas, as far as they are known before the first
    /// event, with a service that names the type of each topic.
    #[must_use]
    pub fn descriptor_set(&self) -> Option<Vec<u8>> {
        self.schemas.descriptor_set()
    }

    /// Number of messages so far, including those of the channel of events.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.records.messages
    }

    /// The losses so far; complete after the last event.
    #[must_use]
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Reads until an event is available or the file has ended.
    fn fill(&mut self) -> Result<(), McapReadError> {
        while self.queue.is_empty() && !self.ended {
            self.step()?;
        }
        Ok(())
    }

    /// Reads one record.
    fn step(&mut self) -> Result<(), McapReadError> {
        if let Some(record) = self.records.next_record()? {
            self.record(record)
        } else {
            self.end();
            Ok(())
        }
    }

    fn record(&mut self, record: Record<'static>) -> Result<(), McapReadError> {
        match record {
            Record::Schema { .. } if self.own.is_some() => {}
            Record::Schema { ref header, ref data } => {
                self.foreign.schema(header.clone(), data, &mut self.losses);
                // Behind the first message it comes too late for the header.
                let late = self.foreign.anchor_ns.is_some() && header.encoding == "protobuf" && !data.is_empty();
                if !self.foreseen && !late {
                    self.schemas.take(&record);
                } else if !self.foreseen && !self.schemas.holds(header.id) && self.late.insert(header.id) {
                    self.losses.add(Loss::Schemas, 1);
                }
            }
            Record::Channel(channel) => {
                if channel.topic == EVENTS_TOPIC {
                    self.lines = Some(channel.id);
                }
                let direction = match channel.metadata.get(DIRECTION).map(String::as_str) {
                    Some("sent") => Some(Direction::Sent),
                    Some("received") => Some(Direction::Received),
                    _ => None,
                };
                if let Some(direction) = direction {
                    self.directions.insert(channel.id, direction);
                }
                if !self.foreseen {
                    self.schemas.take(&Record::Channel(channel.clone()));
                }
                if self.own.is_none() {
                    self.foreign.channel(channel, &mut self.losses);
                }
            }
            Record::Metadata(record) if self.own.is_none() && record.name != super::HEADER_RECORD => {
                self.foreign.metadata(&record, &mut self.queue, &mut self.losses);
            }
            Record::Attachment { header, data, .. } if self.own.is_none() => {
                self.losses.add(Loss::Attachments, 1);
                self.foreign
                    .attachment(&header.name, &header.media_type, data.len(), &mut self.queue);
            }
            // Added to a file of ours by other software.
            Record::Metadata(record) if record.name != super::HEADER_RECORD => self.losses.add(Loss::Notes, 1),
            Record::Attachment { .. } => self.losses.add(Loss::Attachments, 1),
            Record::Message { header, data } => return self.message(&header, data.into_owned().into()),
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, header: &MessageHeader, data: Bytes) -> Result<(), McapReadError> {
        if self.lines == Some(header.channel_id) && (self.own.is_some() || self.foreign.anchor_ns.is_none()) {
            return self.line(&data);
        }
        let Some(own) = &mut self.own else {
            self.foreign.message(header, data, &mut self.queue, &mut self.losses);
            return Ok(());
        };
        match self.directions.get(&header.channel_id) {
            Some(direction) => own.message(header, *direction, data, &mut self.queue, &mut self.losses),
            None => self.losses.add(Loss::OtherChannels, 1),
        }
        Ok(())
    }

    fn line(&mut self, text: &[u8]) -> Result<(), McapReadError> {
        let messages = self.records.messages - 1;
        let unknown = |problem| McapReadError::Line { messages, problem };
        if values(text) > MOST_LINE_VALUES {
            return Err(unknown(format!("more than {MOST_LINE_VALUES} values in one line")));
        }
        let line: Line = serde_json::from_slice(text).map_err(|error| unknown(error.to_string()))?;
        match (&mut self.own, line.said) {
            (None, LineContent::CaptureStart { layout, .. }) if layout != LAYOUT => {
                Err(unknown(format!("layout {layout}, where {LAYOUT} is known")))
            }
            (
                None,
                LineContent::CaptureStart {
                    anchor_unix_ns,
                    attributes,
                    ..
                },
            ) => {
                self.own = Some(Own::new(Header {
                    anchor_unix_ns,
                    attributes: attributes.into_pairs(),
                }));
                Ok(())
            }
            (None, _) => Err(unknown("its first message is not capture_start".to_owned())),
            (Some(_), LineContent::CaptureStart { .. }) => Err(McapReadError::TwoCaptures { messages }),
            (Some(own), said) => {
                let line = Line { said, ..line };
                own.line(line, &mut self.queue, &mut self.losses);
                Ok(())
            }
        }
    }

    /// Handles the end of the file.
    fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        match &self.own {
            Some(own) => own.end(&mut self.losses),
            None => self.foreign.end(&mut self.losses),
        }
    }
}

/// Largest possible number of values in a JSON text, counted by the separators.
fn values(text: &[u8]) -> usize {
    let (mut values, mut within, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            b',' | b':' | b'[' | b'{' if !within => values += 1,
            _ => {}
        }
    }
    values
}

impl<R: Read> Iterator for McapReader<R> {
    type Item = Result<Event, McapReadError>;

    /// The next event; after an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.end();
            return Some(Err(error));
        }
        self.queue.pop_front().map(Ok)
    }
}
