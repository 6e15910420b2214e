//! A capture with special characters in every string. They must not be printed unchanged.

use bytes::Bytes;
use grpc_capture::{
    das::{DataStream, Dialect, FOCUS_DESCRIPTOR_SET, SensorIntensity, SpectrogramRow, datastream_request},
    file::{Attribute, Header, Writer, WriterOptions},
    model::{
        Broken, CallStart, Cancelled, Direction, Ending, Event, EventKind, Gap, Headers, Message, Metadata, Note,
        Party, Status,
    },
};
use prost::Message as _;

/// What must not be seen at the beginning of a line: a value would have made a line of its own.
pub(super) const FORGED: &str = "FORGED";

/// Control characters, a forged line, turned text, non-characters, and markup of every page that is written.
pub(super) const PLANT: &str = "\u{1b}[31mx\r\u{7}\nFORGED PASS\u{9b}2J\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\u{85}\u{fffe}\u{ffff}\
    <script>alert(1)</script><img src=x onerror=alert(1)>](javascript:alert(1)) `tick` \n```\n# FORGED head\n```\n| a | --> \" ' \
    https://forged.example";

/// A plant that can be a name between slashes and points, or a file's.
pub(super) const NAME: &str = "n\u{1b}[31m\nFORGED\u{9b}2J\u{202e}\u{fffe}<script>`]|";

/// Whose schema the header holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// That of a Focus job.
    Focus,
    /// One whose names are planted.
    Planted,
}

/// Writes the capture; two of different `variant` differ in everything.
pub(super) fn write(path: &str, schema: Schema, variant: &str) {
    let plant = format!("{PLANT}{variant}");
    let mut writer = Writer::create(path, &header(schema, &plant), WriterOptions::default()).unwrap();
    let mut seqs = std::collections::BTreeMap::<u32, u64>::new();
    let mut offset_ns = 0;
    for (call, kind) in events(&plant, variant) {
        let seq = seqs.entry(call).or_default();
        *seq += 1;
        offset_ns += 1_000_000;
        let seq = *seq;
        writer
            .write(&Event {
                call,
                seq,
                offset_ns,
                kind,
            })
            .unwrap();
    }
    writer.finish().unwrap();
}

fn header(schema: Schema, plant: &str) -> Header {
    let mut header = Header::new(1_700_000_000_000_000_000);
    let json = serde_json::json!({ plant: plant, "displayInfo": { plant: [plant] } }).to_string();
    for (name, value) in [
        (Attribute::TOOL, plant),
        (Attribute::SOURCE, plant),
        (Attribute::JOB_ID, plant),
        (Attribute::CONFIGURE_REQUEST, json.as_str()),
        (Attribute::CONFIGURE_RESPONSE, plant),
        (Attribute::CONTINUES, plant),
        (Attribute::CONTINUES_SHA256, &"0".repeat(64)),
        (Attribute::CONTINUES_LAST_OFFSET, "1"),
        (Attribute::CONTINUES_ANCHOR, "1"),
        (Attribute::REDACTED, plant),
        (Attribute::SLICE, plant),
        (&format!("{}{plant}", Attribute::TAG_PREFIX), plant),
        (plant, plant),
    ] {
        header.set(name, value);
    }
    match schema {
        Schema::Focus => {
            header.set(Attribute::DIALECT, Dialect::DataStream.name());
            header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
        }
        Schema::Planted => {
            header.set(Attribute::DIALECT, plant);
            header.set_descriptor_set(&descriptors::set(NAME).encode_to_vec());
        }
    }
    header
}

fn metadata(plant: &str) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.push(plant, plant);
    metadata.push("x-plain", plant);
    metadata
}

fn start(method: &str, plant: &str) -> EventKind {
    EventKind::CallStart(CallStart {
        method: method.to_owned(),
        authority: plant.to_owned(),
        peer: plant.to_owned(),
        metadata: metadata(plant),
        ..CallStart::default()
    })
}

fn message(direction: Direction, data: impl Into<Bytes>) -> EventKind {
    EventKind::Message(Message::plain(direction, data))
}

