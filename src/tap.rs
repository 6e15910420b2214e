//! Sources of events: the client tap, which dials a job, and the proxy.
//!
//! [`record_job`] dials a job, waits until the job is ready, opens all its streams together and passes every event to a
//! [`Recording`](crate::record::Recording), which writes on its own threads.

mod awake;
pub(crate) mod client;
pub(crate) mod dial;
pub(crate) mod health;
pub(crate) mod proxy;
pub(crate) mod rest;
pub(crate) mod schema;
pub(crate) mod tls;

pub(crate) use awake::Deadline;
pub use client::{
    CallLimits, CallOutcome, Stop,
    job::{Job, JobOptions, JobOutcome, StreamSpec, TapError, record_job},
};
pub use dial::{Connection, DialError, DialOptions, Scheme, Target, TargetError, dial};
pub use health::HealthProbe;
pub use proxy::{MethodFilter, Proxy, ProxyError, ProxyOptions, ProxyOutcome, RestOptions};
pub use rest::{FocusClient, RestError};
pub use schema::{join as join_schemas, load as load_schemas};
pub use tls::{TlsMode, TlsOptions};

#[cfg(test)]
mod testing;
