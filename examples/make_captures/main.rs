//! Makes the synthetic captures in `captures/` again: `cargo run --example make_captures`.
//!
//! The captures of real recordings are imported. These commands make them from the recordings named in
//! `captures/LICENCES.md`:
//!
//! ```text
//! capture import optodas_quake.dstream.bin -o captures/optodas-quake.gcap --job-id optodas-quake --force
//! capture import febus_jitter.dstream.bin -o captures/febus-jitter.gcap --job-id febus-jitter --level 19 --force
//! ```
//!
//! `captures/format-1.0.gcap` was made once for format 1.0. Every later release must read exactly this file. Only
//! `cargo run --example make_captures -- format-1.0` writes it again.
//!
//! All content is fixed, so that a test can compare every byte.

#![allow(clippy::print_stdout, reason = "it tells what it has made")]

use std::{error::Error, fs, path::Path};

use grpc_capture::{
    das::{self, Dialect, FOCUS_DESCRIPTOR_SET, PandaDataStream, datastream_request, pandadatastream_request},
    file::{Attribute, Codec, Header, Writer, WriterOptions},
    model::{Broken, CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
};
use prost::Message as _;

mod fixture;

pub use fixture::{FIXTURE, fixture};

/// 2026-11-24T08:00:00Z, in milliseconds since the Unix epoch.
const START_MS: i64 = 1_795_507_200_000;

/// Milliseconds of a row.
const LINES_DT_MS: i64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut captures = synthetic()?;
    if std::env::args().skip(1).any(|name| FIXTURE.starts_with(&name)) {
        captures.push((FIXTURE, fixture()?.1));
    }
    for (name, bytes) in captures {
        let path = folder.join(name);
        fs::write(&path, &bytes).map_err(|error| format!("could not write {}: {error}", path.display()))?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}

/// A capture's file name, and its bytes.
pub type Named = (&'static str, Vec<u8>);

/// Name and content of every synthetic capture.
pub fn synthetic() -> Result<Vec<Named>, Box<dyn Error>> {
    Ok(vec![
        ("empty-stream.gcap", spectrograms("empty-stream", Vec::new(), ok())?),
        ("trailers-only-error.gcap", trailers_only()?),
        ("unknown-fields.gcap", unknown_fields()?),
        ("zero-ids.gcap", zero_ids()?),
        ("nan.gcap", nan()?),
        ("production.gcap", production_job()?),
    ])
}

/// A row of made-up intensities; every value differs from its neighbours.
fn row(number: i64, sensors: i32, bins: i32, canvas: &str) -> das::SpectrogramRow {
    let sensor = |id: i32| das::SensorIntensity {
        id,
        intensity: (0..bins).map(|bin| intensity(number, id, bin)).collect(),
    };
    das::SpectrogramRow {
        canvas_id: canvas.to_owned(),
        sensors: (1..=sensors).map(sensor).collect(),
        start_timestamp: START_MS + number * LINES_DT_MS,
        end_timestamp: START_MS + (number + 1) * LINES_DT_MS,
    }
}

/// Between −160 and −96 dB, in steps that floats hold exactly.
fn intensity(row: i64, sensor: i32, bin: i32) -> f32 {
    let mixed = (row * 7919 + i64::from(sensor) * 104_729 + i64::from(bin) * 1_299_709) % 1021;
    -160.0 + mixed as f32 / 16.0
}

fn frame(rows: Vec<das::SpectrogramRow>) -> das::DataStream {
    let values = || {
        rows.iter()
            .flat_map(|row| &row.sensors)
            .flat_map(|sensor| &sensor.intensity)
            .copied()
    };
    let (max, min) = (
        values().fold(f32::NEG_INFINITY, f32::max),
        values().fold(f32::INFINITY, f32::min),
    );
    das::DataStream {
        current_max_amp: f64::from(max),
        current_min_amp: f64::from(min),
        rows,
    }
}

fn frames(count: i64) -> Vec<das::DataStream> {
    (0..count)
        .map(|number| frame(vec![row(number, 4, 8, "synthetic")]))
        .collect()
}

fn ok() -> Ending {
    let mut trailers = Metadata::default();
    trailers.push("grpc-status", "0");
    Ending::Status(Status {
        trailers,
        ..Status::default()
    })
}

fn unknown_fields() -> Result<Vec<u8>, Box<dyn Error>> {
    let messages = frames(5).into_iter().map(|frame| {
        let mut bytes = frame.encode_to_vec();
        // Field 15, varint 7; field 16, two bytes.
        bytes.extend([0x78, 7, 0x82, 0x01, 2, 0xca, 0xfe]);
        bytes
    });
    spectrograms("unknown-fields", messages.collect(), ok())
}

fn zero_ids() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut frames = frames(5);
    for (number, frame) in (0_i64..).zip(&mut frames) {
        for row in &mut frame.rows {
            row.start_timestamp = number * LINES_DT_MS;
            row.end_timestamp = (number + 1) * LINES_DT_MS;
            for sensor in &mut row.sensors {
                sensor.id -= 1;
            }
        }
    }
    spectrograms(
        "zero-ids",
        frames.iter().map(das::DataStream::encode_to_vec).collect(),
        ok(),
    )
}

fn nan() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut frames = frames(5);
    let intensity = frames[2].rows[0].sensors[1].intensity.as_mut_slice();
    intensity[3] = f32::NAN;
    spectrograms("nan", frames.iter().map(das::DataStream::encode_to_vec).collect(), ok())
}

