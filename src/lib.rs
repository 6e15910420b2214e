//! A flight recorder for gRPC streams.
//!
//! A **capture** is a file of **events**: what happened on one or more gRPC calls, and when, message bytes as they stood
//! on the wire. Floors, from the bottom up; each uses only those below it:
//!
//! - [`event`], [`spectrogram`], [`finding`], [`text`], [`units`]: the vocabulary, plain data, how text from elsewhere is
//!   shown, and how times and sizes are written.
//! - [`mod@file`], [`wire`], [`dialect`], [`focus`], [`redact`]: the capture file, gRPC framing, the two dialects of a Focus
//!   job, its REST contract, and redaction. Pure or synchronous.
//! - [`frames`]: events to decoded frames.
//! - [`record`]: the one way from events to capture files.
//! - [`tap`], [`replay`], [`convert`]: events of live streams, serving captures again, other formats.
//! - [`mod@slice`], [`mod@diff`]: parts of captures, captures joined, captures compared.
//! - [`stats`]: the numbers of a stream.
//! - [`report`], [`snapshot`]: values as text, JSON, JUnit and golden text.
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

pub mod convert;
pub mod dialect;
pub mod diff;
pub mod event;
pub mod evidence;
pub mod file;
pub mod finding;
pub mod focus;
pub mod frames;
pub mod proto;
pub mod record;
pub mod redact;
pub mod replay;
pub mod report;
pub mod server_tls;
pub mod slice;
pub mod snapshot;
pub mod spectrogram;
pub mod stats;
pub mod tap;
pub mod text;
pub mod units;
pub mod validate;
mod varint;
pub mod wire;

/// The examples of the README and of the tour, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/api.md")]
struct Readme;
