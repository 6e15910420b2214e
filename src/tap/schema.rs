//! Sources of the recorded schema: from `.proto` files, from descriptor sets, or from the server itself.
//!
//! A capture holds bytes, and needs no schema. With one in its header, it can be read without asking anybody: as
//! [`EventJson`](crate::report::event_json::EventJson) does.

mod reflect;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use prost::Message as _;
use protox::file::{ChainFileResolver, FileResolver, GoogleFileResolver, IncludeFileResolver};
use thiserror::Error;

pub(crate) use reflect::{ReflectError, reflect};

use crate::grpc::descriptors::{self, Descriptors, MAX_SET_BYTES};

/// Largest `.proto` file in bytes: the largest public ones have two megabytes.
const MAX_PROTO_BYTES: u64 = 16 << 20;

/// Errors of an unusable schema.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// A file cannot be read.
    #[error("could not read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// The `.proto` files cannot be compiled.
    #[error("could not compile the .proto files: {0}")]
    Compile(String),
    /// A `.proto` file or an import was not found.
    #[error("could not compile the .proto files: {0}; are the folders for imports right?")]
    Import(String),
    /// The built-in compiler does not support editions.
    #[error(
        "{} is of an edition, which cannot be compiled here; compile it with `protoc --include_imports \
         --descriptor_set_out=FILE` or `buf build`, and give the descriptor set", path.display()
    )]
    Edition {
        /// The file.
        path: PathBuf,
    },
    /// A file is larger than a schema may be.
    #[error("could not use {}: it has {bytes} bytes, at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is not a descriptor set, or nothing of it is usable.
    #[error(
        "could not use the descriptor set {path}: {what}; make it with `protoc --include_imports \
         --descriptor_set_out=FILE` or `buf build`"
    )]
    Protoset {
        /// Path of the file.
        path: PathBuf,
        /// The problem.
        what: String,
    },
}

/// Loads `.proto` files and descriptor sets as one descriptor set; `None` when there is neither.
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
        let bytes = read(path, MAX_SET_BYTES as u64)?;
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
    for proto in protos {
        // A missing file is the compiler's to tell: it looks in the import paths as well.
        if proto.exists() {
            read(proto, MAX_PROTO_BYTES)?;
        }
    }
    let mut resolver = ChainFileResolver::new();
    for include in &includes {
        resolver.add(Folder::new(include));
    }
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    let compiler = compiler.include_source_info(true).include_imports(true);
    let compiled = compiler
        .open_files(protos)
        .map(|compiler| compiler.file_descriptor_set());
    let compiled = compiled.map_err(
        |error| match error.file().and_then(|name| of_an_edition(name, &includes)) {
            Some(path) => SchemaError::Edition { path },
            None if error.is_file_not_found() => SchemaError::Import(placed(&error)),
            None => SchemaError::Compile(placed(&error)),
        },
    )?;
    Ok(compiled.encode_to_vec())
}

/// The error with its file, line and column, where it has them.
fn placed(error: &protox::Error) -> String {
    // That is what its debug text adds.
    let placed = format!("{error:?}");
    let bare = error.to_string();
    if placed.ends_with(&bare) { placed } else { bare }
}

/// Reads the .proto files of a folder, without the byte-order mark that some editors write.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    files: IncludeFileResolver,
}

impl Folder {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            files: IncludeFileResolver::new(path.to_owned()),
        }
    }
}

impl FileResolver for Folder {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.files.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        match std::fs::read_to_string(self.path.join(name)) {
            Ok(text) if text.starts_with('\u{feff}') => {
                protox::file::File::from_source(name, text.trim_start_matches('\u{feff}'))
            }
            _ => self.files.open_file(name),
        }
    }
}

/// Reads a file of at most `limit` bytes.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, SchemaError> {
    let failed = |source| SchemaError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let length = file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)? as u64;
    if length > limit {
        return Err(SchemaError::TooLarge {
            path: path.to_owned(),
            bytes: path.metadata().map_or(length, |metadata| metadata.len().max(length)),
            limit,
        });
    }
    Ok(bytes)
}

/// The file of this name, if it uses an edition.
fn of_an_edition(name: &str, includes: &[PathBuf]) -> Option<PathBuf> {
    let mut places = includes
        .iter()
        .map(|folder| folder.join(name))
        .chain([PathBuf::from(name)]);
    let path = places.find(|path| path.is_file())?;
    let text = read(&path, MAX_PROTO_BYTES).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let comment = match rest.get(..2) {
            Some("//") => rest.split_once('\n'),
            Some("/*") => rest.split_once("*/"),
            _ => break,
        };
        rest = comment?.1.trim_start();
    }
    let after = rest.strip_prefix("edition")?.trim_start();
    after.starts_with('=').then_some(path)
}

/// Joins two sets, byte for byte. What cannot be used of them is left out when they are read.
///
/// # Errors
/// What is wrong with them, when nothing can be used.
pub fn join(set: Option<&[u8]>, more: &[u8]) -> Result<Vec<u8>, String> {
    let sets: Vec<_> = set.into_iter().chain([more]).collect();
    let joined = descriptors::join(&sets).map_err(|error| error.to_string())?;
    let read = Descriptors::read(&joined).map_err(|error| error.to_string())?;
    match (read.files, read.warning()) {
        (0, Some(warning)) => Err(format!("nothing of it can be used; {warning}")),
        _ if joined.is_empty() => Err("it holds no file".to_owned()),
        _ => Ok(joined),
    }
}

#[cfg(test)]
mod tests;
