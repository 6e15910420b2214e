//! From the files of a set to the types by their names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use prost::Message as _;

use super::{
    default::DefaultValue,
    kind::Kind,
    raw::{self, Features},
    types::{Cardinality, EnumType, Field, MessageType, Method, SchemaTypes, Span},
};
use crate::grpc::descriptors::LeftOut;

/// Largest depth of nested messages, the same as in `protoc`; the reader of the files stops there too.
const MAX_DEPTH: usize = 32;
/// Longest full name in bytes, against deeply nested long names.
const MAX_NAME_BYTES: usize = 2048;
/// Largest total size of all full names in bytes.
const MAX_NAMES_BYTES: usize = 64 << 20;
/// Largest number of packages and messages around a name in which a relative name is looked for.
const MAX_SCOPES: usize = 64;

/// A default that is read when all enums are known.
type Unread = (Field, Option<String>);

/// What is gathered before names can be resolved.
#[derive(Default)]
struct Builder {
    types: SchemaTypes,
    /// Fields of each message, then extensions, with the scope in which their names are looked up.
    fields: Vec<(Owner, u32, Arc<str>, Unread)>,
    name_bytes: usize,
}

enum Owner {
    /// The message whose name is the scope.
    Message,
    /// The name of the extended message, as it is written.
    Extendee(String),
}

/// Builds the types of files that were cut to what is compared. The first definition of a name counts.
pub(super) fn build(files: &[Vec<u8>], left_out: Vec<LeftOut>) -> SchemaTypes {
    let mut builder = Builder::default();
    builder.types.left_out = left_out;
    for file in files {
        match raw::File::decode(file.as_slice()) {
            Ok(file) => builder.file(&file),
            Err(error) => builder.types.left_out.push(LeftOut {
                what: crate::grpc::descriptors::file_name(file),
                why: error.to_string(),
            }),
        }
    }
    builder.finish()
}

