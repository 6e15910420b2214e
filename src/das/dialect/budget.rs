//! The memory limit of one decoded frame.

use crate::{
    das::spectrogram::{Row, Sensor, UnknownField},
    grpc::protobuf::{DecodeError, DecodeErrorKind},
};

/// Bytes that rows, sensors and converted values of one frame may take: a million and a half sensors.
///
/// An empty row takes two bytes on the wire and fifty times as much decoded; values that stay borrowed cost nothing. A
/// Focus job's frame of 9 MB has some 10,000 sensors.
pub(crate) const MAX_FRAME_BYTES: usize = 64 << 20;

/// The remaining memory of a frame.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
}

impl Default for Budget {
    fn default() -> Self {
        let left = MAX_FRAME_BYTES;
        Self { left }
    }
}

impl Budget {
    /// Takes room for `count` parts of `size` bytes, at `byte` of the message.
    pub(super) fn take(&mut self, count: usize, size: usize, byte: usize) -> Result<(), DecodeError> {
        let cost = count.checked_mul(size);
        match cost.and_then(|cost| self.left.checked_sub(cost)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(DecodeError {
                message: "DataStream",
                byte,
                kind: DecodeErrorKind::TooManyParts {
                    limit_mib: MAX_FRAME_BYTES >> 20,
                },
            }),
        }
    }

    pub(super) fn row(&mut self, byte: usize) -> Result<(), DecodeError> {
        self.take(1, size_of::<Row<'_>>(), byte)
    }

    pub(super) fn sensor(&mut self, byte: usize) -> Result<(), DecodeError> {
        self.take(1, size_of::<Sensor<'_>>(), byte)
    }

    pub(super) fn unknown(&mut self, byte: usize) -> Result<(), DecodeError> {
        self.take(1, size_of::<UnknownField>(), byte)
    }
}
