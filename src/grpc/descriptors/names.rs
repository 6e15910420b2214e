//! Definitions and dependencies of the files of a set.
//!
//! Names are looked up in the whole set: a missing import that nothing uses is harmless, and circular imports are not
//! followed.

use std::collections::{BTreeSet, HashMap, HashSet};

use prost_reflect::{
    DescriptorPool,
    prost_types::{
        DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, MessageOptions,
        field_descriptor_proto::{Label, Type},
    },
};

use super::LeftOut;

/// Longest full name in bytes.
const MAX_FULL_NAME: usize = 2048;
/// Largest total size of all full names of a set: 300 for each definition.
const MAX_NAMES: usize = 32 << 20;
/// Largest number of messages and packages around a name: a relative name is looked for in each.
const MAX_SCOPES: usize = 64;
/// Largest number of extension ranges of a message: each extension is compared with all of them.
const MAX_RANGES: usize = 1000;
/// Largest number of values of an enum: they are kept sorted by insertion.
const MAX_VALUES: usize = 20_000;

/// Where a name is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// In a file of the library.
    Base(String),
    /// In this file of the set.
    File(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Package,
    Message,
    Enum,
    /// A field, a service, …: no type.
    Other,
}

/// All names of a set.
#[derive(Debug)]
pub(super) struct Names {
    known: HashMap<String, (Source, What)>,
    bytes: usize,
}

impl Names {
    pub(super) fn new(base: &DescriptorPool) -> Self {
        let messages = base.all_messages().map(|message| {
            let file = message.parent_file().name().to_owned();
            (message.full_name().to_owned(), (Source::Base(file), What::Message))
        });
        let enums = base.all_enums().map(|of| {
            let file = of.parent_file().name().to_owned();
            (of.full_name().to_owned(), (Source::Base(file), What::Enum))
        });
        Self {
            known: messages.chain(enums).collect(),
            bytes: 0,
        }
    }

    /// Adds the definitions of a file, or none of them.
    pub(super) fn declare(&mut self, at: usize, file: &FileDescriptorProto) -> Result<(), String> {
        let mut found = Found::default();
        found.file(file)?;
        let mut own = HashSet::new();
        for (name, what) in &found.names {
            let twice = !own.insert(name.as_str()) && *what != What::Package;
            match self.known.get(name) {
                Some((_, What::Package)) if *what == What::Package => {}
                None if !twice => {}
                _ => return Err(format!("it defines {name} a second time")),
            }
        }
        let bytes: usize = found.names.iter().map(|(name, _)| name.len()).sum();
        if self.bytes + bytes > MAX_NAMES {
            return Err(format!("the names of the set take more than {MAX_NAMES} bytes"));
        }
        self.bytes += bytes;
        for (name, what) in found.names {
            self.known.entry(name).or_insert((Source::File(at), what));
        }
        Ok(())
    }

    /// Resolves `name` within `scope` to a full name.
    fn resolve(&self, scope: &str, name: &str, is_enum_fine: bool) -> Option<String> {
        let fits = |name: &str| match self.known.get(name) {
            Some((_, What::Message)) => true,
            Some((_, What::Enum)) => is_enum_fine,
            _ => false,
        };
        if let Some(full) = name.strip_prefix('.') {
            return fits(full).then(|| full.to_owned());
        }
        let mut scope = Some(scope);
        while let Some(around) = scope {
            let full = joined(around, name);
            if fits(&full) {
                return Some(full);
            }
            scope = (!around.is_empty()).then(|| around.rsplit_once('.').map_or("", |(outer, _)| outer));
        }
        None
    }

    /// The file that defines a type, by the type's name with the leading dot.
    fn source(&self, type_name: &str) -> Option<&Source> {
        let known = self.known.get(type_name.strip_prefix('.')?);
        known.map(|(source, _)| source)
    }

    fn file(&self, type_name: &str) -> Option<usize> {
        match self.source(type_name)? {
            Source::File(at) => Some(*at),
            Source::Base(_) => None,
        }
    }
}

fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

/// The names of one file.
#[derive(Default)]
struct Found {
    names: Vec<(String, What)>,
}

impl Found {
    fn file(&mut self, file: &FileDescriptorProto) -> Result<(), String> {
        let package = file.package();
        let mut around = String::new();
        for part in package.split('.').filter(|_| !package.is_empty()) {
            around = self.add(&around, part, What::Package)?;
        }
        for message in &file.message_type {
            self.message(package, message)?;
        }
        for of in &file.enum_type {
            self.of_enum(package, of)?;
        }
        for extension in &file.extension {
            self.add(package, extension.name(), What::Other)?;
        }
        for service in &file.service {
            let service_name = self.add(package, service.name(), What::Other)?;
            for method in &service.method {
                self.add(&service_name, method.name(), What::Other)?;
            }
        }
        Ok(())
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto) -> Result<(), String> {
        let name = self.add(scope, message.name(), What::Message)?;
        if message.extension_range.len() > MAX_RANGES {
            return Err(format!("{name} has more than {MAX_RANGES} ranges for extensions"));
        }
        for field in message.field.iter().chain(&message.extension) {
            self.add(&name, field.name(), What::Other)?;
        }
        let oneofs = message.oneof_decl.len();
        let is_there = |at: i32| usize::try_from(at).is_ok_and(|at| at < oneofs);
        if !message.field.iter().filter_map(|field| field.oneof_index).all(is_there) {
            return Err(format!("{name} has a field of a oneof that is not there"));
        }
        for oneof in &message.oneof_decl {
            self.add(&name, oneof.name(), What::Other)?;
        }
        for of in &message.enum_type {
            self.of_enum(&name, of)?;
        }
        message
            .nested_type
            .iter()
            .try_for_each(|nested| self.message(&name, nested))
    }

