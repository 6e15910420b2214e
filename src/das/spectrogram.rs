//! The decoded message of a spectrogram stream, in one shape for both dialects: rows × sensors × bins.
//!
//! A frame borrows from the message that it was decoded from; numbers are read out of the wire bytes when asked for.

use std::borrow::Cow;

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
