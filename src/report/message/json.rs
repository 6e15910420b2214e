//! A message as JSON: the proto3 mapping with the names of the .proto file, defaults shown, 64-bit integers as strings
//! (for many programs read numbers as doubles).
//!
//! What cannot be decoded is an object with `@decode_error` and `@data` (base64), beside the members that can.

use std::cell::RefCell;

use base64::{Engine as _, display::Base64Display, engine::general_purpose::STANDARD as BASE64};
use prost_reflect::{DescriptorPool, Kind};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::{
    known::{Known, has_notation, known},
    node::{Entries, Key, Node, Odd, Tree},
    scalar::{packed_len, unpacked},
    tree::{Budget, default},
};

/// Largest number of odd places that are described.
const MAX_PROBLEMS: usize = 4;

/// What all parts of one message share while it is written.
pub(super) struct Shared<'s> {
    pub(super) pool: &'s DescriptorPool,
    pub(super) budget: RefCell<Budget>,
    /// The way to the field that is being written.
    path: RefCell<String>,
    problems: RefCell<Problems>,
}

/// The places that could not be decoded.
#[derive(Debug, Default)]
struct Problems {
    told: Vec<String>,
    count: usize,
}

impl<'s> Shared<'s> {
    pub(super) fn new(pool: &'s DescriptorPool, budget: Budget) -> Self {
        Self {
            pool,
            budget: RefCell::new(budget),
            path: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    /// One text about all places that could not be decoded.
    pub(super) fn problem(&self) -> Option<String> {
        let problems = self.problems.borrow();
        let more = match problems.count - problems.told.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        (problems.count > 0).then(|| format!("{}{more}", problems.told.join("; ")))
    }

    fn note(&self, why: &dyn std::fmt::Display) {
        let mut problems = self.problems.borrow_mut();
        problems.count += 1;
        if problems.told.len() < MAX_PROBLEMS {
            let path = self.path.borrow();
            problems.told.push(if path.is_empty() {
                why.to_string()
            } else {
                format!("{path}: {why}")
            });
        }
    }

    /// Does `work` one step further down.
    fn within<T>(&self, step: &str, work: impl FnOnce() -> T) -> T {
        let before = {
            let mut path = self.path.borrow_mut();
            let before = path.len();
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
            before
        };
        let done = work();
        self.path.borrow_mut().truncate(before);
        done
    }
}

/// A message to be written as JSON.
pub(super) struct Json<'t, 'a, 's>(pub(super) &'t Tree<'a>, pub(super) &'s Shared<'s>);

impl Serialize for Json<'_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tree, shared) = *self;
        let found = known(tree, shared.pool, &mut shared.budget.borrow_mut());
        let kind = |number| tree.descriptor.get_field(number).map(|field| field.kind());
        match found {
            None => self.fields(None, serializer),
            Some(Known::Odd(why)) => {
                shared.note(&why);
                self.fields(Some(why), serializer)
            }
            Some(Known::Text(text)) => serializer.serialize_str(&text),
            Some(Known::Null) => serializer.serialize_none(),
            Some(Known::Wrapped(wrapped)) => {
                let number = tree.fields.first_key_value().map_or(1, |(number, _)| *number);
                match kind(number) {
                    Some(kind) => One(wrapped.node(), &kind, shared).serialize(serializer),
                    None => self.fields(None, serializer),
                }
            }
            Some(Known::Object(node)) => match (node, kind(1)) {
                (Some(node), Some(kind)) => One(node, &kind, shared).serialize(serializer),
                _ => serializer.serialize_map(Some(0))?.end(),
            },
            Some(Known::Values(node)) => match (node, kind(1)) {
                (Some(node), Some(kind)) => One(node, &kind, shared).serialize(serializer),
                _ => serializer.serialize_seq(Some(0))?.end(),
            },
            Some(Known::Any(url, inside)) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("@type", url)?;
                if has_notation(&inside) {
                    map.serialize_entry("value", &Json(&inside, shared))?;
                } else {
                    Json(&inside, shared).members(&mut map)?;
                }
                map.end()
            }
        }
    }
}

impl Json<'_, '_, '_> {
    fn fields<S: Serializer>(&self, why: Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(why) = why {
            map.serialize_entry("@decode_error", &why)?;
        }
        self.members(&mut map)?;
        map.end()
    }

    /// Writes the members of a message of any type.
    fn members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Self(tree, shared) = *self;
        for field in tree.descriptor.fields() {
            let (name, kind) = (field.name(), field.kind());
            match tree.fields.get(&field.number()) {
                Some(node) => shared.within(name, || map.serialize_entry(name, &One(node, &kind, shared)))?,
                None if field.supports_presence() => {}
                None => map.serialize_entry(name, &One(&default(&field, tree.depth), &kind, shared))?,
            }
        }
        for (number, node) in &tree.fields {
            if let Some(field) = tree.descriptor.get_extension(*number) {
                let (name, kind) = (field.json_name(), field.kind());
                shared.within(name, || map.serialize_entry(name, &One(node, &kind, shared)))?;
            }
        }
        if let Some(odd) = &tree.broken {
            shared.note(&odd.why);
            odd_members(map, odd)?;
        }
        Ok(())
    }
}

