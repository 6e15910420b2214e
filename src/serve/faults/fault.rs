//! One thing that goes wrong on purpose.

use std::time::Duration;

/// One thing that goes wrong on purpose; made by parsing `KIND:KEY=VALUE,…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) when: When,
    /// Only this recorded call, counted from 1 in its capture.
    pub(super) call: Option<u32>,
}

impl Fault {
    /// The kind's name, as it is written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.name()
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Drop,
    Duplicate { copies: u64 },
    Reorder { by: u64 },
    Corrupt { byte: Option<u64> },
    Truncate { to: Option<u64> },
    Delay { by: Duration },
    Jitter { by: Duration },
    Stall { length: Duration },
    Burst { size: u64 },
    Drip { bytes_per_s: u64 },
    Abort { status: u32, message: String },
    Reset { code: u32 },
    GoAway,
    Close,
    Refuse,
    Nan,
    Zero,
    Freeze,
    Unknown { field: u32, size: u64 },
    Oversize { size: u64 },
}

impl Kind {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Corrupt { .. } => "corrupt",
            Self::Truncate { .. } => "truncate",
            Self::Delay { .. } => "delay",
            Self::Jitter { .. } => "jitter",
            Self::Stall { .. } => "stall",
            Self::Burst { .. } => "burst",
            Self::Drip { .. } => "drip",
            Self::Abort { .. } => "abort",
            Self::Reset { .. } => "reset",
            Self::GoAway => "goaway",
            Self::Close => "close",
            Self::Refuse => "refuse",
            Self::Nan => "nan",
            Self::Zero => "zero",
            Self::Freeze => "freeze",
            Self::Unknown { .. } => "unknown",
            Self::Oversize { .. } => "oversize",
        }
    }
}

/// Which messages (or connections), counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Always,
    /// Every so many: the n-th, the 2n-th, …
    Every(u64),
    /// From this one on, so many.
    At {
        first: u64,
        count: u64,
    },
    /// Each with this probability.
    Chance(f64),
    /// Once, when so many messages have been sent.
    After(u64),
}
