//! Errors of protobuf decoding, with their position.

/// Message bytes that are not valid protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not decode {message} at byte {byte}: {kind}")]
pub struct DecodeError {
    /// Name of the message type: `DataStream`, `SpectrogramRow`, …
    pub message: &'static str,
    /// Position in bytes within the outermost message.
    pub byte: usize,
    /// Kind of the error.
    pub kind: DecodeErrorKind,
}

/// Kind of a decoding error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The message ends within a varint.
    #[error("the message ends within a varint")]
    TruncatedVarint,
    /// A varint does not fit 64 bits.
    #[error("a varint does not fit 64 bits")]
    VarintTooLong,
    /// A field is longer than the rest of its message.
    #[error("{length} bytes are announced and {remaining} are left")]
    LengthPastEnd {
        /// Length of the field.
        length: u64,
        /// Remaining bytes of the message.
        remaining: usize,
    },
    /// A known field has another wire type than in its schema.
    #[error("field {number} has wire type {wire_type}, the schema expects {expected}")]
    WrongWireType {
        /// Field number.
        number: u32,
        /// Actual wire type.
        wire_type: u8,
        /// Expected wire type.
        expected: &'static str,
    },
    /// The wire type of a key does not exist.
    #[error("field {number} has wire type {wire_type}, which does not exist")]
    UnknownWireType {
        /// Field number.
        number: u32,
        /// The wire type.
        wire_type: u8,
    },
    /// A field number is 0; they begin at 1.
    #[error("field number 0 is not allowed")]
    FieldNumberZero,
    /// A field number is above 536,870,911.
    #[error("the field number is larger than 536,870,911")]
    FieldNumberTooLarge,
    /// A group ends without a start, or has no end.
    #[error("group {number} is not closed by its own end")]
    UnmatchedGroup {
        /// Field number of the group.
        number: u32,
    },
    /// Groups are nested deeper than `MAX_GROUP_DEPTH`.
    #[error("groups are nested too deep")]
    GroupsTooDeep,
    /// A string is not UTF-8.
    #[error("field {number} is not valid UTF-8")]
    InvalidUtf8 {
        /// Field number.
        number: u32,
    },
    /// The decoded rows and sensors would exceed the memory limit of one message.
    #[error("it holds too many rows and sensors: decoded, they would take over {limit_mib} MiB")]
    TooManyParts {
        /// The limit in MiB.
        limit_mib: usize,
    },
    /// The length of packed floats is not a multiple of 4.
    #[error("field {number} holds {length} bytes, which is not a multiple of 4-byte floats")]
    RaggedFloats {
        /// Field number.
        number: u32,
        /// Length of the run in bytes.
        length: usize,
    },
}
