//! The schema of what is recorded: from `.proto` files, from descriptor sets, or from the server itself.
//!
//! A capture holds bytes, and needs no schema. With one in its header, it can be read without asking anybody: as
//! [`EventJson`](crate::report::event_json::EventJson) does.

mod reflect;

use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_reflect::DescriptorPool;
use thiserror::Error;

pub use reflect::{ReflectError, reflect};

/// A schema that cannot be used.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// A file cannot be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The `.proto` files cannot be compiled.
    #[error("could not compile the .proto files: {0}; --import-path names the folders that imports are looked for in")]
    Compile(String),
    /// A descriptor set is none, or lacks files.
    #[error(
        "could not use the descriptor set {path}: {what}; make it with `protoc --include_imports \
         --descriptor_set_out=FILE` or `buf build -o FILE.binpb`"
    )]
    Protoset {
        /// Where it came from.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// The descriptor set of `.proto` files and of descriptor sets, together; `None` when there is neither.
///
/// Without import paths, imports are looked for in the folders of the `.proto` files. Imports of `google/protobuf/` are
/// always found.
///
/// # Errors
/// When a file cannot be read, compiled or decoded, or when two of them define the same thing in different ways.
pub fn load(protos: &[PathBuf], imports: &[PathBuf], protosets: &[PathBuf]) -> Result<Option<Vec<u8>>, SchemaError> {
    let mut set = None;
    if !protos.is_empty() {
        set = Some(compile(protos, imports)?);
    }
    for path in protosets {
        let read = std::fs::read(path);
        let bytes = read.map_err(|source| SchemaError::Read {
            path: path.clone(),
            source,
        })?;
        let joined = join(set.as_deref(), &bytes);
        set = Some(joined.map_err(|what| SchemaError::Protoset {
            path: path.clone(),
            what,
        })?);
    }
    Ok(set)
}

fn compile(protos: &[PathBuf], imports: &[PathBuf]) -> Result<Vec<u8>, SchemaError> {
    let folder = |proto: &PathBuf| match proto.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => Path::new(".").to_owned(),
    };
    let includes: Vec<_> = if imports.is_empty() {
        protos.iter().map(folder).collect()
    } else {
        imports.to_vec()
    };
    let compiled = protox::compile(protos, includes);
    let compiled = compiled.map_err(|error| SchemaError::Compile(error.to_string()))?;
    Ok(compiled.encode_to_vec())
}

/// Both sets as one.
///
/// # Errors
/// What is wrong with `more`, or where it contradicts `set`.
pub fn join(set: Option<&[u8]>, more: &[u8]) -> Result<Vec<u8>, String> {
    let add = |mut pool: DescriptorPool| -> Result<DescriptorPool, String> {
        if let Some(set) = set {
            pool.decode_file_descriptor_set(set)
                .map_err(|error| error.to_string())?;
        }
        pool.decode_file_descriptor_set(more)
            .map_err(|error| error.to_string())?;
        Ok(pool)
    };
    // Sets often lack the well-known files; one that brings its own keeps them.
    let pool = add(DescriptorPool::new()).or_else(|error| add(DescriptorPool::global()).map_err(|_| error))?;
    if pool.files().len() == 0 {
        return Err("it holds no file".to_owned());
    }
    Ok(pool.encode_to_vec())
}

#[cfg(test)]
mod tests;
