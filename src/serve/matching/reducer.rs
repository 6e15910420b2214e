//! Reduces requests to the fields that identify them. What is reduced is compared by a hash in which the order of
//! different fields, and that of a map's entries, does not count.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use prost_reflect::{MessageDescriptor, MethodDescriptor};

use super::{
    fields::{self, Content, KEY, MAX_DEPTH, VALUE},
    rules::MatchRule,
    stand_in::{AnswerRule, RequestValues, StandIns},
    states::{State, States, Treat},
};
use crate::{
    grpc::{
        field_pattern::{FieldPatterns, FieldStep},
        protobuf::{Field, Fields, Value},
    },
    model::text::printable,
    serve::plan::hash,
};

/// Largest number of fields of a request that is reduced, in a few map entries fewer; one that has more matches only
/// exactly. A field takes two bytes or more, so that a request within gRPC's default limit of 4 MiB has seldom as many.
const MAX_FIELDS: usize = 1_000_000;
/// Largest number of names of left-out fields that are kept for the log.
const MAX_NAMES: usize = 16;
/// Longest of these names, in characters.
const MAX_NAME_CHARS: usize = 80;

/// Reduces the requests of one method to the fields that identify them.
#[derive(Debug)]
pub(in crate::serve) struct Reducer {
    input: Option<MessageDescriptor>,
    output: Option<MessageDescriptor>,
    states: States,
    answers: Vec<AnswerRule>,
}

/// A request, reduced to the fields that identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) struct Reduced {
    /// Hash of the fields that identify it.
    pub(in crate::serve) hash: u64,
    /// Names of fields that were left out.
    pub(in crate::serve) ignored: Vec<String>,
}

impl Reducer {
    /// A reducer by a rule; `schema` is the method's.
    pub(super) fn new(rule: MatchRule, schema: Option<&MethodDescriptor>) -> Self {
        // All sets were within the limits when the rules were read.
        let set = |patterns| FieldPatterns::new(patterns).unwrap_or_default();
        Self {
            input: schema.map(MethodDescriptor::input),
            output: schema.map(MethodDescriptor::output),
            states: States::new(
                set(rule.ignore),
                (!rule.identify.is_empty()).then(|| set(rule.identify)),
            ),
            answers: rule.answer.into_iter().map(AnswerRule::new).collect(),
        }
    }

    /// True when there is no schema, and a pattern names a field.
    pub(super) fn needs_schema(&self) -> bool {
        let names = |text: &str| text.contains(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '*' | '?'));
        self.input.is_none() && self.states.texts().any(names)
    }

    /// Reduces a request. One that is no protobuf message, or that has too many fields, is identified by all its bytes.
    pub(in crate::serve) fn reduce(&self, request: &[u8]) -> Reduced {
        let mut walk = Walk {
            reducer: self,
            left: MAX_FIELDS,
            path: Vec::new(),
            ignored: Vec::new(),
        };
        match walk.message(self.input.as_ref(), request, &self.states.start()) {
            Ok(sum) => Reduced {
                hash: sum,
                ignored: walk.ignored,
            },
            Err(Unreadable) => Reduced {
                hash: hash(&("whole", request)),
                ignored: Vec::new(),
            },
        }
    }

    /// The values of a request that stand in answers.
    pub(in crate::serve) fn values(&self, request: &[u8]) -> RequestValues {
        RequestValues::of(&self.answers, self.input.as_ref(), request)
    }

    /// True when values of requests stand in answers.
    pub(in crate::serve) fn stands_in(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The answer with the values of the request that came instead of those of the recorded one; `None` when nothing
    /// of it changes.
    pub(in crate::serve) fn answer(&self, answer: &[u8], stand_ins: &StandIns) -> Option<Vec<u8>> {
        stand_ins.apply(&self.answers, self.output.as_ref(), answer)
    }
}

/// The error that bytes are no message, or have too many fields.
struct Unreadable;

/// The walk through one request.
struct Walk<'r> {
    reducer: &'r Reducer,
    left: usize,
    path: Vec<String>,
    ignored: Vec<String>,
}

/// All occurrences of one field: how they are treated, and the hash of them.
struct Sum {
    treat: Treat,
    hash: u64,
    known: Option<prost_reflect::FieldDescriptor>,
    /// True when something of it is compared.
    any: bool,
}

