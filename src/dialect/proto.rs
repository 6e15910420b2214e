//! A walk over protobuf wire bytes that borrows: one message's fields in wire order, each with its byte.
//!
//! It accepts what proto3 accepts and refuses what it refuses; nothing is allocated for a number that the bytes claim.

mod encode;
mod error;

pub use encode::{put_bytes, put_int32, put_varint};
pub use error::{DecodeError, DecodeErrorKind};

use crate::spectrogram::{UnknownField, Values};

/// Bytes of the longest varint: 64 bits, 7 in each byte.
pub const MAX_VARINT_BYTES: usize = 10;

/// Groups within groups that are followed before the message is refused; other protobuf readers stop there too.
pub const MAX_GROUP_DEPTH: usize = 100;

/// Walks the fields of one message.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    message: &'static str,
    bytes: &'a [u8],
    at: usize,
    base: usize,
}

/// One field, with the place that its errors name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field<'a> {
    /// Field number, 1 to 536,870,911.
    pub number: u32,
    /// What the wire holds.
    pub value: Value<'a>,
    message: &'static str,
    key_at: usize,
    value_at: usize,
}

/// The value of a field, as its wire type delimits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
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
    const fn wire_type(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Group(_) => 3,
            Self::Fixed32(_) => 5,
        }
    }
}

impl<'a> Fields<'a> {
    /// Walks `bytes` as a whole message of the given name.
    #[must_use]
    pub const fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        let base = 0;
        Self {
            message,
            bytes,
            at: 0,
            base,
        }
    }

    /// Bytes of this message that are still unread.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next field, or `None` at the end of the message.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
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
            0 => field.value = Value::Varint(self.varint()?),
            1 => field.value = Value::Fixed64(*self.array()?),
            2 => {
                let bytes = self.delimited()?;
                field.value_at = self.base + self.at - bytes.len();
                field.value = Value::Bytes(bytes);
            }
            3 => field.value = Value::Group(self.group(number, key_at)?),
            5 => field.value = Value::Fixed32(self.array()?),
            4 => return Err(self.error(key_at, DecodeErrorKind::UnmatchedGroup { number })),
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
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let mut value = 0_u64;
        for (index, &byte) in self.bytes.iter().skip(start).take(MAX_VARINT_BYTES).enumerate() {
            if index == MAX_VARINT_BYTES - 1 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at = start + index + 1;
                return Ok(value);
            }
        }
        let kind = if self.bytes.len() - start < MAX_VARINT_BYTES {
            DecodeErrorKind::TruncatedVarint
        } else {
            DecodeErrorKind::VarintTooLong
        };
        Err(self.error(self.base + start, kind))
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
                (_, 0) => drop(self.varint()?),
                (_, 1) => drop(self.array::<8>()?),
                (_, 2) => drop(self.delimited()?),
                (_, 3) if open.len() == MAX_GROUP_DEPTH => return Err(self.error(at, DecodeErrorKind::GroupsTooDeep)),
                (inner, 3) => open.push(inner),
                (inner, 4) if inner == innermost => drop(open.pop()),
                (inner, 4) => return Err(self.error(at, DecodeErrorKind::UnmatchedGroup { number: inner })),
                (_, 5) => drop(self.array::<4>()?),
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
    /// The byte of the outermost message at which the value begins: behind its key, and behind its length if it has one.
    #[must_use]
    pub const fn value_at(&self) -> usize {
        self.value_at
    }

    /// An `int32`: the low 32 bits of the varint, as protobuf reads it.
    pub fn int32(&self) -> Result<i32, DecodeError> {
        self.int64().map(|value| value as i32)
    }

    /// An `int64`.
    pub fn int64(&self) -> Result<i64, DecodeError> {
        match self.value {
            Value::Varint(value) => Ok(value as i64),
            _ => Err(self.wrong_type("a varint")),
        }
    }

    /// A `double`.
    pub fn double(&self) -> Result<f64, DecodeError> {
        match self.value {
            Value::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(self.wrong_type("64 bits")),
        }
    }

    /// A `float`.
    pub fn float(&self) -> Result<f32, DecodeError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(*bytes)),
            _ => Err(self.wrong_type("32 bits")),
        }
    }

    /// A `bool`.
    pub fn bool(&self) -> Result<bool, DecodeError> {
        self.int64().map(|value| value != 0)
    }

    /// `bytes`.
    pub const fn bytes(&self) -> Result<&'a [u8], DecodeError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong_type("a length and bytes")),
        }
    }

    /// A `string`.
    pub fn string(&self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|error| DecodeError {
            message: self.message,
            byte: self.value_at + error.valid_up_to(),
            kind: DecodeErrorKind::InvalidUtf8 { number: self.number },
        })
    }

    /// A message within this one; its errors name bytes of the outermost.
    pub fn message(&self, message: &'static str) -> Result<Fields<'a>, DecodeError> {
        let bytes = self.bytes()?;
        let base = self.value_at;
        Ok(Fields {
            message,
            bytes,
            at: 0,
            base,
        })
    }

    /// Adds one appearance of a `repeated int64` (or `int32`), packed or not, to `values`.
    pub fn add_int64s(&self, values: &mut Vec<i64>) -> Result<(), DecodeError> {
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

    /// Adds one appearance of a `repeated float`, packed or not, to `values`; the first run stays borrowed.
    pub fn add_floats(&self, values: &mut Values<'a>) -> Result<(), DecodeError> {
        let run: &'a [u8] = match self.value {
            Value::Fixed32(four) => four,
            Value::Bytes(run) if run.len().is_multiple_of(4) => run,
            Value::Bytes(run) => {
                let kind = DecodeErrorKind::RaggedFloats {
                    number: self.number,
                    length: run.len(),
                };
                return Err(DecodeError {
                    message: self.message,
                    byte: self.value_at,
                    kind,
                });
            }
            _ => return Err(self.wrong_type("32 bits or packed floats")),
        };
        if values.is_empty() {
            *values = Values::Wire(run);
            return Ok(());
        }
        let run = run.as_chunks().0.iter().copied().map(f32::from_le_bytes);
        match values {
            Values::Owned(owned) => owned.extend(run),
            Values::Wire(_) => *values = Values::Owned(values.iter().chain(run).collect()),
        }
        Ok(())
    }

    /// This field as one that the schema does not know.
    #[must_use]
    pub const fn unknown(&self) -> UnknownField {
        UnknownField {
            message: self.message,
            number: self.number,
            wire_type: self.value.wire_type(),
        }
    }

    const fn wrong_type(&self, expected: &'static str) -> DecodeError {
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
}

#[cfg(test)]
mod tests;
