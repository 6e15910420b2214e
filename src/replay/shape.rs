//! What a job's frames look like, for REST answers about a capture that holds no configure response.

use prost::Message as _;

use super::script::{STREAM_DATA, STREAM_SPECTROGRAMS};
use crate::proto::{datastream, pandadatastream};

/// No fibre has more channels; a frame that claims more is damaged.
const MAX_CHANNELS: i64 = 1 << 20;

/// What the frames of a stream look like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobShape {
    /// Sensor ids (channels) in wire order.
    pub sensors: Vec<i32>,
    /// Frequency bins for each sensor.
    pub bins: usize,
    /// Duration of a row in seconds, where the frame tells it.
    pub lines_dt_s: Option<f64>,
}

impl JobShape {
    /// Reads the shape out of one frame of `method`; `None` when there is no row in it, or it is no spectrogram's.
    #[must_use]
    pub(super) fn of_frame(method: &str, data: &[u8]) -> Option<Self> {
        match method {
            STREAM_SPECTROGRAMS => Self::of_rows(&datastream::DataStream::decode(data).ok()?),
            STREAM_DATA => Self::of_block(&pandadatastream::DataStream::decode(data).ok()?),
            _ => None,
        }
    }

    fn of_rows(frame: &datastream::DataStream) -> Option<Self> {
        let row = frame.rows.first()?;
        Some(Self {
            sensors: row.sensors.iter().map(|sensor| sensor.id).collect(),
            bins: row.sensors.first().map_or(0, |sensor| sensor.intensity.len()),
            lines_dt_s: seconds(row.start_timestamp, row.end_timestamp),
        })
    }

    fn of_block(frame: &pandadatastream::DataStream) -> Option<Self> {
        let channels = i64::from(frame.end_channel) - i64::from(frame.start_channel) + 1;
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return None;
        }
        let lines_dt_s = match frame.timestamp_in_milis[..] {
            [first, second, ..] => seconds(first, second),
            _ => None,
        };
        Some(Self {
            sensors: (frame.start_channel..=frame.end_channel).collect(),
            bins: usize::try_from(i64::from(frame.data_shape_x) / channels).unwrap_or(0),
            lines_dt_s,
        })
    }
}

fn seconds(start_ms: i64, end_ms: i64) -> Option<f64> {
    let duration_ms = end_ms.checked_sub(start_ms).filter(|duration| *duration > 0)?;
    Some(duration_ms as f64 / 1000.0)
}
