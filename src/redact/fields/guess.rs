//! Whether bytes of which nothing is known could hold a field that is hidden.

use super::{FieldRules, MAX_DEPTH};
use crate::dialect::proto::{DecodeErrorKind, Fields, Value};

impl FieldRules {
    /// True when `bytes` read as a message has, at any depth, a field of a number and wire type that a rule names. Text, and
    /// runs of numbers, hardly ever read as a message to their end.
    pub(super) fn could_hold(&self, bytes: &[u8]) -> bool {
        self.read_as_message(bytes, 0).unwrap_or(false)
    }

    /// `None` when it is no message; else whether it has such a field.
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
            let (wire_type, inner) = match field.value {
                Value::Varint(_) => (0, None),
                Value::Fixed64(_) => (1, None),
                Value::Bytes(bytes) => (2, Some(bytes)),
                Value::Group(bytes) => (3, Some(bytes)),
                Value::Fixed32(_) => (5, None),
            };
            found = found
                || self.keys.contains(&(field.number, wire_type))
                || inner.is_some_and(|inner| self.read_as_message(inner, depth + 1) == Some(true));
        }
    }
}
