//! The parts of a decoded message.

use std::{collections::BTreeMap, fmt};

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::grpc::protobuf::{DecodeErrorKind, Value};

/// Largest depth of nested messages; other protobuf readers stop there too.
pub(super) const MAX_DEPTH: usize = 100;
/// Memory that a decoded message may take: what its bytes take is not counted.
pub(super) const MAX_TREE_BYTES: usize = 128 << 20;

/// One message: its fields by number, those that its type lacks, and what follows the last readable one.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) descriptor: MessageDescriptor,
    pub(super) fields: BTreeMap<u32, Node<'a>>,
    pub(super) unknown: Vec<Unknown<'a>>,
    /// The bytes from the first that is no field on, with the reason.
    pub(super) broken: Option<Odd<'a>>,
    pub(super) depth: usize,
    /// The member that is set of each oneof, which goes by the number of its first member.
    pub(super) oneofs: BTreeMap<u32, u32>,
}

/// The value of a field.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Bool(bool),
    I32(i32),
    I64(i64),
    U32(u32),
    U64(u64),
    F32(f32),
    F64(f64),
    Enum(i32),
    Text(&'a str),
    Bytes(&'a [u8]),
    Message(Box<Tree<'a>>),
    List(Vec<Self>),
    /// Several numbers of a list, as on the wire: they are decoded when they are shown.
    Packed(&'a [u8]),
    Map(Box<Entries<'a>>),
    Odd(Odd<'a>),
}

/// The entries of a map field.
#[derive(Debug, Default)]
pub(super) struct Entries<'a> {
    pub(super) by_key: BTreeMap<Key<'a>, Node<'a>>,
    /// Entries whose key is not readable.
    pub(super) odd: Vec<Odd<'a>>,
}

/// The key of a map entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Text(&'a str),
}

/// A field that the type lacks.
#[derive(Debug)]
pub(super) struct Unknown<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
    /// The whole field, its key included.
    pub(super) bytes: &'a [u8],
}

/// Bytes that cannot be shown as what they should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) why: Why,
}

/// Why bytes cannot be shown as what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A string is not UTF-8.
    Text,
    /// The wire type is another than the type of the field has.
    WireType { found: u8, expected: u8 },
    /// A packed list does not end with its last number.
    Packed,
    /// Messages are nested too deeply.
    Deep,
    /// The message would take too much memory.
    Large,
    /// The bytes are no protobuf from here on.
    Wire(DecodeErrorKind),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("not UTF-8"),
            Self::WireType { found, expected } => write!(f, "wire type {found} instead of {expected}"),
            Self::Packed => f.write_str("a packed list that ends within a number"),
            Self::Deep => write!(f, "messages are nested more than {MAX_DEPTH} deep"),
            Self::Large => write!(
                f,
                "it would take more than {} MiB once it is decoded",
                MAX_TREE_BYTES >> 20
            ),
            Self::Wire(kind) => write!(f, "{kind}"),
        }
    }
}

impl Tree<'_> {
    /// True when something in this message, nested ones left aside, could not be decoded.
    pub(super) fn is_odd(&self) -> bool {
        self.broken.is_some() || self.fields.values().any(|node| matches!(node, Node::Odd(_)))
    }
}

impl<'a> Key<'a> {
    /// The key that a field of an entry holds; `None` when it cannot be one.
    pub(super) fn of(node: &Node<'a>) -> Option<Self> {
        Some(match node {
            Node::Bool(key) => Self::Bool(*key),
            Node::I32(key) => Self::Signed(i64::from(*key)),
            Node::I64(key) => Self::Signed(*key),
            Node::U32(key) => Self::Unsigned(u64::from(*key)),
            Node::U64(key) => Self::Unsigned(*key),
            Node::Text(key) => Self::Text(key),
            _ => return None,
        })
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(key) => key.fmt(f),
            Self::Signed(key) => key.fmt(f),
            Self::Unsigned(key) => key.fmt(f),
            Self::Text(key) => f.write_str(key),
        }
    }
}

/// The declaration of a field.
pub(super) struct Declared {
    pub(super) kind: Kind,
    pub(super) is_list: bool,
    pub(super) is_map: bool,
    pub(super) is_group: bool,
    /// Number of the first member of its oneof.
    pub(super) oneof: Option<u32>,
}

impl From<FieldDescriptor> for Declared {
    fn from(field: FieldDescriptor) -> Self {
        let oneof = field.containing_oneof();
        Self {
            kind: field.kind(),
            is_list: field.is_list(),
            is_map: field.is_map(),
            is_group: field.is_group(),
            oneof: oneof.and_then(|oneof| Some(oneof.fields().next()?.number())),
        }
    }
}

impl From<ExtensionDescriptor> for Declared {
    fn from(field: ExtensionDescriptor) -> Self {
        Self {
            kind: field.kind(),
            is_list: field.is_list(),
            is_map: field.is_map(),
            is_group: field.is_group(),
            oneof: None,
        }
    }
}
