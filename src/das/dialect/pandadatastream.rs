//! Production's dialect: a block of raw values for a contiguous range of channels, the job chosen by the port.
//!
//! Element type and axis order of the payload are not on the wire. They come as a [`Layout`], whose default is a guess
//! and says so in every frame. Values are decoded only when shape, payload length and element width agree.

mod layout;
mod payload;

pub use layout::{Axis, Element, Layout};

use super::{budget::Budget, values::unknown_field};
use crate::{
    das::spectrogram::{Block, Frame, Row, Sensor, UnknownField},
    grpc::protobuf::{DecodeError, Field, Fields, Value, put_int32},
};
use payload::Payload;

/// The streaming method.
pub(crate) const METHOD: &str = "/pandadatastream.DataStreamService/StreamData";

/// The message of a `StreamDataRequest`.
#[must_use]
pub fn stream_request(stream_id: i32) -> Vec<u8> {
    let mut out = Vec::new();
    put_int32(&mut out, 1, stream_id);
    out
}

/// Decodes the stream that a `StreamDataRequest` asks for; unknown fields are passed over.
pub(crate) fn requested_stream(bytes: &[u8]) -> Result<i32, DecodeError> {
    let mut stream_id = 0;
    let mut fields = Fields::new("StreamDataRequest", bytes);
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            stream_id = field.int32()?;
        }
    }
    Ok(stream_id)
}

/// Decodes one `DataStream` message.
///
/// There is a row for each of `data_shape_y`. Rows hold sensors only when the payload fits shape and element; when it
/// does not, rows beyond the timestamps and indexes that are there say nothing and are left out. [`Block::width`] tells
/// why: `None` when the payload does not divide by the shape, another width than the element's when the element is wrong.
///
/// # Errors
/// When it is malformed, or what it holds would take more than [`MAX_FRAME_BYTES`](super::MAX_FRAME_BYTES).
pub(crate) fn decode(bytes: &[u8], layout: Layout) -> Result<Frame<'_>, DecodeError> {
    let mut budget = Budget::default();
    let message = Message::read(bytes, &mut budget)?;
    let mut block = message.block();
    let grid = message.grid(&block, layout);
    block.guessed = layout.guessed && grid.is_some();
    let rows = grid.map_or_else(|| message.rows_without_values(), |grid| grid.rows);
    budget.take(rows, size_of::<Row<'_>>(), 0)?;
    if let Some(grid) = grid {
        grid.take(&mut budget, layout)?;
    }
    let mut frame = Frame {
        rows: Vec::with_capacity(rows),
        declared_max: f64::from(message.maximum),
        declared_min: f64::from(message.minimum),
        block: Some(block),
        unknown: Vec::new(),
    };
    for index in 0..rows {
        frame.rows.push(Row {
            index: message.indexes.get(index).copied().map(|index| i64::from(index as i32)),
            canvas: None,
            start_ms: message.timestamps.get(index).copied(),
            end_ms: None,
            sensors: grid.map_or_else(Vec::new, |grid| message.sensors(index, &grid, layout)),
        });
    }
    frame.unknown = message.unknown;
    Ok(frame)
}

fn add_int64s(field: &Field<'_>, values: &mut Vec<i64>, budget: &mut Budget) -> Result<(), DecodeError> {
    let count = match field.value {
        // The last byte of a varint has its highest bit clear.
        Value::Bytes(packed) => packed.iter().filter(|byte| **byte < 0x80).count(),
        _ => 1,
    };
    budget.take(count, size_of::<i64>(), field.value_at())?;
    field.add_int64s(values)
}

/// The division of the payload into values, when shape and element type fit it.
#[derive(Debug, Clone, Copy)]
struct Grid {
    rows: usize,
    channels: usize,
    bins: usize,
}

