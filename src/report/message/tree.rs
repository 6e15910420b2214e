//! A message, decoded as far as it goes: what does not fit the type stays as bytes, with the reason, and hides nothing else.

use std::collections::{BTreeMap, btree_map::Entry};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::{
    node::{Declared, Entries, Key, MAX_DEPTH, MAX_TREE_BYTES, Node, Odd, Tree, Unknown, Why},
    scalar::{expected, packed, scalar},
};
use crate::grpc::protobuf::{DELIMITED, Field, Fields, Value};

/// Memory of one value in a list or a map, with the room that lists keep to grow.
const VALUE_BYTES: usize = 128;
/// Memory of a nested message: its fields come in nodes of eleven.
const TREE_BYTES: usize = 1024;

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
            None => entry
                .descriptor
                .get_field(1)
                .and_then(|field| Key::of(&default(&field, 0))),
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
