//! The places of a text that look like secrets.

use std::ops::Range;

use super::{REDACTED, spot::Spot};
use crate::transform::redact::names::is_secret;

/// Smallest length of a token after `Bearer`; words are, or have no digit.
const MIN_TOKEN: usize = 8;

/// Smallest length of a token that consists of letters.
const MIN_LETTERS: usize = 20;

/// How far the end of a tag, or of a form part's head, is searched.
const MAX_HEAD: usize = 1024;

/// Longest run of letters that is a name.
const MAX_NAME: usize = 128;

/// Adds all places of a text, in order. What one covers is not looked at again, so that the time does not grow with the
/// square of the text.
pub(super) fn all(text: &str, spots: &mut Vec<Spot>) {
    let mut covered = 0;
    for (at, byte) in text.bytes().enumerate() {
        if at < covered {
            continue;
        }
        let spot = match byte {
            b'=' => assigned(text, at),
            b':' if text.get(at..).is_some_and(|rest| rest.starts_with("://")) => userinfo(text, at + 3),
            b':' => member(text, at),
            b' ' => credentials(text, at),
            b'e' => web_token(text, at),
            b'<' => element(text, at),
            b'n' => form_part(text, at),
            _ => None,
        };
        let spot = spot.filter(|spot| !spot.at.is_empty() && text.get(spot.at.clone()) != Some(REDACTED));
        if let Some(spot) = spot {
            covered = spot.at.end;
            spots.push(spot);
        }
    }
}

/// The beginning of a text, up to the length of a head.
fn head(text: &str) -> &str {
    let mut end = text.len().min(MAX_HEAD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn masked(at: Range<usize>) -> Spot {
    Spot { at, put: REDACTED }
}

/// The end of the text from `from` up to the first byte for which `ends` is true. A character behind a backslash is
/// part of it, unless it is a quote.
fn until(text: &str, from: usize, ends: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        let escaped = *byte == b'\\';
        if ends(*byte) || escaped && bytes.get(at + 1) == Some(&b'"') {
            return at;
        }
        at += if escaped && bytes.get(at + 1).is_some_and(u8::is_ascii) {
            2
        } else {
            1
        };
    }
    bytes.len()
}

/// The end of a text, up to the length of a name.
fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(MAX_NAME);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

/// Finds `user:password` before a host.
fn userinfo(text: &str, from: usize) -> Option<Spot> {
    let end = until(text, from, |byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>')
    });
    let at = text.get(from..end)?.rfind('@')?;
    Some(masked(from..from + at))
}

/// The name that ends before `at`, in quotes or not.
fn name_before(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?.trim_end_matches([' ', '\t']);
    let before = before.trim_end_matches(['"', '\'']).trim_end_matches('\\');
    let before = tail(before);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '[' | ']' | '$');
    let start = before.trim_end_matches(is_name).len();
    // The brackets of `user[password]` are no part of a word.
    before.get(start..).filter(|name| !name.is_empty())
}

/// The start of a value, and whether it is in quotes: behind blanks, and behind the quote, escaped or not.
fn value_after(text: &str, at: usize) -> Option<(usize, Option<&'static str>)> {
    let rest = text.get(at..)?;
    let from = text.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = text.get(from..)?;
    for quote in ["\\\"", "\"", "'"] {
        if rest.starts_with(quote) {
            return Some((from + quote.len(), Some(quote)));
        }
    }
    Some((from, None))
}

/// The end of a quoted value.
fn closing(text: &str, from: usize, quote: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(quote.as_bytes()) {
            return at;
        }
        at += if rest.first() == Some(&b'\\') && rest.get(1).is_some_and(u8::is_ascii) {
            2
        } else {
            1
        };
    }
    bytes.len()
}

/// Finds `name=value`, in queries, forms, cookies and attributes.
fn assigned(text: &str, at: usize) -> Option<Spot> {
    let name = name_before(text, at)?;
    let name = unescaped(name);
    if !is_secret(&name) {
        return None;
    }
    let (from, quote) = value_after(text, at + 1)?;
    let end = match quote {
        Some(quote) => closing(text, from, quote),
        None => until(text, from, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'&' | b';' | b'#' | b'"' | b'\'' | b'<' | b'>')
        }),
    };
    Some(masked(from..end))
}

