//! Fields of messages, by the descriptors of the capture, on the wire bytes: everything else stays as it stood.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use super::{Action, redactor::Ledger};
use crate::{
    dialect::{
        DecodeError,
        proto::{Field, Fields, Value, put_varint},
    },
    event::Direction,
};

/// Messages within messages that are followed; other protobuf readers stop there too.
const MAX_DEPTH: usize = 100;

type Ruled = HashMap<String, HashMap<u32, FieldRule>>;

/// Rules for fields, held against a descriptor set.
#[derive(Debug)]
pub(super) struct FieldRules {
    pool: DescriptorPool,
    /// By message name, and then by field number.
    rules: Ruled,
    /// Messages that hold such a field, or a message that does.
    touched: HashSet<String>,
}

#[derive(Debug)]
struct FieldRule {
    action: Action,
    label: String,
    kind: Kind,
}

/// A rule that does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The capture holds no descriptors.
    #[error("the capture holds no descriptor set, so that no field of a message can be found by its name: {0}")]
    NoDescriptors(String),
    /// The descriptors cannot be read.
    #[error("the capture's descriptor set cannot be read: {0}")]
    BadDescriptors(String),
    /// There is no such field.
    #[error("`{field}` is no field of the capture's schema{}", near(.nearest.as_deref()))]
    NoField {
        /// What was named.
        field: String,
        /// The nearest one that there is.
        nearest: Option<String>,
    },
    /// The action does not fit the field.
    #[error("`{field}` holds {kind}, which cannot be hidden by {action}; use {use_instead}")]
    NoFit {
        /// The field.
        field: String,
        /// What it holds.
        kind: &'static str,
        /// The action.
        action: String,
        /// Those that fit.
        use_instead: &'static str,
    },
}

fn near(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}

impl FieldRules {
    pub(super) fn new(descriptor_set: &[u8], wanted: &BTreeMap<String, Action>) -> Result<Self, FieldError> {
        let pool =
            DescriptorPool::decode(descriptor_set).map_err(|error| FieldError::BadDescriptors(error.to_string()))?;
        let mut rules = Ruled::new();
        for (path, action) in wanted {
            let field = find(&pool, path)?;
            fits(path, &field, action)?;
            let rule = FieldRule {
                action: action.clone(),
                label: format!("field {path}={action}"),
                kind: field.kind(),
            };
            let message = rules.entry(field.parent_message().full_name().to_owned()).or_default();
            message.insert(field.number(), rule);
        }
        let touched = touched(&pool, &rules);
        Ok(Self { pool, rules, touched })
    }

    /// The message that goes one way on a method, when it can hold a field that is hidden.
    pub(super) fn message(&self, method: &str, direction: Direction) -> Option<MessageDescriptor> {
        let (service, name) = method.strip_prefix('/')?.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        let method = service.methods().find(|method| method.name() == name)?;
        let message = match direction {
            Direction::Sent => method.input(),
            Direction::Received => method.output(),
        };
        self.touched.contains(message.full_name()).then_some(message)
    }

    /// The message without what is hidden; `None` when nothing is there to hide.
    pub(super) fn redact(
        &self,
        message: &MessageDescriptor,
        bytes: &[u8],
        ledger: &mut Ledger,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        self.walk(message, bytes, ledger, 0)
    }

    fn walk(
        &self,
        message: &MessageDescriptor,
        bytes: &[u8],
        ledger: &mut Ledger,
        depth: usize,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let own = self.rules.get(message.full_name());
        let mut out = Vec::with_capacity(bytes.len());
        let mut fields = Fields::new("message", bytes);
        let (mut from, mut changed) = (0, false);
        while let Some(field) = fields.next_field()? {
            let to = bytes.len() - fields.remaining();
            let raw = bytes.get(from..to).unwrap_or_default();
            from = to;
            if let Some(rule) = own.and_then(|own| own.get(&field.number)) {
                changed = true;
                rule.hide(&field, ledger, &mut out);
                continue;
            }
            let inner = message.get_field(field.number).map(|known| known.kind());
            let inner = inner
                .as_ref()
                .and_then(Kind::as_message)
                .filter(|inner| self.touched.contains(inner.full_name()));
            match (inner, field.value) {
                (Some(inner), Value::Bytes(value)) if depth < MAX_DEPTH => {
                    match self.walk(inner, value, ledger, depth + 1)? {
                        Some(value) => {
                            changed = true;
                            put_field(&mut out, field.number, &value);
                        }
                        None => out.extend_from_slice(raw),
                    }
                }
                // Too deep, or not encoded as it should be: what cannot be looked into goes.
                (Some(_), _) => {
                    changed = true;
                    ledger.count("fields that cannot be looked into=drop");
                }
                (None, _) => out.extend_from_slice(raw),
            }
        }
        Ok(changed.then_some(out))
    }
}

