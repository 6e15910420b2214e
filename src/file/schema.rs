//! The schema of a capture: the files of a descriptor set that the recorded methods need.
//!
//! A recorder often does not know what will be called, and a server may know a hundred services. So a capture's schema is
//! written in parts: before the chunk in which a method of a service is called for the first time stand those files that
//! it needs and that are not there yet. Whatever becomes of the rest of the file, what is read can be decoded.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;

use super::{
    Attribute, FileError, FileErrorKind, Header, ancillary::Ancillary, chunk, digest::Digest, format::AncillaryTag,
};
use crate::model::varint;

/// Bytes of the schema of a capture, 32 MiB: the largest public ones have a few without comments. It bounds what a small
/// file makes a reader hold.
pub(super) const MAX_SCHEMA_BYTES: usize = 32 << 20;
/// Largest number of files of a set that are distinguished: the largest public ones have a few thousand.
const MAX_FILES: usize = 10_000;
/// Largest number of names in all files: Envoy's have some 25,000. Each is a few dozen bytes in memory.
const MAX_NAMES: usize = 200_000;
/// Size above which a file is not parsed, and kept, in bytes: the largest public ones have a megabyte.
const MAX_FILE_BYTES: usize = 4 << 20;

/// Name of a message type that may hold any other type of the set, wherever that is declared.
const ANY: &str = "google/protobuf/any.proto";
/// Prefix of option types: extensions of options change no message.
const OPTIONS: &str = ".google.protobuf.";

/// Field 1 of a `FileDescriptorSet`, with a length.
const FILE_KEY: u8 = 1 << 3 | 2;

/// The files of a descriptor set, with those that a capture has already.
#[derive(Debug, Default)]
pub(super) struct SchemaFiles {
    files: Vec<SchemaFile>,
    by_name: BTreeMap<String, usize>,
    by_service: BTreeMap<String, usize>,
    names: usize,
    bytes: usize,
    /// True when some files are needed by all methods.
    urgent: bool,
}

#[derive(Debug)]
struct SchemaFile {
    raw: Bytes,
    names: FileNames,
    /// The types that the file declares and extends, with leading dots.
    messages: Vec<String>,
    extends: Vec<String>,
    /// True when the file is always needed, because it cannot be parsed.
    always: bool,
    written: bool,
}

