//! Comparison of two messages: by field path where the schema is known, by bytes otherwise.

use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage as _, Value};

use crate::{
    grpc::{descriptors, differ},
    model::event::Direction,
};

/// Fields that are named in a text; more are counted.
const MAX_NAMED: usize = 5;

/// A value in a text is cut after this many characters.
const MAX_SHOWN: usize = 40;

/// Describes in words how two messages differ.
pub(super) fn compare(pool: Option<&DescriptorPool>, method: &str, direction: Direction, a: &[u8], b: &[u8]) -> String {
    let fields = pool
        .and_then(|pool| by_field(pool, method, direction, a, b))
        .unwrap_or_default();
    if fields.is_empty() {
        let (a, b) = differ::told(a, b).unwrap_or_default();
        return format!("{a} and {b}");
    }
    let shown: Vec<_> = fields.iter().take(MAX_NAMED).cloned().collect();
    let more = fields.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 {
        format!("; and {more} more fields")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join("; "))
}

fn by_field(pool: &DescriptorPool, method: &str, direction: Direction, a: &[u8], b: &[u8]) -> Option<Vec<String>> {
    let (service, name) = method.strip_prefix('/')?.split_once('/')?;
    let service = pool.get_service_by_name(service)?;
    let method = service.methods().find(|method| method.name() == name)?;
    let descriptor = match direction {
        Direction::Sent => method.input(),
        Direction::Received => method.output(),
    };
    let a = descriptors::decode(descriptor.clone(), a).ok()?;
    let b = descriptors::decode(descriptor, b).ok()?;
    let mut found = Vec::new();
    messages(&a, &b, "", &mut found);
    Some(found)
}

fn messages(a: &DynamicMessage, b: &DynamicMessage, path: &str, found: &mut Vec<String>) {
    for field in a.descriptor().fields() {
        let (has_a, has_b) = (a.has_field(&field), b.has_field(&field));
        let name = if path.is_empty() {
            field.name().to_owned()
        } else {
            format!("{path}.{}", field.name())
        };
        if has_a || has_b {
            values(&a.get_field(&field), &b.get_field(&field), &name, found);
        }
    }
    if a.unknown_fields().count() != b.unknown_fields().count() || !a.unknown_fields().eq(b.unknown_fields()) {
        found.push(format!("{path}: other unknown fields"));
    }
}

fn values(a: &Value, b: &Value, path: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Message(a), Value::Message(b)) => messages(a, b, path, found),
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                found.push(format!("{path}: {} elements and {}", a.len(), b.len()));
            }
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                values(a, b, &format!("{path}[{at}]"), found);
            }
        }
        (Value::Map(a), Value::Map(b)) => {
            let mut keys: Vec<&MapKey> = a.keys().chain(b.keys()).collect();
            keys.sort_by_key(|key| format!("{key:?}"));
            keys.dedup();
            for key in keys {
                let path = format!("{path}[{}]", shown_key(key));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => values(a, b, &path, found),
                    (a, _) => found.push(format!(
                        "{path}: only in the {}",
                        if a.is_some() { "first" } else { "second" }
                    )),
                }
            }
        }
        (Value::F32(one), Value::F32(other)) if one.to_bits() == other.to_bits() => {}
        (Value::F64(one), Value::F64(other)) if one.to_bits() == other.to_bits() => {}
        (a, b) if a == b && !matches!(a, Value::F32(_) | Value::F64(_)) => {}
        (Value::Bytes(a), Value::Bytes(b)) => {
            if let Some((a, b)) = differ::told(a, b) {
                found.push(format!("{path}: {a} and {b}"));
            }
        }
        (a, b) => found.push(format!("{path}: {} and {}", shown(a), shown(b))),
    }
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
        Value::Message(_) | Value::List(_) | Value::Map(_) => "…".to_owned(),
    };
    if text.chars().count() > MAX_SHOWN {
        format!("{}…", text.chars().take(MAX_SHOWN).collect::<String>())
    } else {
        text
    }
}

fn shown_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
