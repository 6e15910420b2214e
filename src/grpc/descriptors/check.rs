//! Comparison of message bytes with their type, without building the message.
//!
//! It takes the same bytes for a message as [`decode`](super::decode) does, but needs no memory for them, and says where
//! they stop to be one and which fields the type does not have.

use std::{collections::BTreeMap, fmt};

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    grpc::protobuf::{DELIMITED, DecodeError, FIXED32, FIXED64, Field, Fields, GROUP, VARINT, Value},
    model::varint,
};

/// Largest depth of nested messages; the decoder stops there too.
const MAX_DEPTH: usize = 100;

/// Largest number of unknown fields of one message that are distinguished. A type that lacks more is another type.
const MAX_UNKNOWN: usize = 64;

/// A field that the type of its message does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ForeignField {
    /// Full name of the message type.
    pub(crate) message: String,
    /// Number of the field.
    pub(crate) number: u32,
    /// Its wire type, 0 to 5.
    pub(crate) wire_type: u8,
}

impl fmt::Display for ForeignField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            message,
            number,
            wire_type,
        } = self;
        write!(f, "{message} field {number} (wire type {wire_type})")
    }
}

/// Why bytes are not a message of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Full name of the message type in which the error is.
    pub(crate) message: String,
    /// Position of the error in the outermost message.
    pub(crate) byte: usize,
    /// What is wrong there.
    pub(crate) what: String,
}

