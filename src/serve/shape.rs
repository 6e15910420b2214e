//! What a job's frames look like, for REST answers about a capture that holds no configure response.

use crate::das::{
    dialect::Dialect,
    spectrogram::{Block, Frame, Row},
};

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
        let frame = Dialect::from_method(method)?.decode(data).ok()?;
        let lines_dt_s = lines_dt_s(&frame);
        let (sensors, bins) = match &frame.block {
            Some(block) => of_block(block)?,
            None => of_row(frame.rows.first()?),
        };
        Some(Self {
            sensors,
            bins,
            lines_dt_s,
        })
    }
}

fn of_row(row: &Row<'_>) -> (Vec<i32>, usize) {
    let bins = row.sensors.first().map_or(0, |sensor| sensor.intensity.len());
    (row.sensors.iter().map(|sensor| sensor.id).collect(), bins)
}

fn of_block(block: &Block) -> Option<(Vec<i32>, usize)> {
    let channels = i64::from(block.end_channel) - i64::from(block.start_channel) + 1;
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return None;
    }
    let bins = usize::try_from(i64::from(block.shape_x) / channels).unwrap_or(0);
    Some(((block.start_channel..=block.end_channel).collect(), bins))
}

/// From the start of one row to the start of the next, else the length that the row itself gives.
fn lines_dt_s(frame: &Frame<'_>) -> Option<f64> {
    let first = frame.rows.first()?;
    let next_ms = frame.rows.get(1).and_then(|row| row.start_ms).or(first.end_ms)?;
    let duration_ms = next_ms.checked_sub(first.start_ms?).filter(|duration| *duration > 0)?;
    Some(duration_ms as f64 / 1000.0)
}
