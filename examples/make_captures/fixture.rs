//! The capture that every release must be able to read. It holds every kind of event, every ending, every codec, and
//! unknown parts and attributes.

use std::error::Error;

use bytes::Bytes;
use grpc_capture::{
    das::{Dialect, PandaDataStream, datastream_request, pandadatastream_request},
    file::{Codec, Sealed, Sealer, Writer, WriterOptions},
    model::{
        Broken, Cancelled, Deadline, Direction, Ending, Event, EventKind, Gap, GoAway, Headers, Limit, Message, Note,
        Party,
    },
};
use prost::Message as _;

use super::{Call, LINES_DT_MS, START_MS, frame, grpc_headers, header, ok, received, row};

/// Its file name in `captures/`.
pub const FIXTURE: &str = "format-1.0.gcap";

/// The message `0A 00` in gzip.
const GZIP: [u8; 22] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xe3, 0x62, 0, 0, 0x75, 0xfa, 0x36, 0xbb, 2, 0, 0, 0,
];

/// Its events, and its file.
pub fn fixture() -> Result<(Vec<Event>, Vec<u8>), Box<dyn Error>> {
    let mut events = every_ending();
    let note = Note {
        author: "recorder".to_owned(),
        text: "attempt 1: UNAVAILABLE".to_owned(),
    };
    events.push(Event {
        call: 0,
        seq: 1,
        offset_ns: 200_000_000,
        kind: EventKind::Note(note),
    });
    events.sort_by_key(|event| (event.offset_ns, event.call, event.seq));
    let mut floats = floats();
    floats.sort_by_key(|event| (event.offset_ns, event.call, event.seq));
    let header = header(Dialect::DataStream, "format-1.0");
    let mut writer = Writer::new(Vec::new(), &header, WriterOptions::default())?;
    let (mut sealer, mut sealed) = (Sealer::default(), Sealed::default());
    let codecs = [Codec::Float, Codec::FloatFast, Codec::Stored, Codec::Zstd(3)];
    let quarters = floats.chunks(floats.len().div_ceil(codecs.len())).zip(codecs);
    for (events, codec) in std::iter::once((&events[..], Codec::Zstd(19))).chain(quarters) {
        let mut chunk = writer.builder();
        for event in events {
            chunk.push(event)?;
        }
        sealer.seal(&mut chunk, codec, &mut sealed)?;
        writer.append(&sealed)?;
    }
    events.extend(floats);
    Ok((events, writer.finish_into()?.0))
}

/// A call with every kind of event, and one for each other ending.
fn every_ending() -> Vec<Event> {
    let request = || datastream_request("format-1.0", 0);
    let mut first = Call::open(1, Dialect::DataStream, request());
    let mut headers = grpc_headers().metadata;
    headers.push("grpc-encoding", "gzip");
    headers.push("trace-bin", "AAEC/w");
    headers.push("odd", [0xff, 0xfe]);
    for kind in [
        EventKind::Headers(Headers { metadata: headers }),
        received(frame(vec![row(0, 4, 8, "synthetic")]).encode_to_vec()),
        received(Vec::new()),
        EventKind::Message(Message {
            direction: Direction::Received,
            compressed: true,
            data: Bytes::from_static(&GZIP),
        }),
        EventKind::Gap(Gap {
            direction: Direction::Received,
            messages: 3,
            reason: Gap::OVERFLOW.to_owned(),
        }),
        EventKind::Note(Note {
            author: "operator".to_owned(),
            text: "hammer shot".to_owned(),
        }),
        EventKind::End(ok()),
    ] {
        first.add(1, kind);
    }
    let cancelled = |by, code, reason: &str| {
        Ending::Cancelled(Cancelled {
            code,
            ..Cancelled::new(by, reason)
        })
    };
    let deadline = |limit, after_ns| Ending::Deadline(Deadline { limit, after_ns });
    let endings = [
        cancelled(Party::Us, None, "enough"),
        cancelled(Party::Client, None, "closed"),
        cancelled(Party::Server, None, "CANCEL"),
        Ending::Broken(Broken::new("connection reset")),
        deadline(Limit::Connect, 1),
        deadline(Limit::FirstFrame, 2),
        deadline(Limit::Idle, 3),
        deadline(Limit::Call, 4),
        cancelled(Party::Server, Some(8), "the server reset the stream (CANCEL)"),
        Ending::Cancelled(Cancelled::by_slice(0.1)),
        Ending::Broken(Broken {
            reset: Some(11),
            ..Broken::new("the server reset the stream (ENHANCE_YOUR_CALM)")
        }),
        Ending::Broken(Broken {
            goaway: true,
            announced: Some(GoAway {
                last_stream: 5,
                code: 0,
                data: Bytes::from_static(b"bye"),
            }),
            ..Broken::new("connection closed")
        }),
        Ending::Broken(Broken {
            ended: true,
            ..Broken::new("the stream ended without a status")
        }),
    ];
    let mut events = first.events;
    for (number, ending) in (2..).zip(endings) {
        let mut call = Call::open(number, Dialect::DataStream, request());
        call.add(100, EventKind::End(ending));
        events.extend(call.events);
    }
    for event in &mut events {
        if let (14, EventKind::CallStart(start)) = (event.call, &mut event.kind) {
            start.connection = 1;
            start.certificate_sha256 = Some([0x5a; 32]);
            start.attributes = vec![("of-a-later-release".to_owned(), vec![0xff, 1])];
        }
    }
    events
}

