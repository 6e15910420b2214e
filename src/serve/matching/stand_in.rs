//! Values of requests that stand in answers: where a recorded answer holds the value of the recorded request, the
//! answer to a live request gets the live value.

use std::collections::HashMap;

use prost_reflect::MessageDescriptor;

use super::fields::{self, Content, MAX_DEPTH, VALUE};
use crate::grpc::{
    field_pattern::{FieldPattern, FieldPatterns, FieldStep, Reached},
    protobuf::{
        DELIMITED, DecodeError, FIXED32, FIXED64, Field, Fields, GROUP, GROUP_END, Value, copy_fields, put_delimited,
        put_key, put_varint,
    },
};

/// Largest number of values of one request that are kept.
const MAX_VALUES: usize = 64;
/// Largest value that is kept: an id or a timestamp is far smaller.
const MAX_VALUE_BYTES: usize = 1024;

/// A rule: which field of answers takes the value of which field of the request.
#[derive(Debug)]
pub(super) struct AnswerRule {
    answer: FieldPatterns,
    request: FieldPatterns,
}

impl AnswerRule {
    pub(super) fn new((answer, request): (FieldPattern, FieldPattern)) -> Self {
        // One pattern is within the limits.
        let set = |pattern| FieldPatterns::new(vec![pattern]).unwrap_or_default();
        Self {
            answer: set(answer),
            request: set(request),
        }
    }
}

/// The value of a field, as its wire type delimits it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum OwnedValue {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Box<[u8]>),
    Group(Box<[u8]>),
    Fixed32([u8; 4]),
}

