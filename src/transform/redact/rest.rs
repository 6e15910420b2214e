//! Redaction of REST exchanges in a proxy's notes: path, bodies, addresses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    Action,
    form::{form, free},
    json::{self, body},
    key_rule::KeyRule,
    ledger::Ledger,
};

/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Removes secrets and what the rules hide from a note `{"rest": …}`; `None` when it is another note, or
/// when nothing is there to hide.
pub(super) fn note(text: &str, rules: &[KeyRule], addresses: Option<&Action>, ledger: &mut Ledger) -> Option<String> {
    let mut whole: Value = serde_json::from_str(text).ok()?;
    let rest = whole.get_mut("rest")?.as_object_mut()?;
    let mut changed = false;
    for name in rest.keys().cloned().collect::<Vec<_>>() {
        let Some(value) = rest.get_mut(&name) else { continue };
        let clean = match (name.as_str(), &*value) {
            ("path", Value::String(text)) => path(text, rules, ledger),
            ("request" | "response", Value::String(text)) => body(text, rules, ledger),
            ("request_base64" | "response_base64", Value::String(text)) => {
                if let Some(bytes) = hides(text, ledger) {
                    changed = true;
                    withhold(rest, &name, bytes);
                }
                continue;
            }
            ("job" | "proxied", Value::String(text)) => addresses
                .and_then(|action| ledger.text(&format!("REST addresses={action}"), action, text))
                .filter(|clean| clean != text),
            (_, Value::String(text)) => free(text, ledger),
            // Headers, and what later versions add.
            _ => {
                changed |= json::hide(value, rules, ledger);
                continue;
            }
        };
        if let Some(clean) = clean {
            *value = clean.into();
            changed = true;
        }
    }
    changed.then(|| whole.to_string())
}

fn path(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    let by_name = text.split_once('?').and_then(|(path, query)| {
        let query = form(query, rules, ledger)?;
        Some(format!("{path}?{query}"))
    });
    let clean = by_name.as_deref().unwrap_or(text);
    free(clean, ledger).or(by_name)
}

/// The length of a binary body that could hold a secret: it is compressed, or does.
fn hides(encoded: &str, ledger: &mut Ledger) -> Option<usize> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let hides = bytes.starts_with(&GZIP) || texts(&bytes).iter().any(|text| body(text, &[], ledger).is_some());
    hides.then_some(bytes.len())
}

/// The possible texts of bytes: as UTF-8, and as UTF-16 of both orders.
fn texts(bytes: &[u8]) -> [String; 3] {
    let (pairs, _) = bytes.as_chunks::<2>();
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
            .trim_start_matches('\u{feff}')
            .to_owned()
    };
    [
        String::from_utf8_lossy(bytes).into_owned(),
        wide(u16::from_le_bytes),
        wide(u16::from_be_bytes),
    ]
}

/// Replaces a body by its length.
fn withhold(rest: &mut Map<String, Value>, name: &str, bytes: usize) {
    let stem = name.trim_end_matches("_base64");
    let why = format!("{bytes} bytes that are compressed, or that are not text and hold a secret");
    let entries = std::mem::take(rest);
    for (key, value) in entries {
        if key == name {
            rest.insert(format!("{stem}_withheld"), why.clone().into());
        } else {
            rest.insert(key, value);
        }
    }
}

/// Redacts a JSON text: what the rules name, and values under names of secrets. A text that is not JSON is masked as a
/// whole.
pub(super) fn document(bytes: &[u8], rules: &[KeyRule], ledger: &mut Ledger) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).ok();
    if let Some(text) = text.filter(|text| serde_json::from_str::<Value>(text).is_ok()) {
        return body(text, rules, ledger).map_or_else(|| bytes.to_vec(), String::into_bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    let masked = ledger.text("configure that is no JSON=mask", &Action::Mask, &text);
    masked.map_or_else(Vec::new, String::into_bytes)
}

#[cfg(test)]
mod tests;
