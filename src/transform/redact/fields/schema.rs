//! The descriptor set in a form for the redaction: messages by number, and for each field what exists under it.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, Kind};

use super::{find::Named, hide::FieldRule};
use crate::transform::redact::Action;

/// Name of the message that holds any type.
const ANY: &str = "google.protobuf.Any";

/// The messages of a descriptor set.
#[derive(Debug, Default)]
pub(super) struct Schema {
    names: HashMap<String, usize>,
    messages: Vec<Shape>,
    /// Whether any field contains a `google.protobuf.Any`.
    pub(super) has_any: bool,
}

/// A message type.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// True for `google.protobuf.Any`.
    pub(super) is_any: bool,
    fields: HashMap<u32, KnownField>,
}

/// A known field or extension.
#[derive(Debug)]
pub(super) struct KnownField {
    pub(super) holds: Holds,
    pub(super) repeated: bool,
    pub(super) rule: Option<FieldRule>,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Bytes,
    Number,
    /// A message or a group, by the index of its type.
    Message(usize),
}

impl KnownField {
    /// The message type of the field, by index.
    pub(super) const fn message(&self) -> Option<usize> {
        match self.holds {
            Holds::Message(inner) => Some(inner),
            _ => None,
        }
    }
}

impl Schema {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let mut schema = Self::default();
        for (at, message) in pool.all_messages().enumerate() {
            schema.names.insert(message.full_name().to_owned(), at);
        }
        let known = |kind: &Kind, repeated| KnownField {
            holds: schema.holds(kind),
            repeated,
            rule: None,
        };
        let shapes = pool.all_messages().map(|message| {
            let fields = message.fields();
            let fields = fields.map(|field| (field.number(), known(&field.kind(), field.is_list() || field.is_map())));
            let extensions = message.extensions();
            let extensions = extensions.map(|field| (field.number(), known(&field.kind(), field.is_list())));
            Shape {
                is_any: message.full_name() == ANY,
                fields: extensions.chain(fields).collect(),
            }
        });
        schema.messages = shapes.collect();
        schema.has_any = schema.names.contains_key(ANY);
        schema
    }

    fn holds(&self, kind: &Kind) -> Holds {
        match kind {
            Kind::Message(message) => self.index(message.full_name()).map_or(Holds::Bytes, Holds::Message),
            Kind::String => Holds::Text,
            Kind::Bytes => Holds::Bytes,
            _ => Holds::Number,
        }
    }

    /// The index of a message type by its full name.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub(super) fn shape(&self, message: usize) -> Option<&Shape> {
        self.messages.get(message)
    }

    /// Adds a rule for a field.
    pub(super) fn rule(&mut self, path: &str, action: &Action, named: Named) {
        let shape = self.index(&named.message).and_then(|at| self.messages.get_mut(at));
        if let Some(known) = shape.and_then(|shape| shape.fields.get_mut(&named.number)) {
            known.rule = Some(FieldRule {
                action: action.clone(),
                label: format!("field {path}={action}"),
                kind: named.kind,
            });
        }
    }
}

impl Shape {
    pub(super) fn field(&self, number: u32) -> Option<&KnownField> {
        self.fields.get(&number)
    }
}
