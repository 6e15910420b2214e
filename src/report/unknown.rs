//! Unknown fields of a message, which its schema does not define.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost_reflect::{DynamicMessage, MapKey, ReflectMessage as _, UnknownField, Value};
use serde_json::json;

/// All unknown fields of a message and its nested messages: where it is (`a.b[2]`, empty for the message itself), its
/// number, and its bytes as on the wire, tag included, in base64.
pub(super) fn unknown_fields(message: &DynamicMessage) -> Vec<serde_json::Value> {
    let mut found = Vec::new();
    look(message, "", &mut found);
    found
}

fn look(message: &DynamicMessage, path: &str, found: &mut Vec<serde_json::Value>) {
    found.extend(message.unknown_fields().map(|field| describe(path, field)));
    for (field, value) in message.fields() {
        let name = field.name();
        let path = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        descend(value, &path, found);
    }
}

fn descend(value: &Value, path: &str, found: &mut Vec<serde_json::Value>) {
    match value {
        Value::Message(message) => look(message, path, found),
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                // Numbers have nothing in them; a path for each would cost more than the message.
                if matches!(item, Value::Message(_)) {
                    descend(item, &format!("{path}[{at}]"), found);
                }
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                if matches!(item, Value::Message(_)) {
                    descend(item, &format!("{path}[{}]", shown(key)), found);
                }
            }
        }
        _ => {}
    }
}

fn shown(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => format!("{key:?}"),
    }
}

fn describe(path: &str, field: &UnknownField) -> serde_json::Value {
    let mut bytes = Vec::with_capacity(field.encoded_len());
    field.encode(&mut bytes);
    json!({ "in": path, "number": field.number(), "data": BASE64.encode(bytes) })
}

/// True when a message's schema uses `google.protobuf.Any`, whose content may be of an unknown type.
pub(super) fn may_hold_any(message: &DynamicMessage) -> bool {
    let descriptor = message.descriptor();
    descriptor
        .parent_pool()
        .get_message_by_name("google.protobuf.Any")
        .is_some()
}
