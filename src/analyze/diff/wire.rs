//! Comparison of messages without a schema, by the numbers of their fields.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::grpc::{
    differ,
    field_pattern::{FieldPatterns, FieldStep, Reached},
    protobuf::{Fields, Value},
};

/// Largest depth of nested messages.
const MAX_DEPTH: usize = 100;
/// Largest number of fields of a message that are told apart.
const MAX_FIELDS: usize = 100_000;

/// The fields of a message, by number, in their order.
type ByNumber<'a> = BTreeMap<u32, Vec<Value<'a>>>;

/// The fields of bytes that can be a message; `None` for other bytes, and for none at all.
fn fields(bytes: &[u8]) -> Option<ByNumber<'_>> {
    let (mut walk, mut found, mut count) = (Fields::new("message", bytes), ByNumber::new(), 0);
    while let Some(field) = walk.next_field().ok()? {
        count += 1;
        found.entry(field.number).or_default().push(field.value);
        if count > MAX_FIELDS {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

/// A number that is the same for messages that differ in ignored fields only.
pub(super) fn mark(ignore: &FieldPatterns, at: &Reached, bytes: &[u8], depth: usize) -> u64 {
    let mut state = DefaultHasher::new();
    let found = fields(bytes).filter(|_| depth < MAX_DEPTH && !at.is_dead());
    let Some(found) = found else {
        bytes.hash(&mut state);
        return state.finish();
    };
    for (number, values) in found {
        let Some(at) = ignore.enter(at, &FieldStep::number(number)) else {
            continue;
        };
        for value in values {
            (number, value.wire_type()).hash(&mut state);
            match value {
                Value::Bytes(inner) | Value::Group(inner) => mark(ignore, &at, inner, depth + 1).hash(&mut state),
                Value::Varint(value) => value.hash(&mut state),
                Value::Fixed64(value) => value.hash(&mut state),
                Value::Fixed32(value) => value.hash(&mut state),
            }
        }
    }
    state.finish()
}

/// The differences of two messages by field number; `None` when one of them is not a message.
pub(super) fn compare(ignore: &FieldPatterns, a: &[u8], b: &[u8]) -> Option<Vec<String>> {
    let (a, b) = (fields(a)?, fields(b)?);
    let mut found = Vec::new();
    messages(ignore, &ignore.start(), (&a, &b), "field ", &mut found, 0);
    Some(found)
}

fn messages(
    ignore: &FieldPatterns,
    at: &Reached,
    (a, b): (&ByNumber<'_>, &ByNumber<'_>),
    path: &str,
    found: &mut Vec<String>,
    depth: usize,
) {
    let numbers: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    for number in numbers {
        let Some(at) = ignore.enter(at, &FieldStep::number(*number)) else {
            continue;
        };
        let path = format!("{path}{number}");
        let none = Vec::new();
        let (of_a, of_b) = (a.get(number).unwrap_or(&none), b.get(number).unwrap_or(&none));
        match (of_a.as_slice(), of_b.as_slice()) {
            ([one], []) => found.push(format!("{path}: only in the first, where it is {}", shown(*one))),
            ([], [one]) => found.push(format!("{path}: only in the second, where it is {}", shown(*one))),
            (a, b) if a.len() != b.len() => found.push(format!("{path}: {} values and {}", a.len(), b.len())),
            _ => {}
        }
        for (index, (a, b)) in of_a.iter().zip(of_b).enumerate() {
            let path = if of_a.len() > 1 {
                format!("{path}[{index}]")
            } else {
                path.clone()
            };
            values(ignore, &at, (*a, *b), &path, found, depth);
        }
    }
}

fn values(
    ignore: &FieldPatterns,
    at: &Reached,
    (a, b): (Value<'_>, Value<'_>),
    path: &str,
    found: &mut Vec<String>,
    depth: usize,
) {
    if a == b {
        return;
    }
    if let (Value::Bytes(a) | Value::Group(a), Value::Bytes(b) | Value::Group(b)) = (a, b) {
        if let (Some(a), Some(b)) = (fields(a), fields(b))
            && depth < MAX_DEPTH
        {
            messages(ignore, at, (&a, &b), &format!("{path}."), found, depth + 1);
            return;
        }
        let texts = (std::str::from_utf8(a), std::str::from_utf8(b));
        if let ((Err(_), _) | (_, Err(_)), Some((a, b))) = (texts, differ::told(a, b)) {
            found.push(format!("{path}: {a} and {b}"));
            return;
        }
    }
    found.push(format!("{path}: {} and {}", shown(a), shown(b)));
}

fn shown(value: Value<'_>) -> String {
    /// Longest text that is shown whole, in characters.
    const MAX_SHOWN: usize = 40;
    match value {
        Value::Varint(value) => value.to_string(),
        Value::Fixed64(bytes) => format!("0x{:016x}", u64::from_le_bytes(bytes)),
        Value::Fixed32(bytes) => format!("0x{:08x}", u32::from_le_bytes(*bytes)),
        Value::Bytes(bytes) | Value::Group(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.chars().count() <= MAX_SHOWN => format!("`{text}`"),
            Ok(text) => format!("`{}…`", text.chars().take(MAX_SHOWN).collect::<String>()),
            Err(_) => format!("{} bytes", bytes.len()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"\x0a\x04\x08\x05\x10\x07\x12\x01a\x18\x02";
    const OTHER: &[u8] = b"\x0a\x04\x08\x06\x10\x07\x12\x01b\x18\x02";

    fn patterns(text: &str) -> FieldPatterns {
        FieldPatterns::parse(text).unwrap()
    }

    #[test]
    fn fields_are_told_by_their_numbers() {
        let found = compare(&FieldPatterns::default(), ONE, OTHER).unwrap();
        assert_eq!(found, ["field 1.1: 5 and 6", "field 2: `a` and `b`"]);
        assert_eq!(compare(&patterns("1.1"), ONE, OTHER).unwrap(), ["field 2: `a` and `b`"]);
        assert_eq!(compare(&patterns("1,2"), ONE, OTHER).unwrap(), Vec::<String>::new());
        assert_eq!(compare(&patterns("1"), b"abcdef", OTHER), None);
        let more = [OTHER, b"\x20\x01"].concat();
        let found = compare(&patterns("1,2"), ONE, &more).unwrap();
        assert_eq!(found, ["field 4: only in the second, where it is 1"]);
    }

    #[test]
    fn a_mark_passes_over_ignored_fields() {
        let of = |text: &str, bytes| {
            let patterns = patterns(text);
            mark(&patterns, &patterns.start(), bytes, 0)
        };
        assert_eq!(of("1.1,2", ONE), of("1.1,2", OTHER));
        assert_ne!(of("1.1", ONE), of("1.1", OTHER));
        assert_ne!(of("9", ONE), of("9", OTHER));
    }
}
