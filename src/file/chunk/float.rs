//! The float codec: runs of floats are extracted from the messages, predicted and split into planes, and each plane is
//! compressed by a suitable method. FORMAT.md §6.1 is the specification.
//!
//! What is left of spectrograms in dB after a prediction is noise in the lower bits, which no codec can shrink, and a
//! few bits above it, which an entropy coder shrinks well once they are alone in a plane.

use self::{
    plan::{Form, MAX_STREAMS, Plan, Run, StreamPlan},
    planes::{PLANES, Place, Planes},
    predict::Word,
    wire::{Found, Kind},
};

mod choose;
mod decode;
mod encode;
mod lanes;
mod periods;
mod plan;
mod planes;
mod predict;
mod wire;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;

/// The effort spent on compressing the planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Every plane that shrinks is compressed.
    Full,
    /// Only planes that are nearly empty are compressed: a quarter of the size goes at almost no cost.
    Little,
}

/// A plane whose sample has more bits per byte than this is stored uncompressed: trying would cost more than it gains.
const INCOMPRESSIBLE: f32 = 7.93;

/// A plane whose sample has fewer bits per byte than this is nearly empty.
const NEARLY_EMPTY: f32 = 1.5;

impl Care {
    /// The largest bits per byte at which a plane is compressed.
    const fn most_bits(self) -> f32 {
        match self {
            Self::Full => INCOMPRESSIBLE,
            Self::Little => NEARLY_EMPTY,
        }
    }
}

/// Number of words that are predicted and split at a time: they stay in the first-level cache.
const BLOCK: usize = 2048;

/// Largest size of a plan, in bytes: a gigabyte of the shortest runs, no two alike, would need more, and is left to
/// zstd.
const MAX_PLAN: u64 = 1 << 24;

/// Largest size of the plan of a chunk of `raw_len` bytes: a run of the plan takes ten times as much once it is
/// decoded, and a plan that is longer saves nothing.
const fn max_plan(raw_len: usize) -> u64 {
    let in_proportion = raw_len as u64 / 8 + (64 << 10);
    if in_proportion < MAX_PLAN {
        in_proportion
    } else {
        MAX_PLAN
    }
}

#[cfg(test)]
mod tests;