fn odd_members<M: SerializeMap>(map: &mut M, odd: &Odd<'_>) -> Result<(), M::Error> {
    map.serialize_entry("@decode_error", &odd.why.to_string())?;
    map.serialize_entry("@data", &BASE64.encode(odd.bytes))
}

/// One value of a type.
struct One<'t, 'a, 's>(&'t Node<'a>, &'t Kind, &'s Shared<'s>);

impl Serialize for One<'_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(node, kind, shared) = *self;
        match node {
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::I32(value) => serializer.serialize_i32(*value),
            Node::U32(value) => serializer.serialize_u32(*value),
            Node::I64(value) => serializer.collect_str(value),
            Node::U64(value) => serializer.collect_str(value),
            Node::F32(value) if value.is_finite() => serializer.serialize_f32(*value),
            Node::F32(value) => serializer.serialize_str(not_finite(f64::from(*value))),
            Node::F64(value) if value.is_finite() => serializer.serialize_f64(*value),
            Node::F64(value) => serializer.serialize_str(not_finite(*value)),
            Node::Enum(number) => match kind {
                Kind::Enum(known) if known.full_name() == "google.protobuf.NullValue" => serializer.serialize_none(),
                Kind::Enum(known) => match known.get_value(*number) {
                    Some(value) => serializer.serialize_str(value.name()),
                    None => serializer.serialize_i32(*number),
                },
                _ => serializer.serialize_i32(*number),
            },
            Node::Text(text) => serializer.serialize_str(text),
            Node::Bytes(bytes) => serializer.collect_str(&Base64Display::new(bytes, &BASE64)),
            Node::Message(tree) => Json(tree, shared).serialize(serializer),
            Node::List(items) => {
                let mut list = serializer.serialize_seq(None)?;
                let mut at = 0_u64;
                for item in items {
                    match item {
                        Node::Packed(bytes) => {
                            at += packed_len(kind, bytes);
                            for number in unpacked(kind, bytes) {
                                list.serialize_element(&One(&number, kind, shared))?;
                            }
                        }
                        // The path is of use where something can be wrong.
                        Node::Message(_) | Node::Odd(_) => {
                            let one = || list.serialize_element(&One(item, kind, shared));
                            shared.within(&format!("[{at}]"), one)?;
                            at += 1;
                        }
                        _ => {
                            list.serialize_element(&One(item, kind, shared))?;
                            at += 1;
                        }
                    }
                }
                list.end()
            }
            Node::Packed(bytes) => serializer.collect_seq(unpacked(kind, bytes).map(|node| Owned(node, kind, shared))),
            Node::Map(entries) => self.entries(entries, serializer),
            Node::Odd(odd) => {
                shared.note(&odd.why);
                let mut map = serializer.serialize_map(Some(2))?;
                odd_members(&mut map, odd)?;
                map.end()
            }
        }
    }
}

/// A value that is made while it is written.
struct Owned<'a, 't, 's>(Node<'a>, &'t Kind, &'s Shared<'s>);

impl Serialize for Owned<'_, '_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        One(&self.0, self.1, self.2).serialize(serializer)
    }
}

impl One<'_, '_, '_> {
    fn entries<S: Serializer>(&self, entries: &Entries<'_>, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(_, kind, shared) = *self;
        let value = match kind {
            Kind::Message(entry) => entry.get_field(2).map(|field| field.kind()),
            _ => None,
        };
        let mut map = serializer.serialize_map(None)?;
        for (key, node) in &entries.by_key {
            let kind = value.as_ref().unwrap_or(kind);
            let one = || map.serialize_entry(&KeyText(key), &One(node, kind, shared));
            shared.within(&format!("[{}]", shown_key(key)), one)?;
        }
        if let Some(odd) = entries.odd.first() {
            shared.note(&odd.why);
            odd_members(&mut map, odd)?;
        }
        map.end()
    }
}

struct KeyText<'k, 'a>(&'k Key<'a>);

impl Serialize for KeyText<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// A key in a path.
pub(super) fn shown_key(key: &Key<'_>) -> String {
    match key {
        Key::Text(text) => format!("{text:?}"),
        key => key.to_string(),
    }
}

/// JSON's text for a number that it has no notation for.
fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
