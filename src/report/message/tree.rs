//! A message, decoded as far as it goes: what does not fit the type stays as bytes, with the reason, and hides nothing else.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    grpc::protobuf::{DELIMITED, DecodeErrorKind, FIXED32, FIXED64, Field, Fields, GROUP, VARINT, Value},
    model::varint,
};

/// Largest depth of nested messages; other protobuf readers stop there too.
const MAX_DEPTH: usize = 100;
/// Memory that a decoded message may take: what its bytes take is not counted.
const MAX_TREE_BYTES: usize = 128 << 20;
/// Memory of one value in a list or a map, with the room that lists keep to grow.
const VALUE_BYTES: usize = 128;
/// Memory of a nested message: its fields come in nodes of eleven.
const TREE_BYTES: usize = 1024;

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
    oneofs: BTreeMap<u32, u32>,
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

/// The memory that decoding may still take.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_TREE_BYTES)
    }
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), Why> {
        self.0 = self.0.checked_sub(bytes).ok_or(Why::Large)?;
        Ok(())
    }
}

/// The declaration of a field.
pub(super) struct Declared {
    pub(super) kind: Kind,
    is_list: bool,
    is_map: bool,
    is_group: bool,
    /// Number of the first member of its oneof.
    oneof: Option<u32>,
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

impl<'a> Tree<'a> {
    /// Decodes a message that stands at this depth in others.
    pub(super) fn decode(descriptor: MessageDescriptor, bytes: &'a [u8], depth: usize, budget: &mut Budget) -> Self {
        let mut tree = Self {
            descriptor,
            fields: BTreeMap::new(),
            unknown: Vec::new(),
            broken: None,
            depth,
            oneofs: BTreeMap::new(),
        };
        tree.merge(bytes, budget);
        tree
    }

    /// Adds the fields of `bytes`: those that come later count, as in every protobuf reader.
    fn merge(&mut self, bytes: &'a [u8], budget: &mut Budget) {
        let mut fields = Fields::new("message", bytes);
        loop {
            let rest = bytes.get(bytes.len() - fields.remaining()..).unwrap_or_default();
            let taken = match fields.next_field() {
                Ok(Some(field)) => {
                    let len = rest.len() - fields.remaining();
                    self.field(&field, rest.get(..len).unwrap_or_default(), budget)
                }
                Ok(None) => return,
                Err(error) => Err(Why::Wire(error.kind)),
            };
            if let Err(why) = taken {
                self.broken.get_or_insert(Odd { bytes: rest, why });
                return;
            }
        }
    }

