//! Reading of descriptor sets from files, servers and captures: from untrusted bytes to message types.
//!
//! A set is taken file by file. What cannot be used is left out and named, the rest is kept. Message types come from a
//! stripped copy: options that change nothing about the wire, comments and reserved ranges are not read at all, types are
//! resolved here rather than through imports, and files of an edition are lowered to what `prost-reflect` knows.

mod check;
mod decode;
mod edition;
mod left_out;
mod names;
mod strip;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_reflect::{
    DescriptorPool,
    prost_types::{DescriptorProto, FileDescriptorProto},
};

use crate::grpc::protobuf::{DecodeError, Fields, put_bytes};
pub(crate) use check::{ForeignField, Misfit, check};
pub use decode::decode;
pub(crate) use left_out::LeftOut;
use names::Names;

/// Largest size of a set in bytes: what a capture's header holds of it; the largest public ones have a few megabytes
/// without comments.
pub(crate) const MAX_SET_BYTES: usize = 32 << 20;
/// Largest number of files of a set: the largest public ones have a few thousand.
pub(crate) const MAX_FILES: usize = 10_000;
/// How often files that the library refuses are left out before the set is given up.
const MAX_REFUSED: usize = 16;
/// Number of parts that a sentence names before it only counts.
const MAX_NAMED: usize = 3;

/// The message types of a descriptor set, and the parts that could not be used.
#[derive(Debug, Clone, Default)]
pub struct Descriptors {
    /// The message types, with those of `google/protobuf/`.
    pub pool: DescriptorPool,
    /// Files and methods that are not in the pool.
    pub left_out: Vec<LeftOut>,
    /// Files in the pool, without those of `google/protobuf/`.
    pub files: usize,
}

/// Errors of an unreadable descriptor set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The bytes are not a `FileDescriptorSet`.
    #[error("it is not a FileDescriptorSet: {0}")]
    Malformed(#[from] DecodeError),
    /// The set is too large.
    #[error("it has {0} bytes, at most {MAX_SET_BYTES} are read; leave out comments (--include_source_info)")]
    TooLarge(usize),
    /// The set has too many files.
    #[error("it has more than {MAX_FILES} files")]
    TooManyFiles,
}

impl Descriptors {
    /// Reads a serialized `FileDescriptorSet`.
    ///
    /// Proto2, proto3 and the editions 2023 and 2024 are read. What cannot be used is in [`left_out`](Self::left_out).
    ///
    /// # Errors
    /// When it is no such set, or beyond the limits of this module.
    ///
    /// ```
    /// use grpc_capture::{grpc::Descriptors, das::FOCUS_DESCRIPTOR_SET};
    /// let descriptors = Descriptors::read(FOCUS_DESCRIPTOR_SET)?;
    /// assert!(descriptors.pool.get_message_by_name("datastream.StreamRequest").is_some());
    /// assert!(descriptors.left_out.is_empty());
    /// # Ok::<(), grpc_capture::grpc::DescriptorError>(())
    /// ```
    pub fn read(set: &[u8]) -> Result<Self, DescriptorError> {
        let base = DescriptorPool::global();
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        let (mut names, mut budget) = (Names::new(&base), strip::Budget::default());
        let mut seen = BTreeMap::<String, &[u8]>::new();
        for raw in split(set)? {
            let name = file_name(raw);
            if base.get_file_by_name(&name).is_some() || seen.get(&name).is_some_and(|same| *same == raw) {
                continue;
            }
            let taken = if seen.contains_key(&name) {
                Err("another file has this name; the first one counts".to_owned())
            } else {
                file(raw, &mut budget).and_then(|file| names.declare(files.len(), &file).map(|()| file))
            };
            match taken {
                Ok(file) => files.push(Some(file)),
                // A copy of a file of google/protobuf/ under another name.
                Err(_) if is_copy(&base, raw) => {}
                Err(why) => left_out.push(LeftOut {
                    what: name.clone(),
                    why,
                }),
            }
            seen.insert(name, raw);
        }
        Ok(build(&base, files, &names, left_out))
    }

    /// One sentence about what was left out; `None` when it is nothing.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let named: Vec<_> = self.left_out.iter().take(MAX_NAMED).map(ToString::to_string).collect();
        let more = match self.left_out.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("left out of the schema: {}{more}", named.join(", ")))
    }
}

/// Joins the files of two sets byte for byte, each name once: the first counts. Files of `google/protobuf/` that are
/// imported and lack are added.
///
/// # Errors
/// When one of them is not a descriptor set.
pub fn join(sets: &[&[u8]]) -> Result<Vec<u8>, DescriptorError> {
    let (mut joined, mut known, mut wanted) = (Vec::new(), BTreeSet::new(), Vec::new());
    for set in sets {
        for raw in split(set)? {
            if known.insert(file_name(raw)) {
                wanted.extend(imports(raw));
                put_bytes(&mut joined, 1, raw);
            }
        }
    }
    let base = DescriptorPool::global();
    while let Some(import) = wanted.pop() {
        if let Some(file) = base.get_file_by_name(&import)
            && known.insert(import)
        {
            let file = file.file_descriptor_proto();
            wanted.extend(file.dependency.iter().cloned());
            put_bytes(&mut joined, 1, &file.encode_to_vec());
        }
    }
    Ok(joined)
}

/// The files of a set that are within the limits and decodable, byte for byte: what can be handed to another library.
///
/// # Errors
/// When it is not a descriptor set.
pub fn readable(set: &[u8]) -> Result<Vec<u8>, DescriptorError> {
    let (mut kept, mut budget) = (Vec::new(), strip::Budget::default());
    for raw in split(set)? {
        if file(raw, &mut budget).is_ok() && FileDescriptorProto::decode(raw).is_ok() {
            put_bytes(&mut kept, 1, raw);
        }
    }
    Ok(kept)
}

