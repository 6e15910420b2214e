//! The parts of a metadata value that grant access.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{grpc::status::percent_decode, transform::redact::visit};

/// Words in the place of a secret that are not secret.
const WORDS: [&str; 12] = [
    "bearer",
    "basic",
    "digest",
    "negotiate",
    "default",
    "enabled",
    "disabled",
    "anonymous",
    "unknown",
    "undefined",
    "deleted",
    super::super::REDACTED,
];

/// Smallest length of a secret parameter; a shorter one describes the authorization.
const MIN_PARAMETER: usize = 8;

/// Smallest length of the signature of a web token.
const MIN_SIGNATURE: usize = 16;

/// Visits the parts of a secret value that must not occur elsewhere.
pub(crate) fn parts(name: &str, value: &[u8], add: &mut impl FnMut(&[u8])) {
    if let Some(inner) = visit::binary(name, value) {
        add(&inner);
        return;
    }
    let Ok(text) = std::str::from_utf8(value) else {
        add(value);
        return;
    };
    let mut add = |text: &str| {
        let text = text.trim().trim_matches('"');
        if WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) {
            return;
        }
        add(text.as_bytes());
        if text.contains('%') {
            add(percent_decode(text.as_bytes()).as_bytes());
        }
    };
    let name = name.to_ascii_lowercase();
    if name.ends_with("cookie") {
        // What follows the first pair of set-cookie says how long and where it counts.
        let pairs = if name.starts_with("set-") { 1 } else { usize::MAX };
        for pair in text.split(';').take(pairs) {
            add(pair.split_once('=').map_or(pair, |(_, value)| value));
        }
        return;
    }
    let text = text.trim();
    let scheme = text.split_once(' ').filter(|(scheme, _)| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !scheme.is_empty() && scheme.chars().all(is_word)
    });
    let Some((scheme, credentials)) = scheme else {
        whole(text, &mut add);
        return;
    };
    whole(credentials.trim(), &mut add);
    if scheme.eq_ignore_ascii_case("basic")
        && let Ok(pair) = STANDARD.decode(credentials.trim())
        && let Ok(pair) = String::from_utf8(pair)
    {
        add(&pair);
        add(pair.split_once(':').map_or("", |(_, password)| password));
    }
}

/// Splits a value into parameters, list members and parts of web tokens.
fn whole(text: &str, add: &mut impl FnMut(&str)) {
    add(text);
    for member in text.split(',').map(str::trim) {
        let value = member
            .split_once('=')
            .map_or(member, |(_, value)| value.trim_matches('"'));
        if value.len() >= MIN_PARAMETER && value.len() < text.len() && !value.trim_matches('=').is_empty() {
            add(value);
        }
    }
    if text.starts_with("eyJ") {
        let parts = text.split('.').skip(1);
        parts.filter(|part| part.len() >= MIN_SIGNATURE).for_each(add);
    }
}