    /// Takes one field. An error ends the message.
    fn field(&mut self, field: &Field<'a>, bytes: &'a [u8], budget: &mut Budget) -> Result<(), Why> {
        let (number, value) = (field.number, field.value);
        let known = self.descriptor.get_field(number).map(Declared::from);
        let known = known.or_else(|| self.descriptor.get_extension(number).map(Declared::from));
        let Some(declared) = known else {
            budget.spend(VALUE_BYTES)?;
            self.unknown.push(Unknown { number, value, bytes });
            return Ok(());
        };
        if let Some(oneof) = declared.oneof
            && let Some(before) = self.oneofs.insert(oneof, number)
            && before != number
        {
            self.fields.remove(&before);
        }
        let depth = self.depth;
        if declared.is_map {
            budget.spend(VALUE_BYTES)?;
            let node = self.fields.entry(number).or_insert_with(|| Node::Map(Box::default()));
            if let Node::Map(entries) = node {
                entries.add(&declared, value, bytes, depth, budget)?;
            }
        } else if declared.is_list {
            budget.spend(VALUE_BYTES)?;
            let node = packed(&declared, value);
            let node = node.map_or_else(|| single(&declared, value, bytes, depth, budget), Ok)?;
            let list = self.fields.entry(number).or_insert_with(|| Node::List(Vec::new()));
            if let Node::List(list) = list {
                list.push(node);
            }
        } else {
            match self.fields.entry(number) {
                Entry::Occupied(mut known) => {
                    let again = nested(&declared, value);
                    if let (Node::Message(tree), Some(bytes)) = (known.get_mut(), again) {
                        tree.merge(bytes, budget);
                    } else {
                        let node = single(&declared, value, bytes, depth, budget)?;
                        known.insert(node);
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(single(&declared, value, bytes, depth, budget)?);
                }
            }
        }
        Ok(())
    }

    /// True when something in this message, nested ones left aside, could not be decoded.
    pub(super) fn is_odd(&self) -> bool {
        self.broken.is_some() || self.fields.values().any(|node| matches!(node, Node::Odd(_)))
    }
}

impl<'a> Entries<'a> {
    fn add(
        &mut self,
        declared: &Declared,
        value: Value<'a>,
        bytes: &'a [u8],
        depth: usize,
        budget: &mut Budget,
    ) -> Result<(), Why> {
        let Node::Message(mut entry) = single(declared, value, bytes, depth, budget)? else {
            let why = mismatch(DELIMITED, value);
            self.odd.push(Odd { bytes, why });
            return Ok(());
        };
        let key = match entry.fields.remove(&1) {
            None => Key::default_of(entry.descriptor.get_field(1)),
            Some(node) => Key::of(&node),
        };
        let (Some(key), None) = (key, entry.broken) else {
            let why = entry.broken.map_or(Why::Text, |odd| odd.why);
            self.odd.push(Odd { bytes, why });
            return Ok(());
        };
        let node = match (entry.fields.remove(&2), entry.descriptor.get_field(2)) {
            (Some(node), _) => node,
            (None, Some(field)) => default(&field, depth),
            (None, None) => return Ok(()),
        };
        self.by_key.insert(key, node);
        Ok(())
    }
}

impl<'a> Key<'a> {
    fn of(node: &Node<'a>) -> Option<Self> {
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

    fn default_of(field: Option<FieldDescriptor>) -> Option<Self> {
        Self::of(&default(&field?, 0))
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

/// The value of a field that is not there.
pub(super) fn default<'a>(field: &FieldDescriptor, depth: usize) -> Node<'a> {
    use prost_reflect::Value as Default;
    match (field.default_value(), field.kind()) {
        (Default::Bool(value), _) => Node::Bool(value),
        (Default::I32(value), _) => Node::I32(value),
        (Default::I64(value), _) => Node::I64(value),
        (Default::U32(value), _) => Node::U32(value),
        (Default::U64(value), _) => Node::U64(value),
        (Default::F32(value), _) => Node::F32(value),
        (Default::F64(value), _) => Node::F64(value),
        (Default::EnumNumber(value), _) => Node::Enum(value),
        (Default::Bytes(_), _) => Node::Bytes(&[]),
        (Default::List(_), _) => Node::List(Vec::new()),
        (Default::Map(_), _) => Node::Map(Box::default()),
        (Default::Message(_), Kind::Message(descriptor)) => {
            let tree = Tree::decode(descriptor, &[], depth + 1, &mut Budget::default());
            Node::Message(Box::new(tree))
        }
        (Default::String(_) | Default::Message(_), _) => Node::Text(""),
    }
}

/// The bytes of a nested message, where the wire type is that of one.
fn nested<'a>(declared: &Declared, value: Value<'a>) -> Option<&'a [u8]> {
    match (&declared.kind, value) {
        (Kind::Message(_), Value::Bytes(bytes)) if !declared.is_group => Some(bytes),
        (Kind::Message(_), Value::Group(bytes)) if declared.is_group => Some(bytes),
        _ => None,
    }
}

/// One value; an error ends the message in which it stands.
fn single<'a>(
    declared: &Declared,
    value: Value<'a>,
    bytes: &'a [u8],
    depth: usize,
    budget: &mut Budget,
) -> Result<Node<'a>, Why> {
    if let (Kind::Message(descriptor), Some(inside)) = (&declared.kind, nested(declared, value)) {
        if depth >= MAX_DEPTH {
            let why = Why::Deep;
            return Ok(Node::Odd(Odd { bytes: inside, why }));
        }
        budget.spend(TREE_BYTES)?;
        let tree = Tree::decode(descriptor.clone(), inside, depth + 1, budget);
        return Ok(Node::Message(Box::new(tree)));
    }
    Ok(scalar(&declared.kind, value).unwrap_or_else(|| {
        let why = match value {
            Value::Bytes(_) if matches!(declared.kind, Kind::String) => Why::Text,
            Value::Bytes(_) if declared.is_list && expected(declared) != DELIMITED => Why::Packed,
            value => mismatch(expected(declared), value),
        };
        let bytes = match value {
            Value::Bytes(inside) => inside,
            _ => bytes,
        };
        Node::Odd(Odd { bytes, why })
    }))
}

fn mismatch(expected: u8, value: Value<'_>) -> Why {
    let found = value.wire_type();
    Why::WireType { found, expected }
}

/// The wire type of single values of a type.
fn expected(declared: &Declared) -> u8 {
    match declared.kind {
        Kind::Message(_) if declared.is_group => GROUP,
        Kind::Message(_) | Kind::String | Kind::Bytes => DELIMITED,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        _ => VARINT,
    }
}

/// A number, a text or bytes; `None` when the wire type does not fit, or the text is no UTF-8.
fn scalar<'a>(kind: &Kind, value: Value<'a>) -> Option<Node<'a>> {
    Some(match (kind, value) {
        (Kind::Double, Value::Fixed64(bytes)) => Node::F64(f64::from_le_bytes(bytes)),
        (Kind::Fixed64, Value::Fixed64(bytes)) => Node::U64(u64::from_le_bytes(bytes)),
        (Kind::Sfixed64, Value::Fixed64(bytes)) => Node::I64(i64::from_le_bytes(bytes)),
        (Kind::Float, Value::Fixed32(bytes)) => Node::F32(f32::from_le_bytes(*bytes)),
        (Kind::Fixed32, Value::Fixed32(bytes)) => Node::U32(u32::from_le_bytes(*bytes)),
        (Kind::Sfixed32, Value::Fixed32(bytes)) => Node::I32(i32::from_le_bytes(*bytes)),
        (Kind::Int32, Value::Varint(value)) => Node::I32(value as i32),
        (Kind::Int64, Value::Varint(value)) => Node::I64(value as i64),
        (Kind::Uint32, Value::Varint(value)) => Node::U32(value as u32),
        (Kind::Uint64, Value::Varint(value)) => Node::U64(value),
        (Kind::Sint32, Value::Varint(value)) => {
            let value = value as u32;
            Node::I32((value >> 1) as i32 ^ -((value & 1) as i32))
        }
        (Kind::Sint64, Value::Varint(value)) => Node::I64((value >> 1) as i64 ^ -((value & 1) as i64)),
        (Kind::Bool, Value::Varint(value)) => Node::Bool(value != 0),
        (Kind::Enum(_), Value::Varint(value)) => Node::Enum(value as i32),
        (Kind::String, Value::Bytes(bytes)) => Node::Text(std::str::from_utf8(bytes).ok()?),
        (Kind::Bytes, Value::Bytes(bytes)) => Node::Bytes(bytes),
        _ => return None,
    })
}

