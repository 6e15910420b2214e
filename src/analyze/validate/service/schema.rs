//! Message types of the capture's methods, read when the first of them is called.

use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::{
    file::{Attribute, Header},
    grpc::{Descriptors, standard},
};

/// The schema of a capture.
#[derive(Debug, Clone)]
pub(super) enum MethodSchema {
    /// The descriptor set, not read yet.
    Unread(Vec<u8>),
    /// The types of the set.
    Read(DescriptorPool),
    /// There is no schema, for this reason.
    None(String),
}

/// The types of the messages of a method.
#[derive(Debug, Clone)]
pub(super) struct MethodTypes {
    pub(super) request: MessageDescriptor,
    pub(super) answer: MessageDescriptor,
}

impl MethodSchema {
    /// The schema that a header embeds.
    pub(super) fn of(header: &Header) -> Self {
        match header.get(Attribute::DESCRIPTOR_SET) {
            Some(set) => Self::Unread(set.to_vec()),
            None => Self::None("the capture has no schema".to_owned()),
        }
    }

    /// The types of a method, or why they are not known.
    pub(super) fn types(&mut self, method: &str) -> Result<MethodTypes, String> {
        if let Self::Unread(set) = self {
            *self = match Descriptors::read(set) {
                Ok(read) => Self::Read(read.pool),
                Err(error) => Self::None(format!("the capture's schema cannot be read: {error}")),
            };
        }
        let pool = match self {
            Self::Read(pool) => pool,
            Self::None(why) => return Err(why.clone()),
            Self::Unread(_) => return Err(String::new()),
        };
        let found = standard::method(pool, method).ok_or("the capture's schema does not have the method")?;
        Ok(MethodTypes {
            request: found.input(),
            answer: found.output(),
        })
    }
}