    /// Adds the values of an enum, which are its siblings.
    fn of_enum(&mut self, scope: &str, of: &EnumDescriptorProto) -> Result<(), String> {
        let name = self.add(scope, of.name(), What::Enum)?;
        if of.value.len() > MAX_VALUES {
            return Err(format!("{name} has more than {MAX_VALUES} values"));
        }
        for value in &of.value {
            self.add(scope, value.name(), What::Other)?;
        }
        Ok(())
    }

    fn add(&mut self, scope: &str, name: &str, what: What) -> Result<String, String> {
        if name.is_empty() || name.contains('.') {
            return Err(format!("`{name}` in it is no name"));
        }
        let full = joined(scope, name);
        if full.len() > MAX_FULL_NAME || full.matches('.').count() >= MAX_SCOPES {
            return Err(format!(
                "a full name in it has more than {MAX_FULL_NAME} bytes or {MAX_SCOPES} parts"
            ));
        }
        self.names.push((full.clone(), what));
        Ok(full)
    }
}

/// Dependencies between files, and the files that must be removed.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// The files that depend on each file: those whose messages have a field of its types.
    needed_by: Vec<BTreeSet<usize>>,
    refused: Vec<(usize, String)>,
}

impl Links {
    pub(super) fn refuse(&mut self, file: usize, why: String) {
        self.refused.push((file, why));
    }
}

/// A file with the imports that its types need, unless it was removed.
pub(super) fn linked(at: usize, files: &[Option<FileDescriptorProto>], names: &Names) -> Option<FileDescriptorProto> {
    let mut file = files[at].clone()?;
    let mut imports = BTreeSet::new();
    each_type(&mut file, &mut |_, name, _| {
        match names.source(name) {
            Some(Source::Base(name)) => imports.extend([name.clone()]),
            Some(Source::File(other)) if *other != at => {
                imports.extend(files[*other].iter().map(|file| file.name().to_owned()));
            }
            _ => {}
        }
        true
    });
    file.dependency = imports.into_iter().collect();
    Some(file)
}

/// The part of a file that refers to a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Field,
    /// A single method or extension: the file makes sense without it.
    Single,
}

/// Visits each type reference in a file, with its scope; parts for which `keep` says no are taken out. A field is never
/// taken out.
fn each_type(file: &mut FileDescriptorProto, keep: &mut impl FnMut(Part, &mut String, &Scope<'_>) -> bool) {
    let package = file.package.clone().unwrap_or_default();
    for message in &mut file.message_type {
        each_in_message(message, &package, keep);
    }
    extensions(&mut file.extension, &package, keep);
    for service in &mut file.service {
        let around = joined(&package, service.name());
        service.method.retain_mut(|method| {
            let scope = Scope {
                around: &around,
                name: &joined(&around, method.name()),
                is_enum_fine: false,
            };
            let input = keep(Part::Single, method.input_type.get_or_insert_default(), &scope);
            input && keep(Part::Single, method.output_type.get_or_insert_default(), &scope)
        });
    }
}

/// The scope of a reference.
struct Scope<'a> {
    around: &'a str,
    /// Full name of the element that contains the reference.
    name: &'a str,
    is_enum_fine: bool,
}