fn frame(plant: &str, at: i64) -> Vec<u8> {
    let row = SpectrogramRow {
        canvas_id: format!("{plant}{at}"),
        sensors: vec![SensorIntensity {
            id: 1,
            intensity: vec![1.0, f32::NAN, at as f32],
        }],
        start_timestamp: at * 100,
        end_timestamp: at * 100 + 100,
    };
    let frame = DataStream {
        rows: vec![row],
        current_max_amp: 1.0,
        current_min_amp: 0.0,
    };
    frame.encode_to_vec()
}

/// The events, and the calls that they are of.
fn events(plant: &str, variant: &str) -> Vec<(u32, EventKind)> {
    use Direction::{Received, Sent};
    let text = || plant.to_owned();
    let note = |author: String, text: String| EventKind::Note(Note { author, text });
    let exchange =
        serde_json::json!({"method": plant, "url": plant, "request": plant, "response": plant, plant: plant});
    let planted = descriptors::Text {
        text: format!("{plant}{variant}"),
    };
    let status = |code| {
        EventKind::End(Ending::Status(Status {
            code,
            message: text(),
            trailers: metadata(plant),
            trailers_only: false,
        }))
    };
    let broken = |goaway| {
        EventKind::End(Ending::Broken(Broken {
            error: text(),
            goaway,
            ..Broken::default()
        }))
    };
    let method = format!("/p{NAME}.{NAME}/{NAME}");
    vec![
        (0, note(text(), text())),
        (0, note("proxy".to_owned(), exchange.to_string())),
        (1, start(Dialect::DataStream.method(), plant)),
        (1, message(Sent, datastream_request(plant, 0))),
        (1, EventKind::HalfClose),
        (
            1,
            EventKind::Headers(Headers {
                metadata: metadata(plant),
            }),
        ),
        (1, message(Received, frame(plant, 1))),
        (1, message(Received, frame(plant, 2))),
        (1, message(Received, [0xff, 0xff].to_vec())),
        (
            1,
            EventKind::Gap(Gap {
                direction: Received,
                messages: 3,
                reason: text(),
            }),
        ),
        (1, status(13)),
        (2, start(&format!("/{plant}/{plant}"), plant)),
        (2, message(Sent, text())),
        (
            2,
            EventKind::End(Ending::Cancelled(Cancelled {
                by: Party::Server,
                reason: text(),
                code: None,
                cut: false,
            })),
        ),
        (3, start(&method, plant)),
        (3, message(Sent, planted.encode_to_vec())),
        (3, EventKind::HalfClose),
        (3, message(Received, planted.encode_to_vec())),
        (3, status(0)),
        (4, start(&method, plant)),
        (4, broken(true)),
        (5, start(&method, plant)),
        (5, broken(false)),
    ]
}

/// As much of `descriptor.proto` as a schema with odd names needs.
mod descriptors {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Set {
        #[prost(message, repeated, tag = "1")]
        file: Vec<File>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct File {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        package: String,
        #[prost(message, repeated, tag = "4")]
        message_type: Vec<Type>,
        #[prost(message, repeated, tag = "6")]
        service: Vec<Service>,
        #[prost(string, tag = "12")]
        syntax: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Type {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, repeated, tag = "2")]
        field: Vec<Field>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Field {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(int32, tag = "3")]
        number: i32,
        #[prost(int32, tag = "4")]
        label: i32,
        #[prost(int32, tag = "5")]
        kind: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Service {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, repeated, tag = "2")]
        method: Vec<Method>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Method {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        input_type: String,
        #[prost(string, tag = "3")]
        output_type: String,
    }

    /// What the one message type of the schema holds.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Text {
        #[prost(string, tag = "1")]
        pub(super) text: String,
    }

    /// A schema in which everything is called `name`.
    pub(super) fn set(name: &str) -> Set {
        let package = format!("p{name}");
        let message = format!("m{name}");
        let full = format!(".{package}.{message}");
        Set {
            file: vec![File {
                name: format!("{name}.proto"),
                package,
                message_type: vec![Type {
                    name: message,
                    field: vec![Field {
                        name: name.to_owned(),
                        number: 1,
                        label: 1,
                        kind: 9,
                    }],
                }],
                service: vec![Service {
                    name: name.to_owned(),
                    method: vec![Method {
                        name: name.to_owned(),
                        input_type: full.clone(),
                        output_type: full,
                    }],
                }],
                syntax: "proto3".to_owned(),
            }],
        }
    }
}