/// The files of a set, with the files of `google/protobuf/` that they import: serialized, within the limits, each name
/// once, and without what a comparison of two schemas does not look at. Files that cannot be read are left out and named.
///
/// # Errors
/// When it is not a descriptor set, or too large.
pub(crate) fn comparable(set: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<LeftOut>), DescriptorError> {
    let whole = join(&[set])?;
    let (mut kept, mut left_out, mut budget) = (Vec::new(), Vec::new(), strip::Budget::default());
    for raw in split(&whole)? {
        match strip::file(raw, strip::Detail::Comparison, &mut budget) {
            Ok(file) => kept.push(file),
            Err(why) => left_out.push(LeftOut {
                what: file_name(raw),
                why,
            }),
        }
    }
    Ok((kept, left_out))
}

/// Whether `whole` holds every file of a set byte for byte.
#[must_use]
pub(crate) fn is_part_of(set: &[u8], whole: &[u8]) -> bool {
    let (Ok(files), Ok(all)) = (split(set), split(whole)) else {
        return set == whole;
    };
    let all: BTreeSet<_> = all.into_iter().collect();
    files.iter().all(|file| all.contains(file))
}

/// Splits a set into its files.
pub(crate) fn split(set: &[u8]) -> Result<Vec<&[u8]>, DescriptorError> {
    if set.len() > MAX_SET_BYTES {
        return Err(DescriptorError::TooLarge(set.len()));
    }
    let (mut fields, mut files) = (Fields::new("FileDescriptorSet", set), Vec::new());
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            files.push(field.bytes()?);
        }
        if files.len() > MAX_FILES {
            return Err(DescriptorError::TooManyFiles);
        }
    }
    Ok(files)
}

/// The strings of one field of a message, up to the first error.
fn strings(message: &[u8], number: u32) -> Vec<String> {
    let (mut fields, mut found) = (Fields::new("FileDescriptorProto", message), Vec::new());
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == number
            && let Ok(bytes) = field.bytes()
        {
            found.push(String::from_utf8_lossy(bytes).into_owned());
        }
    }
    found
}

/// The name of a serialized `FileDescriptorProto`.
#[must_use]
pub(crate) fn file_name(raw: &[u8]) -> String {
    let name = strings(raw, 1).pop();
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "a file without a name".to_owned())
}

/// The files that a serialized `FileDescriptorProto` imports.
#[must_use]
pub(crate) fn imports(raw: &[u8]) -> Vec<String> {
    strings(raw, 3)
}

/// One file, stripped and converted to proto3.
fn file(raw: &[u8], budget: &mut strip::Budget) -> Result<FileDescriptorProto, String> {
    let stripped = strip::file(raw, strip::Detail::Wire, budget)?;
    let mut file = FileDescriptorProto::decode(&*stripped).map_err(|error| error.to_string())?;
    if file.name().is_empty() {
        return Err("it has no name".to_owned());
    }
    edition::lower(&mut file, &stripped)?;
    file.message_type.iter_mut().for_each(names::mend);
    file.extension.iter_mut().for_each(names::mend_default);
    Ok(file)
}

/// Whether a file defines only messages that the library already has.
fn is_copy(base: &DescriptorPool, raw: &[u8]) -> bool {
    let messages = strings(raw, 4);
    strings(raw, 2) == ["google.protobuf"]
        && !messages.is_empty()
        && FileDescriptorProto::decode(raw).is_ok_and(|file| {
            let known = |message: &DescriptorProto| {
                let name = format!("google.protobuf.{}", message.name());
                base.get_message_by_name(&name).is_some()
            };
            file.message_type.iter().all(known)
        })
}

/// The files of `google/protobuf/` that these files import.
fn imported(base: &DescriptorPool, files: &[FileDescriptorProto]) -> Vec<FileDescriptorProto> {
    let mut wanted: Vec<_> = files.iter().flat_map(|file| file.dependency.clone()).collect();
    let (mut done, mut found) = (BTreeSet::new(), Vec::new());
    while let Some(name) = wanted.pop() {
        if let Some(file) = base.get_file_by_name(&name)
            && done.insert(name)
        {
            let file = file.file_descriptor_proto();
            wanted.extend(file.dependency.iter().cloned());
            found.push(file.clone());
        }
    }
    found
}

/// Builds a pool of the files whose types are all known.
fn build(
    base: &DescriptorPool,
    mut files: Vec<Option<FileDescriptorProto>>,
    names: &Names,
    mut left_out: Vec<LeftOut>,
) -> Descriptors {
    let mut links = names::resolve(&mut files, names, &mut left_out);
    for _ in 0..MAX_REFUSED {
        names::leave_out(&mut files, &mut links, names, &mut left_out);
        let kept = (0..files.len()).filter_map(|at| names::linked(at, &files, names));
        let kept: Vec<_> = kept.collect();
        let (count, mut pool) = (kept.len(), DescriptorPool::new());
        let imported = imported(base, &kept);
        let Err(error) = pool.add_file_descriptor_protos(imported.into_iter().chain(kept)) else {
            return Descriptors {
                pool,
                left_out,
                files: count,
            };
        };
        let at = error.file().and_then(|name| names::position(&files, name));
        let Some(at) = at else { break };
        links.refuse(at, error.to_string());
    }
    let rest = files.iter().flatten().map(|file| LeftOut {
        what: file.name().to_owned(),
        why: "the files contradict each other".to_owned(),
    });
    left_out.extend(rest);
    Descriptors {
        left_out,
        ..Descriptors::default()
    }
}

#[cfg(test)]
mod tests;
