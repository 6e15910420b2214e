//! A schema as it is compared: messages, enums and methods by their full names.

mod build;
mod default;
mod raw;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

pub(super) use default::DefaultValue;

use crate::grpc::descriptors::{self, DescriptorError, LeftOut};

/// The types and methods of a descriptor set. Names are full names without a leading dot.
#[derive(Debug, Default)]
pub(crate) struct SchemaTypes {
    pub(super) messages: BTreeMap<String, MessageType>,
    pub(super) enums: BTreeMap<String, EnumType>,
    /// By path, `/package.Service/Method`.
    pub(super) methods: BTreeMap<String, Method>,
    pub(super) services: BTreeSet<String>,
    /// Extensions by the message that they extend and their number.
    pub(super) extensions: BTreeMap<String, BTreeMap<u32, Field>>,
    /// Packages of the files, by path.
    pub(super) packages: BTreeMap<String, String>,
    /// Files that could not be read.
    pub(super) left_out: Vec<LeftOut>,
}

#[derive(Debug, Default)]
pub(super) struct MessageType {
    pub(super) file: String,
    pub(super) fields: BTreeMap<u32, Field>,
    pub(super) oneofs: BTreeSet<String>,
    pub(super) reserved: Vec<Span>,
    pub(super) reserved_names: BTreeSet<String>,
    pub(super) is_map_entry: bool,
}

#[derive(Debug, Default)]
pub(super) struct EnumType {
    pub(super) file: String,
    /// Names of each number, in the order of the file.
    pub(super) values: BTreeMap<i32, Vec<String>>,
    /// The first value, which is the default.
    pub(super) first: i32,
    pub(super) reserved: Vec<Span>,
    pub(super) reserved_names: BTreeSet<String>,
    pub(super) is_closed: bool,
}

/// Numbers from the first to the last, both included.
pub(super) type Span = (i64, i64);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Full name, of an extension.
    pub(super) extension: Option<String>,
    pub(super) kind: Kind,
    /// The message or enum; empty for the other kinds.
    pub(super) type_name: String,
    pub(super) cardinality: Cardinality,
    pub(super) oneof: Option<String>,
    /// `None` for kinds that have none.
    pub(super) default: Option<DefaultValue>,
    pub(super) json_name: String,
    /// True when a string must be UTF-8.
    pub(super) is_utf8: bool,
}

impl Field {
    pub(super) const fn is_repeated(&self) -> bool {
        matches!(self.cardinality, Cardinality::Repeated | Cardinality::Map)
    }

    /// The type as a .proto file writes it.
    pub(super) fn type_text(&self) -> String {
        match self.kind {
            Kind::Message | Kind::Enum => self.type_name.clone(),
            Kind::Group => format!("group {}", self.type_name),
            kind => kind.name().to_owned(),
        }
    }
}

/// Type of a field; the numbers are those of descriptor.proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double = 1,
    Float = 2,
    Int64 = 3,
    Uint64 = 4,
    Int32 = 5,
    Fixed64 = 6,
    Fixed32 = 7,
    Bool = 8,
    String = 9,
    Group = 10,
    Message = 11,
    Bytes = 12,
    Uint32 = 13,
    Enum = 14,
    Sfixed32 = 15,
    Sfixed64 = 16,
    Sint32 = 17,
    Sint64 = 18,
}

impl Kind {
    pub(super) const ALL: [Self; 18] = [
        Self::Double,
        Self::Float,
        Self::Int64,
        Self::Uint64,
        Self::Int32,
        Self::Fixed64,
        Self::Fixed32,
        Self::Bool,
        Self::String,
        Self::Group,
        Self::Message,
        Self::Bytes,
        Self::Uint32,
        Self::Enum,
        Self::Sfixed32,
        Self::Sfixed64,
        Self::Sint32,
        Self::Sint64,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Int32 => "int32",
            Self::Fixed64 => "fixed64",
            Self::Fixed32 => "fixed32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Group => "group",
            Self::Message => "message",
            Self::Bytes => "bytes",
            Self::Uint32 => "uint32",
            Self::Enum => "enum",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
        }
    }

    pub(super) const fn is_message(self) -> bool {
        matches!(self, Self::Message | Self::Group)
    }
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cardinality {
    Explicit,
    Implicit,
    Required,
    Repeated,
    Map,
}

impl fmt::Display for Cardinality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "optional",
            Self::Implicit => "optional without presence",
            Self::Required => "required",
            Self::Repeated => "repeated",
            Self::Map => "map",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) file: String,
    pub(super) request: String,
    pub(super) answer: String,
    pub(super) client_streaming: bool,
    pub(super) server_streaming: bool,
    pub(super) idempotency: i32,
}

impl SchemaTypes {
    /// Reads a serialized `FileDescriptorSet`, with the files of `google/protobuf/` that it imports.
    ///
    /// # Errors
    /// When it is no such set, or beyond the limits of [`descriptors`].
    pub(crate) fn read(set: &[u8]) -> Result<Self, DescriptorError> {
        let (files, left_out) = descriptors::comparable(set)?;
        Ok(build::build(&files, left_out))
    }

    /// Files of the set that could not be read.
    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// True when it defines nothing that can be compared.
    pub(crate) fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.messages.is_empty()
    }

    /// The fields of a message, and its extensions.
    pub(super) fn fields<'a>(&'a self, message: &str) -> impl Iterator<Item = (u32, &'a Field)> + use<'a> {
        let own = self.messages.get(message).map(|of| &of.fields);
        let extensions = self.extensions.get(message);
        let all = own.into_iter().chain(extensions).flatten();
        all.map(|(number, field)| (*number, field))
    }

    /// Whether a field has a type that is not defined.
    pub(super) fn lacks_type(&self, field: &Field) -> bool {
        match field.kind {
            Kind::Message | Kind::Group => !self.messages.contains_key(&field.type_name),
            Kind::Enum => !self.enums.contains_key(&field.type_name),
            _ => false,
        }
    }
}
