//! Whether unknown bytes could contain a hidden field.

use super::{FieldRules, MAX_DEPTH};
use crate::grpc::protobuf::{DecodeErrorKind, Fields, Value};

impl FieldRules {
    /// True when `bytes` read as a message has, at any depth, a field of a number and wire type that a rule names. Text, and
    /// runs of numbers, hardly ever read as a message to their end.
    pub(super) fn could_hold(&self, bytes: &[u8]) -> bool {
        self.read_as_message(bytes, 0).unwrap_or(false)
    }

    /// Whether unknown bytes parse as a message with a hidden field; `None` when they are no message; else whether it
    /// has such a field.
    fn read_as_message(&self, bytes: &[u8], depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            // Who nests like this hides something.
            return Some(true);
        }
        let mut found = false;
        let mut fields = Fields::new("message", bytes);
        loop {
            let field = match fields.next_field() {
                Ok(Some(field)) => field,
                Ok(None) => return Some(found),
                Err(error) => return (error.kind == DecodeErrorKind::GroupsTooDeep).then_some(true),
            };
            let inner = match field.value {
                Value::Bytes(bytes) | Value::Group(bytes) => Some(bytes),
                Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32(_) => None,
            };
            found = found
                || self.keys.contains(&(field.number, field.value.wire_type()))
                || inner.is_some_and(|inner| self.read_as_message(inner, depth + 1) == Some(true));
        }
    }
}
