//! Removes everything from a file except messages, methods and their encoding; the rest is dropped unread.

use crate::grpc::protobuf::{Fields, Value, put_delimited, put_varint};

/// Largest number of messages, fields, enums, values, services and methods of a set: each takes about a kilobyte when
/// it is resolved. The Kubernetes API has some 15,000, Envoy's 25,000.
pub(crate) const MAX_DEFINITIONS: usize = 100_000;
/// Largest depth of nested messages, the same as in `protoc`.
const MAX_DEPTH: usize = 32;
/// Longest name in bytes.
const MAX_NAME_BYTES: usize = 512;

/// The number of definitions that a set may still have.
#[derive(Debug)]
pub(super) struct Budget {
    definitions: usize,
}

impl Default for Budget {
    fn default() -> Self {
        let definitions = MAX_DEFINITIONS;
        Self { definitions }
    }
}

/// The message types of descriptor.proto.
#[derive(Debug, Clone, Copy)]
enum Kind {
    File,
    Message,
    Range,
    Oneof,
    Field,
    Enum,
    EnumValue,
    Service,
    Method,
    FileOptions,
    MessageOptions,
    OneofOptions,
    FieldOptions,
    EnumOptions,
    MethodOptions,
    Features,
}

/// How much of a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What decides how messages are written.
    Wire,
    /// Also what a comparison of two schemas looks at: reserved numbers and names, the other features, idempotency.
    Comparison,
}

/// How a field is treated.
enum Fate {
    Drop,
    Keep,
    Message(Kind),
}

impl Kind {
    /// True for fields with definitions, which are kept separately; options are merged.
    const fn is_definition(self) -> bool {
        !matches!(
            self,
            Self::FileOptions
                | Self::MessageOptions
                | Self::OneofOptions
                | Self::FieldOptions
                | Self::EnumOptions
                | Self::MethodOptions
                | Self::Features
        )
    }

    const fn fate(self, number: u32, detail: Detail) -> Fate {
        match (self, number) {
            (Self::Message, 9) | (Self::Enum, 4) if matches!(detail, Detail::Comparison) => Fate::Message(Self::Range),
            (Self::Method, 4) if matches!(detail, Detail::Comparison) => Fate::Message(Self::MethodOptions),
            (Self::EnumOptions, 7) if matches!(detail, Detail::Comparison) => Fate::Message(Self::Features),
            (Self::Message, 10)
            | (Self::Enum, 5)
            | (Self::MessageOptions, 1)
            | (Self::MethodOptions, 34)
            | (Self::Features, 4)
                if matches!(detail, Detail::Comparison) =>
            {
                Fate::Keep
            }
            (Self::File, 4) | (Self::Message, 3) => Fate::Message(Self::Message),
            (Self::File, 5) | (Self::Message, 4) => Fate::Message(Self::Enum),
            (Self::File, 6) => Fate::Message(Self::Service),
            (Self::File, 7) | (Self::Message, 2 | 6) => Fate::Message(Self::Field),
            (Self::File, 8) => Fate::Message(Self::FileOptions),
            (Self::Message, 5) => Fate::Message(Self::Range),
            (Self::Message, 7) => Fate::Message(Self::MessageOptions),
            (Self::Message, 8) => Fate::Message(Self::Oneof),
            (Self::Oneof, 2) => Fate::Message(Self::OneofOptions),
            (Self::Field, 8) => Fate::Message(Self::FieldOptions),
            (Self::Enum, 2) => Fate::Message(Self::EnumValue),
            (Self::Enum, 3) => Fate::Message(Self::EnumOptions),
            (Self::Service, 2) => Fate::Message(Self::Method),
            (Self::FileOptions, 50)
            | (Self::MessageOptions, 12)
            | (Self::OneofOptions, 1)
            | (Self::FieldOptions, 21) => Fate::Message(Self::Features),
            // Names, numbers, types; syntax and edition; packed, map_entry, allow_alias; what features say of the wire.
            (Self::File, 1 | 2 | 12 | 14)
            | (Self::Message | Self::Oneof | Self::Enum | Self::Service, 1)
            | (Self::Range | Self::EnumValue, 1 | 2)
            | (Self::Field, 1..=7 | 9 | 10 | 17)
            | (Self::Method, 1 | 2 | 3 | 5 | 6)
            | (Self::MessageOptions, 7)
            | (Self::FieldOptions | Self::EnumOptions, 2)
            | (Self::Features, 1 | 2 | 3 | 5) => Fate::Keep,
            _ => Fate::Drop,
        }
    }
}

/// The file without the unused fields.
pub(super) fn file(raw: &[u8], detail: Detail, budget: &mut Budget) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let fields = Fields::new("FileDescriptorProto", raw);
    copy((Kind::File, detail), fields, &mut out, budget, 0)?;
    Ok(out)
}

fn copy(
    (kind, detail): (Kind, Detail),
    mut fields: Fields<'_>,
    out: &mut Vec<u8>,
    budget: &mut Budget,
    depth: usize,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("it nests deeper than {MAX_DEPTH} messages"));
    }
    while let Some(field) = fields.next_field().map_err(|error| error.to_string())? {
        match (kind.fate(field.number, detail), field.value) {
            (Fate::Message(inner), Value::Bytes(_)) => {
                if inner.is_definition() {
                    let left = budget.definitions.checked_sub(1);
                    let too_many = || format!("the set has more than {MAX_DEFINITIONS} definitions");
                    budget.definitions = left.ok_or_else(too_many)?;
                }
                let within = field
                    .message("FileDescriptorProto")
                    .map_err(|error| error.to_string())?;
                let mut copied = Vec::new();
                copy((inner, detail), within, &mut copied, budget, depth + 1)?;
                put_delimited(out, field.number, &copied);
            }
            (Fate::Keep, Value::Bytes(bytes)) if bytes.len() > MAX_NAME_BYTES => {
                return Err(format!("a name in it is longer than {MAX_NAME_BYTES} bytes"));
            }
            (Fate::Keep, Value::Bytes(bytes)) => put_delimited(out, field.number, bytes),
            (Fate::Keep, Value::Varint(value)) => put_varint(out, field.number, value),
            _ => {}
        }
    }
    Ok(())
}
