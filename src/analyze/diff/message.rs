//! Comparison of two messages: by field path where the schema is known, by bytes otherwise.

use prost_reflect::{DynamicMessage, MapKey, ReflectMessage as _, Value};

use super::{
    DiffOptions,
    identity::{Known, inside_any, key_text},
    wire,
};
use crate::grpc::{
    descriptors, differ,
    field_pattern::{FieldPatterns, FieldStep, Reached},
};

/// Fields that are named in a text; more are counted.
const MAX_NAMED: usize = 5;

/// A value in a text is cut after this many characters.
const MAX_SHOWN: usize = 40;

/// Describes in words how two messages differ; `None` when they are equal in all that is compared. `known` is their type.
pub(super) fn compare(
    known: Option<&Known>,
    ignore: &FieldPatterns,
    options: DiffOptions,
    (a, b): (&[u8], &[u8]),
) -> Option<String> {
    if a == b {
        return None;
    }
    let decode = |data| descriptors::decode(known?.descriptor.clone(), data).ok();
    let (Some(of_a), Some(of_b)) = (decode(a), decode(b)) else {
        return by_number(ignore, a, b);
    };
    let mut fields = Fields {
        ignore,
        options,
        found: Vec::new(),
        more: 0,
    };
    fields.messages(&of_a, &of_b, "", &ignore.start());
    let more = match fields.more {
        0 => String::new(),
        more => format!("; and {more} more fields"),
    };
    (!fields.found.is_empty()).then(|| format!("{}{more}", fields.found.join("; ")))
}

/// Describes how two messages of an unknown type differ: by the numbers of their fields, or else by their bytes.
fn by_number(ignore: &FieldPatterns, a: &[u8], b: &[u8]) -> Option<String> {
    match wire::compare(ignore, a, b) {
        // The rest is ignored.
        Some(found) if found.is_empty() && !ignore.is_empty() => None,
        Some(found) if !found.is_empty() => {
            let shown: Vec<_> = found.iter().take(MAX_NAMED).cloned().collect();
            let more = match found.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!("; and {more} more fields"),
            };
            Some(format!("{}{more}", shown.join("; ")))
        }
        _ => {
            let (a, b) = differ::told(a, b).unwrap_or_default();
            Some(format!("{a} and {b}"))
        }
    }
}

/// The differing fields of two messages.
struct Fields<'i> {
    ignore: &'i FieldPatterns,
    options: DiffOptions,
    found: Vec<String>,
    more: usize,
}

