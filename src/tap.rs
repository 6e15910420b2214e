//! Where events come from: the client tap, which dials a job, and the proxy.
//!
//! [`record_job`] is the whole of it: it dials a job, waits until the job is ready, opens all its streams together and
//! hands every event to a [`Recording`](crate::record::Recording), which writes from threads of its own.

mod awake;
pub mod client;
pub mod dial;
pub mod health;
pub mod proxy;
pub mod rest;
pub mod schema;
pub mod tls;

pub use awake::Deadline;
pub use client::{
    CallLimits, CallOutcome, Stop,
    job::{Job, JobOptions, JobOutcome, StreamSpec, TapError, record_job},
};
pub use dial::{Connection, DialError, DialOptions, Target, dial};
pub use health::{HealthProbe, Readiness, wait_ready};
pub use proxy::{Proxy, ProxyError, ProxyOptions};

#[cfg(test)]
mod testing;
