//! The decoded message of a spectrogram stream, in one shape for both dialects: rows × sensors × bins.
//!
//! A frame borrows from the message that it was decoded from; numbers are read out of the wire bytes when asked for.

use std::borrow::Cow;

use multiversion::multiversion;
use serde::Serialize;

/// One decoded message of a spectrogram stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame<'a> {
    /// Time lines in message order.
    pub rows: Vec<Row<'a>>,
    /// The largest intensity that the sender declares (`current_max_amp`, `global_maximum`).
    pub declared_max: f64,
    /// The smallest intensity that the sender declares (`current_min_amp`, `global_minimum`).
    pub declared_min: f64,
    /// Values that only a `pandadatastream` frame has.
    pub block: Option<Block>,
    /// Fields that the schema does not know, in wire order.
    pub unknown: Vec<UnknownField>,
}

/// One time line: a spectrum for each sensor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row<'a> {
    /// Row number within the job, where the dialect has one.
    pub index: Option<i64>,
    /// The canvas that the row is drawn on, where the dialect has one.
    pub canvas: Option<Cow<'a, str>>,
    /// Start of the row, milliseconds since the Unix epoch, where the sender gives one.
    pub start_ms: Option<i64>,
    /// End of the row, milliseconds since the Unix epoch, where the sender gives one.
    pub end_ms: Option<i64>,
    /// One spectrum for each sensor, in wire order.
    pub sensors: Vec<Sensor<'a>>,
}

/// One sensor's spectrum in one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor<'a> {
    /// The sensor (channel on the fibre); 0 is legal.
    pub id: i32,
    /// Intensity of each frequency bin, dB.
    pub intensity: Values<'a>,
}

/// A run of 32-bit floats, borrowed as little-endian wire bytes where they stand in one piece.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// Little-endian bytes of the wire; the length is a multiple of 4.
    Wire(&'a [u8]),
    /// Numbers that the wire held in several pieces or in another element type.
    Owned(Vec<f32>),
}

impl PartialEq for Values<'_> {
    /// Equal when the bit patterns are (so that a NaN equals itself).
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().map(f32::to_bits).eq(other.iter().map(f32::to_bits))
    }
}

impl Default for Values<'_> {
    fn default() -> Self {
        Self::Wire(&[])
    }
}

impl Values<'_> {
    /// The number of bins.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len() / 4,
            Self::Owned(values) => values.len(),
        }
    }

    /// True when there is no bin.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in bin order.
    ///
    /// ```
    /// use grpc_capture::das::Values;
    /// let values = Values::Wire(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    /// assert_eq!(values.iter().collect::<Vec<f32>>(), [1.0, -2.0]);
    /// ```
    #[must_use = "an iterator does nothing until it is asked"]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        (0..self.len()).map(|bin| self.at(bin))
    }

    /// The value of one bin, or `None` beyond the last.
    #[must_use]
    pub fn get(&self, bin: usize) -> Option<f32> {
        (bin < self.len()).then(|| self.at(bin))
    }

    /// Copies the values into as many slots as there are, or as there are values.
    pub(crate) fn copy_to(&self, slots: &mut [f32]) {
        match self {
            Self::Wire(bytes) => {
                for (slot, four) in slots.iter_mut().zip(bytes.as_chunks().0) {
                    *slot = f32::from_le_bytes(*four);
                }
            }
            Self::Owned(values) => {
                for (slot, value) in slots.iter_mut().zip(values) {
                    *slot = *value;
                }
            }
        }
    }

    /// The smallest and the largest finite value; `None` without one.
    pub(crate) fn finite_range(&self) -> Option<(f32, f32)> {
        let (min, max) = match self {
            Self::Wire(bytes) => range_of_wire(bytes.as_chunks().0),
            Self::Owned(values) => range(values, |value| value),
        };
        (min <= max).then_some((min, max))
    }

    fn at(&self, bin: usize) -> f32 {
        match self {
            Self::Wire(bytes) => {
                let four = [
                    bytes[bin * 4],
                    bytes[bin * 4 + 1],
                    bytes[bin * 4 + 2],
                    bytes[bin * 4 + 3],
                ];
                f32::from_le_bytes(four)
            }
            Self::Owned(values) => values[bin],
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn range_of_wire(values: &[[u8; 4]]) -> (f32, f32) {
    range(values, f32::from_le_bytes)
}

/// The smallest and the largest finite value; the other way round without one.
#[inline(always)]
fn range<T: Copy>(values: &[T], float: impl Fn(T) -> f32) -> (f32, f32) {
    /// Values that are compared side by side, so that the compiler uses vector registers.
    const LANES: usize = 16;
    let (mut min, mut max) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = float(chunk[lane]);
            // A value that is not finite is neither.
            let (low, high) = if value.abs() < f32::INFINITY {
                (value, value)
            } else {
                (f32::INFINITY, f32::NEG_INFINITY)
            };
            min[lane] = if low < min[lane] { low } else { min[lane] };
            max[lane] = if high > max[lane] { high } else { max[lane] };
        }
    }
    for value in rest.iter().map(|value| float(*value)).filter(|value| value.is_finite()) {
        min[0] = min[0].min(value);
        max[0] = max[0].max(value);
    }
    let least = min.into_iter().fold(f32::INFINITY, f32::min);
    (least, max.into_iter().fold(f32::NEG_INFINITY, f32::max))
}

/// The fields of a `pandadatastream` frame that do not belong to a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// First channel of the block.
    pub start_channel: i32,
    /// Last channel of the block, inclusive.
    pub end_channel: i32,
    /// Values in a row: channels × bins.
    pub shape_x: i32,
    /// Rows.
    pub shape_y: i32,
    /// Third dimension; 1 when the sender leaves it out.
    pub shape_z: i32,
    /// Bytes of payload, over all pieces.
    pub payload_bytes: u64,
    /// Bytes for each value, where the payload divides by the shape.
    pub width: Option<u32>,
    /// True when the values in the rows rest on a guess of element type and axis order.
    pub guessed: bool,
    /// Id of the job, where the sender states it.
    pub job_id: Option<i32>,
}

/// A field that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct UnknownField {
    /// Type of the message that holds the field: `DataStream`, `SpectrogramRow`, `SensorIntensity`, …
    pub message: &'static str,
    /// Field number.
    pub number: u32,
    /// Protobuf wire type, 0 to 5.
    pub wire_type: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_the_finite_values_wherever_they_stand() {
        for len in 0..50_usize {
            let mut values: Vec<f32> = (0..len).map(|bin| (bin * 37 % 50) as f32 - 70.0).collect();
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                if let Some(value) = values.get_mut(len / 3) {
                    *value = odd;
                }
                let finite = || values.iter().copied().filter(|value| value.is_finite());
                let expected = finite().reduce(f32::min).zip(finite().reduce(f32::max));
                let wire: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                assert_eq!(Values::Wire(&wire).finite_range(), expected, "{len}");
                assert_eq!(Values::Owned(values.clone()).finite_range(), expected, "{len}");
            }
        }
    }

    #[test]
    fn values_are_copied_as_far_as_there_are_places() {
        let values = Values::Wire(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
        let mut slots = [7.0; 3];
        values.copy_to(&mut slots[..1]);
        assert_eq!(slots.map(f32::to_bits), [1.0_f32, 7.0, 7.0].map(f32::to_bits));
        values.copy_to(&mut slots);
        Values::Owned(vec![3.0]).copy_to(&mut slots[2..]);
        assert_eq!(slots.map(f32::to_bits), [1.0_f32, -2.0, 3.0].map(f32::to_bits));
    }
}