impl OwnedValue {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Varint(value) => Self::Varint(value),
            Value::Fixed64(bytes) => Self::Fixed64(bytes),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Group(bytes) => Self::Group(bytes.into()),
            Value::Fixed32(bytes) => Self::Fixed32(*bytes),
        }
    }

    fn put(&self, number: u32, out: &mut Vec<u8>) {
        match self {
            Self::Varint(value) => put_varint(out, number, *value),
            Self::Fixed64(bytes) => {
                put_key(out, number, FIXED64);
                out.extend_from_slice(bytes);
            }
            Self::Bytes(bytes) => {
                put_key(out, number, DELIMITED);
                crate::model::varint::put(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Self::Group(bytes) => {
                put_key(out, number, GROUP);
                out.extend_from_slice(bytes);
                put_key(out, number, GROUP_END);
            }
            Self::Fixed32(bytes) => {
                put_key(out, number, FIXED32);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// The values of one request that stand in answers, by rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct RequestValues(Vec<Vec<OwnedValue>>);

impl RequestValues {
    pub(super) fn of(rules: &[AnswerRule], of: Option<&MessageDescriptor>, request: &[u8]) -> Self {
        let values = rules.iter().map(|rule| {
            let mut values = Vec::new();
            collect(&rule.request, of, request, &rule.request.start(), 0, &mut values);
            values
        });
        Self(values.collect())
    }

    /// Number of bytes that it takes, about.
    pub(in crate::serve) fn bytes(&self) -> usize {
        let bytes = |value: &OwnedValue| match value {
            OwnedValue::Bytes(bytes) | OwnedValue::Group(bytes) => 32 + bytes.len(),
            _ => 32,
        };
        32 + self.0.iter().flatten().map(bytes).sum::<usize>()
    }
}

/// Collects the values of the fields that a pattern covers.
fn collect(
    patterns: &FieldPatterns,
    of: Option<&MessageDescriptor>,
    bytes: &[u8],
    from: &Reached,
    depth: usize,
    out: &mut Vec<OwnedValue>,
) {
    let inner = of.and_then(|of| fields::inside_any(of, bytes));
    let mut walked = Fields::new("request", bytes);
    while let Ok(Some(field)) = walked.next_field() {
        if depth > MAX_DEPTH || out.len() >= MAX_VALUES {
            return;
        }
        if let (Some(inner), fields::ANY_VALUE, Value::Bytes(bytes)) = (&inner, field.number, field.value) {
            collect(patterns, Some(inner), bytes, from, depth + 1, out);
            continue;
        }
        let known = of.and_then(|of| of.get_field(field.number));
        let Some(reached) = patterns.enter(from, &fields::step(known.as_ref(), field.number)) else {
            keep(field.value, out);
            continue;
        };
        if reached.is_dead() {
            continue;
        }
        match fields::content(known.as_ref(), &field) {
            Content::Plain => {}
            Content::Message(inner, bytes) => collect(patterns, inner.as_ref(), bytes, &reached, depth + 1, out),
            Content::Entry(entry, bytes) => {
                let key = fields::key(&entry, bytes);
                let reached = patterns.enter(&reached, &FieldStep::name(&key));
                let mut walked = Fields::new("entry", bytes);
                while let Ok(Some(field)) = walked.next_field() {
                    let known = entry.get_field(field.number).filter(|_| field.number == VALUE);
                    match (
                        &reached,
                        known.as_ref().map(|known| fields::content(Some(known), &field)),
                    ) {
                        (None, Some(_)) => keep(field.value, out),
                        (Some(reached), Some(Content::Message(inner, bytes))) => {
                            collect(patterns, inner.as_ref(), bytes, reached, depth + 1, out);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

fn keep(value: Value<'_>, out: &mut Vec<OwnedValue>) {
    let small = !matches!(value, Value::Bytes(bytes) | Value::Group(bytes) if bytes.len() > MAX_VALUE_BYTES);
    if small {
        out.push(OwnedValue::of(value));
    }
}

/// The values that stand in the answers of one call: for each rule, the live value of each recorded one. `None` stands
/// for a value that the live request leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct StandIns(Vec<HashMap<OwnedValue, Option<OwnedValue>>>);

impl StandIns {
    /// Adds those of a request that came, paired with the recorded one in its place; where two requests had the same
    /// value, the later one counts.
    pub(in crate::serve) fn add(&mut self, recorded: &RequestValues, live: &RequestValues) {
        let rules = self.0.len().max(recorded.0.len());
        self.0.resize_with(rules, HashMap::new);
        for ((rule, recorded), stand_ins) in recorded.0.iter().enumerate().zip(&mut self.0) {
            let live = live.0.get(rule).map_or(&[][..], Vec::as_slice);
            for (at, recorded) in recorded.iter().enumerate() {
                let live = live.get(at);
                if live == Some(recorded) {
                    stand_ins.remove(recorded);
                } else {
                    stand_ins.insert(recorded.clone(), live.cloned());
                }
            }
        }
    }

    pub(super) fn apply(&self, rules: &[AnswerRule], of: Option<&MessageDescriptor>, answer: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for (rule, stand_ins) in rules.iter().zip(&self.0).filter(|(_, stand_ins)| !stand_ins.is_empty()) {
            let exchange = Exchange {
                patterns: &rule.answer,
                stand_ins,
            };
            let bytes = changed.as_deref().unwrap_or(answer);
            if let Some(next) = exchange.message(of, bytes, &rule.answer.start(), 0) {
                changed = Some(next);
            }
        }
        changed
    }
}

/// The exchange of values by one rule.
struct Exchange<'r> {
    patterns: &'r FieldPatterns,
    stand_ins: &'r HashMap<OwnedValue, Option<OwnedValue>>,
}

impl Exchange<'_> {
    /// The message with live values; `None` when nothing changes, or it is none.
    fn message(&self, of: Option<&MessageDescriptor>, bytes: &[u8], from: &Reached, depth: usize) -> Option<Vec<u8>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let inner = of.and_then(|of| fields::inside_any(of, bytes));
        let (mut out, mut changed) = (Vec::with_capacity(bytes.len() + 16), false);
        let copied = copy_fields("answer", bytes, &mut out, |field, out| {
            let done =
                if let (Some(inner), fields::ANY_VALUE, Value::Bytes(bytes)) = (&inner, field.number, field.value) {
                    self.message(Some(inner), bytes, from, depth + 1)
                        .map(|inside| put_like(field, &inside, out))
                        .is_some()
                } else {
                    self.field(of, field, from, depth, out)
                };
            changed |= done;
            Ok::<_, DecodeError>(done)
        });
        (copied.is_ok() && changed).then_some(out)
    }

    /// Writes a field with a live value; false when it stays.
    fn field(
        &self,
        of: Option<&MessageDescriptor>,
        field: &Field<'_>,
        from: &Reached,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let known = of.and_then(|of| of.get_field(field.number));
        let Some(reached) = self.patterns.enter(from, &fields::step(known.as_ref(), field.number)) else {
            return self.put(field, out);
        };
        if reached.is_dead() {
            return false;
        }
        let inside = match fields::content(known.as_ref(), field) {
            Content::Plain => None,
            Content::Message(inner, bytes) => self.message(inner.as_ref(), bytes, &reached, depth + 1),
            Content::Entry(entry, bytes) => self.entry(&entry, bytes, &reached, depth + 1),
        };
        inside.map(|inside| put_like(field, &inside, out)).is_some()
    }

    /// The entry of a map with a live value; `None` when it stays.
    fn entry(&self, entry: &MessageDescriptor, bytes: &[u8], from: &Reached, depth: usize) -> Option<Vec<u8>> {
        let reached = self.patterns.enter(from, &FieldStep::name(&fields::key(entry, bytes)));
        let (mut out, mut changed) = (Vec::new(), false);
        let copied = copy_fields("entry", bytes, &mut out, |field, out| {
            let known = entry.get_field(field.number).filter(|_| field.number == VALUE);
            let done = match (
                &reached,
                known.as_ref().map(|known| fields::content(Some(known), field)),
            ) {
                (None, Some(_)) => self.put(field, out),
                (Some(reached), Some(Content::Message(inner, bytes))) => self
                    .message(inner.as_ref(), bytes, reached, depth + 1)
                    .map(|inside| put_like(field, &inside, out))
                    .is_some(),
                _ => false,
            };
            changed |= done;
            Ok::<_, DecodeError>(done)
        });
        (copied.is_ok() && changed).then_some(out)
    }

    /// Writes the live value of a field that holds a recorded one; false when it holds another.
    fn put(&self, field: &Field<'_>, out: &mut Vec<u8>) -> bool {
        let Some(live) = self.stand_ins.get(&OwnedValue::of(field.value)) else {
            return false;
        };
        if let Some(live) = live {
            live.put(field.number, out);
        }
        true
    }
}

/// Writes a message in place of the one in a field.
fn put_like(field: &Field<'_>, inside: &[u8], out: &mut Vec<u8>) {
    if matches!(field.value, Value::Group(_)) {
        put_key(out, field.number, GROUP);
        out.extend_from_slice(inside);
        put_key(out, field.number, GROUP_END);
    } else {
        put_delimited(out, field.number, inside);
    }
}
