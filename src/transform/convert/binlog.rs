//! Conversion from and to the gRPC binary log (gRPC proposal A16, `grpc/binlog/v1/binarylog.proto`): one `GrpcLogEntry`
//! for each event.
//!
//! Entries stand one after another, each behind its length. grpc-go and grpc-c++ write the length as four bytes, big
//! end first; Java and the `writeDelimitedTo` of protobuf write a varint. Both are read ([`Framing::of`] tells which);
//! the first is written.
//!
//! What a binary log cannot say is lost on the way there, and counted: the capture's header, that a message was compressed
//! on the wire (the log holds its content), notes, why messages are missing, and endings other than a status and a client's
//! cancellation.

mod proto;
mod read;
mod write;

pub(crate) use proto::GrpcLogEntry;
pub use read::{BinlogError, BinlogReader, Framing};
pub use write::BinlogWriter;
pub(crate) use write::lost_attributes;

#[cfg(test)]
mod tests;