/// Compares bytes with a type; gives the fields that the type does not have, with their numbers.
pub(crate) fn check(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<BTreeMap<ForeignField, u64>, Misfit> {
    let mut foreign = BTreeMap::new();
    walk(descriptor, Fields::new("message", bytes), 0, 0, &mut foreign)?;
    Ok(foreign)
}

/// The declaration of a field.
struct Declared {
    kind: Kind,
    is_list: bool,
    is_group: bool,
}

impl From<FieldDescriptor> for Declared {
    fn from(field: FieldDescriptor) -> Self {
        Self {
            kind: field.kind(),
            is_list: field.is_list(),
            is_group: field.is_group(),
        }
    }
}

impl From<ExtensionDescriptor> for Declared {
    fn from(field: ExtensionDescriptor) -> Self {
        Self {
            kind: field.kind(),
            is_list: field.is_list(),
            is_group: field.is_group(),
        }
    }
}

/// Walks the fields of one message, whose positions are counted from `base`.
fn walk(
    descriptor: &MessageDescriptor,
    mut fields: Fields<'_>,
    base: usize,
    depth: usize,
    foreign: &mut BTreeMap<ForeignField, u64>,
) -> Result<(), Misfit> {
    let misfit = |byte: usize, what: String| Misfit {
        message: descriptor.full_name().to_owned(),
        byte: base + byte,
        what,
    };
    let unreadable = |error: DecodeError| misfit(error.byte, error.kind.to_string());
    while let Some(field) = fields.next_field().map_err(unreadable)? {
        let number = field.number;
        let declared = descriptor.get_field(number).map(Declared::from);
        let declared = declared.or_else(|| descriptor.get_extension(number).map(Declared::from));
        let Some(declared) = declared else {
            note(foreign, descriptor, &field);
            continue;
        };
        if !fits(&declared, &field) {
            let wire_type = field.value.wire_type();
            let what = format!("field {number} has wire type {wire_type}, which does not fit its type");
            return Err(misfit(field.value_at(), what));
        }
        match (&declared.kind, field.value) {
            (Kind::String, Value::Bytes(_)) => {
                field.string().map_err(unreadable)?;
            }
            (Kind::Message(inner), Value::Bytes(_) | Value::Group(_)) => {
                if depth >= MAX_DEPTH {
                    return Err(misfit(
                        field.value_at(),
                        format!("messages are nested more than {MAX_DEPTH} deep"),
                    ));
                }
                let (inside, from) = match field.value {
                    Value::Group(bytes) => (Fields::new("message", bytes), base + field.value_at()),
                    _ => (field.message("message").map_err(unreadable)?, base),
                };
                walk(inner, inside, from, depth + 1, foreign)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn note(foreign: &mut BTreeMap<ForeignField, u64>, descriptor: &MessageDescriptor, field: &Field<'_>) {
    let key = ForeignField {
        message: descriptor.full_name().to_owned(),
        number: field.number,
        wire_type: field.value.wire_type(),
    };
    if let Some(count) = foreign.get_mut(&key) {
        *count += 1;
    } else if foreign.len() < MAX_UNKNOWN {
        foreign.insert(key, 1);
    }
}

/// Whether the wire type of a field fits its declaration, and a packed list is one.
fn fits(declared: &Declared, field: &Field<'_>) -> bool {
    let expected = match declared.kind {
        Kind::Message(_) if declared.is_group => GROUP,
        Kind::Message(_) | Kind::String | Kind::Bytes => DELIMITED,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        _ => VARINT,
    };
    if field.value.wire_type() == expected {
        return true;
    }
    let Value::Bytes(packed) = field.value else {
        return false;
    };
    declared.is_list
        && match expected {
            FIXED64 => packed.len().is_multiple_of(8),
            FIXED32 => packed.len().is_multiple_of(4),
            VARINT => are_varints(packed),
            _ => false,
        }
}

fn are_varints(packed: &[u8]) -> bool {
    let mut at = 0;
    while at < packed.len() {
        if varint::read(packed, &mut at).is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{das::FOCUS_DESCRIPTOR_SET, grpc::descriptors::Descriptors};

    fn of(name: &str) -> MessageDescriptor {
        let pool = Descriptors::read(FOCUS_DESCRIPTOR_SET).unwrap().pool;
        pool.get_message_by_name(name).unwrap()
    }

    #[test]
    fn fields_that_the_type_lacks_are_counted_in_nested_messages_too() {
        let stream = of("datastream.DataStream");
        // A row (field 1) with an unknown varint 15, and two unknown varints 15 of its own.
        let bytes = b"\x0a\x02\x78\x01\x78\x01\x78\x02";
        let foreign = check(&stream, bytes).unwrap();
        let shown: Vec<_> = foreign
            .iter()
            .map(|(field, count)| (field.to_string(), *count))
            .collect();
        assert_eq!(
            shown,
            [
                ("datastream.DataStream field 15 (wire type 0)".to_owned(), 2),
                ("datastream.SpectrogramRow field 15 (wire type 0)".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn bytes_of_another_type_are_refused_with_their_place() {
        let request = of("datastream.StreamRequest");
        assert_eq!(check(&request, b"\x0a\x01a"), Ok(BTreeMap::new()));
        for (bytes, byte, said) in [
            (&b"\x08\x01"[..], 1, "wire type 0"),
            (b"\x0a\x05a", 1, "5"),
            (b"\x0a\x02a\xff", 3, "UTF-8"),
            (b"\xff", 0, "varint"),
        ] {
            let misfit = check(&request, bytes).unwrap_err();
            assert_eq!(misfit.message, "datastream.StreamRequest");
            assert_eq!(misfit.byte, byte, "{bytes:?}: {misfit:?}");
            assert!(misfit.what.contains(said), "{bytes:?}: {misfit:?}");
        }
    }

    #[test]
    fn it_agrees_with_the_decoder_whatever_the_bytes() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let (mut taken, mut refused) = (0, 0);
        for name in [
            "datastream.DataStream",
            "datastream.StreamRequest",
            "datastream.SensorIntensity",
        ] {
            let descriptor = of(name);
            for _ in 0..2000 {
                let length = random() % 12;
                let bytes: Vec<u8> = (0..length)
                    .map(|_| [8, 10, 13, 18, 26, 1, 2, 0, 4, 97][random() as usize % 10])
                    .collect();
                let fits = check(&descriptor, &bytes).is_ok();
                let decoded = crate::grpc::descriptors::decode(descriptor.clone(), &bytes).is_ok();
                assert_eq!(fits, decoded, "{name} {bytes:?}");
                *(if fits { &mut taken } else { &mut refused }) += 1;
            }
        }
        assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused");
    }
}
