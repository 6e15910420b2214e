//! From and to MCAP, the container of the robotics world, so that its tools can open a capture.
//!
//! Each direction of each call becomes a channel: its topic is the method path (and the call's number and direction where
//! several share it), its schema the protobuf message type with its `FileDescriptorSet`, its metadata what `CallStart` says.
//! Times are wall clock. Initial metadata, endings, gaps and notes become MCAP metadata records named
//! `grpc-capture.EVENT`. A message that was compressed on the wire is stored as its content.
//!
//! Source: *MCAP file format specification*, <https://mcap.dev/spec>, and its registry entry `protobuf`.

mod read;
mod write;

pub use read::{McapReadError, McapReader};
pub use write::{McapSchema, McapWriteError, McapWriter};

#[cfg(test)]
mod tests;
