//! Recognizes messages that are equal in all that is compared, whatever their bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher as _},
};

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};

use super::wire;
use crate::{
    grpc::{
        descriptors,
        field_pattern::{FieldPatterns, FieldStep, Reached},
        standard,
    },
    model::event::Direction,
};

/// A message up to this size in bytes is recognized by its fields; of a larger one, the bytes tell.
const MAX_DECODED: usize = 1 << 16;
/// Largest number of methods that are remembered.
const MAX_METHODS: usize = 1024;
/// Largest number of types that are searched for maps.
const MAX_TYPES: usize = 10_000;
/// The message that holds any other.
const ANY: &str = "google.protobuf.Any";

/// The schema, and the fields that are not compared.
#[derive(Debug)]
pub(super) struct Identity {
    pool: Option<DescriptorPool>,
    pub(super) ignore: FieldPatterns,
    methods: BTreeMap<String, [Option<Known>; 2]>,
}

/// The type of a method's messages.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) descriptor: MessageDescriptor,
    /// True when equal messages may have different bytes.
    is_loose: bool,
}

impl Identity {
    pub(super) const fn new(pool: Option<DescriptorPool>, ignore: FieldPatterns) -> Self {
        Self {
            pool,
            ignore,
            methods: BTreeMap::new(),
        }
    }

    /// The type of a method's messages; `None` when the schema does not have it.
    pub(super) fn known(&mut self, method: &str, direction: Direction) -> Option<Known> {
        let at = usize::from(direction == Direction::Received);
        if let Some(known) = self.methods.get(method) {
            return known.get(at).cloned().flatten();
        }
        let known = self.look_up(method);
        let found = known.get(at).cloned().flatten();
        if self.methods.len() < MAX_METHODS {
            self.methods.insert(method.to_owned(), known);
        }
        found
    }

    fn look_up(&self, method: &str) -> [Option<Known>; 2] {
        let found = || standard::method(self.pool.as_ref()?, method);
        let known = |descriptor: MessageDescriptor| Known {
            is_loose: !self.ignore.is_empty() || has_maps(&descriptor),
            descriptor,
        };
        found().map_or([None, None], |method| {
            [Some(known(method.input())), Some(known(method.output()))]
        })
    }

    /// A number that is the same for messages that are equal in all that is compared.
    pub(super) fn mark(&mut self, method: &str, direction: Direction, data: &[u8]) -> u64 {
        let known = self.known(method, direction).filter(|known| known.is_loose);
        let decoded = known
            .filter(|_| data.len() <= MAX_DECODED)
            .and_then(|known| descriptors::decode(known.descriptor, data).ok());
        match decoded {
            Some(message) => self.message(&message, &self.ignore.start()),
            None if !self.ignore.is_empty() && data.len() <= MAX_DECODED => {
                wire::mark(&self.ignore, &self.ignore.start(), data, 0)
            }
            None => hash(&data),
        }
    }

    fn message(&self, message: &DynamicMessage, at: &Reached) -> u64 {
        let mut state = DefaultHasher::new();
        if let Some(inner) = inside_any(message) {
            inner.descriptor().full_name().hash(&mut state);
            self.message(&inner, at).hash(&mut state);
            return state.finish();
        }
        for (field, value) in message.fields() {
            let step = FieldStep {
                names: [field.name(), field.json_name()],
                number: field.number(),
            };
            if let Some(at) = self.ignore.enter(at, &step) {
                field.number().hash(&mut state);
                self.value(value, &at).hash(&mut state);
            }
        }
        for (field, value) in message.extensions() {
            let step = FieldStep {
                names: [field.name(), field.json_name()],
                number: field.number(),
            };
            if let Some(at) = self.ignore.enter(at, &step) {
                field.number().hash(&mut state);
                self.value(value, &at).hash(&mut state);
            }
        }
        for field in message.unknown_fields() {
            if self.ignore.enter(at, &FieldStep::number(field.number())).is_some() {
                let mut bytes = Vec::new();
                field.encode(&mut bytes);
                bytes.hash(&mut state);
            }
        }
        state.finish()
    }

    fn value(&self, value: &Value, at: &Reached) -> u64 {
        match value {
            Value::Message(message) => self.message(message, at),
            Value::List(values) => {
                let mut state = DefaultHasher::new();
                values.len().hash(&mut state);
                for value in values {
                    self.value(value, at).hash(&mut state);
                }
                state.finish()
            }
            // In whatever order the entries come.
            Value::Map(entries) => entries
                .iter()
                .filter_map(|(key, value)| {
                    let text = key_text(key);
                    let at = self.ignore.enter(at, &FieldStep::name(&text))?;
                    Some(hash(&(text.as_str(), self.value(value, &at))))
                })
                .fold(0, u64::wrapping_add),
            Value::Bool(value) => hash(value),
            Value::I32(value) | Value::EnumNumber(value) => hash(value),
            Value::I64(value) => hash(value),
            Value::U32(value) => hash(value),
            Value::U64(value) => hash(value),
            Value::F32(value) => hash(&value.to_bits()),
            Value::F64(value) => hash(&value.to_bits()),
            Value::String(value) => hash(value),
            Value::Bytes(value) => hash(value),
        }
    }
}

/// The hash of a value.
pub(super) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut state = DefaultHasher::new();
    value.hash(&mut state);
    state.finish()
}

/// The key of a map's entry as text.
pub(super) fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// The message in a `google.protobuf.Any`, when its type is known and its bytes are one.
pub(super) fn inside_any(message: &DynamicMessage) -> Option<DynamicMessage> {
    let descriptor = message.descriptor();
    if descriptor.full_name() != ANY {
        return None;
    }
    let (url, value) = (message.get_field_by_number(1)?, message.get_field_by_number(2)?);
    let name = url.as_str()?.rsplit('/').next()?;
    let inner = descriptor.parent_pool().get_message_by_name(name)?;
    descriptors::decode(inner, value.as_bytes()?).ok()
}

/// True when a message can hold a map or an `Any`: two of them may be equal although their bytes differ.
fn has_maps(root: &MessageDescriptor) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(message) = open.pop() {
        if message.full_name() == ANY || seen.len() > MAX_TYPES {
            return true;
        }
        if !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            if field.is_map() {
                return true;
            }
            if let Kind::Message(inner) = field.kind() {
                open.push(inner);
            }
        }
    }
    false
}
