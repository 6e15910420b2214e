//! The cost of validation: reading a capture and decoding its frames, with and without the check of all rules.
//!
//! Run `cargo bench --bench validate`. The cost is the ratio of the medians of `validate` and `read_and_decode`. Every
//! recording is loaded into memory first, so that the disk is not measured.

#![allow(clippy::expect_used, reason = "a bench of a capture that is not whole should stop")]

use std::io::Cursor;

use divan::{Bencher, counter::BytesCount};
use grpc_capture::{
    analyze::{Stats, Validator},
    das::{Expectations, Frames, Seen},
    file::Reader,
    model::Observer as _,
    serve::OPTODAS_QUAKE,
};

fn main() {
    divan::main();
}

/// Bytes of the recording's messages.
const MESSAGE_BYTES: usize = 3_980_484;

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MESSAGE_BYTES)).bench(|| {
        let events = Reader::new(Cursor::new(OPTODAS_QUAKE)).expect("the scene is a capture");
        events.map(|event| event.expect("the scene is whole").seq).sum::<u64>()
    });
}

#[divan::bench]
fn read_and_decode(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MESSAGE_BYTES)).bench(|| {
        let (mut frames, mut rows) = (Frames::default(), 0);
        for event in Reader::new(Cursor::new(OPTODAS_QUAKE)).expect("the scene is a capture") {
            if let Seen::Frame(_, frame) = frames.see(&event.expect("the scene is whole")) {
                rows += frame.rows.len();
            }
        }
        rows
    });
}

#[divan::bench]
fn validate(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MESSAGE_BYTES)).bench(|| {
        let mut reader = Reader::new(Cursor::new(OPTODAS_QUAKE)).expect("the scene is a capture");
        let mut validator = Validator::new(Expectations::from_header(reader.header()), reader.header());
        while let Some(event) = reader.next_event().expect("the scene is whole") {
            validator.observe(&event);
        }
        validator.finish().findings.len()
    });
}

#[divan::bench]
fn statistics(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(MESSAGE_BYTES)).bench(|| {
        let mut reader = Reader::new(Cursor::new(OPTODAS_QUAKE)).expect("the scene is a capture");
        Stats::of(&mut reader).expect("the scene is whole").totals.frames
    });
}
