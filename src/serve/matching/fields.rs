//! The fields of a message on the wire, with what the schema says about them.

use std::borrow::Cow;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::grpc::{
    field_pattern::FieldStep,
    protobuf::{Field, Fields, Value},
};

/// Field numbers of a map's entry.
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;
/// Name of the message type that holds a message of any type, and its field numbers.
const ANY: &str = "google.protobuf.Any";
pub(super) const ANY_TYPE: u32 = 1;
pub(super) const ANY_VALUE: u32 = 2;
/// Greatest depth of messages within messages; other protobuf readers stop there too.
pub(super) const MAX_DEPTH: usize = 100;

/// What the value of a field is.
#[derive(Debug, Clone)]
pub(super) enum Content<'a> {
    /// A single value.
    Plain,
    /// A message; its type is known, or its bytes may be one.
    Message(Option<MessageDescriptor>, &'a [u8]),
    /// An entry of a map: a message with a key and a value.
    Entry(MessageDescriptor, &'a [u8]),
}

/// What the value of a field is; `known` is what the schema says of it.
pub(super) fn content<'a>(known: Option<&FieldDescriptor>, field: &Field<'a>) -> Content<'a> {
    let (Value::Bytes(bytes) | Value::Group(bytes)) = field.value else {
        return Content::Plain;
    };
    match known.map(|known| (known.is_map(), known.kind())) {
        Some((true, Kind::Message(entry))) => Content::Entry(entry, bytes),
        Some((false, Kind::Message(inner))) => Content::Message(Some(inner), bytes),
        Some(_) => Content::Plain,
        None => Content::Message(None, bytes),
    }
}

/// The part of a path that a field is.
pub(super) fn step(known: Option<&FieldDescriptor>, number: u32) -> FieldStep<'_> {
    known.map_or(FieldStep::number(number), |known| FieldStep {
        names: [known.name(), known.json_name()],
        number,
    })
}

/// The name of a field in a path.
pub(super) fn name(known: Option<&FieldDescriptor>, number: u32) -> String {
    known.map_or_else(|| number.to_string(), |known| known.name().to_owned())
}

/// The key of a map's entry as the text of a path.
pub(super) fn key(entry: &MessageDescriptor, bytes: &[u8]) -> String {
    let (mut fields, mut text) = (Fields::new("entry", bytes), Cow::Borrowed(""));
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == KEY {
            text = match (field.value, entry.get_field(KEY).map(|key| key.kind())) {
                (Value::Bytes(bytes), _) => String::from_utf8_lossy(bytes),
                (Value::Varint(value), Some(Kind::Bool)) => (value != 0).to_string().into(),
                (Value::Varint(value), Some(Kind::Uint32 | Kind::Uint64)) => value.to_string().into(),
                (Value::Varint(value), Some(Kind::Sint32 | Kind::Sint64)) => {
                    ((value >> 1) as i64 ^ -((value & 1) as i64)).to_string().into()
                }
                (Value::Varint(value), _) => (value as i64).to_string().into(),
                (Value::Fixed32(bytes), Some(Kind::Sfixed32)) => i32::from_le_bytes(*bytes).to_string().into(),
                (Value::Fixed32(bytes), _) => u32::from_le_bytes(*bytes).to_string().into(),
                (Value::Fixed64(bytes), Some(Kind::Sfixed64)) => i64::from_le_bytes(bytes).to_string().into(),
                (Value::Fixed64(bytes), _) => u64::from_le_bytes(bytes).to_string().into(),
                (Value::Group(_), _) => text,
            };
        }
    }
    text.into_owned()
}

/// The type of the message in an `Any`, when the schema knows it.
pub(super) fn inside_any(descriptor: &MessageDescriptor, bytes: &[u8]) -> Option<MessageDescriptor> {
    if descriptor.full_name() != ANY {
        return None;
    }
    let (mut fields, mut url) = (Fields::new(ANY, bytes), None);
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == ANY_TYPE {
            url = field.string().ok();
        }
    }
    let name = url?.rsplit('/').next()?;
    descriptor.parent_pool().get_message_by_name(name)
}
