//! A borrowing parser of protobuf wire bytes: the fields of one message in wire order, each with its position.
//!
//! It accepts and refuses the same bytes as proto3 does; nothing is allocated for a length that the bytes only claim.

mod encode;
mod error;

pub(crate) use encode::{
    DELIMITED, FIXED32, FIXED64, GROUP, GROUP_END, VARINT, put_bytes, put_delimited, put_int32, put_key, put_varint,
};
pub use error::{DecodeError, DecodeErrorKind};

use crate::model::varint;

/// Largest depth of nested groups; other protobuf readers stop there too.
pub(crate) const MAX_GROUP_DEPTH: usize = 100;

/// Walks the fields of one message.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    message: &'static str,
    bytes: &'a [u8],
    at: usize,
    base: usize,
}

/// One field, with its position for errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Field<'a> {
    /// Field number, 1 to 536,870,911.
    pub(crate) number: u32,
    /// The value.
    pub(crate) value: Value<'a>,
    message: &'static str,
    key_at: usize,
    value_at: usize,
}

/// The value of a field, as its wire type delimits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 3 (and 4): the fields of a group, without the keys around them.
    Group(&'a [u8]),
    /// Wire type 5.
    Fixed32(&'a [u8; 4]),
}

impl Value<'_> {
    /// The protobuf wire type, 0 to 5.
    pub(crate) const fn wire_type(self) -> u8 {
        match self {
            Self::Varint(_) => VARINT,
            Self::Fixed64(_) => FIXED64,
            Self::Bytes(_) => DELIMITED,
            Self::Group(_) => GROUP,
            Self::Fixed32(_) => FIXED32,
        }
    }
}

/// Copies a message field by field, byte for byte except for those that `change` replaces: it returns true for a field
/// that it has written, or left out, itself.
pub(crate) fn copy_fields<'a, E: From<DecodeError>>(
    message: &'static str,
    bytes: &'a [u8],
    out: &mut Vec<u8>,
    mut change: impl FnMut(&Field<'a>, &mut Vec<u8>) -> Result<bool, E>,
) -> Result<(), E> {
    let (mut fields, mut from) = (Fields::new(message, bytes), 0);
    while let Some(field) = fields.next_field()? {
        if !change(&field, out)? {
            out.extend_from_slice(bytes.get(from..fields.at).unwrap_or_default());
        }
        from = fields.at;
    }
    Ok(())
}

impl<'a> Fields<'a> {
    /// Parses `bytes` as a whole message of the given type name.
    pub(crate) const fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        let base = 0;
        Self {
            message,
            bytes,
            at: 0,
            base,
        }
    }

    /// The unread bytes of this message.
    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next field, or `None` at the end of the message.
    pub(crate) fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let key_at = self.base + self.at;
        let (number, wire_type) = self.key()?;
        let value_at = self.base + self.at;
        let mut field = Field {
            number,
            value: Value::Group(&[]),
            message: self.message,
            key_at,
            value_at,
        };
        match wire_type {
            VARINT => field.value = Value::Varint(self.varint()?),
            FIXED64 => field.value = Value::Fixed64(*self.array()?),
            DELIMITED => {
                let bytes = self.delimited()?;
                field.value_at = self.base + self.at - bytes.len();
                field.value = Value::Bytes(bytes);
            }
            GROUP => field.value = Value::Group(self.group(number, key_at)?),
            FIXED32 => field.value = Value::Fixed32(self.array()?),
            GROUP_END => return Err(self.error(key_at, DecodeErrorKind::UnmatchedGroup { number })),
            other => {
                return Err(self.error(
                    key_at,
                    DecodeErrorKind::UnknownWireType {
                        number,
                        wire_type: other,
                    },
                ));
            }
        }
        Ok(Some(field))
    }

    fn key(&mut self) -> Result<(u32, u8), DecodeError> {
        let at = self.base + self.at;
        let key = self.varint()?;
        let key = u32::try_from(key).map_err(|_| self.error(at, DecodeErrorKind::FieldNumberTooLarge))?;
        if key >> 3 == 0 {
            return Err(self.error(at, DecodeErrorKind::FieldNumberZero));
        }
        Ok((key >> 3, (key & 7) as u8))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        match varint::read(self.bytes, &mut self.at) {
            Some(value) => Ok(value),
            None => Err(self.no_varint(start)),
        }
    }

    fn no_varint(&self, start: usize) -> DecodeError {
        let kind = if self.bytes.len() - start < varint::MAX_BYTES {
            DecodeErrorKind::TruncatedVarint
        } else {
            DecodeErrorKind::VarintTooLong
        };
        self.error(self.base + start, kind)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(array) => {
                self.at += N;
                Ok(array)
            }
            None => Err(self.past_end(self.base + self.at, N as u64)),
        }
    }

    fn delimited(&mut self) -> Result<&'a [u8], DecodeError> {
        let length_at = self.base + self.at;
        let length = self.varint()?;
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length));
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => Err(self.past_end(length_at, length)),
        }
    }

    fn group(&mut self, number: u32, key_at: usize) -> Result<&'a [u8], DecodeError> {
        let (from, mut to) = (self.at, self.at);
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            to = self.at;
            if self.at == self.bytes.len() {
                return Err(self.error(key_at, DecodeErrorKind::UnmatchedGroup { number }));
            }
            let at = self.base + self.at;
            match self.key()? {
                (_, VARINT) => drop(self.varint()?),
                (_, FIXED64) => drop(self.array::<8>()?),
                (_, DELIMITED) => drop(self.delimited()?),
                (_, GROUP) if open.len() == MAX_GROUP_DEPTH => {
                    return Err(self.error(at, DecodeErrorKind::GroupsTooDeep));
                }
                (inner, GROUP) => open.push(inner),
                (inner, GROUP_END) if inner == innermost => drop(open.pop()),
                (inner, GROUP_END) => return Err(self.error(at, DecodeErrorKind::UnmatchedGroup { number: inner })),
                (_, FIXED32) => drop(self.array::<4>()?),
                (number, wire_type) => {
                    return Err(self.error(at, DecodeErrorKind::UnknownWireType { number, wire_type }));
                }
            }
        }
        Ok(self.bytes.get(from..to).unwrap_or_default())
    }

    fn past_end(&self, byte: usize, length: u64) -> DecodeError {
        let remaining = self.remaining();
        self.error(byte, DecodeErrorKind::LengthPastEnd { length, remaining })
    }

    const fn error(&self, byte: usize, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            message: self.message,
            byte,
            kind,
        }
    }
}

