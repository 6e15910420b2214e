//! The protobuf schemas of an MCAP file from other software, as one descriptor set.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Seek},
};

use mcap::records::{Channel, Record};
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto};

use super::foreign::{SERVICE, topic_method};
use crate::grpc::protobuf::{Fields, Value, put_bytes};

/// Largest size of the kept descriptors, in bytes: a capture's header holds them in memory.
const MOST_DESCRIPTOR_BYTES: usize = 32 << 20;

/// Longest name of a type or topic, in bytes.
const MOST_NAME_BYTES: usize = 1 << 10;

/// Largest number of types and topics that are linked.
const MOST_NAMES: usize = 10_000;

/// Name of the file that links topics to their types.
const TOPICS_FILE: &str = "grpc-capture/mcap_topics.proto";

/// The schemas and channels of an MCAP file from other software.
///
/// They may stand anywhere in the file, and a capture's header is at its beginning: with a file that can be read
/// twice, let [`McapSchemas::read`](Self::read) look for them first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct McapSchemas {
    /// Descriptor files by name, unchanged.
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Schemas whose descriptors are in `files`, by id.
    kept: BTreeSet<u16>,
    /// Names of the protobuf schemas.
    names: BTreeMap<u16, String>,
    /// Topics and the ids of their schemas.
    topics: BTreeMap<String, u16>,
    left_out: BTreeSet<u16>,
    /// Length of the file.
    file_bytes: u64,
}

impl McapSchemas {
    /// Reads only the schemas and channels of an MCAP file; a file that cannot be read to its end gives those before.
    ///
    /// # Errors
    /// When the file's length cannot be told.
    pub fn read(mut from: impl Read + Seek) -> io::Result<Self> {
        let file_bytes = from.seek(io::SeekFrom::End(0))?;
        from.rewind()?;
        let mut schemas = Self {
            file_bytes,
            ..Self::default()
        };
        let mut records = super::records::Records::new(from, file_bytes);
        while let Ok(Some(record)) = records.next_record() {
            schemas.take(&record);
        }
        Ok(schemas)
    }

    /// Length of the file; 0 when it is not known.
    pub(super) const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Adds a schema or a channel.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        match record {
            Record::Schema { header, data } if header.encoding == "protobuf" => {
                if header.name.len() <= MOST_NAME_BYTES && self.names.len() < MOST_NAMES {
                    self.names.insert(header.id, header.name.clone());
                }
                if !data.is_empty() && !self.kept.contains(&header.id) {
                    match self.add(data) {
                        Some(()) => {
                            self.kept.insert(header.id);
                        }
                        None => {
                            self.left_out.insert(header.id);
                        }
                    }
                }
            }
            Record::Channel(Channel { topic, schema_id, .. })
                if topic.len() <= MOST_NAME_BYTES && self.topics.len() < MOST_NAMES =>
            {
                self.topics.insert(topic.clone(), *schema_id);
            }
            _ => {}
        }
    }

    /// True when the descriptors of this schema are in the set.
    pub(super) fn holds(&self, schema: u16) -> bool {
        self.kept.contains(&schema)
    }

    /// Schemas that could not be added: no descriptor sets, too large, or files that contradict those of another one.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.len() as u64
    }

    /// All schemas as one serialized `FileDescriptorSet`, with a service that names the type of each topic; `None` when
    /// there is none.
    #[must_use]
    pub fn descriptor_set(&self) -> Option<Vec<u8>> {
        if self.files.is_empty() {
            return None;
        }
        let mut set = Vec::new();
        for file in self.files.values() {
            put_bytes(&mut set, 1, file);
        }
        if let Some(topics) = self.topics_file() {
            put_bytes(&mut set, 1, &topics.encode_to_vec());
        }
        Some(set)
    }

    /// Adds all files of a descriptor set, or none.
    fn add(&mut self, set: &[u8]) -> Option<()> {
        let mut fields = Fields::new("FileDescriptorSet", set);
        let mut files = Vec::new();
        while let Some(field) = fields.next_field().ok()? {
            if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
                let name = FileDescriptorProto::decode(bytes).ok()?.name().to_owned();
                match self.files.get(&name) {
                    Some(known) if known == bytes => {}
                    Some(_) => return None,
                    None => files.push((name, bytes.to_vec())),
                }
            }
        }
        let more: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        if self.bytes + more > MOST_DESCRIPTOR_BYTES {
            return None;
        }
        self.bytes += more;
        self.files.extend(files);
        Some(())
    }

    fn topics_file(&self) -> Option<FileDescriptorProto> {
        let types = self.types();
        let mut file = FileDescriptorProto {
            name: Some(TOPICS_FILE.to_owned()),
            syntax: Some("proto3".to_owned()),
            ..FileDescriptorProto::default()
        };
        let mut service = ServiceDescriptorProto {
            name: Some(SERVICE.to_owned()),
            ..ServiceDescriptorProto::default()
        };
        let mut dependencies = BTreeSet::new();
        let mut methods = BTreeSet::new();
        for (topic, schema) in &self.topics {
            let found = self.names.get(schema).and_then(|name| types.get_key_value(name));
            let Some((name, file)) = found else { continue };
            if !methods.insert(topic_method(topic)) {
                continue;
            }
            dependencies.insert(file.clone());
            service.method.push(MethodDescriptorProto {
                name: Some(topic_method(topic).to_owned()),
                input_type: Some(format!(".{name}")),
                output_type: Some(format!(".{name}")),
                server_streaming: Some(true),
                ..MethodDescriptorProto::default()
            });
        }
        if service.method.is_empty() {
            return None;
        }
        file.dependency = dependencies.into_iter().collect();
        file.service = vec![service];
        Some(file)
    }

    /// Full names of the message types of all files, with their files.
    fn types(&self) -> BTreeMap<String, String> {
        let mut types = BTreeMap::new();
        for bytes in self.files.values() {
            let Ok(file) = FileDescriptorProto::decode(bytes.as_slice()) else {
                continue;
            };
            for message in &file.message_type {
                let name = match file.package() {
                    "" => message.name().to_owned(),
                    package => format!("{package}.{}", message.name()),
                };
                types.insert(name, file.name().to_owned());
            }
        }
        types
    }
}
