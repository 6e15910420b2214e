//! Redaction of the configure exchange: values of a JSON document by their keys.

use serde_json::{Map, Value};

use super::{
    Action,
    form::{form, free},
    key_rule::KeyRule,
    ledger::Ledger,
    metadata::is_secret,
};

/// The body without secrets and without what the rules hide; `None` when nothing is there to hide. JSON is looked into
/// by its keys at any depth, a form by its names, and any text by what is before a secret.
pub(super) fn body(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    let by_key = text_as_json(text, rules, ledger).or_else(|| form(text, rules, ledger));
    let clean = by_key.as_deref().unwrap_or(text);
    // A key that stands twice is read once, and JSON that cannot be read is text.
    free(clean, ledger).or(by_key)
}

/// Redacts a text that may be JSON: what the rules name, and values under names of secrets; `None` when it is not JSON,
/// or when nothing is there to hide: what was not touched stays byte for byte.
fn text_as_json(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut value = serde_json::from_str::<Value>(text).ok()?;
    hide(&mut value, rules, ledger).then(|| value.to_string())
}

/// Redacts a JSON value; true when something was there to hide.
pub(super) fn hide(value: &mut Value, rules: &[KeyRule], ledger: &mut Ledger) -> bool {
    let mut changed = false;
    walk(value, &mut Vec::new(), rules, ledger, &mut changed);
    changed
}

fn walk(value: &mut Value, keys: &mut Vec<String>, rules: &[KeyRule], ledger: &mut Ledger, changed: &mut bool) {
    match value {
        Value::Object(map) => {
            *changed |= hide_named(map, ledger);
            let names: Vec<String> = map.keys().cloned().collect();
            for name in names {
                keys.push(name.clone());
                let rule = KeyRule::of(rules, keys);
                let secret = is_secret(&name).then_some(("configure secrets=mask", &Action::Mask));
                if let Some((label, action)) = rule.map(|rule| (rule.label.as_str(), &rule.action)).or(secret) {
                    let gone = map
                        .get_mut(&name)
                        .is_some_and(|value| hide_all(value, label, action, ledger) == Fate::Goes);
                    if gone {
                        map.shift_remove(&name);
                    }
                    *changed = true;
                } else if let Some(value) = map.get_mut(&name) {
                    walk(value, keys, rules, ledger, changed);
                }
                keys.pop();
            }
            *changed |= rename(map, ledger);
        }
        Value::Array(items) => {
            if let [Value::String(name), Value::String(value)] = items.as_mut_slice()
                && is_secret(name)
            {
                *changed |= mask(value, ledger);
            }
            for item in items {
                walk(item, keys, rules, ledger, changed);
            }
        }
        Value::String(text) => {
            // JSON within JSON, and URLs with secrets in them.
            if let Some(clean) = body(text, rules, ledger) {
                *text = clean;
                *changed = true;
            }
        }
        _ => {}
    }
}

/// Member names that hold a name, where headers or fields are listed as objects.
const NAME_KEYS: [&str; 5] = ["name", "key", "header", "field", "id"];

/// Masks the value of such an object when its name is that of a secret: `{"name": "Authorization", "value": …}`. True
/// when there was something.
fn hide_named(map: &mut Map<String, Value>, ledger: &mut Ledger) -> bool {
    let is_name = |key: &str| NAME_KEYS.iter().any(|name| key.eq_ignore_ascii_case(name));
    let names = map.iter().filter(|(key, _)| is_name(key));
    if !names.filter_map(|(_, name)| name.as_str()).any(is_secret) {
        return false;
    }
    let mut changed = false;
    for (key, value) in map.iter_mut().filter(|(key, _)| !is_name(key)) {
        if key.to_ascii_lowercase().starts_with("val") {
            changed |= hide_all(value, "configure secrets=mask", &Action::Mask, ledger) == Fate::Stays;
        }
    }
    changed
}

/// Masks the value of a secret.
fn mask(value: &mut String, ledger: &mut Ledger) -> bool {
    let masked = ledger
        .text("configure secrets=mask", &Action::Mask, value)
        .unwrap_or_default();
    let changed = masked != *value;
    *value = masked;
    changed
}

/// Redacts keys that contain hidden values: a site's name may be the key of its data. True when there were
/// such keys.
fn rename(map: &mut Map<String, Value>, ledger: &mut Ledger) -> bool {
    if !map.keys().any(|key| ledger.values.occurs_in(key.as_bytes()).is_some()) {
        return false;
    }
    for (key, value) in std::mem::take(map) {
        let clean = ledger.known(&key).unwrap_or(key);
        let mut name = clean.clone();
        let mut number = 1;
        // Two keys that have become the same keep their values apart.
        while map.contains_key(&name) {
            number += 1;
            name = format!("{clean} ({number})");
        }
        map.insert(name, value);
    }
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// Hides all values below this one.
fn hide_all(value: &mut Value, label: &str, action: &Action, ledger: &mut Ledger) -> Fate {
    if *action == Action::Drop {
        remember(value, label, ledger);
        return Fate::Goes;
    }
    match value {
        Value::Object(map) => {
            for value in map.values_mut() {
                hide_all(value, label, action, ledger);
            }
            rename(map, ledger);
        }
        Value::Array(items) => {
            for item in items {
                hide_all(item, label, action, ledger);
            }
        }
        Value::String(text) => {
            if let Some(hidden) = ledger.text(label, action, text) {
                *text = hidden;
            }
        }
        Value::Number(number) => {
            let text = number.to_string();
            if let Some(hidden) = ledger.text(label, action, &text) {
                // A number stays one where it can, so that readers of the field are not upset.
                *value = match action {
                    Action::Mask | Action::Host => Value::from(0),
                    _ => hidden.parse::<i64>().map_or(Value::from(hidden), Value::from),
                };
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
    Fate::Stays
}

/// Remembers the texts of a dropped value for the search.
fn remember(value: &Value, label: &str, ledger: &mut Ledger) {
    match value {
        Value::Object(map) => map.values().for_each(|value| remember(value, label, ledger)),
        Value::Array(items) => items.iter().for_each(|item| remember(item, label, ledger)),
        Value::String(text) => drop(ledger.text(label, &Action::Drop, text)),
        Value::Number(number) => drop(ledger.text(label, &Action::Drop, &number.to_string())),
        Value::Bool(_) | Value::Null => ledger.count(label),
    }
}
