//! Decoding of messages of any type within a memory limit.
//!
//! A value takes 56 bytes once it is decoded, and one byte or two on the wire: what a message would take is counted before
//! it is decoded.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};

use crate::grpc::protobuf::{Field, Fields, Value};

/// Largest memory of one decoded message: about 2,400,000 numbers.
pub(crate) const MAX_DECODED_BYTES: usize = 128 << 20;
/// Largest depth of nested messages; the decoder stops there too.
const MAX_DEPTH: usize = 100;
/// Memory of a value in a list, or of an unknown field.
const VALUE: usize = 56;
/// Memory of a message that is not empty: its first node of fields.
const MESSAGE: usize = 800;
/// Memory of a map entry: key and value.
const ENTRY: usize = 160;
/// Cost of clearing one sibling of a field in a oneof.
const SIBLING: usize = 8;

/// Decodes a message.
///
/// # Errors
/// When the bytes are no such message, or it would take more than `MAX_DECODED_BYTES`.
pub fn decode(descriptor: MessageDescriptor, bytes: &[u8]) -> Result<DynamicMessage, String> {
    let mut left = MAX_DECODED_BYTES;
    // Bytes that cannot be walked are refused by the decoder, with its own words.
    weigh(&descriptor, Fields::new("message", bytes), &mut left, 0).ok_or_else(|| {
        format!(
            "it would take more than {} MiB once it is decoded",
            MAX_DECODED_BYTES >> 20
        )
    })?;
    DynamicMessage::decode(descriptor, bytes).map_err(|error| error.to_string())
}

/// Subtracts the cost of the message from `left`; `None` when that is not enough.
fn weigh(descriptor: &MessageDescriptor, mut fields: Fields<'_>, left: &mut usize, depth: usize) -> Option<()> {
    let mut before = fields.remaining();
    while let Ok(Some(field)) = fields.next_field() {
        let length = before - fields.remaining();
        before = fields.remaining();
        let known = descriptor.get_field(field.number);
        if let Some(oneof) = known
            .as_ref()
            .and_then(prost_reflect::FieldDescriptor::containing_oneof)
        {
            spend(left, oneof.fields().len() * SIBLING)?;
        }
        let is_map = known.as_ref().is_some_and(prost_reflect::FieldDescriptor::is_map);
        let kind = known.map(|known| known.kind());
        let kind = kind.or_else(|| descriptor.get_extension(field.number).map(|known| known.kind()));
        match (kind, field.value) {
            (Some(Kind::Message(inner)), Value::Bytes(bytes) | Value::Group(bytes)) => {
                let more = if is_map { ENTRY } else { 0 };
                spend(left, VALUE + more + if bytes.is_empty() { 0 } else { MESSAGE })?;
                if depth < MAX_DEPTH {
                    weigh(&inner, Fields::new("message", bytes), left, depth + 1)?;
                }
            }
            (Some(Kind::String | Kind::Bytes), Value::Bytes(bytes)) => spend(left, VALUE + bytes.len())?,
            (Some(kind), Value::Bytes(_)) => spend(left, packed(&kind, &field) * VALUE)?,
            // An unknown group is kept as the fields in it, of two bytes or more.
            (_, Value::Group(bytes)) => spend(left, VALUE + bytes.len() / 2 * VALUE)?,
            _ => spend(left, VALUE + length)?,
        }
    }
    Some(())
}

fn spend(left: &mut usize, cost: usize) -> Option<()> {
    *left = left.checked_sub(cost)?;
    Some(())
}

/// Number of values in a packed field.
fn packed(kind: &Kind, field: &Field<'_>) -> usize {
    let Value::Bytes(bytes) = field.value else { return 1 };
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => bytes.len() / 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => bytes.len() / 4,
        _ => bytes.iter().filter(|byte| **byte < 0x80).count(),
    }
}