fn trailers_only() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut trailers = Metadata::default();
    trailers.push("content-type", "application/grpc");
    trailers.push("grpc-status", "5");
    trailers.push("grpc-message", "no job 12-70789");
    let ending = Ending::Status(Status {
        code: 5,
        message: "no job 12-70789".to_owned(),
        trailers,
        trailers_only: true,
    });
    let mut call = Call::open(1, Dialect::DataStream, datastream_request("12-70789", 0));
    call.add(8, EventKind::End(ending));
    capture(&header(Dialect::DataStream, "12-70789"), call.events)
}

/// A `datastream` job: one frame each 100 ms.
fn spectrograms(job_id: &str, messages: Vec<Vec<u8>>, ending: Ending) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut call = Call::open(1, Dialect::DataStream, datastream_request(job_id, 0));
    call.add(3, EventKind::Headers(grpc_headers()));
    for message in messages {
        call.add(100, received(message));
    }
    call.add(1, EventKind::End(ending));
    capture(&header(Dialect::DataStream, job_id), call.events)
}

/// A production job: three streams that share 50 channels, a burst each, then silence, then goodbye.
fn production_job() -> Result<Vec<u8>, Box<dyn Error>> {
    const BINS: i32 = 16;
    const CHANNELS: [(i32, i32); 3] = [(1, 17), (18, 34), (35, 50)];
    let mut calls = Vec::new();
    for (stream, (first, last)) in (0_i32..).zip(CHANNELS) {
        let mut call = Call::open(
            stream as u32 + 1,
            Dialect::PandaDataStream,
            pandadatastream_request(stream),
        );
        call.add(3, EventKind::Headers(grpc_headers()));
        for number in 0..8_i64 {
            let channels = first..=last;
            let values = channels.flat_map(|id| (0..BINS).map(move |bin| intensity(number, id, bin)));
            let block = PandaDataStream {
                start_channel: first,
                end_channel: last,
                timestamp_in_milis: vec![START_MS + number * LINES_DT_MS],
                row_index: vec![number as i32],
                data_shape_x: (last - first + 1) * BINS,
                data_shape_y: 1,
                global_maximum: -96.0,
                global_minimum: -160.0,
                main_data: vec![values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()],
                job_id: Some(70_788),
                data_shape_z: None,
            };
            call.add(2, received(block.encode_to_vec()));
        }
        let error = "connection closed".to_owned();
        call.add(
            30_000,
            EventKind::End(Ending::Broken(Broken {
                error,
                goaway: true,
                ..Broken::default()
            })),
        );
        calls.extend(call.events);
    }
    calls.sort_by_key(|event| (event.offset_ns, event.call, event.seq));
    let mut header = header(Dialect::PandaDataStream, "12-70788");
    let mapping = (1..=50).map(|channel| {
        let stream = CHANNELS
            .iter()
            .position(|(first, last)| (*first..=*last).contains(&channel));
        (channel.to_string(), serde_json::Value::from(stream))
    });
    let request = serde_json::json!({
        "displayTimeAxisDuration": 10, "nfftSelection": 1024, "displayInfo": { "height": 1000 },
        "channels": { "min": 1, "max": 50 }, "frequencyRange": { "min": 0, "max": 500 },
        "start_time": 1_795_507_200_i64, "end_time": 1_795_507_201_i64, "view_type": "2",
    });
    let response = serde_json::json!({
        "status": "", "job_id": "12-70788", "stream_url": "http://127.0.0.1", "stream_port": "50051",
        "stream_amount": 3, "channel_amount": 50,
        "channel_to_stream_index": mapping.collect::<serde_json::Map<_, _>>(),
        "frequencies_amount": BINS, "lines_dt": 0.1, "view_type": 2,
    });
    header.set(Attribute::CONFIGURE_REQUEST, request.to_string());
    header.set(Attribute::CONFIGURE_RESPONSE, response.to_string());
    capture(&header, calls)
}