/// Several numbers of a list in one field; `None` when it is no such field.
fn packed<'a>(declared: &Declared, value: Value<'a>) -> Option<Node<'a>> {
    let Value::Bytes(bytes) = value else { return None };
    let is_whole = match expected(declared) {
        FIXED64 => bytes.len().is_multiple_of(8),
        FIXED32 => bytes.len().is_multiple_of(4),
        VARINT => {
            let mut at = 0;
            while at < bytes.len() && varint::read(bytes, &mut at).is_some() {}
            at == bytes.len()
        }
        _ => false,
    };
    is_whole.then_some(Node::Packed(bytes))
}

/// The numbers of a packed field of this type.
pub(super) fn unpacked<'a>(kind: &Kind, bytes: &'a [u8]) -> impl Iterator<Item = Node<'a>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let value = match kind {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
                let found = bytes.get(at..)?.first_chunk::<8>()?;
                at += 8;
                Value::Fixed64(*found)
            }
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => {
                let found = bytes.get(at..)?.first_chunk::<4>()?;
                at += 4;
                Value::Fixed32(found)
            }
            _ if at < bytes.len() => Value::Varint(varint::read(bytes, &mut at)?),
            _ => return None,
        };
        scalar(kind, value)
    })
}

/// How many numbers a packed field of this type holds.
pub(super) fn packed_len(kind: &Kind, bytes: &[u8]) -> u64 {
    let count = match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => bytes.len() / 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => bytes.len() / 4,
        // The last byte of a varint has no continuation bit.
        _ => bytes.iter().filter(|byte| **byte < 0x80).count(),
    };
    count as u64
}
