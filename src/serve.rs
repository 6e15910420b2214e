//! The replay server: a capture as a local Focus Server.
//!
//! Pure parts: `script` (a capture's events as jobs and calls), `player` (one call's events as steps), `timeline` (the
//! schedule of the steps), `pace` (the due time of a step), `catalog` (the recorded call that answers a request),
//! `configure` and `quirks` (the REST responses). Drivers around them: `reader` (a thread for each call, with bounded
//! read-ahead), `steps` (waits for the due time, by the clock of `control`), `share` (distribution among clients),
//! `body` and `grpc` (HTTP/2), `rest` (axum) and [`ReplayServer`], which connects them.
//!
//! Recorded messages are sent unchanged, with compressed flag and metadata; nothing is decoded, unless [`Restamp`] or
//! [`Gzip`] requires it. There are two exceptions: HTTP/2 groups the values of a metadata name that is repeated with
//! other names in between, and hop-by-hop fields, `date` and `content-length` are left out.
//!
//! ```
//! # async fn example() -> Result<(), grpc_capture::serve::ReplayError> {
//! use grpc_capture::serve::{Rate, ReplayServer};
//! let server = ReplayServer::builder().capture("quake.gcap").rate(Rate::Max).start().await?;
//! println!("{}", server.ready_line());
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod answer;
mod asked;
mod authority;
mod body;
mod builder;
mod catalog;
mod configure;
mod connection;
mod control;
mod coverage;
mod encoding;
mod error;
mod exchange;
pub(crate) mod faults;
mod feed;
mod fidelity;
mod grpc;
mod http1;
mod kept_answer;
mod matching;
mod open;
mod options;
mod peek;
mod plan;
mod player;
mod prompt;
mod queue;
mod quirks;
mod read_request;
mod reader;
mod ready;
mod request_log;
mod rest;
mod restamp;
mod scene;
mod schemas;
pub(crate) mod script;
mod served;
mod server;
mod sessions;
mod shape;
mod share;
mod short_calls;
mod standard;
mod state;
mod steps;
mod timeline;
mod variation;
mod wire;

pub use crate::grpc::{ExistingCa, ServerIdentity, ServerTls, ServerTlsError};
pub use crate::replay::{CaptureSource, Rate, SourceError};
pub use builder::Builder;

pub use encoding::Gzip;
pub use error::ReplayError;
pub use faults::{CATALOG as FAULTS, Fault, FaultCount, FaultEntry, FaultError, FaultPlan};

pub(crate) use fidelity::Fidelity;
pub(crate) use options::UnknownWord;
pub use options::{Delivery, End, Loops, Playback, Restamp};
pub use quirks::Quirk;
pub use scene::{OPTODAS_QUAKE, builtin_scene};

pub use server::ReplayServer;

#[cfg(test)]
pub(crate) mod testing;
