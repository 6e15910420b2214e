//! The used messages of `grpc/binlog/v1/binarylog.proto`. Names and numbers are the proto's.

/// An entry of the log: an event of a call.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GrpcLogEntry {
    /// Time of the event.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Timestamp>,
    /// Id of the call within the log.
    #[prost(uint64, tag = "2")]
    pub call_id: u64,
    /// Number of the entry within the call, counted from 1.
    #[prost(uint64, tag = "3")]
    pub sequence_id_within_call: u64,
    /// Type of the event.
    #[prost(enumeration = "EventType", tag = "4")]
    pub r#type: i32,
    /// The side that wrote the entry: 1 client, 2 server.
    #[prost(int32, tag = "5")]
    pub logger: i32,
    /// Content of the entry.
    #[prost(oneof = "Payload", tags = "6, 7, 8, 9")]
    pub payload: Option<Payload>,
    /// True when the payload was truncated to the log's limit.
    #[prost(bool, tag = "10")]
    pub payload_truncated: bool,
    /// Address of the peer.
    #[prost(message, optional, tag = "11")]
    pub peer: Option<Address>,
}

impl GrpcLogEntry {
    /// True when the type is known and the payload belongs to it.
    #[must_use]
    pub(crate) fn fits(&self) -> bool {
        matches!(
            (EventType::try_from(self.r#type), &self.payload),
            (Ok(EventType::ClientHeader), Some(Payload::ClientHeader(_)))
                | (Ok(EventType::ServerHeader), Some(Payload::ServerHeader(_)))
                | (
                    Ok(EventType::ClientMessage | EventType::ServerMessage),
                    Some(Payload::Message(_))
                )
                | (Ok(EventType::ServerTrailer), Some(Payload::Trailer(_)))
                | (Ok(EventType::ClientHalfClose | EventType::Cancel), None)
        )
    }
}

/// Seconds and nanoseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum EventType {
    /// Unspecified.
    Unknown = 0,
    /// The call was opened.
    ClientHeader = 1,
    /// Initial metadata of the server.
    ServerHeader = 2,
    /// A message from the client.
    ClientMessage = 3,
    /// A message from the server.
    ServerMessage = 4,
    /// The client sends no more.
    ClientHalfClose = 5,
    /// The status.
    ServerTrailer = 6,
    /// The call was cancelled.
    Cancel = 7,
}

/// The content of an entry.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Payload {
    /// Of [`EventType::ClientHeader`].
    #[prost(message, tag = "6")]
    ClientHeader(ClientHeader),
    /// Of [`EventType::ServerHeader`].
    #[prost(message, tag = "7")]
    ServerHeader(ServerHeader),
    /// Of a message.
    #[prost(message, tag = "8")]
    Message(Data),
    /// Of [`EventType::ServerTrailer`].
    #[prost(message, tag = "9")]
    Trailer(Trailer),
}

/// The opening of a call.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ClientHeader {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<Entries>,
    #[prost(string, tag = "2")]
    pub(super) method_name: String,
    #[prost(string, tag = "3")]
    pub(super) authority: String,
}

/// Initial metadata of the server.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServerHeader {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<Entries>,
}

/// The status.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Trailer {
    #[prost(message, optional, tag = "1")]
    pub(super) metadata: Option<Entries>,
    #[prost(uint32, tag = "2")]
    pub(super) status_code: u32,
    #[prost(string, tag = "3")]
    pub(super) status_message: String,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) status_details: Vec<u8>,
}

/// A message's content, after decompression.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Data {
    #[prost(uint32, tag = "1")]
    pub(super) length: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) data: bytes::Bytes,
}

/// Metadata.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entries {
    #[prost(message, repeated, tag = "1")]
    pub(super) entry: Vec<MetadataEntry>,
}

/// One entry of metadata; binary values are not in base64.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetadataEntry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// An address of a peer: kind 1 IPv4, 2 IPv6, 3 Unix.
#[expect(clippy::struct_field_names, reason = "the proto's own names")]
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Address {
    #[prost(int32, tag = "1")]
    pub(super) r#type: i32,
    #[prost(string, tag = "2")]
    pub(super) address: String,
    #[prost(uint32, tag = "3")]
    pub(super) ip_port: u32,
}
