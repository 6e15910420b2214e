//! The walk over a message, and over every message within it.

use super::{
    FieldRules, MAX_DEPTH, Opaque,
    schema::{Holds, Known, Shape},
};
use crate::{
    dialect::proto::{Field, Fields, Value, put_varint},
    redact::redactor::Ledger,
};

/// The fields of a `google.protobuf.Any`.
const TYPE_URL: u32 = 1;
const VALUE: u32 = 2;

impl FieldRules {
    /// The message without what is hidden; `None` when nothing is there to hide.
    pub(super) fn walk(
        &self,
        message: usize,
        bytes: &[u8],
        ledger: &mut Ledger,
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Opaque> {
        let shape = self.schema.shape(message).ok_or(Opaque::NoMethod)?;
        if depth > MAX_DEPTH {
            return Err(Opaque::Deep);
        }
        let packed = if shape.is_any { self.packed(shape, bytes)? } else { None };
        let mut once = Vec::new();
        let mut fields = Fields::new("message", bytes);
        // `out` stands for the bytes up to `done`; until something changes, nothing is copied.
        let (mut out, mut done, mut from) = (Vec::new(), 0, 0);
        while let Some(field) = fields.next_field().map_err(|_| Opaque::Undecodable)? {
            let to = bytes.len() - fields.remaining();
            let known = shape.field(field.number);
            let mut put = Vec::new();
            let changed = if let Some(rule) = known.and_then(|known| known.rule.as_ref()) {
                rule.hide(&field, ledger, &mut put);
                true
            } else {
                self.check_parts(known, field.number, &mut once)?;
                let inner = known.and_then(Known::message);
                let inner = inner.or(packed.filter(|_| field.number == VALUE));
                if let Some(inner) = inner {
                    self.inner(inner, &field, ledger, depth, &mut put)?
                } else {
                    self.check_unexplained(known, &field)?;
                    false
                }
            };
            if changed {
                out.extend_from_slice(bytes.get(done..from).unwrap_or_default());
                out.append(&mut put);
                done = to;
            }
            from = to;
        }
        if done == 0 {
            return Ok(None);
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
        Ok(Some(out))
    }

    /// Writes what becomes of a message within this one; false when it stays as it is.
    fn inner(
        &self,
        inner: usize,
        field: &Field<'_>,
        ledger: &mut Ledger,
        depth: usize,
        put: &mut Vec<u8>,
    ) -> Result<bool, Opaque> {
        let key = u64::from(field.number) << 3;
        match field.value {
            Value::Bytes(value) => {
                let Some(value) = self.walk(inner, value, ledger, depth + 1)? else {
                    return Ok(false);
                };
                put_varint(put, key | 2);
                put_varint(put, value.len() as u64);
                put.extend(value);
            }
            Value::Group(value) => {
                let Some(value) = self.walk(inner, value, ledger, depth + 1)? else {
                    return Ok(false);
                };
                put_varint(put, key | 3);
                put.extend(value);
                put_varint(put, key | 4);
            }
            // A number is no message, whatever the schema says.
            Value::Varint(_) | Value::Fixed32(_) | Value::Fixed64(_) => return Ok(false),
        }
        Ok(true)
    }

    /// The type of what an `Any` holds; `None` when it holds nothing, or when all of it is hidden.
    fn packed(&self, any: &Shape, bytes: &[u8]) -> Result<Option<usize>, Opaque> {
        if any.field(VALUE).is_some_and(|value| value.rule.is_some()) {
            return Ok(None);
        }
        let (mut url, mut holds) = (None, false);
        let mut fields = Fields::new("google.protobuf.Any", bytes);
        while let Some(field) = fields.next_field().map_err(|_| Opaque::Undecodable)? {
            match (field.number, field.value) {
                (TYPE_URL, Value::Bytes(named)) => match url {
                    Some(other) if other != named => return Err(Opaque::Parts),
                    _ => url = Some(named),
                },
                (VALUE, Value::Bytes(value) | Value::Group(value)) => holds |= !value.is_empty(),
                _ => {}
            }
        }
        if !holds {
            return Ok(None);
        }
        let url = url.and_then(|url| std::str::from_utf8(url).ok());
        let name = url.map(|url| url.rsplit_once('/').map_or(url, |(_, name)| name));
        name.and_then(|name| self.schema.index(name))
            .map_or(Err(Opaque::AnyType), |at| Ok(Some(at)))
    }

    /// A message that may be there once, and is there twice, is put together by who reads it: an `Any` in it can have its
    /// type in one part and its value in another.
    fn check_parts(&self, known: Option<&Known>, number: u32, once: &mut Vec<u32>) -> Result<(), Opaque> {
        let singular = known.is_some_and(|known| !known.repeated && known.message().is_some());
        if !singular || !self.schema.has_any {
            return Ok(());
        }
        if once.contains(&number) {
            return Err(Opaque::Parts);
        }
        once.push(number);
        Ok(())
    }

    /// Bytes that the schema does not explain are no place to hide in.
    fn check_unexplained(&self, known: Option<&Known>, field: &Field<'_>) -> Result<(), Opaque> {
        let explained = match (known.map(|known| (known.holds, known.repeated)), field.value) {
            (Some((Holds::Text, _)), Value::Bytes(text)) => std::str::from_utf8(text).is_ok(),
            // Numbers in one run.
            (Some((Holds::Number, true)), Value::Bytes(_)) => true,
            (_, Value::Bytes(_) | Value::Group(_)) => false,
            _ => true,
        };
        match field.value {
            Value::Bytes(bytes) | Value::Group(bytes) if !explained && self.could_hold(bytes) => {
                Err(Opaque::Unexplained)
            }
            _ => Ok(()),
        }
    }
}