/// The names in a `FileDescriptorProto`.
#[derive(Clone, PartialEq, prost::Message)]
struct FileNames {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    package: String,
    #[prost(string, repeated, tag = "3")]
    imports: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<MessageNames>,
    #[prost(message, repeated, tag = "6")]
    services: Vec<ServiceName>,
    #[prost(message, repeated, tag = "7")]
    extensions: Vec<Extension>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MessageNames {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    nested: Vec<Self>,
    #[prost(message, repeated, tag = "6")]
    extensions: Vec<Extension>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ServiceName {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Extension {
    #[prost(string, tag = "2")]
    extendee: String,
}

impl SchemaFiles {
    /// The files of the set that a header embeds.
    ///
    /// # Errors
    /// When it is larger than a capture's schema may be.
    pub(super) fn of(header: &Header) -> Result<Self, FileError> {
        let mut files = Self::default();
        if let Some(set) = header.get(Attribute::DESCRIPTOR_SET) {
            files.add(set)?;
        }
        Ok(files)
    }

    /// Adds the files of a set. Of two with the same name, the first counts.
    ///
    /// # Errors
    /// When it would be larger than a capture's schema may be.
    pub(super) fn add(&mut self, set: &[u8]) -> Result<(), FileError> {
        self.bytes += set.len();
        if self.bytes > MAX_SCHEMA_BYTES {
            let (what, len, limit) = ("a schema", self.bytes as u64, MAX_SCHEMA_BYTES as u64);
            let kind = FileErrorKind::TooLarge { what, len, limit };
            return Err(FileError::new("write the schema", kind));
        }
        let set = Bytes::copy_from_slice(set);
        match split(&set).filter(|files| files.len() + self.files.len() <= MAX_FILES) {
            Some(files) => files.into_iter().for_each(|raw| self.add_file(raw)),
            // What cannot be taken apart is kept as it is.
            None => self.push(set, None),
        }
        Ok(())
    }

    fn add_file(&mut self, raw: Bytes) {
        let mut known = &raw[1..];
        let len = prost::decode_length_delimiter(&mut known);
        let names = len.ok().filter(|len| *len <= MAX_FILE_BYTES && self.names < MAX_NAMES);
        let names = names.and_then(|_| FileNames::decode(known).ok());
        match names {
            Some(names) if self.by_name.contains_key(&names.name) => {}
            names => self.push(raw, names),
        }
    }

    fn push(&mut self, raw: Bytes, names: Option<FileNames>) {
        let at = self.files.len();
        let always = names.is_none();
        self.urgent |= always;
        let names = names.unwrap_or_default();
        let scope = |name: &str| {
            if names.package.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", names.package)
            }
        };
        let (mut messages, mut extends) = (Vec::new(), extendees(&names.extensions));
        for message in &names.messages {
            message.walk(&format!(".{}", scope(&message.name)), &mut messages, &mut extends);
        }
        for service in &names.services {
            self.by_service.entry(scope(&service.name)).or_insert(at);
        }
        if !always {
            self.by_name.insert(names.name.clone(), at);
        }
        self.names += 1 + messages.len() + extends.len() + names.imports.len() + names.services.len();
        self.files.push(SchemaFile {
            raw,
            names: FileNames {
                messages: Vec::new(),
                services: Vec::new(),
                extensions: Vec::new(),
                ..names
            },
            messages,
            extends,
            always,
            written: false,
        });
    }

    /// The set of files that calls of these methods (`/package.Service/Method`) need and that were not returned before;
    /// `None` when there are none.
    pub(super) fn due<'a>(&mut self, methods: impl IntoIterator<Item = &'a str>) -> Option<Vec<u8>> {
        let services = methods
            .into_iter()
            .filter_map(|method| method.strip_prefix('/')?.rsplit_once('/'));
        let files = services.filter_map(|(service, _)| self.by_service.get(service).copied());
        let mut wanted: Vec<_> = files.filter(|at| !self.files[*at].written).collect();
        if wanted.is_empty() && !self.urgent {
            return None;
        }
        self.urgent = false;
        wanted.extend((0..self.files.len()).filter(|at| self.files[*at].always));
        let mut set = Vec::new();
        for at in self.needed(wanted) {
            let file = &mut self.files[at];
            if !std::mem::replace(&mut file.written, true) {
                set.extend_from_slice(&file.raw);
            }
        }
        (!set.is_empty()).then_some(set)
    }

    /// The given files, their imports, and the extensions of their messages; all, when a message of any type can occur.
    fn needed(&self, mut open: Vec<usize>) -> BTreeSet<usize> {
        let mut closed = BTreeSet::new();
        loop {
            while let Some(at) = open.pop() {
                if closed.insert(at) {
                    let imports = self.files[at].names.imports.iter();
                    open.extend(imports.filter_map(|name| self.by_name.get(name).copied()));
                }
            }
            let files = || closed.iter().map(|at| &self.files[*at]);
            if files().any(|file| file.names.imports.iter().any(|name| name == ANY)) {
                return (0..self.files.len()).collect();
            }
            let messages: BTreeSet<_> = files().flat_map(|file| &file.messages).collect();
            let extends = |file: &SchemaFile| file.extends.iter().any(|message| messages.contains(message));
            open.extend((0..self.files.len()).filter(|at| !closed.contains(at) && extends(&self.files[*at])));
            if open.is_empty() {
                return closed;
            }
        }
    }
}

impl MessageNames {
    /// Collects the names of a message and of those nested in it. The decoder bounds how deep they are nested.
    fn walk(&self, name: &str, messages: &mut Vec<String>, extends: &mut Vec<String>) {
        messages.push(name.to_owned());
        extends.extend(extendees(&self.extensions));
        for nested in &self.nested {
            nested.walk(&format!("{name}.{}", nested.name), messages, extends);
        }
    }
}

fn extendees(extensions: &[Extension]) -> Vec<String> {
    let names = extensions.iter().map(|extension| &extension.extendee);
    names.filter(|name| !name.starts_with(OPTIONS)).cloned().collect()
}

/// The files of a set, each with the key and the length before it; `None` when it holds anything else.
fn split(set: &Bytes) -> Option<Vec<Bytes>> {
    let (mut files, mut at) = (Vec::new(), 0);
    while at < set.len() {
        let begin = at;
        if set.get(at) != Some(&FILE_KEY) || files.len() == MAX_FILES {
            return None;
        }
        at += 1;
        let len = usize::try_from(varint::read(set, &mut at)?).ok()?;
        at = at.checked_add(len).filter(|end| *end <= set.len())?;
        files.push(set.slice(begin..at));
    }
    Some(files)
}

/// Encodes the content of a schema part; the length of a set, and the set as a zstd frame.
pub(super) fn encode(set: &[u8]) -> Result<Vec<u8>, FileError> {
    let mut content = (set.len() as u64).to_le_bytes().to_vec();
    chunk::compress_once(set, &mut content).map_err(|error| FileError::io("compress the schema", error))?;
    Ok(content)
}

/// Decodes the set in a part; `None` when that is not a schema. An error when it cannot be read, or comes to more than
/// `room` bytes.
pub(super) fn of_part(part: &Ancillary, room: usize) -> Option<Result<Vec<u8>, String>> {
    (part.tag == AncillaryTag::SCHEMA).then(|| decode(&part.content, room))
}

/// Decodes the set from the content of a schema part, of at most `room` bytes.
fn decode(content: &[u8], room: usize) -> Result<Vec<u8>, String> {
    let Some((len, frame)) = content.split_first_chunk() else {
        return Err("it is too short".to_owned());
    };
    let len = u64::from_le_bytes(*len);
    if len > room as u64 {
        return Err(format!("it comes to more than {MAX_SCHEMA_BYTES} bytes"));
    }
    let set = chunk::decompress_once(frame, len)?;
    if set.len() as u64 == len {
        Ok(set)
    } else {
        Err("its content has another length than it says".to_owned())
    }
}

impl Header {
    /// The header as it is written: all but the schema, which follows in parts, and the digest that tells that it does.
    pub(super) fn without_schema(&self) -> Self {
        let mut header = self.clone();
        header.attributes.retain(|(name, _)| name != Attribute::DESCRIPTOR_SET);
        if let Some(set) = self.get(Attribute::DESCRIPTOR_SET)
            && header.get(Attribute::DESCRIPTOR_SHA256).is_none()
        {
            header.set(Attribute::DESCRIPTOR_SHA256, Digest::of(set).to_string());
        }
        header
    }

    /// Adds the set of a schema part that was read; its digest stays that of the set which the recorder had.
    pub(super) fn add_schema(&mut self, set: &[u8]) {
        if let Some((_, known)) = self
            .attributes
            .iter_mut()
            .find(|(name, _)| name == Attribute::DESCRIPTOR_SET)
        {
            known.extend_from_slice(set);
            return;
        }
        let place = |(name, _): &(String, Vec<u8>)| name == Attribute::DESCRIPTOR_SHA256;
        let at = self.attributes.iter().position(place).unwrap_or(self.attributes.len());
        let entry = (Attribute::DESCRIPTOR_SET.to_owned(), set.to_vec());
        self.attributes.insert(at, entry);
    }

    /// Size of its schema in bytes.
    pub(super) fn schema_bytes(&self) -> usize {
        self.get(Attribute::DESCRIPTOR_SET).map_or(0, <[u8]>::len)
    }
}

#[cfg(test)]
mod tests;
