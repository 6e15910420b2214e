//! Redaction of free text and forms: secrets are found by the text before them, or by the names of fields.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{key_rule::KeyRule, ledger::Ledger, scrub::scrub};
use crate::grpc::status::percent_decode;

/// The label of secrets that were found by the text before them.
const LABEL: &str = "secrets in REST exchanges=mask";

/// Free text without known secrets and without what looks like one.
pub(super) fn free(text: &str, ledger: &mut Ledger) -> Option<String> {
    let scrubbed = scrub(text, &mut |secret| ledger.hidden(LABEL, secret));
    let clean = scrubbed.as_deref().unwrap_or(text);
    ledger.known(clean).or(scrubbed)
}

/// Redacts a form `a=b&c=d` by the rules for its names.
pub(super) fn form(text: &str, rules: &[KeyRule], ledger: &mut Ledger) -> Option<String> {
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

/// A value, escaped for a form.
fn escaped(text: &str) -> String {
    const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'+').add(b'#').add(b' ');
    utf8_percent_encode(text, ESCAPED).to_string()
}