/// Finds `"name": value` and `name: value`, of JSON that cannot be parsed, and of headers.
fn member(text: &str, at: usize) -> Option<Spot> {
    let name = name_before(text, at)?;
    if !is_secret(name) {
        return None;
    }
    let quoted = text.get(..at)?.trim_end_matches([' ', '\t']).ends_with(['"', '\'']);
    let (from, quote) = value_after(text, at + 1)?;
    let rest = text.get(from..)?;
    if let Some(quote) = quote {
        return Some(masked(from..closing(text, from, quote)));
    }
    if quoted && rest.starts_with(['{', '[']) && !rest.starts_with(REDACTED) {
        return Some(masked(from..from + nested(rest)));
    }
    let end = if quoted {
        until(text, from, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']' | b'"')
        })
    } else {
        // A header's value may have blanks in it.
        until(text, from, |byte| matches!(byte, b'\r' | b'\n' | b'"' | b'<'))
    };
    match text.get(from..end)? {
        "0" | "null" | "true" | "false" => None,
        number if quoted && number.parse::<f64>().is_ok() => Some(Spot {
            at: from..end,
            put: "0",
        }),
        _ if text.get(from..)?.starts_with(REDACTED) => None,
        _ => Some(masked(from..end)),
    }
}

/// Length of an object or array, up to its end or the text's.
fn nested(text: &str) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Finds what follows `Bearer` or `Basic`.
fn credentials(text: &str, at: usize) -> Option<Spot> {
    let before = text.get(..at)?;
    let scheme = ["bearer", "basic"].into_iter().any(|scheme| {
        let from = before.len().checked_sub(scheme.len());
        from.and_then(|from| before.get(from..))
            .is_some_and(|word| word.eq_ignore_ascii_case(scheme))
    });
    if !scheme {
        return None;
    }
    let rest = text.get(at..)?;
    let from = text.len() - rest.trim_start_matches(' ').len();
    let token = text.get(from..)?;
    let len = token
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte))
        .count();
    let token = token.get(..len)?;
    let is_token =
        len >= MIN_LETTERS || len >= MIN_TOKEN && token.bytes().any(|byte| byte.is_ascii_digit() || byte == b'=');
    is_token.then(|| masked(from..from + len))
}

/// Finds a JSON Web Token: three parts, the first of which is the base64 of an object.
fn web_token(text: &str, at: usize) -> Option<Spot> {
    let token = text.get(at..)?;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let within = at
        .checked_sub(1)
        .and_then(|before| text.as_bytes().get(before))
        .copied()
        .is_some_and(is_part);
    if within || !token.starts_with("eyJ") {
        return None;
    }
    let len = token.bytes().take_while(|byte| is_part(*byte) || *byte == b'.').count();
    let token = token.get(..len)?;
    (len >= MIN_LETTERS && token.matches('.').count() >= 2).then(|| masked(at..at + len))
}

/// Finds the text of an XML element.
fn element(text: &str, at: usize) -> Option<Spot> {
    let tag = head(text.get(at + 1..)?);
    let name = tag.split(['>', ' ', '\t', '\r', '\n', '/']).next()?;
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    if name.len() > MAX_NAME || !is_secret(local) {
        return None;
    }
    let open = tag.find('>')?;
    if tag.get(..open)?.ends_with('/') {
        return None;
    }
    let from = at + 1 + open + 1;
    let len = text.get(from..)?.find("</").unwrap_or(text.len() - from);
    Some(masked(from..from + len))
}

/// Finds the body of a form part, by the name in its head.
fn form_part(text: &str, at: usize) -> Option<Spot> {
    let rest = text.get(at..)?.strip_prefix("name=\"")?;
    let (len_of_rest, rest) = (rest.len(), head(rest));
    let name = rest.split('"').next()?;
    if name.len() > MAX_NAME || !is_secret(name) {
        return None;
    }
    let (blank, len) = match (rest.find("\r\n\r\n"), rest.find("\n\n")) {
        (Some(at), _) => (at, 4),
        (None, Some(at)) => (at, 2),
        (None, None) => return None,
    };
    let from = text.len() - len_of_rest + blank + len;
    let body = text.get(from..)?;
    let end = body.find("\r\n--").or_else(|| body.find("\n--")).unwrap_or(body.len());
    Some(masked(from..from + end))
}

/// A name in a form with its escapes decoded.
fn unescaped(name: &str) -> String {
    crate::grpc::status::percent_decode(name.as_bytes())
}