impl Walk<'_> {
    /// The hash of a message's fields that identify it.
    fn message(&mut self, of: Option<&MessageDescriptor>, bytes: &[u8], at: &Arc<State>) -> Result<u64, Unreadable> {
        if self.path.len() > MAX_DEPTH {
            return Err(Unreadable);
        }
        if let Some(of) = of
            && let Some(inner) = fields::inside_any(of, bytes)
        {
            return self.any(of, &inner, bytes, at);
        }
        let mut sums = BTreeMap::<u32, Sum>::new();
        let mut walked = Fields::new("request", bytes);
        while let Some(field) = walked.next_field().map_err(|_| Unreadable)? {
            self.spend(1)?;
            let sum = match sums.entry(field.number) {
                Entry::Occupied(sum) => sum.into_mut(),
                Entry::Vacant(place) => {
                    let known = of.and_then(|of| of.get_field(field.number));
                    let step = fields::step(known.as_ref(), field.number);
                    let (treat, cost) = self.reducer.states.field(at, of, &step);
                    self.spend(cost)?;
                    place.insert(Sum {
                        treat,
                        hash: 0,
                        known,
                        any: false,
                    })
                }
            };
            self.add(sum, &field)?;
        }
        let compared = sums.iter().filter(|(_, sum)| sum.any);
        let compared: Vec<_> = compared.map(|(number, sum)| (*number, sum.hash)).collect();
        Ok(hash(&compared))
    }

    /// Adds an occurrence of a field to the sum of all.
    fn add(&mut self, sum: &mut Sum, field: &Field<'_>) -> Result<(), Unreadable> {
        let known = sum.known.as_ref();
        let at = match &sum.treat {
            Treat::Ignore => {
                self.note(&fields::name(known, field.number));
                return Ok(());
            }
            Treat::Drop => return Ok(()),
            Treat::Compare(at) => at,
        };
        let content = fields::content(known, field);
        if let Content::Entry(entry, bytes) = content {
            self.path.push(fields::name(known, field.number));
            let added = self.entry(&entry, bytes, at)?;
            self.path.pop();
            // The order of a map's entries has no meaning.
            sum.hash = sum.hash.wrapping_add(added.unwrap_or_default());
            sum.any |= added.is_some();
            return Ok(());
        }
        if let Some(value) = self.value(known, field, content, at)? {
            sum.hash = hash(&(sum.hash, value));
            sum.any = true;
        }
        Ok(())
    }

    /// The hash of a field's value; `None` when nothing of it identifies the request.
    fn value(
        &mut self,
        known: Option<&prost_reflect::FieldDescriptor>,
        field: &Field<'_>,
        content: Content<'_>,
        at: &Arc<State>,
    ) -> Result<Option<u64>, Unreadable> {
        let Content::Message(inner, bytes) = content else {
            return Ok(at.identifies_all().then(|| plain(field)));
        };
        // Without a schema it is not known whether bytes are a message, and there is no need to know.
        let open = inner.is_some() || !at.is_settled();
        if !open {
            return Ok(Some(plain(field)));
        }
        let before = (self.ignored.len(), self.path.len(), self.left);
        self.path.push(fields::name(known, field.number));
        let read = self.message(inner.as_ref(), bytes, at);
        self.path.truncate(before.1);
        match read {
            // Of what does not identify, that it is there does not, either.
            Ok(inner) if !at.identifies_all() && inner == hash(&Vec::<(u32, u64)>::new()) => Ok(None),
            Ok(inner) => Ok(Some(hash(&("message", inner)))),
            Err(Unreadable) if self.left == 0 => Err(Unreadable),
            Err(Unreadable) => {
                self.ignored.truncate(before.0);
                Ok(at.identifies_all().then(|| plain(field)))
            }
        }
    }

    /// The hash of a map's entry, whose path goes on with its key; `None` when nothing of it identifies the request.
    fn entry(&mut self, entry: &MessageDescriptor, bytes: &[u8], at: &Arc<State>) -> Result<Option<u64>, Unreadable> {
        let key = fields::key(entry, bytes);
        self.spend(at.cost())?;
        let at = match self.reducer.states.step(at, &FieldStep::name(&key)) {
            Treat::Ignore => {
                self.note(&key);
                return Ok(None);
            }
            Treat::Drop => return Ok(None),
            Treat::Compare(at) => at,
        };
        let known = entry.get_field(VALUE);
        let (mut walked, mut value) = (Fields::new("entry", bytes), Some(0));
        while let Some(field) = walked.next_field().map_err(|_| Unreadable)? {
            self.spend(1)?;
            if field.number == VALUE {
                let content = fields::content(known.as_ref(), &field);
                self.path.push(key.clone());
                value = self.value(known.as_ref(), &field, content, &at)?;
                self.path.pop();
            } else if field.number != KEY {
                return Err(Unreadable);
            }
        }
        Ok(value.map(|value| hash(&(&key, value))))
    }

    /// The hash of an `Any`: the fields of the message in it stand in its place.
    fn any(
        &mut self,
        of: &MessageDescriptor,
        inner: &MessageDescriptor,
        bytes: &[u8],
        at: &Arc<State>,
    ) -> Result<u64, Unreadable> {
        let known = of.get_field(fields::ANY_TYPE);
        let step = fields::step(known.as_ref(), fields::ANY_TYPE);
        let named = match self.reducer.states.field(at, Some(of), &step).0 {
            Treat::Compare(_) if at.identifies_all() => inner.full_name(),
            _ => "",
        };
        let (mut walked, mut sum) = (Fields::new("Any", bytes), 0);
        while let Some(field) = walked.next_field().map_err(|_| Unreadable)? {
            if field.number == fields::ANY_VALUE {
                sum = self.message(Some(inner), field.bytes().map_err(|_| Unreadable)?, at)?;
            }
        }
        Ok(hash(&(named, sum)))
    }

    /// Takes a number of steps, if there are as many left.
    fn spend(&mut self, steps: usize) -> Result<(), Unreadable> {
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Unreadable)
    }

    /// Notes the name of a field that is left out.
    fn note(&mut self, name: &str) {
        if self.ignored.len() >= MAX_NAMES {
            return;
        }
        let path = self.path.iter().map(String::as_str).chain([name]);
        let path = path.collect::<Vec<_>>().join(".");
        let path: String = printable(&path).chars().take(MAX_NAME_CHARS).collect();
        if !self.ignored.contains(&path) {
            self.ignored.push(path);
        }
    }
}

/// The hash of a field's value as it is on the wire.
fn plain(field: &Field<'_>) -> u64 {
    match field.value {
        Value::Varint(value) => hash(&(0_u8, value)),
        Value::Fixed64(bytes) => hash(&(1_u8, bytes)),
        Value::Bytes(bytes) => hash(&(2_u8, bytes)),
        Value::Group(bytes) => hash(&(3_u8, bytes)),
        Value::Fixed32(bytes) => hash(&(5_u8, bytes)),
    }
}

#[cfg(test)]
mod tests;
