//! Redaction of one field.

use prost_reflect::Kind;

use crate::{
    grpc::protobuf::{DELIMITED, FIXED32, FIXED64, Field, GROUP, VARINT, Value, put_delimited, put_key, put_varint},
    model::varint,
    transform::redact::{Action, ledger::Ledger},
};

/// A rule with its action for a field.
#[derive(Debug)]
pub(super) struct FieldRule {
    pub(super) action: Action,
    pub(super) label: String,
    pub(super) kind: Kind,
}

impl FieldRule {
    /// Writes the redacted field.
    pub(super) fn hide(&self, field: &Field<'_>, ledger: &mut Ledger, out: &mut Vec<u8>) {
        let number = field.number;
        match (field.value, &self.kind) {
            (Value::Bytes(value), Kind::String) => {
                if std::str::from_utf8(value).is_err() {
                    // The text that it is taken for stands nowhere.
                    ledger.values.add(value);
                }
                if let Some(text) = ledger.text(&self.label, &self.action, &String::from_utf8_lossy(value)) {
                    put_delimited(out, number, text.as_bytes());
                }
            }
            (Value::Bytes(value), Kind::Bytes) => {
                if let Some(bytes) = ledger.bytes(&self.label, &self.action, value) {
                    put_delimited(out, number, &bytes);
                }
            }
            (Value::Varint(value), kind) if width(kind) == Some(Width::Varint) => {
                if let Some(value) = self.number(value, ledger) {
                    put_varint(out, number, value);
                }
            }
            (Value::Fixed32(value), kind) if width(kind) == Some(Width::Fixed(4)) => {
                if let Some(value) = self.number(u64::from(u32::from_le_bytes(*value)), ledger) {
                    put_key(out, number, FIXED32);
                    out.extend_from_slice(&(value as u32).to_le_bytes());
                }
            }
            (Value::Fixed64(value), kind) if width(kind) == Some(Width::Fixed(8)) => {
                if let Some(value) = self.number(u64::from_le_bytes(value), ledger) {
                    put_key(out, number, FIXED64);
                    out.extend_from_slice(&value.to_le_bytes());
                }
            }
            (Value::Bytes(packed), kind) if width(kind).is_some() => self.packed(number, packed, ledger, out),
            // Messages and groups can only go; what is not encoded as its kind should be goes with them.
            // A whole message is not looked for: parts of it stand elsewhere by right.
            _ => ledger.count(&self.label),
        }
    }

    /// The redacted number in wire form.
    fn number(&self, value: u64, ledger: &mut Ledger) -> Option<u64> {
        let number = ledger.number(&self.label, &self.action, value)?;
        let zigzag = matches!(self.action, Action::Constant(_)) && matches!(self.kind, Kind::Sint32 | Kind::Sint64);
        Some(if zigzag {
            number << 1 ^ ((number as i64 >> 63) as u64)
        } else {
            number
        })
    }

    /// Redacts numbers in a packed run. A run that cannot be read goes.
    fn packed(&self, number: u32, packed: &[u8], ledger: &mut Ledger, out: &mut Vec<u8>) {
        let mut run = Vec::new();
        let mut put = |value: u64, ledger: &mut Ledger| {
            let Some(value) = self.number(value, ledger) else {
                return;
            };
            match width(&self.kind) {
                Some(Width::Fixed(width)) => {
                    run.extend_from_slice(value.to_le_bytes().get(..width).unwrap_or_default());
                }
                _ => varint::put(&mut run, value),
            }
        };
        if let Some(Width::Fixed(width)) = width(&self.kind) {
            for value in packed.chunks_exact(width) {
                let bytes = value.iter().rev();
                put(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)), ledger);
            }
        } else {
            let mut at = 0;
            while let Some(value) = varint::read(packed, &mut at) {
                put(value, ledger);
            }
        }
        if self.action != Action::Drop {
            put_delimited(out, number, &run);
        }
    }
}

/// The wire format of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Varint,
    Fixed(usize),
}

const fn width(kind: &Kind) -> Option<Width> {
    match kind {
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Bool
        | Kind::Enum(_) => Some(Width::Varint),
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => Some(Width::Fixed(4)),
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Some(Width::Fixed(8)),
        Kind::String | Kind::Bytes | Kind::Message(_) => None,
    }
}

/// The wire types of fields of a kind.
pub(super) fn wire_types(kind: &Kind) -> impl Iterator<Item = u8> + use<> {
    let own = match (width(kind), kind) {
        (Some(Width::Varint), _) => Some(VARINT),
        (Some(Width::Fixed(4)), _) => Some(FIXED32),
        (Some(Width::Fixed(_)), _) => Some(FIXED64),
        (None, Kind::Message(_)) => Some(GROUP),
        (None, _) => None,
    };
    own.into_iter().chain([DELIMITED])
}
