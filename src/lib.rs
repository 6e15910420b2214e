//! A flight recorder for gRPC streams.
//!
//! A **capture** is a file of **events**: what happened on one or more gRPC calls, and when, with the message bytes as
//! on the wire. Modules, from the bottom up; each uses only those below it:
//!
//! - [`model`]: plain data (events, findings, places), and the formats of text, times and sizes.
//! - [`mod@file`]: the capture format: writer, reader, codecs; synchronous.
//! - [`grpc`]: gRPC and protobuf: framing, status, metadata, compression, descriptors, TLS.
//! - [`das`]: the domain: dialects, frames, the REST contract, expectations.
//! - [`transform`]: captures made from captures and from other files: slice, merge, redact, import, export.
//! - [`analyze`]: findings, statistics, golden text, the difference of two captures.
//! - [`record`]: the one way from events to capture files.
//! - [`replay`]: a capture as a client, and the comparison.
//! - [`serve`]: a capture as a server.
//! - [`tap`]: sources of events: a live job, or a proxy.
//! - [`report`]: values as text, JSON, JUnit, HTML, Markdown, pictures; bundles for tickets.
//! - [`cli`]: the `capture` command.
//!
//! ```
//! use grpc_capture::file::Reader;
//!
//! let mut reader = Reader::open("captures/zero-ids.gcap")?;
//! assert_eq!(reader.header().text("dialect"), Some("datastream"));
//! let overview = reader.overview()?;
//! assert_eq!(overview.calls[0].received, 5);
//! # Ok::<(), grpc_capture::file::FileError>(())
//! ```

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "parts that only the command uses")
)]

pub mod analyze;
#[cfg(feature = "cli")]
pub mod cli;
pub mod das;
pub mod file;
pub mod grpc;
pub mod model;
pub mod record;
pub mod replay;
pub mod report;
pub mod serve;
pub mod tap;
pub mod transform;

pub use analyze::{Stats, Validation, Validator, diff};
pub use das::{Dialect, Expectations, Frames};
pub use file::{Header, Reader, Writer, WriterOptions, recover, verify};
pub use model::{Ending, Event, EventKind, Finding, Message, Place};
pub use record::{Recording, RecordingOptions, RecordingSummary};
pub use replay::compare;
pub use serve::{Rate, ReplayServer};
pub use tap::{Job, JobOptions, Proxy, ProxyOptions, record_job};
pub use transform::{merge, redact, slice};

/// The examples of the README and of the tour, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/api.md")]
struct Readme;