impl<'a> Field<'a> {
    /// Position of the value, counted in the outermost message: behind its key, and behind its length if it has one.
    pub(crate) const fn value_at(&self) -> usize {
        self.value_at
    }

    /// Reads an `int32`: the low 32 bits of the varint, as protobuf reads it.
    pub(crate) fn int32(&self) -> Result<i32, DecodeError> {
        self.int64().map(|value| value as i32)
    }

    /// Reads an `int64`.
    pub(crate) fn int64(&self) -> Result<i64, DecodeError> {
        match self.value {
            Value::Varint(value) => Ok(value as i64),
            _ => Err(self.wrong_type("a varint")),
        }
    }

    /// Reads a `double`.
    pub(crate) fn double(&self) -> Result<f64, DecodeError> {
        match self.value {
            Value::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(self.wrong_type("64 bits")),
        }
    }

    /// Reads a `float`.
    pub(crate) fn float(&self) -> Result<f32, DecodeError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(*bytes)),
            _ => Err(self.wrong_type("32 bits")),
        }
    }

    /// Reads a `bool`.
    pub(crate) fn bool(&self) -> Result<bool, DecodeError> {
        self.int64().map(|value| value != 0)
    }

    /// Reads `bytes`.
    pub(crate) const fn bytes(&self) -> Result<&'a [u8], DecodeError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong_type("a length and bytes")),
        }
    }

    /// Reads a `string`.
    pub(crate) fn string(&self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|error| DecodeError {
            message: self.message,
            byte: self.value_at + error.valid_up_to(),
            kind: DecodeErrorKind::InvalidUtf8 { number: self.number },
        })
    }

    /// Parses a nested message; its errors name bytes of the outermost.
    pub(crate) fn message(&self, message: &'static str) -> Result<Fields<'a>, DecodeError> {
        let bytes = self.bytes()?;
        let base = self.value_at;
        Ok(Fields {
            message,
            bytes,
            at: 0,
            base,
        })
    }

    /// Adds one occurrence of a `repeated int64` (or `int32`), packed or not, to `values`.
    pub(crate) fn add_int64s(&self, values: &mut Vec<i64>) -> Result<(), DecodeError> {
        match self.value {
            Value::Varint(value) => values.push(value as i64),
            Value::Bytes(_) => {
                let mut packed = self.message(self.message)?;
                while packed.remaining() > 0 {
                    values.push(packed.varint()? as i64);
                }
            }
            _ => return Err(self.wrong_type("a varint or packed varints")),
        }
        Ok(())
    }

    /// Name of the message type that contains the field.
    pub(crate) const fn message_name(&self) -> &'static str {
        self.message
    }

    /// The error of a field whose wire type is not the `expected` one.
    pub(crate) const fn wrong_type(&self, expected: &'static str) -> DecodeError {
        let kind = DecodeErrorKind::WrongWireType {
            number: self.number,
            wire_type: self.value.wire_type(),
            expected,
        };
        DecodeError {
            message: self.message,
            byte: self.key_at,
            kind,
        }
    }

    /// The error of a field whose value is wrong.
    pub(crate) const fn wrong_value(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError {
            message: self.message,
            byte: self.value_at,
            kind,
        }
    }
}

#[cfg(test)]
mod tests;