impl FieldRule {
    /// Writes what becomes of a field.
    fn hide(&self, field: &Field<'_>, ledger: &mut Ledger, out: &mut Vec<u8>) {
        let number = field.number;
        match (field.value, &self.kind) {
            (Value::Bytes(value), Kind::String) => {
                if let Some(text) = ledger.text(&self.label, &self.action, &String::from_utf8_lossy(value)) {
                    put_field(out, number, text.as_bytes());
                }
            }
            (Value::Bytes(value), Kind::Bytes) => {
                if let Some(bytes) = ledger.bytes(&self.label, &self.action, value) {
                    put_field(out, number, &bytes);
                }
            }
            (Value::Varint(value), kind) if width(kind) == Some(Width::Varint) => {
                if let Some(value) = ledger.number(&self.label, &self.action, value) {
                    put_varint(out, u64::from(number) << 3);
                    put_varint(out, value);
                }
            }
            (Value::Fixed32(value), kind) if width(kind) == Some(Width::Fixed(4)) => {
                if let Some(value) = ledger.number(&self.label, &self.action, u64::from(u32::from_le_bytes(*value))) {
                    put_varint(out, u64::from(number) << 3 | 5);
                    out.extend_from_slice(&(value as u32).to_le_bytes());
                }
            }
            (Value::Fixed64(value), kind) if width(kind) == Some(Width::Fixed(8)) => {
                if let Some(value) = ledger.number(&self.label, &self.action, u64::from_le_bytes(value)) {
                    put_varint(out, u64::from(number) << 3 | 1);
                    out.extend_from_slice(&value.to_le_bytes());
                }
            }
            (Value::Bytes(packed), kind) if width(kind).is_some() => self.packed(number, packed, ledger, out),
            // Messages and groups can only go; what is not encoded as its kind should be goes with them.
            // A whole message is not looked for: parts of it stand elsewhere by right.
            _ => ledger.count(&self.label),
        }
    }

    /// Numbers that stand in one run. A run that cannot be read goes.
    fn packed(&self, number: u32, packed: &[u8], ledger: &mut Ledger, out: &mut Vec<u8>) {
        let mut run = Vec::new();
        let mut put = |value: u64, ledger: &mut Ledger| {
            let Some(value) = ledger.number(&self.label, &self.action, value) else {
                return;
            };
            match width(&self.kind) {
                Some(Width::Fixed(width)) => {
                    run.extend_from_slice(value.to_le_bytes().get(..width).unwrap_or_default());
                }
                _ => put_varint(&mut run, value),
            }
        };
        if let Some(Width::Fixed(width)) = width(&self.kind) {
            for value in packed.chunks_exact(width) {
                let bytes = value.iter().rev();
                put(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)), ledger);
            }
        } else {
            let mut rest = packed;
            while let Some((value, after)) = varint(rest) {
                put(value, ledger);
                rest = after;
            }
        }
        if self.action != Action::Drop {
            put_field(out, number, &run);
        }
    }
}

/// How numbers of a kind stand on the wire.
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

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((value, bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    None
}

fn find(pool: &DescriptorPool, path: &str) -> Result<FieldDescriptor, FieldError> {
    let named = path.rsplit_once('.').and_then(|(message, name)| {
        let message = pool.get_message_by_name(message)?;
        message
            .fields()
            .find(|field| field.name() == name || field.json_name() == name)
    });
    named.ok_or_else(|| {
        let all = pool.all_messages().flat_map(|message| {
            let parent = message.full_name().to_owned();
            message
                .fields()
                .map(move |field| format!("{parent}.{}", field.name()))
                .collect::<Vec<_>>()
        });
        let nearest = all.min_by_key(|known| strsim::damerau_levenshtein(known, path));
        FieldError::NoField {
            field: path.to_owned(),
            nearest,
        }
    })
}

fn fits(path: &str, field: &FieldDescriptor, action: &Action) -> Result<(), FieldError> {
    let (kind, fits, use_instead) = match field.kind() {
        Kind::Message(_) => ("messages", *action == Action::Drop, "drop"),
        Kind::String => return Ok(()),
        Kind::Bytes => ("bytes", *action != Action::Host, "hash, drop, mask or constant:VALUE"),
        Kind::Float | Kind::Double => (
            "floating-point numbers",
            matches!(action, Action::Drop | Action::Mask),
            "drop or mask",
        ),
        Kind::Bool | Kind::Enum(_) => (
            "a choice",
            matches!(action, Action::Drop | Action::Mask),
            "drop or mask",
        ),
        _ => {
            let number = matches!(action, Action::Constant(text) if text.parse::<i64>().is_ok());
            let fits = number || matches!(action, Action::Drop | Action::Mask | Action::Hash);
            ("numbers", fits, "hash, drop, mask or constant:NUMBER")
        }
    };
    if fits {
        return Ok(());
    }
    let (field, action) = (path.to_owned(), action.to_string());
    Err(FieldError::NoFit {
        field,
        kind,
        action,
        use_instead,
    })
}

/// The messages from which a ruled field can be reached.
fn touched(pool: &DescriptorPool, rules: &Ruled) -> HashSet<String> {
    let mut touched: HashSet<String> = rules.keys().cloned().collect();
    loop {
        let before = touched.len();
        for message in pool.all_messages() {
            let reaches = message.fields().any(|field| {
                field
                    .kind()
                    .as_message()
                    .is_some_and(|inner| touched.contains(inner.full_name()))
            });
            if reaches {
                touched.insert(message.full_name().to_owned());
            }
        }
        if touched.len() == before {
            return touched;
        }
    }
}

fn put_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
