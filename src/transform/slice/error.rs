//! Why nothing could be cut.

use crate::{
    das::{dialect::DecodeError, focus::SensorSet},
    file::FileError,
};

/// Why nothing could be cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The capture cannot be read, or the slice cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// There is no such call.
    #[error("there is no call {call}; the capture holds {known}")]
    NoCall {
        /// The call.
        call: u32,
        /// Those that there are, in words.
        known: String,
    },
    /// The range begins where the capture has ended.
    #[error("the capture ends at {ends_s:.3} s, before the start of the slice at {from_s:.3} s")]
    BeyondEnd {
        /// The capture's length, seconds.
        ends_s: f64,
        /// Where the slice would begin, seconds.
        from_s: f64,
    },
    /// A range whose end lies before its beginning.
    #[error("the slice would end before it begins")]
    Reversed,
    /// Nothing is there.
    #[error("no call holds {what}; the longest holds {most}")]
    Nothing {
        /// What was asked for.
        what: String,
        /// What there is.
        most: String,
    },
    /// None of the sensors is in what would be kept.
    #[error("no message of the slice holds any of the sensors {0}")]
    NoSensor(SensorSet),
    /// A block's channels are contiguous, and what would be left of it is not.
    #[error(
        "call {call}, message {message}: a pandadatastream block holds channels {start} to {end} as one range, and \
         {sensors} would leave several; choose one range"
    )]
    Pieces {
        /// The call.
        call: u32,
        /// The message, counted from 1.
        message: u64,
        /// The block's first channel.
        start: i32,
        /// The block's last channel.
        end: i32,
        /// What was to be kept.
        sensors: SensorSet,
    },
}

/// What went wrong with one message that was to be encoded again.
#[derive(Debug)]
pub(crate) enum EncodeError {
    /// It cannot be decoded, or inflated.
    Damaged,
    /// What is left is not contiguous: first and last channel of the block.
    Pieces(i32, i32),
}

impl From<DecodeError> for EncodeError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged
    }
}