fn within(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

fn spans(ranges: &[raw::Range], end_is_part: bool) -> Vec<Span> {
    let last = |end: i32| i64::from(end) - i64::from(!end_is_part);
    ranges
        .iter()
        .map(|range| (i64::from(range.start), last(range.end)))
        .collect()
}

impl Builder {
    fn file(&mut self, file: &raw::File) {
        let (name, package) = (file.name.clone(), file.package.as_str());
        if self.types.packages.insert(name.clone(), package.to_owned()).is_some() {
            return;
        }
        let features = Features::of(file);
        for message in &file.messages {
            self.message(&name, package, message, features, 0);
        }
        for of in &file.enums {
            self.add_enum(&name, package, of, features);
        }
        for field in &file.extensions {
            self.extension(package, field, features);
        }
        for service in &file.services {
            let service_name = within(package, &service.name);
            for method in &service.methods {
                let path = format!("/{service_name}/{}", method.name);
                let absolute = |name: &str| name.to_owned();
                let method = Method {
                    file: name.clone(),
                    request: absolute(&method.input),
                    answer: absolute(&method.output),
                    client_streaming: method.client_streaming,
                    server_streaming: method.server_streaming,
                    idempotency: method.options.map_or(0, |options| options.idempotency),
                };
                self.types.methods.entry(path).or_insert(method);
            }
            self.types.services.insert(service_name);
        }
    }

    /// Counts a name; false when there are too many.
    fn has_room(&mut self, name: &str) -> bool {
        self.name_bytes += name.len();
        name.len() <= MAX_NAME_BYTES && self.name_bytes <= MAX_NAMES_BYTES
    }

    fn message(&mut self, file: &str, scope: &str, message: &raw::MessageType, outer: Features, depth: usize) {
        let name = within(scope, &message.name);
        if depth > MAX_DEPTH || !self.has_room(&name) || self.types.messages.contains_key(&name) {
            return;
        }
        let options = message.options.as_ref();
        let features = outer.with(options.and_then(|options| options.features));
        let is_entry = options.is_some_and(|options| options.map_entry);
        let mut synthetic = BTreeSet::new();
        for field in message.fields.iter().filter(|field| field.proto3_optional) {
            synthetic.extend(field.oneof);
        }
        let maps: BTreeSet<&str> = message
            .nested
            .iter()
            .filter(|nested| nested.options.as_ref().is_some_and(|options| options.map_entry))
            .map(|nested| nested.name.as_str())
            .collect();
        let shared: Arc<str> = Arc::from(name.as_str());
        for field in &message.fields {
            let index = field.oneof.filter(|index| !synthetic.contains(index));
            let oneof = index.and_then(|index| message.oneofs.get(usize::try_from(index).ok()?));
            let features = features.with(oneof.and_then(|oneof| oneof.options?.features));
            let is_map = field.label == 3 && maps.contains(last(&field.type_name));
            let built = built(field, features, oneof.map(|oneof| oneof.name.clone()), is_map, is_entry);
            if let (Some(number), Some(built)) = (number(field), built) {
                self.fields.push((Owner::Message, number, Arc::clone(&shared), built));
            }
        }
        let oneofs = (0..).zip(&message.oneofs);
        let oneofs = oneofs.filter(|(index, _)| !synthetic.contains(index));
        let of = MessageType {
            file: file.to_owned(),
            fields: BTreeMap::new(),
            oneofs: oneofs.map(|(_, oneof)| oneof.name.clone()).collect(),
            reserved: spans(&message.reserved, false),
            reserved_names: message.reserved_names.iter().cloned().collect(),
            is_map_entry: is_entry,
        };
        self.types.messages.insert(name.clone(), of);
        for nested in &message.nested {
            self.message(file, &name, nested, features, depth + 1);
        }
        for of in &message.enums {
            self.add_enum(file, &name, of, features);
        }
        for field in &message.extensions {
            self.extension(&name, field, features);
        }
    }

    fn add_enum(&mut self, file: &str, scope: &str, of: &raw::EnumType, outer: Features) {
        let name = within(scope, &of.name);
        if !self.has_room(&name) || self.types.enums.contains_key(&name) {
            return;
        }
        let features = outer.with(of.options.and_then(|options| options.features));
        let mut values = BTreeMap::<i32, Vec<String>>::new();
        for value in &of.values {
            values.entry(value.number).or_default().push(value.name.clone());
        }
        let built = EnumType {
            file: file.to_owned(),
            values,
            first: of.values.first().map_or(0, |first| first.number),
            reserved: spans(&of.reserved, true),
            reserved_names: of.reserved_names.iter().cloned().collect(),
            is_closed: features.enums == Some(2),
        };
        self.types.enums.insert(name, built);
    }

    fn extension(&mut self, scope: &str, field: &raw::Field, features: Features) {
        let built = built(field, features, None, false, false);
        if let (Some(number), Some((mut built, default))) = (number(field), built) {
            built.extension = Some(within(scope, &field.name));
            if built.cardinality == Cardinality::Implicit {
                built.cardinality = Cardinality::Explicit;
            }
            let owner = Owner::Extendee(field.extendee.clone());
            self.fields.push((owner, number, Arc::from(scope), (built, default)));
        }
    }

    /// Resolves names and defaults.
    fn finish(mut self) -> SchemaTypes {
        let mut methods = std::mem::take(&mut self.types.methods);
        for (path, method) in &mut methods {
            let scope = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            method.request = self.resolve(scope, &method.request);
            method.answer = self.resolve(scope, &method.answer);
        }
        self.types.methods = methods;
        for (owner, number, scope, (mut field, default)) in std::mem::take(&mut self.fields) {
            field.type_name = self.resolve(&scope, &field.type_name);
            let of = self.types.enums.get(&field.type_name);
            // A type of which only the name is given.
            if field.kind == Kind::Message && of.is_some() {
                field.kind = Kind::Enum;
            }
            if !field.is_repeated() {
                field.default = DefaultValue::read(field.kind, default.as_deref(), |name| {
                    let Some(of) = of else { return Some(0) };
                    let Some(name) = name else { return Some(of.first) };
                    let named = of
                        .values
                        .iter()
                        .find(|(_, names)| names.iter().any(|known| known == name));
                    Some(named.map_or(of.first, |(number, _)| *number))
                });
            }
            match owner {
                Owner::Message => {
                    if let Some(message) = self.types.messages.get_mut(&*scope) {
                        message.fields.entry(number).or_insert(field);
                    }
                }
                Owner::Extendee(name) => {
                    let name = self.resolve(&scope, &name);
                    let extensions = self.types.extensions.entry(name).or_default();
                    extensions.entry(number).or_insert(field);
                }
            }
        }
        self.types
    }

    /// The full name that a name means within a scope.
    fn resolve(&self, scope: &str, name: &str) -> String {
        if let Some(full) = name.strip_prefix('.') {
            return full.to_owned();
        }
        let mut scope = scope;
        for _ in 0..MAX_SCOPES {
            let candidate = within(scope, name);
            if self.types.messages.contains_key(&candidate) || self.types.enums.contains_key(&candidate) {
                return candidate;
            }
            match scope.rsplit_once('.') {
                Some((outer, _)) => scope = outer,
                None if scope.is_empty() => break,
                None => scope = "",
            }
        }
        name.to_owned()
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

fn number(field: &raw::Field) -> Option<u32> {
    u32::try_from(field.number).ok().filter(|number| *number > 0)
}

/// A field with what its features say; `None` when its type is not known.
fn built(field: &raw::Field, outer: Features, oneof: Option<String>, is_map: bool, is_entry: bool) -> Option<Unread> {
    let features = outer.with(field.options.and_then(|options| options.features));
    let kind = match field.kind {
        // Only its name is known.
        0 if !field.type_name.is_empty() => Kind::Message,
        number => Kind::ALL.into_iter().find(|kind| *kind as i32 == number)?,
    };
    // Maps and what is in them are always written with a length.
    let kind = match (kind, features.message) {
        (Kind::Message, Some(2)) if !is_map && !is_entry => Kind::Group,
        (kind, _) => kind,
    };
    let cardinality = match (field.label, features.presence) {
        (3, _) if is_map => Cardinality::Map,
        (3, _) => Cardinality::Repeated,
        (2, _) | (_, Some(3)) => Cardinality::Required,
        _ if kind.is_message() || field.oneof.is_some() || field.proto3_optional => Cardinality::Explicit,
        (_, Some(2)) => Cardinality::Implicit,
        _ => Cardinality::Explicit,
    };
    let built = Field {
        name: field.name.clone(),
        extension: None,
        kind,
        type_name: match kind {
            Kind::Message | Kind::Group | Kind::Enum => field.type_name.clone(),
            _ => String::new(),
        },
        cardinality,
        oneof,
        default: None,
        json_name: field.json_name.clone().unwrap_or_else(|| json_name(&field.name)),
        is_utf8: kind == Kind::String && features.utf8 != Some(3),
    };
    Some((built, field.default.clone()))
}

/// The name in JSON of a field that names none.
fn json_name(name: &str) -> String {
    let (mut out, mut upper) = (String::with_capacity(name.len()), false);
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}
