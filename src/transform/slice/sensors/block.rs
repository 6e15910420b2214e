//! `pandadatastream`: a block of values for a contiguous range of channels, channel by channel.

use super::outcome::{Filtered, Outcome};
use crate::transform::slice::error::EncodeError;
use crate::{
    das::focus::SensorSet,
    grpc::protobuf::{Fields, Value, copy_fields, put_delimited, put_int32, put_varint},
};

const START_CHANNEL: u32 = 1;
const END_CHANNEL: u32 = 2;
const SHAPE_X: u32 = 5;
const SHAPE_Y: u32 = 6;
const MAIN_DATA: u32 = 9;
const SHAPE_Z: u32 = 11;

/// The shape fields of a block, and its payload.
#[derive(Debug, Default)]
struct Block {
    start: i32,
    end: i32,
    x: i32,
    y: i32,
    z: Option<i32>,
    payload: Vec<u8>,
    pieces: Vec<usize>,
}

impl Block {
    fn read(bytes: &[u8]) -> Result<Self, EncodeError> {
        let mut block = Self::default();
        let mut fields = Fields::new("DataStream", bytes);
        while let Some(field) = fields.next_field()? {
            match field.number {
                START_CHANNEL => block.start = field.int32()?,
                END_CHANNEL => block.end = field.int32()?,
                SHAPE_X => block.x = field.int32()?,
                SHAPE_Y => block.y = field.int32()?,
                SHAPE_Z => block.z = Some(field.int32()?),
                MAIN_DATA => {
                    block.payload.extend_from_slice(field.bytes()?);
                    block.pieces.push(field.bytes()?.len());
                }
                _ => {}
            }
        }
        Ok(block)
    }

    fn channels(&self) -> i64 {
        i64::from(self.end) - i64::from(self.start) + 1
    }

    /// Size of a channel in a row, when the payload is rows × channels × bins.
    fn spectrum(&self) -> Option<usize> {
        let rows = usize::try_from(self.y).ok().filter(|rows| *rows > 0)?;
        let channels = usize::try_from(self.channels()).ok().filter(|channels| *channels > 0)?;
        let x = usize::try_from(self.x).ok()?;
        let spectra = rows.checked_mul(channels)?;
        let values = rows.checked_mul(x).filter(|values| *values > 0)?;
        let fits = self.z.unwrap_or(1) == 1
            && x.is_multiple_of(channels)
            && self.payload.len().is_multiple_of(spectra)
            && self.payload.len().is_multiple_of(values);
        fits.then(|| self.payload.len() / spectra).filter(|bytes| *bytes > 0)
    }
}

/// Removes the channels that are not selected. Extremes stay: they are those of the job, not of the block.
pub(super) fn filter(bytes: &[u8], wanted: &SensorSet) -> Result<Outcome, EncodeError> {
    let block = Block::read(bytes)?;
    let kept: Vec<_> = (block.start..=block.end).filter(|id| wanted.contains(*id)).collect();
    let (Some(first), Some(last)) = (kept.first().copied(), kept.last().copied()) else {
        let message = Filtered::Nothing;
        return Ok(Outcome { message, met: false });
    };
    if i64::from(last) - i64::from(first) + 1 != kept.len() as i64 {
        return Err(EncodeError::Pieces(block.start, block.end));
    }
    let spectrum = block.spectrum().ok_or(EncodeError::Damaged)?;
    let (channels, rows) = (block.channels() as usize, block.y as usize);
    let row_bytes = channels * spectrum;
    let skip = (i64::from(first) - i64::from(block.start)) as usize * spectrum;
    let run = kept.len() * spectrum;
    let parts: Vec<_> = (0..rows)
        .filter_map(|row| block.payload.get(row * row_bytes + skip..row * row_bytes + skip + run))
        .collect();
    // A piece for each row stays a piece for each row; any other division becomes one piece.
    let by_row = block.pieces.len() == rows && block.pieces.iter().all(|piece| *piece == row_bytes);
    let mut parts = if by_row {
        parts.into_iter().map(<[u8]>::to_vec).collect()
    } else {
        vec![parts.concat()]
    }
    .into_iter();
    let bins = block.x / i32::try_from(channels).map_err(|_| EncodeError::Damaged)?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut started = false;
    copy_fields("DataStream", bytes, &mut out, |field, out| {
        match (field.number, field.value) {
            (START_CHANNEL, _) => {
                started = true;
                put_number(out, START_CHANNEL, first);
            }
            (END_CHANNEL, _) => put_number(out, END_CHANNEL, last),
            (SHAPE_X, _) => put_int32(out, SHAPE_X, bins * kept.len() as i32),
            (MAIN_DATA, Value::Bytes(_)) => {
                if let Some(part) = parts.next() {
                    put_delimited(out, MAIN_DATA, &part);
                }
            }
            _ => return Ok::<_, EncodeError>(false),
        }
        Ok(true)
    })?;
    if !started {
        // Channel 0 is not on the wire.
        put_int32(&mut out, START_CHANNEL, first);
    }
    let message = Filtered::Anew(out);
    Ok(Outcome { message, met: true })
}

/// Writes a number that was on the wire, zero or not.
fn put_number(out: &mut Vec<u8>, number: u32, value: i32) {
    put_varint(out, number, i64::from(value) as u64);
}
