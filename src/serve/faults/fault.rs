//! A single injected fault.

use std::time::Duration;

/// A single injected fault; made by parsing `KIND:KEY=VALUE,…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(super) kind: Kind,
    pub(super) when: FaultTarget,
    /// Number of the affected recorded call, counted from 1 in its capture.
    pub(super) call: Option<u32>,
}

impl Fault {
    /// Name of the kind in its syntax.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.name()
    }
}

/// Kind of a fault.
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

/// Which messages (or connections) a fault affects, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FaultTarget {
    Always,
    /// Every n-th one: the n-th, the 2n-th, …
    Every(u64),
    /// This many, starting at a number.
    At {
        first: u64,
        count: u64,
    },
    /// Each with this probability.
    Chance(f64),
    /// Once, after this many messages.
    After(u64),
}
