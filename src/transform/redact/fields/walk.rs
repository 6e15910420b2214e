//! The redaction of a message and its nested messages.

use super::{
    FieldRules, MAX_DEPTH, Opaque,
    schema::{Holds, KnownField, Shape},
};
use crate::{
    grpc::protobuf::{Field, Fields, GROUP, GROUP_END, Value, copy_fields, put_delimited, put_key},
    transform::redact::ledger::Ledger,
};

/// Field numbers of `google.protobuf.Any`.
const TYPE_URL: u32 = 1;
const VALUE: u32 = 2;

impl FieldRules {
    /// Returns the message without what is hidden; `None` when nothing is there to hide.
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
        let (mut out, mut any) = (Vec::with_capacity(bytes.len()), false);
        copy_fields("message", bytes, &mut out, |field, out| {
            let known = shape.field(field.number);
            let changed = if let Some(rule) = known.and_then(|known| known.rule.as_ref()) {
                rule.hide(field, ledger, out);
                true
            } else {
                self.check_parts(known, field.number, &mut once)?;
                let inner = known.and_then(KnownField::message);
                let inner = inner.or(packed.filter(|_| field.number == VALUE));
                if let Some(inner) = inner {
                    self.inner(inner, field, ledger, depth, out)?
                } else {
                    self.check_unexplained(known, field)?;
                    false
                }
            };
            any |= changed;
            Ok::<_, Opaque>(changed)
        })?;
        Ok(any.then_some(out))
    }

    /// Writes the redacted form of a nested message; false when it stays as it is.
    fn inner(
        &self,
        inner: usize,
        field: &Field<'_>,
        ledger: &mut Ledger,
        depth: usize,
        put: &mut Vec<u8>,
    ) -> Result<bool, Opaque> {
        match field.value {
            Value::Bytes(value) => {
                let Some(value) = self.walk(inner, value, ledger, depth + 1)? else {
                    return Ok(false);
                };
                put_delimited(put, field.number, &value);
            }
            Value::Group(value) => {
                let Some(value) = self.walk(inner, value, ledger, depth + 1)? else {
                    return Ok(false);
                };
                put_key(put, field.number, GROUP);
                put.extend(value);
                put_key(put, field.number, GROUP_END);
            }
            // A number is not a message, whatever the schema says.
            Value::Varint(_) | Value::Fixed32(_) | Value::Fixed64(_) => return Ok(false),
        }
        Ok(true)
    }

    /// The type of the message in an `Any`; `None` when it holds nothing, or when all of it is hidden.
    fn packed(&self, any: &Shape, bytes: &[u8]) -> Result<Option<usize>, Opaque> {
        if any.field(VALUE).is_some_and(|value| value.rule.is_some()) {
            return Ok(None);
        }
        let (mut url, mut holds) = (None, false);
        let mut fields = Fields::new("google.protobuf.Any", bytes);
        while let Some(field) = fields.next_field()? {
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

    /// Refuses a singular message that occurs twice, since readers merge the parts: an `Any` in it can have its type in
    /// one part and its value in another.
    fn check_parts(&self, known: Option<&KnownField>, number: u32, once: &mut Vec<u32>) -> Result<(), Opaque> {
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

    /// Refuses unknown bytes that could hide a secret.
    fn check_unexplained(&self, known: Option<&KnownField>, field: &Field<'_>) -> Result<(), Opaque> {
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
