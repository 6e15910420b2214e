//! Replay: a capture as a local Focus Server.
//!
//! Pure parts: [`script`] (a capture's events as jobs and calls), `player` (one call's events as steps), [`pace`] (when
//! a step is due), `catalog` (which recorded call answers a request), `configure` (what REST answers). Drivers around
//! them: `reader` (a thread for each call, with bounded read-ahead), `body` and `grpc` (HTTP/2), `rest` (axum) and
//! [`ReplayServer`], which holds them together.
//!
//! Recorded messages go out as they came in, compressed flag and metadata included; nothing is decoded on the way. What
//! cannot be kept: HTTP/2 groups the values of one metadata name that is repeated with other names in between, and
//! hop-by-hop fields, `date` and `content-length` are left out.
//!
//! ```
//! # async fn example() -> Result<(), grpc_capture::replay::ReplayError> {
//! use grpc_capture::replay::{Rate, ReplayServer};
//! let server = ReplayServer::builder().capture("quake.gcap").rate(Rate::Max).start().await?;
//! println!("{}", server.ready_line());
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod answer;
mod body;
mod catalog;
pub mod compare;
mod configure;
mod connection;
mod error;
pub mod faults;
mod furniture;
mod grpc;
mod open;
pub mod pace;
mod player;
mod queue;
mod reader;
mod rest;
mod scene;
pub mod script;
mod served;
mod server;
mod shape;
mod source;

pub use error::ReplayError;
pub use faults::{Fault, FaultCount, FaultError, FaultPlan};
pub use pace::Rate;
pub use scene::{OPTODAS_QUAKE, builtin_scene};
pub use served::Served;
pub use server::{Builder, ReplayServer};
pub use shape::JobShape;
pub use source::{Source, SourceError};

#[cfg(test)]
mod testing;
