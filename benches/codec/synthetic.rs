//! Synthetic recordings with the statistics of real ones: the levels differ by sensor and bin, drift slowly, and
//! contain the noise of a power spectrum in dB. Unlike real recordings, they contain no seismic events.

use bytes::Bytes;
use grpc_capture::das::{DataStream, SensorIntensity, SpectrogramRow};
use prost::Message as _;

use super::Recording;

/// What a recording looks like.
struct Shape {
    name: &'static str,
    sensors: usize,
    bins: usize,
    rows_per_frame: usize,
    frames: usize,
    /// Spectra that each value is the mean of: the more, the less noise.
    averaged: u32,
    mean_db: f32,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "synthetic 10x256",
        sensors: 10,
        bins: 256,
        rows_per_frame: 4,
        frames: 500,
        averaged: 1,
        mean_db: -40.0,
    },
    Shape {
        name: "synthetic 1x512",
        sensors: 1,
        bins: 512,
        rows_per_frame: 10,
        frames: 800,
        averaged: 1,
        mean_db: -95.0,
    },
    Shape {
        name: "synthetic 301x5",
        sensors: 301,
        bins: 5,
        rows_per_frame: 10,
        frames: 200,
        averaged: 40,
        mean_db: -120.0,
    },
    Shape {
        name: "synthetic 1x128",
        sensors: 1,
        bins: 128,
        rows_per_frame: 1,
        frames: 20_000,
        averaged: 2,
        mean_db: -70.0,
    },
];

pub(super) fn recordings() -> impl Iterator<Item = Recording> {
    SHAPES.iter().map(|shape| Recording {
        name: shape.name.to_owned(),
        messages: messages(shape),
    })
}

fn messages(shape: &Shape) -> Vec<Bytes> {
    let mut random = SplitMix(shape.name.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte)));
    let level = |at: usize| {
        let (sensor, bin) = (at / shape.bins, at % shape.bins);
        let slope = -25.0 * (bin as f32 + 1.0).log10();
        shape.mean_db + slope + 8.0 * (sensor as f32 / 7.0).sin()
    };
    let mut levels: Vec<f32> = (0..shape.sensors * shape.bins).map(level).collect();
    let mut time = 1_600_000_000_000_i64;
    let frames = (0..shape.frames).map(|_| {
        let rows = (0..shape.rows_per_frame).map(|_| {
            let sensors = levels
                .chunks_mut(shape.bins)
                .zip(1..)
                .map(|(levels, id)| SensorIntensity {
                    id,
                    intensity: levels
                        .iter_mut()
                        .map(|level| {
                            *level += 0.05 * (random.unit() - 0.5);
                            let power = (0..shape.averaged).map(|_| -random.unit().ln()).sum::<f32>();
                            *level + 10.0 * (power / shape.averaged as f32).log10()
                        })
                        .collect(),
                });
            let sensors = sensors.collect();
            time += 100;
            SpectrogramRow {
                canvas_id: "synthetic".to_owned(),
                sensors,
                start_timestamp: time - 100,
                end_timestamp: time,
            }
        });
        let rows: Vec<_> = rows.collect();
        let values = || {
            rows.iter()
                .flat_map(|row| &row.sensors)
                .flat_map(|sensor| &sensor.intensity)
                .copied()
        };
        let current_max_amp = f64::from(values().fold(f32::NEG_INFINITY, f32::max));
        let current_min_amp = f64::from(values().fold(f32::INFINITY, f32::min));
        Bytes::from(
            DataStream {
                rows,
                current_max_amp,
                current_min_amp,
            }
            .encode_to_vec(),
        )
    });
    frames.collect()
}

/// Steele, Lea and Flood's `SplitMix64`: a few lines, and the same on every machine.
struct SplitMix(u64);

impl SplitMix {
    /// Uniform above 0, up to 1.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / 16_777_216.0 + f32::EPSILON / 4.0
    }
}
