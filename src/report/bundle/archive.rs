//! The bundle as a zip archive: members, and a manifest with the digest of each.

use std::{
    fs::File,
    io::{self, Read as _, Seek, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::BundleError;
use crate::file::Digest;

/// The member that lists the others.
pub(crate) const MANIFEST: &str = "MANIFEST.json";

/// Version of the manifest's schema.
pub(crate) const SCHEMA: u32 = 1;

/// Content of a file in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text or bytes in memory.
    Bytes(Vec<u8>),
    /// The content of a file; it is read when the archive is written.
    File(PathBuf),
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name within the archive, without folders.
    pub name: String,
    /// Content of the member.
    pub content: Content,
}

impl Member {
    /// A member of text.
    #[must_use]
    pub fn text(name: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            content: Content::Bytes(text.into_bytes()),
        }
    }

    /// A member that is a file.
    #[must_use]
    pub fn file(name: &str, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            content: Content::File(path.into()),
        }
    }

    fn open(&self) -> io::Result<Box<dyn io::Read + '_>> {
        Ok(match &self.content {
            Content::Bytes(bytes) => Box::new(&bytes[..]),
            Content::File(path) => Box::new(File::open(path)?),
        })
    }
}

/// An entry of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of the member.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
}

/// The manifest of a bundle: the file [`MANIFEST`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this schema, [`SCHEMA`].
    pub bundle: u32,
    /// Name and version of the tool that made the bundle.
    pub tool: String,
    /// Every other member, in the order of the archive.
    pub members: Vec<Entry>,
}

/// Writes the archive: the manifest first, then the members. The same members give the same bytes.
///
/// # Errors
/// When a member cannot be read, or the archive cannot be written.
pub(crate) fn write(out: impl Write + Seek, members: &[Member]) -> Result<Manifest, BundleError> {
    let failed = |name: &str, source| BundleError::Member {
        name: name.to_owned(),
        source,
    };
    let mut manifest = Manifest {
        bundle: SCHEMA,
        tool: concat!("grpc-capture ", env!("CARGO_PKG_VERSION")).to_owned(),
        members: Vec::new(),
    };
    for member in members {
        let digest = member.open().and_then(Digest::of_reader);
        let (digest, size) = digest.map_err(|error| failed(&member.name, error))?;
        manifest.members.push(Entry {
            name: member.name.clone(),
            size,
            sha256: digest.to_string(),
        });
    }
    let mut zip = ZipWriter::new(out);
    let listed = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(MANIFEST, error.into()))?;
    zip.start_file(MANIFEST, options(MANIFEST, listed.len() as u64))?;
    zip.write_all(&listed).map_err(|error| failed(MANIFEST, error))?;
    for (member, entry) in members.iter().zip(&manifest.members) {
        zip.start_file(member.name.as_str(), options(&member.name, entry.size))?;
        // A file that grows meanwhile must not become another than the one listed.
        let copied = member
            .open()
            .and_then(|content| io::copy(&mut content.take(entry.size), &mut zip));
        copied.map_err(|error| failed(&member.name, error))?;
    }
    zip.finish()?;
    Ok(manifest)
}

/// Zip options: captures and pictures are stored, since they are compressed already. Every member has the same date, so
/// that bundles can be compared.
fn options(name: &str, size: u64) -> SimpleFileOptions {
    let packed = [".gcap", ".png"].iter().any(|ending| name.ends_with(ending));
    SimpleFileOptions::default()
        .compression_method(if packed {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        })
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644)
        .large_file(size >= u64::from(u32::MAX))
}
