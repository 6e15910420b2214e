//! Redaction of a capture's header.

use super::{Action, Rules, key_rule::KeyRule, ledger::Ledger, rest};
use crate::file::{Attribute, Header};

/// Attributes in which no value can be hidden: what they hold is computed, or public.
pub(super) const OPEN: [&str; 4] = [
    Attribute::DESCRIPTOR_SET,
    Attribute::DESCRIPTOR_SHA256,
    Attribute::SLICE,
    Attribute::DIALECT,
];

pub(super) fn redact(header: &Header, rules: &Rules, keys: &[KeyRule], ledger: &mut Ledger) -> Header {
    let mut clean = Header::new(header.anchor_unix_ns);
    // What the configure exchange and the rules hide is looked for in all attributes, so these come first.
    let mut attributes: Vec<_> = header.attributes.iter().enumerate().collect();
    attributes.sort_by_key(|(_, (name, _))| action(rules, name).is_none() && !is_configure(name));
    let mut done = Vec::new();
    for (at, (name, value)) in attributes {
        if let Some(value) = attribute(name, value, rules, keys, ledger) {
            done.push((at, (name.clone(), value)));
        }
    }
    done.sort_by_key(|(at, _)| *at);
    clean.attributes = done.into_iter().map(|(_, attribute)| attribute).collect();
    clean
}

fn is_configure(name: &str) -> bool {
    name == Attribute::CONFIGURE_REQUEST || name == Attribute::CONFIGURE_RESPONSE
}

fn action<'a>(rules: &'a Rules, name: &str) -> Option<&'a Action> {
    rules.attributes.get(name).or_else(|| {
        let wild = rules
            .attributes
            .iter()
            .find(|(wanted, _)| wanted.strip_suffix('*').is_some_and(|start| name.starts_with(start)));
        wild.map(|(_, action)| action)
    })
}

fn attribute(name: &str, value: &[u8], rules: &Rules, keys: &[KeyRule], ledger: &mut Ledger) -> Option<Vec<u8>> {
    if OPEN.contains(&name) {
        return Some(value.to_vec());
    }
    let text = std::str::from_utf8(value);
    if let Some(action) = action(rules, name) {
        let text = text.map_or_else(|_| String::from_utf8_lossy(value).into_owned(), str::to_owned);
        let label = format!("attribute {name}={action}");
        return ledger.text(&label, action, &text).map(String::into_bytes);
    }
    if is_configure(name) {
        return Some(rest::document(value, keys, ledger));
    }
    let clean = text.ok().and_then(|text| ledger.known(text));
    Some(clean.map_or_else(|| value.to_vec(), String::into_bytes))
}
