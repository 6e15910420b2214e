//! The shape of a job's frames, for REST responses about a capture without a configure response.

use crate::das::{
    dialect::Dialect,
    spectrogram::{Block, Frame, Row},
};

/// Largest number of channels of a fibre; a frame that claims more is damaged.
const MAX_CHANNELS: i64 = 1 << 20;

/// The shape of a stream's frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobShape {
    /// Sensor ids (channels) in wire order.
    pub sensors: Vec<i32>,
    /// Number of frequency bins of each sensor.
    pub bins: usize,
    /// Duration of a row in seconds, where the frame tells it.
    pub lines_dt_s: Option<f64>,
}

impl JobShape {
    /// Reads the shape from one frame of `method`; `None` when there is no row in it, or it is no spectrogram's.
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

/// Duration from the start of one row to the start of the next, or else the duration of the row itself.
fn lines_dt_s(frame: &Frame<'_>) -> Option<f64> {
    let first = frame.rows.first()?;
    let next_ms = frame.rows.get(1).and_then(|row| row.start_ms).or(first.end_ms)?;
    let duration_ms = next_ms.checked_sub(first.start_ms?).filter(|duration| *duration > 0)?;
    Some(duration_ms as f64 / 1000.0)
}
