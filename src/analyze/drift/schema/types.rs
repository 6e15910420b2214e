//! Messages, enums and methods as they are compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{default::DefaultValue, kind::Kind};
use crate::grpc::descriptors::LeftOut;

/// The types and methods of a descriptor set. Names are full names without a leading dot.
#[derive(Debug, Default)]
pub(crate) struct SchemaTypes {
    pub(in crate::analyze::drift) messages: BTreeMap<String, MessageType>,
    pub(in crate::analyze::drift) enums: BTreeMap<String, EnumType>,
    /// By path, `/package.Service/Method`.
    pub(in crate::analyze::drift) methods: BTreeMap<String, Method>,
    pub(in crate::analyze::drift) services: BTreeSet<String>,
    /// Extensions by the message that they extend and their number.
    pub(in crate::analyze::drift) extensions: BTreeMap<String, BTreeMap<u32, Field>>,
    /// Packages of the files, by path.
    pub(in crate::analyze::drift) packages: BTreeMap<String, String>,
    /// Files that could not be read.
    pub(in crate::analyze::drift) left_out: Vec<LeftOut>,
}

#[derive(Debug, Default)]
pub(in crate::analyze::drift) struct MessageType {
    pub(in crate::analyze::drift) file: String,
    pub(in crate::analyze::drift) fields: BTreeMap<u32, Field>,
    pub(in crate::analyze::drift) oneofs: BTreeSet<String>,
    pub(in crate::analyze::drift) reserved: Vec<Span>,
    pub(in crate::analyze::drift) reserved_names: BTreeSet<String>,
    pub(in crate::analyze::drift) is_map_entry: bool,
}

#[derive(Debug, Default)]
pub(in crate::analyze::drift) struct EnumType {
    pub(in crate::analyze::drift) file: String,
    /// Names of each number, in the order of the file.
    pub(in crate::analyze::drift) values: BTreeMap<i32, Vec<String>>,
    /// The first value, which is the default.
    pub(in crate::analyze::drift) first: i32,
    pub(in crate::analyze::drift) reserved: Vec<Span>,
    pub(in crate::analyze::drift) reserved_names: BTreeSet<String>,
    pub(in crate::analyze::drift) is_closed: bool,
}

/// Numbers from the first to the last, both included.
pub(in crate::analyze::drift) type Span = (i64, i64);

#[derive(Debug, Clone, PartialEq)]
pub(in crate::analyze::drift) struct Field {
    pub(in crate::analyze::drift) name: String,
    /// Full name, of an extension.
    pub(in crate::analyze::drift) extension: Option<String>,
    pub(in crate::analyze::drift) kind: Kind,
    /// The message or enum; empty for the other kinds.
    pub(in crate::analyze::drift) type_name: String,
    pub(in crate::analyze::drift) cardinality: Cardinality,
    pub(in crate::analyze::drift) oneof: Option<String>,
    /// `None` for kinds that have none.
    pub(in crate::analyze::drift) default: Option<DefaultValue>,
    pub(in crate::analyze::drift) json_name: String,
    /// True when a string must be UTF-8.
    pub(in crate::analyze::drift) is_utf8: bool,
}

impl Field {
    pub(in crate::analyze::drift) const fn is_repeated(&self) -> bool {
        matches!(self.cardinality, Cardinality::Repeated | Cardinality::Map)
    }

    /// The type as a .proto file writes it.
    pub(in crate::analyze::drift) fn type_text(&self) -> String {
        match self.kind {
            Kind::Message | Kind::Enum => self.type_name.clone(),
            Kind::Group => format!("group {}", self.type_name),
            kind => kind.name().to_owned(),
        }
    }
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::analyze::drift) enum Cardinality {
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
pub(in crate::analyze::drift) struct Method {
    pub(in crate::analyze::drift) file: String,
    pub(in crate::analyze::drift) request: String,
    pub(in crate::analyze::drift) answer: String,
    pub(in crate::analyze::drift) client_streaming: bool,
    pub(in crate::analyze::drift) server_streaming: bool,
    pub(in crate::analyze::drift) idempotency: i32,
}

impl SchemaTypes {
    /// Files of the set that could not be read.
    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// True when it defines nothing that can be compared.
    pub(crate) fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.messages.is_empty()
    }

    /// The fields of a message, and its extensions.
    pub(in crate::analyze::drift) fn fields<'a>(
        &'a self,
        message: &str,
    ) -> impl Iterator<Item = (u32, &'a Field)> + use<'a> {
        let own = self.messages.get(message).map(|of| &of.fields);
        let extensions = self.extensions.get(message);
        let all = own.into_iter().chain(extensions).flatten();
        all.map(|(number, field)| (*number, field))
    }

    /// Whether a field has a type that is not defined.
    pub(in crate::analyze::drift) fn lacks_type(&self, field: &Field) -> bool {
        match field.kind {
            Kind::Message | Kind::Group => !self.messages.contains_key(&field.type_name),
            Kind::Enum => !self.enums.contains_key(&field.type_name),
            _ => false,
        }
    }
}