/// A call of each dialect with what the float codec treats apart: dead sensors, packed doubles, runs of several lengths,
/// fields that are no numbers.
fn floats() -> Vec<Event> {
    const ROWS: i64 = 24;
    /// Of a block of production, in one row.
    const VALUES: i32 = 256;
    let mut call = Call::open(15, Dialect::DataStream, datastream_request("format-1.0", 0));
    let mut other = Call::open(16, Dialect::PandaDataStream, pandadatastream_request(0));
    for call in [&mut call, &mut other] {
        call.add(1, EventKind::Headers(grpc_headers()));
    }
    for number in 0..ROWS {
        let mut spectra = row(number, 12, 32, "synthetic");
        for (sensor, spectrum) in (1..).zip(&mut spectra.sensors) {
            spectrum.intensity = (0..32).map(|bin| noisy(number, sensor, bin)).collect();
        }
        spectra.sensors[3].intensity.fill(f32::NEG_INFINITY);
        if number % 3 == 0 {
            spectra.sensors[7].intensity.fill(0.0);
        }
        let mut bytes = frame(vec![spectra]).encode_to_vec();
        // Field 17, packed doubles, which the schema does not have.
        let doubles = (0..16).flat_map(|n| (1000.0 + number as f64 + f64::from(n) / 3.0).to_le_bytes());
        bytes.extend([0x8a, 0x01, 0x80, 0x01]);
        bytes.extend(doubles);
        call.add(10, received(bytes));
        // Of many sizes, so that more than a byte of each differs.
        let values = (0..VALUES)
            .map(|bin| noisy(number, 40, bin) + 101.0 + bin as f32 / 3.0)
            .map(|value| value * value);
        let block = PandaDataStream {
            start_channel: 1,
            end_channel: 4,
            timestamp_in_milis: vec![START_MS + number * LINES_DT_MS],
            row_index: vec![number as i32],
            data_shape_x: VALUES,
            data_shape_y: 1,
            global_maximum: -96.0,
            global_minimum: -160.0,
            main_data: vec![values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()],
            job_id: Some(11),
            data_shape_z: None,
        };
        other.add(10, received(block.encode_to_vec()));
    }
    for call in [&mut call, &mut other] {
        call.add(1, EventKind::End(ok()));
    }
    let mut events = [call.events, other.events].concat();
    for event in &mut events {
        event.offset_ns += 300_000_000;
    }
    events
}

/// A level for each bin with noise in every bit, as measurements have it.
fn noisy(row: i64, sensor: i32, bin: i32) -> f32 {
    let place = row * 7919 + i64::from(sensor) * 104_729 + i64::from(bin) * 1_299_709;
    let noise = (place as u32).wrapping_mul(2_654_435_761) >> 8;
    -100.0 - bin as f32 / 3.0 + noise as f32 / 1_048_576.0
}
