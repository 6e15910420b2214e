//! Redaction of message fields, by the capture's descriptors, on the wire bytes: everything else stays unchanged.
//!
//! Nested messages are decoded everywhere: in fields, maps, groups and extensions, and in `google.protobuf.Any` by the
//! type that it names. A message that cannot be decoded is [`Opaque`], and is left out.

mod find;
mod guess;
mod hide;
mod schema;
mod walk;

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use prost_reflect::DescriptorPool;

use super::{Action, ledger::Ledger};
use crate::{
    grpc::{descriptors::Descriptors, protobuf::DecodeError, standard},
    model::event::Direction,
};
pub(crate) use find::FieldError;
use schema::Schema;

/// Largest depth of nested messages; other protobuf readers stop there too.
const MAX_DEPTH: usize = 100;

/// Why a message cannot be decoded for redaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opaque {
    /// The call's start, which names the method, is missing.
    NoStart,
    /// The schema does not contain the method.
    NoMethod,
    /// The bytes are not a message of the schema's type.
    Undecodable,
    /// The message cannot be decompressed.
    Compressed,
    /// A `google.protobuf.Any` holds a type that the schema lacks, or names none.
    AnyType,
    /// A singular field came in several parts, which only together tell the type of an `Any`.
    Parts,
    /// Unknown bytes could be a message with a hidden field.
    Unexplained,
    /// Messages are nested too deeply.
    Deep,
}

impl From<DecodeError> for Opaque {
    fn from(_: DecodeError) -> Self {
        Self::Undecodable
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStart => "the start of its call, which names the method, is not in the capture",
            Self::NoMethod => "its method is not in the capture's schema",
            Self::Undecodable => "its bytes are not a message of its type in the schema",
            Self::Compressed => "it cannot be decompressed",
            Self::AnyType => "it holds a google.protobuf.Any of a type that is not in the capture's schema",
            Self::Parts => "a field with a google.protobuf.Any came in several parts",
            Self::Unexplained => {
                "a bytes field, or one that the schema does not know, could be a message with a hidden field"
            }
            Self::Deep => "its messages are nested too deeply",
        })
    }
}

/// Redaction rules for fields, resolved with a descriptor set.
#[derive(Debug)]
pub(super) struct FieldRules {
    pool: DescriptorPool,
    schema: Schema,
    /// Numbers of hidden fields, with their wire types.
    keys: HashSet<(u32, u8)>,
}

impl FieldRules {
    pub(super) fn new(descriptor_set: &[u8], wanted: &BTreeMap<String, Action>) -> Result<Self, FieldError> {
        let read = standard::with_standard(descriptor_set).and_then(|set| Descriptors::read(&set));
        let pool = read
            .map_err(|error| FieldError::BadDescriptors(error.to_string()))?
            .pool;
        let mut schema = Schema::new(&pool);
        let mut keys = HashSet::new();
        for (path, action) in wanted {
            let found = find::find(&pool, path)?;
            find::fits(path, &found.kind, action)?;
            keys.extend(hide::wire_types(&found.kind).map(|wire_type| (found.number, wire_type)));
            schema.rule(path, action, found);
        }
        Ok(Self { pool, schema, keys })
    }

    /// The message type in one direction of a method; `None` when the schema does not know the method.
    pub(super) fn message(&self, method: &str, direction: Direction) -> Option<usize> {
        let method = standard::method(&self.pool, method)?;
        let message = match direction {
            Direction::Sent => method.input(),
            Direction::Received => method.output(),
        };
        self.schema.index(message.full_name())
    }

    /// Returns the message without what is hidden; `None` when nothing is there to hide.
    pub(super) fn redact(&self, message: usize, bytes: &[u8], ledger: &mut Ledger) -> Result<Option<Vec<u8>>, Opaque> {
        self.walk(message, bytes, ledger, 0)
    }
}

#[cfg(test)]
mod tests;