impl Grid {
    /// Reserves memory for the sensors, and for their values where they must be converted.
    fn take(&self, budget: &mut Budget, layout: Layout) -> Result<(), DecodeError> {
        let borrowed = layout.element == Element::F32 && layout.axis == Axis::ChannelMajor;
        let values = if borrowed { 0 } else { self.bins * size_of::<f32>() };
        let sensors = self.rows.saturating_mul(self.channels);
        budget.take(sensors, size_of::<Sensor<'_>>() + values, 0)
    }
}

/// The fields of the message as they came.
#[derive(Debug, Default)]
struct Message<'a> {
    start_channel: i32,
    end_channel: i32,
    timestamps: Vec<i64>,
    indexes: Vec<i64>,
    shape_x: i32,
    shape_y: i32,
    shape_z: Option<i32>,
    maximum: f32,
    minimum: f32,
    payload: Payload<'a>,
    job_id: Option<i32>,
    unknown: Vec<UnknownField>,
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        let mut fields = Fields::new("DataStream", bytes);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => message.start_channel = field.int32()?,
                2 => message.end_channel = field.int32()?,
                3 => add_int64s(&field, &mut message.timestamps, budget)?,
                4 => add_int64s(&field, &mut message.indexes, budget)?,
                5 => message.shape_x = field.int32()?,
                6 => message.shape_y = field.int32()?,
                7 => message.maximum = field.float()?,
                8 => message.minimum = field.float()?,
                9 => {
                    budget.take(1, Payload::PIECE, field.value_at())?;
                    message.payload.push(field.bytes()?);
                }
                10 => message.job_id = Some(field.int32()?),
                11 => message.shape_z = Some(field.int32()?),
                _ => {
                    budget.unknown(field.value_at())?;
                    message.unknown.push(unknown_field(&field));
                }
            }
        }
        Ok(message)
    }

    fn block(&self) -> Block {
        Block {
            start_channel: self.start_channel,
            end_channel: self.end_channel,
            shape_x: self.shape_x,
            shape_y: self.shape_y,
            shape_z: self.shape_z.unwrap_or(1),
            payload_bytes: self.payload.len() as u64,
            width: self.width(),
            guessed: false,
            job_id: self.job_id,
        }
    }

    fn width(&self) -> Option<u32> {
        let values = [self.shape_x, self.shape_y, self.shape_z.unwrap_or(1)]
            .into_iter()
            .try_fold(1_u64, |values, side| values.checked_mul(u64::try_from(side).ok()?))
            .filter(|values| *values > 0)?;
        let bytes = self.payload.len() as u64;
        (bytes > 0 && bytes.is_multiple_of(values))
            .then_some(bytes / values)
            .and_then(|width| width.try_into().ok())
    }

    /// `None` unless the payload is exactly rows × channels × bins of the layout's element.
    fn grid(&self, block: &Block, layout: Layout) -> Option<Grid> {
        let rows = usize::try_from(self.shape_y).ok()?;
        let x = usize::try_from(self.shape_x).ok()?;
        let channels = usize::try_from(i64::from(self.end_channel) - i64::from(self.start_channel) + 1).ok()?;
        let fits = block.shape_z == 1 && block.width == Some(layout.element.width()) && channels > 0;
        let bins = x.checked_div(channels).filter(|bins| fits && bins * channels == x)?;
        Some(Grid { rows, channels, bins })
    }

    /// Adds the declared rows without values, but no more than the message describes.
    fn rows_without_values(&self) -> usize {
        let said = self.timestamps.len().max(self.indexes.len()).max(1);
        usize::try_from(self.shape_y).map_or(0, |rows| rows.min(said))
    }

    fn sensors(&self, row: usize, grid: &Grid, layout: Layout) -> Vec<Sensor<'a>> {
        let ids = self.start_channel..=self.end_channel;
        let width = layout.element.width() as usize;
        let row_bytes = grid.channels * grid.bins * width;
        let spectrum = grid.bins * width;
        match layout.axis {
            Axis::ChannelMajor => (ids.zip((row * row_bytes..).step_by(spectrum)))
                .map(|(id, at)| Sensor {
                    id,
                    intensity: layout.element.values(self.payload.slice(at, spectrum)),
                })
                .collect(),
            Axis::BinMajor => {
                let values = layout.element.values(self.payload.slice(row * row_bytes, row_bytes));
                ids.zip(0..)
                    .map(|(id, channel)| Sensor {
                        id,
                        intensity: layout::every(&values, channel, grid.channels),
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_requested_stream() -> Result<(), crate::das::dialect::DecodeError> {
        use crate::das::{dialect::pandadatastream::requested_stream, pandadatastream_request};
        assert_eq!(requested_stream(&pandadatastream_request(2))?, 2);
        Ok(())
    }
}
