//! Makes a large capture, and measures the time of a seek in it.

use std::{io::Write as _, time::Instant};

use grpc_capture::{
    file::{Attribute, Header, Reader, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Message, Status},
};
use serde_json::json;

use super::frames::Frames;

/// Between two messages: ten per second.
const STEP_NS: u64 = 100_000_000;

/// Offsets that are looked up.
const LOOKUPS: u64 = 100;

pub(crate) fn make(recording: &str, size: usize, total: usize, out: &str) {
    let mut header = Header::new(0);
    header.set(Attribute::DIALECT, "datastream");
    header.set(Attribute::JOB_ID, "large");
    let mut writer = Writer::create(out, &header, WriterOptions::default()).unwrap();
    let mut seq = 0;
    let mut write = |kind| {
        seq += 1;
        writer
            .write(&Event {
                call: 1,
                seq,
                offset_ns: seq * STEP_NS,
                kind,
            })
            .unwrap();
    };
    write(EventKind::CallStart(CallStart {
        method: grpc_capture::das::Dialect::DataStream.method().to_owned(),
        ..CallStart::default()
    }));
    write(EventKind::HalfClose);
    let mut bytes = 0;
    for frame in Frames::new(recording, size) {
        bytes += frame.len();
        write(EventKind::Message(Message::plain(Direction::Received, frame)));
        if bytes >= total {
            break;
        }
    }
    write(EventKind::End(Ending::Status(Status::default())));
    let summary = writer.finish().unwrap();
    println!(
        "{}",
        json!({"bytes": bytes, "stored": summary.stored_bytes, "chunks": summary.chunks})
    );
    std::io::stdout().flush().unwrap();
}

pub(crate) fn run(capture: &str) {
    let last = Reader::open(capture)
        .unwrap()
        .summary()
        .unwrap()
        .unwrap()
        .last_offset_ns;
    let lookup = |part: u64| {
        // Spread over the file without a pattern that read-ahead would like.
        let offset = last / LOOKUPS * (part * 61 % LOOKUPS);
        let began = Instant::now();
        let mut reader = Reader::open(capture).unwrap();
        reader.seek(offset).unwrap();
        let event = reader.next_event().unwrap().unwrap();
        assert!(event.offset_ns >= offset && event.offset_ns < offset + 2 * STEP_NS);
        began.elapsed().as_secs_f64() * 1e3
    };
    let cold: Vec<f64> = (0..LOOKUPS).map(lookup).collect();
    let mut warm: Vec<f64> = (0..LOOKUPS).map(lookup).collect();
    warm.sort_by(f64::total_cmp);
    let (median, worst) = (warm[warm.len() / 2], warm[warm.len() - 1]);
    println!(
        "{}",
        json!({"first_ms": cold[0], "median_ms": median, "worst_ms": worst})
    );
}
