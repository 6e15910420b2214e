//! The capture file: append-only, checked, seekable, readable by standard zstd tools.
//!
//! `FORMAT.md` beside this module's source is the specification. [`Writer`] appends
//! [`Event`](crate::model::event::Event)s, [`Reader`] returns them byte for byte, [`verify`](fn@verify) checks a file
//! and [`recover`](fn@recover) saves the readable part of a damaged one. Everything here is synchronous and reads no
//! clock.
//!
//! ```
//! use std::io::Cursor;
//! use grpc_capture::model::{Direction, Event, EventKind, Message};
//! use grpc_capture::file::{Header, Reader, Writer, WriterOptions};
//!
//! let mut writer = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?;
//! let event = Event {
//!     call: 1,
//!     seq: 1,
//!     offset_ns: 5,
//!     kind: EventKind::Message(Message::plain(Direction::Received, &b"abc"[..])),
//! };
//! writer.write(&event)?;
//! let (bytes, summary) = writer.finish_into()?;
//! assert_eq!((summary.events, summary.message_bytes), (1, 3));
//!
//! let mut reader = Reader::new(Cursor::new(bytes))?;
//! assert_eq!(reader.next_event()?, Some(event));
//! assert_eq!(reader.next_event()?, None);
//! # Ok::<(), grpc_capture::file::FileError>(())
//! ```

mod ahead;
mod ancillary;
mod chunk;
mod compression_pool;
mod continues;
mod digest;
mod error;
mod format;
mod header;
mod keep;
mod messages;
mod new_file;
mod origin;
mod overview;
mod packed;
mod reader;
mod record;
mod recover;
mod remedy;
mod scan;
mod schema;
mod seek;
mod state;
mod storage;
mod summary;
mod verify;
mod walk;
mod writer;

pub(crate) use chunk::ChunkBuilder;
pub use chunk::{Codec, Sealed, Sealer, WriterOptions};
pub(crate) use compression_pool::{ChunkBuffers, CompressionPool, PendingChunk};
pub use continues::Continues;
pub use digest::{Digest, MessageDigest};
pub use error::{FileError, FileErrorKind};
pub use format::VERSION;
pub(crate) use format::is_capture;
pub use header::{Attribute, Header};
pub(crate) use messages::CallDigest;
pub use messages::call_digests;
pub(crate) use new_file::create_first;

pub use new_file::Existing;
pub(crate) use new_file::NewFile;
pub(crate) use new_file::{Identity, create_private, is_locked};
pub use origin::SliceOf;
pub use overview::{CallOverview, Overview};
pub(crate) use packed::{PackedEvents, Packer};
pub(crate) use reader::ChunkCache;
pub(crate) use reader::EventPlace;
pub(crate) use reader::ReadWatch;
pub use reader::{Reader, Tail};
pub use recover::{Recovered, recover};

pub(crate) use remedy::WriteAdvice;
pub use scan::Damage;
pub use state::CaptureState;
pub(crate) use storage::Storage;
pub use summary::Summary;
pub(crate) use verify::each_readable_event;
pub use verify::{Verified, verify};
pub use writer::Writer;

#[cfg(test)]
mod tests;
