//! Removal of secrets from free text, recognized by the text before them: URLs, forms, JSON in pieces, XML, headers.

mod find;
mod spot;

use spot::Spot;

use super::{
    REDACTED,
    encodings::{WINDOW, each_escaped},
};

/// Returns `text` without what looks like a secret: user and password of URLs; values of secret names in queries,
/// forms, JSON, XML and headers; what follows `Bearer` or `Basic`; JSON Web Tokens. `None` when there is nothing.
/// `found` is shown each.
pub(super) fn scrub(text: &str, found: &mut impl FnMut(&str)) -> Option<String> {
    let mut spots = Vec::new();
    find::all(text, &mut spots);
    for spot in &spots {
        found(text.get(spot.at.clone()).unwrap_or_default());
    }
    // A URL within a URL has its `?` and `=` escaped, JSON within JSON its quotes.
    each_escaped(text.as_bytes(), &mut |decoded| {
        let inner = String::from_utf8_lossy(&decoded.bytes);
        let mut within = Vec::new();
        if inner.len() == decoded.bytes.len() {
            find::all(&inner, &mut within);
        }
        for spot in within {
            found(inner.get(spot.at.clone()).unwrap_or_default());
            if let Some(mut at) = decoded.source(&spot.at) {
                if spot.at.end == inner.len() && text.len() > WINDOW {
                    // What was not decoded with it may go on.
                    at.end = text.len();
                }
                spots.push(Spot { at, put: REDACTED });
            }
        }
    });
    spots.retain(|spot| {
        let text = text.get(spot.at.clone());
        text.is_some_and(|text| !text.is_empty() && text != REDACTED)
    });
    spots.sort_by_key(|spot| (spot.at.start, std::cmp::Reverse(spot.at.end)));
    if spots.is_empty() {
        return None;
    }
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for spot in spots {
        if spot.at.start >= at {
            out.push_str(text.get(at..spot.at.start).unwrap_or_default());
            out.push_str(spot.put);
        }
        at = at.max(spot.at.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out != text).then_some(out)
}

#[cfg(test)]
mod tests;