impl Fields<'_> {
    fn differs(&mut self, text: impl FnOnce() -> String) {
        if self.found.len() < MAX_NAMED {
            self.found.push(text());
        } else {
            self.more += 1;
        }
    }

    fn messages(&mut self, a: &DynamicMessage, b: &DynamicMessage, path: &str, at: &Reached) {
        if let (Some(a), Some(b)) = (inside_any(a), inside_any(b))
            && a.descriptor() == b.descriptor()
        {
            self.messages(&a, &b, path, at);
            return;
        }
        let within = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        for field in a.descriptor().fields() {
            let (has_a, has_b) = (a.has_field(&field), b.has_field(&field));
            let step = FieldStep {
                names: [field.name(), field.json_name()],
                number: field.number(),
            };
            if !(has_a || has_b) {
                continue;
            }
            let Some(at) = self.ignore.enter(at, &step) else {
                continue;
            };
            let (a, b) = (a.get_field(&field), b.get_field(&field));
            let before = self.count();
            self.values(&a, &b, &within(field.name()), &at);
            if field.supports_presence() && has_a != has_b && self.count() == before {
                let (which, value) = if has_a { ("first", &a) } else { ("second", &b) };
                self.differs(|| {
                    format!(
                        "{}: only in the {which}, where it is {}",
                        within(field.name()),
                        shown(value)
                    )
                });
            }
        }
        let unknown = |message: &DynamicMessage| {
            let mut bytes = Vec::new();
            for field in message.unknown_fields() {
                if self.ignore.enter(at, &FieldStep::number(field.number())).is_some() {
                    field.encode(&mut bytes);
                }
            }
            bytes
        };
        let (of_a, of_b) = (unknown(a), unknown(b));
        if let Some((of_a, of_b)) = differ::told(&of_a, &of_b) {
            self.differs(|| format!("{}: {of_a} and {of_b}", within("unknown fields")));
        }
        self.extensions(a, b, path, at);
    }

    fn extensions(&mut self, a: &DynamicMessage, b: &DynamicMessage, path: &str, at: &Reached) {
        let mut all: Vec<_> = a.extensions().chain(b.extensions()).map(|(field, _)| field).collect();
        all.sort_by_key(prost_reflect::ExtensionDescriptor::number);
        all.dedup();
        for field in all {
            let step = FieldStep {
                names: [field.name(), field.json_name()],
                number: field.number(),
            };
            if let Some(at) = self.ignore.enter(at, &step) {
                let path = format!("{path}[{}]", field.full_name());
                self.values(&a.get_extension(&field), &b.get_extension(&field), &path, &at);
            }
        }
    }

    fn count(&self) -> usize {
        self.found.len() + self.more
    }

    fn values(&mut self, a: &Value, b: &Value, path: &str, at: &Reached) {
        match (a, b) {
            (Value::Message(a), Value::Message(b)) => self.messages(a, b, path, at),
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    self.differs(|| format!("{path}: {} elements and {}", a.len(), b.len()));
                }
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    self.values(a, b, &format!("{path}[{index}]"), at);
                }
            }
            (Value::Map(a), Value::Map(b)) => {
                let mut keys: Vec<&MapKey> = a.keys().chain(b.keys()).collect();
                keys.sort_by_key(|key| format!("{key:?}"));
                keys.dedup();
                for key in keys {
                    let text = key_text(key);
                    let Some(at) = self.ignore.enter(at, &FieldStep::name(&text)) else {
                        continue;
                    };
                    let path = format!("{path}[{text}]");
                    match (a.get(key), b.get(key)) {
                        (Some(a), Some(b)) => self.values(a, b, &path, &at),
                        (Some(value), _) => self.differs(|| format!("{path}: only in the first: {}", shown(value))),
                        (_, Some(value)) => self.differs(|| format!("{path}: only in the second: {}", shown(value))),
                        (None, None) => {}
                    }
                }
            }
            (Value::F32(one), Value::F32(other)) if one.to_bits() == other.to_bits() => {}
            (Value::F64(one), Value::F64(other)) if one.to_bits() == other.to_bits() => {}
            (a, b) if a == b && !matches!(a, Value::F32(_) | Value::F64(_)) => {}
            (a, b) if self.is_within(a, b) => {}
            (Value::Bytes(a), Value::Bytes(b)) => {
                if let Some((a, b)) = differ::told(a, b) {
                    self.differs(|| format!("{path}: {a} and {b}"));
                }
            }
            (a, b) => self.differs(|| format!("{path}: {} and {}", shown(a), shown(b))),
        }
    }

    /// True when two numbers differ by no more than the tolerance.
    fn is_within(&self, a: &Value, b: &Value) -> bool {
        let DiffOptions { abs, rel, .. } = self.options;
        if abs <= 0.0 && rel <= 0.0 {
            return false;
        }
        let (Some(a), Some(b)) = (number(a), number(b)) else {
            return false;
        };
        (a - b).abs() <= abs + rel * a.abs().max(b.abs())
    }
}

fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::I32(value) => f64::from(*value),
        Value::U32(value) => f64::from(*value),
        Value::I64(value) => *value as f64,
        Value::U64(value) => *value as f64,
        Value::F32(value) => f64::from(*value),
        Value::F64(value) => *value,
        _ => return None,
    })
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("`{text}`"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Bool(value) => value.to_string(),
        Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::Message(_) => "a message".to_owned(),
        Value::List(_) | Value::Map(_) => "…".to_owned(),
    };
    if text.chars().count() > MAX_SHOWN {
        format!("{}…", text.chars().take(MAX_SHOWN).collect::<String>())
    } else {
        text
    }
}
