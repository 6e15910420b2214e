//! The layout of a payload, which the wire does not state: element type and axis order.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::das::spectrogram::Values;

/// The layout of the values in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The type of each value.
    pub element: Element,
    /// Whether channel or bin varies slowest.
    pub axis: Axis,
    /// True when the layout is a guess: the frames then carry the mark of a guess.
    pub guessed: bool,
}

impl Layout {
    /// A known layout.
    #[must_use]
    pub const fn known(element: Element, axis: Axis) -> Self {
        let guessed = false;
        Self { element, axis, guessed }
    }
}

impl Default for Layout {
    /// The guessed layout: little-endian f32, channel by channel.
    fn default() -> Self {
        Self {
            element: Element::F32,
            axis: Axis::ChannelMajor,
            guessed: true,
        }
    }
}

/// The axis that varies slowest within a row's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Axis {
    /// All bins of the first channel, then the next channel. The default.
    #[default]
    ChannelMajor,
    /// The first bin of all channels, then the next bin.
    BinMajor,
}

impl Axis {
    /// Both orders.
    pub const ALL: [Self; 2] = [Self::ChannelMajor, Self::BinMajor];

    /// Name in command lines: `channel-major` or `bin-major`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChannelMajor => "channel-major",
            Self::BinMajor => "bin-major",
        }
    }
}

/// The type of a value, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Element {
    /// 32-bit float. The default.
    #[default]
    F32,
    /// 64-bit float, rounded to 32 bits when read.
    F64,
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// Unsigned 16 bits.
    U16,
    /// Signed 16 bits.
    I16,
    /// Unsigned 32 bits, rounded to a float when read.
    U32,
    /// Signed 32 bits, rounded to a float when read.
    I32,
}

impl Element {
    /// Every element type.
    pub const ALL: [Self; 8] = [
        Self::F32,
        Self::F64,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
    ];

    /// Name in command lines: `f32`, `f64`, `u8`, `i8`, `u16`, `i16`, `u32` or `i32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
        }
    }

    /// Bytes of one value.
    #[must_use]
    pub const fn width(self) -> u32 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 => 8,
        }
    }

    /// Reads the values of a run; borrowed when they are floats already.
    pub(super) fn values(self, run: Cow<'_, [u8]>) -> Values<'_> {
        let run = match (self, run) {
            (Self::F32, Cow::Borrowed(run)) => return Values::Wire(run),
            (_, run) => run,
        };
        Values::Owned(match self {
            Self::F32 => each(&run, f32::from_le_bytes),
            Self::F64 => each(&run, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::U8 => each(&run, |bytes| f32::from(u8::from_le_bytes(bytes))),
            Self::I8 => each(&run, |bytes| f32::from(i8::from_le_bytes(bytes))),
            Self::U16 => each(&run, |bytes| f32::from(u16::from_le_bytes(bytes))),
            Self::I16 => each(&run, |bytes| f32::from(i16::from_le_bytes(bytes))),
            Self::U32 => each(&run, |bytes| u32::from_le_bytes(bytes) as f32),
            Self::I32 => each(&run, |bytes| i32::from_le_bytes(bytes) as f32),
        })
    }
}

fn each<const N: usize>(run: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    run.as_chunks().0.iter().copied().map(number).collect()
}

/// Every `step`-th value, starting at `first`.
pub(super) fn every<'a>(values: &Values<'_>, first: usize, step: usize) -> Values<'a> {
    Values::Owned(
        (first..values.len())
            .step_by(step)
            .filter_map(|bin| values.get(bin))
            .collect(),
    )
}

/// The error for an unknown name of an element type or axis order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a valid {what}; use one of {known}")]
pub struct UnknownLayout {
    name: String,
    what: &'static str,
    known: &'static str,
}

impl FromStr for Element {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        let named = |element: &Self| element.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownLayout {
            name: name.to_owned(),
            what: "element type",
            known: "f32, f64, u8, i8, u16, i16, u32, i32",
        })
    }
}

impl FromStr for Axis {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        let named = |axis: &Self| axis.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownLayout {
            name: name.to_owned(),
            what: "axis order",
            known: "channel-major, bin-major",
        })
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
