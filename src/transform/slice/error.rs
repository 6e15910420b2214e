//! Errors of slicing.

use crate::{
    das::{dialect::DecodeError, focus::SensorSet},
    file::FileError,
};

/// Errors of slicing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SliceError {
    /// The capture cannot be read, or the slice cannot be written.
    #[error("{0}")]
    File(#[from] FileError),
    /// A call does not exist.
    #[error("there is no call {call}; the capture holds {known}")]
    NoCall {
        /// The call.
        call: u32,
        /// The existing calls, in words.
        known: String,
    },
    /// The range begins after the end of the capture.
    #[error("the capture ends at {ends_s:.3} s, before the start of the slice at {from_s:.3} s")]
    BeyondEnd {
        /// The capture's length, seconds.
        ends_s: f64,
        /// Start of the slice, seconds.
        from_s: f64,
    },
    /// The range ends before it begins.
    #[error("the slice would end before it begins")]
    Reversed,
    /// The range is empty.
    #[error("no call holds {what}; the longest holds {most}")]
    Nothing {
        /// The requested range.
        what: String,
        /// The available range.
        most: String,
    },
    /// None of the sensors occurs in the range.
    #[error("no message of the slice holds any of the sensors {0}")]
    NoSensor(SensorSet),
    /// The remaining channels of a block are not contiguous, as a block's must be.
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
        /// The selected sensors.
        sensors: SensorSet,
    },
}

/// Errors of encoding one message again.
#[derive(Debug)]
pub(crate) enum EncodeError {
    /// The message cannot be decoded, or inflated.
    Damaged,
    /// The remaining channels are not contiguous: first and last channel of the block.
    Pieces(i32, i32),
}

impl From<DecodeError> for EncodeError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged
    }
}
