//! Numbers, texts and bytes on the wire.

use prost_reflect::Kind;

use super::node::{Declared, Node};
use crate::{
    grpc::protobuf::{DELIMITED, FIXED32, FIXED64, GROUP, VARINT, Value},
    model::varint,
};

/// The wire type of single values of a type.
pub(super) fn expected(declared: &Declared) -> u8 {
    match declared.kind {
        Kind::Message(_) if declared.is_group => GROUP,
        Kind::Message(_) | Kind::String | Kind::Bytes => DELIMITED,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        _ => VARINT,
    }
}

/// A number, a text or bytes; `None` when the wire type does not fit, or the text is no UTF-8.
pub(super) fn scalar<'a>(kind: &Kind, value: Value<'a>) -> Option<Node<'a>> {
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
pub(super) fn packed<'a>(declared: &Declared, value: Value<'a>) -> Option<Node<'a>> {
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
