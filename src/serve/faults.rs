//! Faults on purpose: what a stream can suffer, made to order, and the same again with the same seed.
//!
//! A [`Fault`] is written `KIND:KEY=VALUE,…` ([`CATALOG`] lists kinds, keys, and the finding that each provokes); a
//! [`FaultPlan`] is a list of them and a seed, also as TOML. Messages are numbered as they are played, from 1, whatever
//! other faults do to them; faults work in the order in which they are given.
//!
//! `Injector` is pure: steps in, steps out, without a clock; every chance follows from the seed, the fault, the recorded
//! call and the message. Three faults need the server itself: `refuse` (`Gate`), `drip` (`Drip`) and `close`.
//!
//! ```
//! use grpc_capture::serve::{Fault, FaultPlan};
//! let fault: Fault = "abort:after=20,status=UNAVAILABLE".parse()?;
//! let plan = FaultPlan::new(7).fault(fault).fault("corrupt:p=0.01".parse()?);
//! assert_eq!(plan.to_string(), "seed 7: abort:after=20,status=UNAVAILABLE; corrupt:p=0.01");
//! # Ok::<(), grpc_capture::serve::FaultError>(())
//! ```

mod catalog;
mod drip;
mod gate;
mod injector;
mod parse;
mod payload;
mod plan;
mod random;

pub use catalog::{CATALOG, FaultEntry};
pub use parse::FaultError;
pub use plan::{FaultCount, FaultPlan};

pub(super) use drip::Drip;
pub(super) use gate::{Admission, Gate};
pub(super) use injector::Injector;
pub(super) use plan::Running;

use std::time::Duration;

/// One thing that goes wrong on purpose; made by parsing `KIND:KEY=VALUE,…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    kind: Kind,
    when: When,
    /// Only this recorded call, counted from 1 in its capture.
    call: Option<u32>,
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
enum Kind {
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
    const fn name(&self) -> &'static str {
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
enum When {
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

#[cfg(test)]
mod tests;
