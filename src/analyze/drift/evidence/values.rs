//! What a reader of one type makes of the bytes of a field.

use std::fmt;

use crate::{
    analyze::drift::schema::{Field, Kind},
    grpc::protobuf::Value,
    model::varint,
};

/// Longest text of a value, in characters.
const MAX_SHOWN: usize = 60;
/// Number of bytes that are shown of a value.
const MAX_SHOWN_BYTES: usize = 16;

/// A value as it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading<'a> {
    Integer(i128),
    Number(f64),
    Bytes(&'a [u8]),
    Text(&'a [u8]),
    Message(&'a [u8]),
}

impl Reading<'_> {
    /// True when both readers have the same value.
    pub(super) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one.to_bits() == other.to_bits(),
            (Self::Integer(integer), Self::Number(number)) | (Self::Number(number), Self::Integer(integer)) => {
                // Two readings of the same bytes: only zero is the same.
                integer == 0 && number.to_bits() == 0
            }
            (Self::Bytes(one) | Self::Text(one), Self::Bytes(other) | Self::Text(other)) => one == other,
            (Self::Message(_), Self::Message(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| {
            write!(f, "{} bytes", bytes.len())?;
            if bytes.is_empty() {
                return Ok(());
            }
            f.write_str(" (")?;
            for (at, byte) in bytes.iter().take(MAX_SHOWN_BYTES).enumerate() {
                write!(f, "{}{byte:02x}", if at == 0 { "" } else { " " })?;
            }
            f.write_str(if bytes.len() > MAX_SHOWN_BYTES { " …)" } else { ")" })
        };
        match *self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Bytes(value) => bytes(f, value),
            Self::Message(value) => write!(f, "a message of {} bytes", value.len()),
            Self::Text(value) => match std::str::from_utf8(value) {
                Ok(text) => {
                    let shown: String = text.chars().take(MAX_SHOWN).collect();
                    let more = if shown.len() < text.len() { "…" } else { "" };
                    write!(f, "{shown:?}{more}")
                }
                Err(_) => bytes(f, value),
            },
        }
    }
}

/// The values that one occurrence of a field holds for a reader.
#[derive(Debug, Clone)]
pub(super) enum Readings<'a> {
    One(Option<Reading<'a>>),
    /// Values without keys, one behind the other.
    Packed(Kind, &'a [u8]),
}

/// Bytes that are no packed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Readings<'a> {
    /// `None` when the reader of this field does not take such a value, and keeps it as an unknown field.
    pub(super) fn of(field: &Field, value: Value<'a>) -> Option<Self> {
        if let Some(one) = one(field.kind, value) {
            return Some(Self::One(Some(one)));
        }
        match value {
            Value::Bytes(bytes) if field.is_repeated() && is_packable(field.kind) => {
                Some(Self::Packed(field.kind, bytes))
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for Readings<'a> {
    type Item = Result<Reading<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take().map(Ok),
            Self::Packed(_, []) => None,
            Self::Packed(kind, bytes) => {
                let read = packed(*kind, bytes);
                *bytes = read.map_or(&[], |(_, rest)| rest);
                Some(read.map(|(reading, _)| reading).ok_or(Malformed))
            }
        }
    }
}

const fn is_packable(kind: Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message | Kind::Group)
}

fn packed(kind: Kind, bytes: &[u8]) -> Option<(Reading<'static>, &[u8])> {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
            let (value, rest) = bytes.split_first_chunk()?;
            Some((fixed64(kind, *value)?, rest))
        }
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => {
            let (value, rest) = bytes.split_first_chunk()?;
            Some((fixed32(kind, *value)?, rest))
        }
        _ => {
            let mut at = 0;
            let value = varint::read(bytes, &mut at)?;
            Some((integer(kind, value)?, bytes.get(at..)?))
        }
    }
}

fn one(kind: Kind, value: Value<'_>) -> Option<Reading<'_>> {
    match (value, kind) {
        (Value::Varint(value), _) => integer(kind, value),
        (Value::Fixed32(value), _) => fixed32(kind, *value),
        (Value::Fixed64(value), _) => fixed64(kind, value),
        (Value::Bytes(bytes), Kind::String) => Some(Reading::Text(bytes)),
        (Value::Bytes(bytes), Kind::Bytes) => Some(Reading::Bytes(bytes)),
        (Value::Bytes(bytes), Kind::Message) | (Value::Group(bytes), Kind::Group) => Some(Reading::Message(bytes)),
        _ => None,
    }
}

fn integer(kind: Kind, value: u64) -> Option<Reading<'static>> {
    let low = value as u32;
    let integer = match kind {
        Kind::Int32 | Kind::Enum => i128::from(low as i32),
        Kind::Int64 => i128::from(value as i64),
        Kind::Uint32 => i128::from(low),
        Kind::Uint64 => i128::from(value),
        Kind::Bool => i128::from(value != 0),
        Kind::Sint32 => i128::from((low >> 1) as i32 ^ -((low & 1) as i32)),
        Kind::Sint64 => i128::from((value >> 1) as i64 ^ -((value & 1) as i64)),
        _ => return None,
    };
    Some(Reading::Integer(integer))
}

fn fixed32(kind: Kind, bytes: [u8; 4]) -> Option<Reading<'static>> {
    Some(match kind {
        Kind::Fixed32 => Reading::Integer(i128::from(u32::from_le_bytes(bytes))),
        Kind::Sfixed32 => Reading::Integer(i128::from(i32::from_le_bytes(bytes))),
        Kind::Float => Reading::Number(f64::from(f32::from_le_bytes(bytes))),
        _ => return None,
    })
}

fn fixed64(kind: Kind, bytes: [u8; 8]) -> Option<Reading<'static>> {
    Some(match kind {
        Kind::Fixed64 => Reading::Integer(i128::from(u64::from_le_bytes(bytes))),
        Kind::Sfixed64 => Reading::Integer(i128::from(i64::from_le_bytes(bytes))),
        Kind::Double => Reading::Number(f64::from_le_bytes(bytes)),
        _ => return None,
    })
}
