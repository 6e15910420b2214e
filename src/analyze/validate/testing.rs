//! Synthetic streams that are clean until a test breaks them.

use prost::Message as _;

use super::{Expectations, ReadTo, Validation, Validator};
use crate::{
    das::{
        dialect::{Axis, Dialect, Element, Layout, datastream, pandadatastream},
        proto::{datastream as ds, pandadatastream as panda},
    },
    file::{Attribute, Header},
    model::event::{
        CallStart, Direction, Ending, Event, EventKind, Gap, Headers, Message, Metadata, Note, Observer as _, Status,
    },
};

pub(super) const MS: u64 = 1_000_000;
pub(super) const START_MS: i64 = 1_700_000_000_000;
pub(super) const DT_MS: i64 = 100;
pub(super) const SENSORS: i32 = 4;
pub(super) const BINS: usize = 8;
pub(super) const MESSAGES: usize = 40;

/// A message or other event from the server.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Frame(ds::DataStream),
    Block(panda::DataStream),
    Raw(Vec<u8>),
    Compressed(Vec<u8>),
    Gap(u64),
}

impl Item {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Frame(frame) => frame.encode_to_vec(),
            Self::Block(block) => block.encode_to_vec(),
            Self::Raw(bytes) | Self::Compressed(bytes) => bytes.clone(),
            Self::Gap(_) => Vec::new(),
        }
    }

    pub(super) fn frame(&mut self) -> &mut ds::DataStream {
        match self {
            Self::Frame(frame) => frame,
            other => panic!("no frame: {other:?}"),
        }
    }

    pub(super) fn block(&mut self) -> &mut panda::DataStream {
        match self {
            Self::Block(block) => block,
            other => panic!("no block: {other:?}"),
        }
    }
}

/// A capture of one call.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) header: Header,
    pub(super) file: String,
    pub(super) layout: Layout,
    pub(super) method: String,
    pub(super) encoding: Option<&'static str>,
    /// The events, each with its offset.
    pub(super) items: Vec<(u64, Item)>,
    /// The ending, with its offset after the last event.
    pub(super) ending: Option<(u64, Ending)>,
    pub(super) calls: u32,
    pub(super) read_to: ReadTo,
    /// Events before the calls.
    pub(super) before: Vec<Event>,
    /// `:authority` of the calls.
    pub(super) authority: &'static str,
}

pub(super) fn intensity(row: usize, sensor: i32, bin: usize) -> f32 {
    -60.0 - ((row * 37 + sensor as usize * 11 + bin * 7) % 97) as f32 / 4.0
}

pub(super) fn row(number: usize) -> ds::SpectrogramRow {
    let start = START_MS + number as i64 * DT_MS;
    let sensor = |id| ds::SensorIntensity {
        id,
        intensity: (0..BINS).map(|bin| intensity(number, id, bin)).collect(),
    };
    ds::SpectrogramRow {
        canvas_id: "canvas".to_owned(),
        sensors: (1..=SENSORS).map(sensor).collect(),
        start_timestamp: start,
        end_timestamp: start + DT_MS,
    }
}

/// Sets the declared extremes to those of the values.
pub(super) fn refit(frame: &mut ds::DataStream) {
    let values = || {
        frame
            .rows
            .iter()
            .flat_map(|row| &row.sensors)
            .flat_map(|sensor| &sensor.intensity)
    };
    let max = values().copied().fold(f32::NEG_INFINITY, f32::max);
    let min = values().copied().fold(f32::INFINITY, f32::min);
    (frame.current_max_amp, frame.current_min_amp) = (f64::from(max), f64::from(min));
}

pub(super) fn refit_panda(block: &mut panda::DataStream, change: impl FnOnce(&mut Vec<f32>)) {
    let bytes = block.main_data.concat();
    let mut values: Vec<f32> = bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect();
    change(&mut values);
    block.main_data = vec![values.iter().flat_map(|value| value.to_le_bytes()).collect()];
}

fn frame(message: usize) -> Item {
    let mut frame = ds::DataStream {
        rows: vec![row(2 * message), row(2 * message + 1)],
        ..ds::DataStream::default()
    };
    refit(&mut frame);
    Item::Frame(frame)
}

fn block(number: usize) -> Item {
    let values = (1..=SENSORS).flat_map(|id| (0..BINS).map(move |bin| intensity(number, id, bin)));
    Item::Block(panda::DataStream {
        start_channel: 1,
        end_channel: SENSORS,
        timestamp_in_milis: vec![START_MS + number as i64 * DT_MS],
        row_index: vec![number as i32],
        data_shape_x: SENSORS * BINS as i32,
        data_shape_y: 1,
        global_maximum: -50.0,
        global_minimum: -90.0,
        main_data: vec![values.flat_map(f32::to_le_bytes).collect()],
        ..panda::DataStream::default()
    })
}

impl Scenario {
    /// 40 frames of two rows of 100 ms, four sensors and eight bins.
    pub(super) fn datastream() -> Self {
        Self::of(Dialect::DataStream, frame)
    }

    /// 40 blocks of one row of 100 ms, four channels and eight bins.
    pub(super) fn panda() -> Self {
        Self::of(Dialect::PandaDataStream, block)
    }