/// The events of one call in the making.
struct Call {
    number: u32,
    offset_ms: u64,
    events: Vec<Event>,
}

impl Call {
    fn open(number: u32, dialect: Dialect, request: Vec<u8>) -> Self {
        let mut metadata = Metadata::default();
        metadata.push("te", "trailers");
        metadata.push("content-type", "application/grpc");
        let start = CallStart {
            method: dialect.method().to_owned(),
            authority: "127.0.0.1:50051".to_owned(),
            peer: "127.0.0.1:50051".to_owned(),
            metadata,
            ..CallStart::default()
        };
        let mut opened = Self {
            number,
            offset_ms: 0,
            events: Vec::new(),
        };
        opened.add(0, EventKind::CallStart(start));
        opened.add(0, EventKind::Message(Message::plain(Direction::Sent, request)));
        opened.add(0, EventKind::HalfClose);
        opened
    }

    fn add(&mut self, after_ms: u64, kind: EventKind) {
        self.offset_ms += after_ms;
        let (call, seq) = (self.number, self.events.len() as u64 + 1);
        self.events.push(Event {
            call,
            seq,
            offset_ns: self.offset_ms * 1_000_000,
            kind,
        });
    }
}

fn received(message: Vec<u8>) -> EventKind {
    EventKind::Message(Message::plain(Direction::Received, message))
}

fn grpc_headers() -> Headers {
    let mut metadata = Metadata::default();
    metadata.push("content-type", "application/grpc");
    Headers { metadata }
}

fn header(dialect: Dialect, job_id: &str) -> Header {
    let mut header = Header::new(START_MS as u64 * 1_000_000);
    header.set(Attribute::TOOL, "grpc-capture make_captures");
    header.set(Attribute::DIALECT, dialect.name());
    header.set(Attribute::JOB_ID, job_id);
    header.set(Attribute::SOURCE, "synthetic");
    header.set_descriptor_set(FOCUS_DESCRIPTOR_SET);
    header
}

fn capture(header: &Header, events: Vec<Event>) -> Result<Vec<u8>, Box<dyn Error>> {
    // As other tools can read them, with `zstd -dc`.
    let options = WriterOptions {
        codec: Codec::Zstd(3),
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Vec::new(), header, options)?;
    for event in events {
        writer.write(&event)?;
    }
    Ok(writer.finish_into()?.0)
}
