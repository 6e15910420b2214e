//! REST exchanges, as a proxy notes them: path, bodies, addresses.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};

use super::{
    Action,
    json::{self, KeyRule},
    redactor::Ledger,
    scrub::scrub,
};
use crate::grpc::status::percent_decode;

/// What is said of a secret that was found by what is before it.
const LABEL: &str = "secrets in REST exchanges=mask";

/// A body that begins so is compressed as gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The text of a note `{"rest": …}` without secrets and without what the rules hide; `None` when it is another note, or when
/// nothing is there to hide.
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

/// A body without secrets and without what the rules hide; `None` when nothing is there to hide. JSON is looked into by its
/// keys at any depth, a form by its names, and any text by what is before a secret.
pub(super) fn body(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    let by_key = json::text(text, rules, ledger).or_else(|| form(text, rules, ledger));
    let clean = by_key.as_deref().unwrap_or(text);
    // A key that stands twice is read once, and JSON that cannot be read is text.
    free(clean, ledger).or(by_key)
}

/// Text without what looks like a secret, or is known as one.
pub(super) fn free(text: &str, ledger: &mut Ledger) -> Option<String> {
    let scrubbed = scrub(text, &mut |secret| ledger.hidden(LABEL, secret));
    let clean = scrubbed.as_deref().unwrap_or(text);
    ledger.known(clean).or(scrubbed)
}

fn path(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    let by_name = text.split_once('?').and_then(|(path, query)| {
        let query = form(query, rules, ledger)?;
        Some(format!("{path}?{query}"))
    });
    let clean = by_name.as_deref().unwrap_or(text);
    free(clean, ledger).or(by_name)
}

/// `a=b&c=d` by the rules for its names.
fn form(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
    if rules.is_empty() || !text.contains('=') || text.contains(char::is_whitespace) {
        return None;
    }
    let mut changed = false;
    let pairs = text.split('&').filter_map(|pair| {
        let hidden = pair.split_once('=').and_then(|(name, value)| {
            let plain = |text: &str| percent_decode(text.replace('+', " ").as_bytes());
            let rule = KeyRule::of(rules, &[plain(name)])?;
            let value = plain(value);
            let clean = rule.apply(&value, ledger);
            (clean.as_deref() != Some(&value)).then(|| clean.map(|clean| format!("{name}={}", escaped(&clean))))
        });
        match hidden {
            Some(hidden) => {
                changed = true;
                hidden
            }
            None => Some(pair.to_owned()),
        }
    });
    let pairs: Vec<_> = pairs.collect();
    changed.then(|| pairs.join("&"))
}

/// A value as it may stand in a form.
fn escaped(text: &str) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'+').add(b'#').add(b' ');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The length of a body that is no text and that could hold a secret: it is compressed, or does.
fn hides(encoded: &str, ledger: &mut Ledger) -> Option<usize> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let hides = bytes.starts_with(&GZIP) || texts(&bytes).iter().any(|text| body(text, &[], ledger).is_some());
    hides.then_some(bytes.len())
}

/// What bytes may say: as UTF-8, and as UTF-16 of both orders.
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

/// A body that is left out, with its length in its place.
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

#[cfg(test)]
mod tests;
