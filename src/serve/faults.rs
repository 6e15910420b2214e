//! Injected faults: the defects that a stream can have, on demand, and reproducible by a seed.
//!
//! A [`Fault`] is written `KIND:KEY=VALUE,…` ([`CATALOG`] lists kinds, keys, and the finding that each provokes); a
//! [`FaultPlan`] is a list of them and a seed, also as TOML. Messages are numbered as they are played, from 1, whatever
//! other faults do to them; faults work in the order in which they are given.
//!
//! `Injector` is pure: steps in, steps out, without a clock; every chance follows from the seed, the fault, the
//! recorded call and the message. Three faults need the server itself: `refuse` (`Gate`), `drip` (`Drip`) and `close`.
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
mod fault;
mod gate;
mod injector;
mod parse;
mod payload;
mod plan;
mod random;

pub use catalog::{CATALOG, FaultEntry};
pub use fault::Fault;
pub use parse::FaultError;
pub use plan::{FaultCount, FaultPlan};

pub(super) use drip::Drip;
pub(super) use gate::{Admission, Gate};
pub(super) use injector::Injector;
pub(super) use plan::Running;

use fault::{FaultTarget, Kind};

#[cfg(test)]
mod tests;