    fn of(dialect: Dialect, item: impl Fn(usize) -> Item) -> Self {
        let mut header = Header::new(0);
        header.set(Attribute::DIALECT, dialect.name());
        Self {
            header,
            file: String::new(),
            layout: Layout::known(Element::F32, Axis::ChannelMajor),
            method: dialect.method().to_owned(),
            encoding: None,
            items: (0..MESSAGES)
                .map(|at| (300 * MS + at as u64 * 200 * MS, item(at)))
                .collect(),
            ending: Some((10 * MS, Ending::Status(Status::default()))),
            calls: 1,
            read_to: ReadTo::End,
            before: Vec::new(),
            authority: "job:1",
        }
    }

    pub(super) fn frame(&mut self, at: usize) -> &mut ds::DataStream {
        self.items[at].1.frame()
    }

    pub(super) fn block(&mut self, at: usize) -> &mut panda::DataStream {
        self.items[at].1.block()
    }

    /// Encodes a message and changes its bytes.
    pub(super) fn raw(&mut self, at: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.items[at].1.encode();
        change(&mut bytes);
        self.items[at].1 = Item::Raw(bytes);
    }

    pub(super) fn rows(&mut self) -> impl Iterator<Item = &mut ds::SpectrogramRow> {
        self.items.iter_mut().flat_map(|(_, item)| item.frame().rows.iter_mut())
    }

    pub(super) fn refit(&mut self) {
        self.items.iter_mut().for_each(|(_, item)| refit(item.frame()));
    }

    pub(super) fn request(&mut self, json: &str) {
        self.header.set(Attribute::CONFIGURE_REQUEST, json);
    }

    pub(super) fn response(&mut self, json: &str) {
        self.header.set(Attribute::CONFIGURE_RESPONSE, json);
    }

    pub(super) fn end(&mut self, after_ms: u64, ending: Ending) {
        self.ending = Some((after_ms * MS, ending));
    }

    /// Adds a remark to the capture.
    pub(super) fn note(&mut self, author: &str, text: &str) {
        let (author, text) = (author.to_owned(), text.to_owned());
        self.put(0, EventKind::Note(Note { author, text }));
    }

    /// Adds a call of another method, with one answer unless it is `None`.
    pub(super) fn other_call(&mut self, method: &str, answer: Option<&'static [u8]>, ending: Ending) {
        let call = 100 + self.before.len() as u32;
        let start = CallStart {
            method: method.to_owned(),
            authority: self.authority.to_owned(),
            ..CallStart::default()
        };
        self.put(call, EventKind::CallStart(start));
        if let Some(answer) = answer {
            self.put(call, EventKind::Message(Message::plain(Direction::Received, answer)));
        }
        self.put(call, EventKind::End(ending));
    }

    fn put(&mut self, call: u32, kind: EventKind) {
        let seq = self.before.len() as u64 + 1;
        self.before.push(Event {
            call,
            seq,
            offset_ns: 0,
            kind,
        });
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = self.before.clone();
        let last = self.items.last().map_or(100 * MS, |(offset_ns, _)| *offset_ns);
        for call in 1..=self.calls {
            let request = match Dialect::from_method(&self.method) {
                Some(Dialect::PandaDataStream) => pandadatastream::stream_request(call as i32 - 1),
                _ => datastream::stream_request("1-1", 0),
            };
            let mut metadata = Metadata::default();
            if let Some(encoding) = self.encoding {
                metadata.push("grpc-encoding", encoding);
            }
            let method = self.method.clone();
            let start = CallStart {
                method,
                authority: self.authority.to_owned(),
                ..CallStart::default()
            };
            let mut put = |offset_ns, kind| {
                let seq = events.len() as u64 + 1;
                events.push(Event {
                    call,
                    seq,
                    offset_ns,
                    kind,
                });
            };
            put(0, EventKind::CallStart(start));
            put(0, EventKind::Message(Message::plain(Direction::Sent, request)));
            put(0, EventKind::HalfClose);
            put(100 * MS, EventKind::Headers(Headers { metadata }));
            for (offset_ns, item) in &self.items {
                let (offset_ns, data, direction) = (*offset_ns, item.encode().into(), Direction::Received);
                put(
                    offset_ns,
                    match item {
                        Item::Gap(messages) => EventKind::Gap(Gap {
                            direction,
                            messages: *messages,
                            reason: "the queue was full".to_owned(),
                        }),
                        item => EventKind::Message(Message {
                            direction,
                            compressed: matches!(item, Item::Compressed(_)),
                            data,
                        }),
                    },
                );
            }
            if let Some((after_ns, ending)) = &self.ending {
                put(last + after_ns, EventKind::End(ending.clone()));
            }
        }
        events
    }

    pub(super) fn validate(&self) -> Validation {
        let file = Expectations::parse_toml(&self.file, &crate::analyze::Rule::NAMES).unwrap();
        let expect = Expectations::from_header(&self.header).merge(file);
        let mut validator = Validator::new(expect, &self.header).with_layout(self.layout);
        for event in self.events() {
            validator.observe(&event);
        }
        validator.finish_at(&self.read_to)
    }
}
