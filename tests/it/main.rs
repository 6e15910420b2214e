//! The integration tests, in one binary. They use the built command, the shipped captures, servers to record from, and
//! the whole source tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too; clippy knows only #[test] functions as tests"
)]

mod attach;
mod bundle;
mod captures;
mod convert;
mod crash;
mod demo;
mod diff;
mod drift;
mod durability;
mod edge;
mod evidence;
mod faults;
mod files;
mod golden;
mod guide;
mod hostile;
mod incomplete;
mod matching;
mod merge;
mod messages;
mod outputs;
mod process;
mod proxy;
mod record;
mod redact;
mod replay;
mod report;
mod round_trip;
mod schema;
mod serve;
mod service;
mod slice;
mod snapshot;
mod support;
mod tidy;
mod validate;
mod words;
mod wrapped;
