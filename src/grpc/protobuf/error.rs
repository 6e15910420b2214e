//! What can be wrong with message bytes, and where.

/// Message bytes that are not valid protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not decode {message} at byte {byte}: {kind}")]
pub struct DecodeError {
    /// Which message: `DataStream`, `SpectrogramRow`, …
    pub message: &'static str,
    /// Byte within the outermost message.
    pub byte: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// Kind of the problem in message bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The message ends within a varint.
    #[error("the message ends within a varint")]
    TruncatedVarint,
    /// A varint does not fit 64 bits.
    #[error("a varint does not fit 64 bits")]
    VarintTooLong,
    /// A field claims more bytes than its message holds.
    #[error("{length} bytes are announced and {remaining} are left")]
    LengthPastEnd {
        /// Bytes that are claimed.
        length: u64,
        /// Bytes that are there.
        remaining: usize,
    },
    /// A known field has another wire type than its schema says.
    #[error("field {number} has wire type {wire_type}, the schema wants {expected}")]
    WrongWireType {
        /// Field number.
        number: u32,
        /// Wire type that was found.
        wire_type: u8,
        /// What the schema wants.
        expected: &'static str,
    },
    /// The key holds a wire type that does not exist.
    #[error("field {number} has wire type {wire_type}, which does not exist")]
    UnknownWireType {
        /// Field number.
        number: u32,
        /// Wire type that was found.
        wire_type: u8,
    },
    /// Field numbers begin at 1.
    #[error("field number 0 is not allowed")]
    FieldNumberZero,
    /// Field numbers end at 536,870,911.
    #[error("the field number is larger than 536,870,911")]
    FieldNumberTooLarge,
    /// A group ends that did not begin, or begins and does not end.
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
    /// Decoded, rows and sensors would take more memory than one message may.
    #[error("it holds more rows and sensors than are decoded of one message: they would take over {limit_mib} MiB")]
    TooManyParts {
        /// What one message may take, MiB.
        limit_mib: usize,
    },
    /// Packed floats whose length does not divide by 4.
    #[error("field {number} holds {length} bytes, which is no whole number of 4-byte floats")]
    RaggedFloats {
        /// Field number.
        number: u32,
        /// Bytes in the run.
        length: usize,
    },
}
