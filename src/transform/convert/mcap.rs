//! Conversion from and to MCAP, the container format of robotics, so that its tools can open a capture.
//!
//! Each method has a channel for each direction: its topic is the method path and the direction, its schema the protobuf
//! message type with its `FileDescriptorSet`. Times are wall clock, and a message's `sequence` is the number of its call.
//! A message that was compressed on the wire is there as its content.
//!
//! All else that a capture holds is on the channel [`EVENTS_TOPIC`], as one JSON object for each event: first the header,
//! then openings, metadata, half-closes, endings, gaps and notes with their exact offsets, and what a message's own record
//! cannot say. So a capture comes back from such a file event for event, with the same content digest. The text
//! attributes of the header stand in the metadata record `grpc-capture.header` as well.
//!
//! Of a file of other software, each channel becomes a call without an ending, for MCAP has no word for it. Its schemas
//! go to the descriptor set, and what the channel and the file's metadata records say to notes.
//!
//! Source: *MCAP file format specification*, <https://mcap.dev/spec>, and its registry entries `protobuf` and `json`.

mod foreign;
mod line;
mod own;
mod read;
mod records;
mod schemas;
mod write;

pub use read::McapReader;
pub use records::McapReadError;
pub use schemas::McapSchemas;
pub use write::{McapWriteError, McapWriter};

/// The topic of the channel that holds a capture's events.
pub(crate) const EVENTS_TOPIC: &str = "grpc-capture/events";

/// The name of the metadata record with the text attributes of the header.
const HEADER_RECORD: &str = "grpc-capture.header";

/// Key in the metadata of our channels: the direction of the messages.
const DIRECTION: &str = "grpc-capture.direction";

#[cfg(test)]
mod tests;