fn each_in_message(
    message: &mut DescriptorProto,
    scope: &str,
    keep: &mut impl FnMut(Part, &mut String, &Scope<'_>) -> bool,
) {
    let around = joined(scope, message.name());
    for field in &mut message.field {
        if let Some(type_name) = field.type_name.as_mut().filter(|name| !name.is_empty()) {
            let scope = Scope {
                around: &around,
                name: &around,
                is_enum_fine: true,
            };
            keep(Part::Field, type_name, &scope);
        }
    }
    extensions(&mut message.extension, &around, keep);
    for nested in &mut message.nested_type {
        each_in_message(nested, &around, keep);
    }
}

fn extensions(
    all: &mut Vec<FieldDescriptorProto>,
    around: &str,
    keep: &mut impl FnMut(Part, &mut String, &Scope<'_>) -> bool,
) {
    all.retain_mut(|extension| {
        let name = joined(around, extension.name.as_deref().unwrap_or_default());
        let scope = |is_enum_fine| Scope {
            around,
            name: &name,
            is_enum_fine,
        };
        let of_type = extension.type_name.as_mut().filter(|name| !name.is_empty());
        keep(Part::Single, extension.extendee.get_or_insert_default(), &scope(false))
            && of_type.is_none_or(|name| keep(Part::Single, name, &scope(true)))
    });
}

/// Replaces each type name by its full name.
pub(super) fn resolve(files: &mut [Option<FileDescriptorProto>], names: &Names, left_out: &mut Vec<LeftOut>) -> Links {
    let mut links = Links {
        needed_by: vec![BTreeSet::new(); files.len()],
        refused: Vec::new(),
    };
    for (at, file) in files.iter_mut().enumerate() {
        let Some(file) = file else { continue };
        let mut lacks = None;
        each_type(file, &mut |part, name, scope| {
            let found = names.resolve(scope.around, name, scope.is_enum_fine);
            match (&found, part) {
                (Some(full), _) => *name = format!(".{full}"),
                (None, Part::Field) => lacks = Some(name.clone()),
                (None, Part::Single) => left_out.push(lacking(scope.name, name)),
            }
            if part == Part::Field
                && let Some(needed) = names.file(name).filter(|needed| *needed != at)
            {
                links.needed_by[needed].insert(at);
            }
            found.is_some()
        });
        if let Some(lacks) = lacks {
            links.refuse(at, format!("it needs {lacks}, which is not there"));
        }
    }
    links
}

fn lacking(what: &str, type_name: &str) -> LeftOut {
    LeftOut {
        what: what.to_owned(),
        why: format!("it needs {type_name}, which is not there"),
    }
}

/// Removes refused files, the files that depend on them, and single methods and extensions that do.
pub(super) fn leave_out(
    files: &mut [Option<FileDescriptorProto>],
    links: &mut Links,
    names: &Names,
    left_out: &mut Vec<LeftOut>,
) {
    let mut queue = std::mem::take(&mut links.refused);
    while let Some((at, why)) = queue.pop() {
        let Some(file) = files[at].take() else { continue };
        let what = file.name().to_owned();
        let because = format!("it needs {what}");
        queue.extend(links.needed_by[at].iter().map(|other| (*other, because.clone())));
        left_out.push(LeftOut { what, why });
    }
    let there: Vec<_> = files.iter().map(Option::is_some).collect();
    for file in files.iter_mut().flatten() {
        each_type(file, &mut |part, name, scope| {
            let is_there = names.file(name).is_none_or(|at| there[at]);
            if !is_there && part == Part::Single {
                left_out.push(lacking(scope.name, name));
            }
            is_there
        });
    }
}

/// Index of the file with this name.
pub(super) fn position(files: &[Option<FileDescriptorProto>], name: &str) -> Option<usize> {
    files
        .iter()
        .position(|file| file.as_ref().is_some_and(|file| file.name() == name))
}

/// Changes a message so that the library handles it without a panic: what only calls itself a map is a message, two
/// fields of one JSON name are distinguished.
pub(super) fn mend(message: &mut DescriptorProto) {
    if let Some(options) = &mut message.options
        && options.map_entry()
        && !is_map_entry(&message.field)
    {
        *options = MessageOptions::default();
    }
    let mut names = HashSet::new();
    for field in &mut message.field {
        mend_default(field);
        let json = field.json_name.clone().unwrap_or_else(|| camel_case(field.name()));
        let is_new = names.insert(json);
        if !is_new {
            names.insert(field.name().to_owned());
            field.json_name = Some(field.name().to_owned());
        }
    }
    message.extension.iter_mut().for_each(mend_default);
    message.nested_type.iter_mut().for_each(mend);
}

/// Removes default values that are invalid, or that make the library panic.
pub(super) fn mend_default(field: &mut FieldDescriptorProto) {
    let is_plain = match field.r#type() {
        Type::Message | Type::Group => false,
        Type::Bytes => !field.default_value().contains('\\'),
        _ => true,
    };
    if !is_plain || field.label() == Label::Repeated {
        field.default_value = None;
    }
}

/// True for a message with a key and a value, each at most once.
fn is_map_entry(fields: &[FieldDescriptorProto]) -> bool {
    let single = |field: &FieldDescriptorProto| field.label() != Label::Repeated && field.oneof_index.is_none();
    let is_key = |field: &FieldDescriptorProto| {
        let fits = !matches!(
            field.r#type(),
            Type::Double | Type::Float | Type::Bytes | Type::Message | Type::Group | Type::Enum
        );
        field.number() == 1 && fits && field.type_name().is_empty()
    };
    match fields {
        [a, b] => {
            let pair = |key: &FieldDescriptorProto, value: &FieldDescriptorProto| is_key(key) && value.number() == 2;
            single(a) && single(b) && (pair(a, b) || pair(b, a))
        }
        _ => false,
    }
}

/// The default JSON name of a field.
fn camel_case(name: &str) -> String {
    let (mut out, mut upper) = (String::with_capacity(name.len()), false);
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                out.push(letter.to_ascii_uppercase());
                upper = false;
            }
            letter => out.push(letter),
        }
    }
    out
}
