//! A schema as it is compared: messages, enums and methods by their full names.

mod build;
mod default;
mod kind;
mod raw;
mod types;

pub(super) use kind::Kind;
pub(crate) use types::SchemaTypes;
pub(super) use types::{Cardinality, EnumType, Field, MessageType, Span};

use crate::grpc::descriptors::{self, DescriptorError};

impl SchemaTypes {
    /// Reads a serialized `FileDescriptorSet`, with the files of `google/protobuf/` that it imports.
    ///
    /// # Errors
    /// When it is no such set, or beyond the limits of [`descriptors`].
    pub(crate) fn read(set: &[u8]) -> Result<Self, DescriptorError> {
        let (files, left_out) = descriptors::comparable(set)?;
        Ok(build::build(&files, left_out))
    }
}
