//! An endless sequence of frames, made from a recording.

use std::{fs::File, io::BufReader, path::Path};

use bytes::Bytes;
use grpc_capture::{
    das::{DataStream, SpectrogramRow},
    file::Reader,
    model::{Direction, EventKind},
    transform::DelimitedReader,
};
use prost::Message as _;

/// Messages of a `datastream` recording: a capture, or length-delimited frames.
pub(crate) fn messages(recording: &str) -> Vec<Bytes> {
    if Path::new(recording).extension().is_some_and(|ending| ending == "gcap") {
        let events = Reader::open(recording).unwrap().map(Result::unwrap);
        let received = events.filter_map(|event| match event.kind {
            EventKind::Message(message) if message.direction == Direction::Received => Some(message.data),
            _ => None,
        });
        return received.collect();
    }
    let mut reader = DelimitedReader::new(BufReader::new(File::open(recording).unwrap()));
    std::iter::from_fn(|| reader.next_message().unwrap()).collect()
}

/// Frames of about one size, never twice the same: rows follow each other as they were recorded; each pass takes other
/// sensors where a row is too large, and is shifted in time and level.
pub(crate) struct Frames {
    rows: Vec<SpectrogramRow>,
    /// Sensors of a row that go into a frame, and rows.
    sensors: usize,
    rows_at_once: usize,
    at: usize,
    pass: usize,
    noise: u64,
}

impl Frames {
    pub(crate) fn new(recording: &str, size: usize) -> Self {
        let frames = messages(recording)
            .into_iter()
            .map(|bytes| DataStream::decode(bytes).unwrap());
        let rows: Vec<_> = frames.flat_map(|frame| frame.rows).collect();
        let sensor = rows[0].sensors[0].encoded_len().max(1);
        let sensors = (size / sensor).clamp(1, rows[0].sensors.len());
        let rows_at_once = (size / (sensor * sensors)).max(1);
        Self {
            rows,
            sensors,
            rows_at_once,
            at: 0,
            pass: 0,
            noise: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn row(&mut self) -> SpectrogramRow {
        if self.at == self.rows.len() {
            (self.at, self.pass) = (0, self.pass + 1);
        }
        let row = &self.rows[self.at];
        self.at += 1;
        let slices = (row.sensors.len() / self.sensors).max(1);
        let from = (self.pass % slices) * self.sensors;
        let shift = self.pass as i64 * 86_400_000;
        let level = self.pass as f32 * 0.013;
        let mut sensors: Vec<_> = row.sensors.iter().skip(from).take(self.sensors).cloned().collect();
        for value in sensors.iter_mut().flat_map(|sensor| &mut sensor.intensity) {
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            // The lowest 12 of 23 bits of a level in dB are noise in every recording.
            *value = f32::from_bits((*value + level).to_bits() ^ (self.noise as u32 & 0xfff));
        }
        SpectrogramRow {
            canvas_id: row.canvas_id.clone(),
            sensors,
            start_timestamp: row.start_timestamp + shift,
            end_timestamp: row.end_timestamp + shift,
        }
    }
}

impl Iterator for Frames {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let rows: Vec<_> = (0..self.rows_at_once).map(|_| self.row()).collect();
        let values = || {
            rows.iter()
                .flat_map(|row| &row.sensors)
                .flat_map(|sensor| &sensor.intensity)
        };
        let frame = DataStream {
            current_max_amp: values().copied().fold(f32::MIN, f32::max).into(),
            current_min_amp: values().copied().fold(f32::MAX, f32::min).into(),
            rows,
        };
        Some(frame.encode_to_vec().into())
    }
}
