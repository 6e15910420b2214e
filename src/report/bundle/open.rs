//! Opening of bundles from other people: everything is checked before anything is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::{
    BundleError,
    archive::{Entry, MANIFEST, Manifest, SCHEMA},
};
use crate::{
    file::{Digest, create_private},
    model::text::is_hidden,
};

/// Largest number of members of an archive: a bundle has about ten.
const MAX_MEMBERS: usize = 1000;

/// Largest manifest in bytes: [`MAX_MEMBERS`] lines of it are far less.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Default of the largest unpacked size in bytes: tickets hold megabytes, and a zip can claim to hold anything.
pub(crate) const MAX_UNPACKED_BYTES: u64 = 4 << 30;

/// A bundle whose files all match its manifest.
#[derive(Debug)]
pub struct Opened<R> {
    archive: ZipArchive<R>,
    /// The manifest.
    pub manifest: Manifest,
}

impl Opened<File> {
    /// Opens and verifies the bundle at `path`. Nothing is written.
    ///
    /// # Errors
    /// When it cannot be read, is not a bundle, differs from its manifest, or holds what must not be unpacked.
    pub fn open(path: &Path, max_bytes: u64) -> Result<Self, BundleError> {
        let file = File::open(path).map_err(|source| BundleError::Io {
            act: "open",
            path: path.to_owned(),
            source,
        })?;
        Self::verify(file, max_bytes)
    }
}

impl<R: Read + Seek> Opened<R> {
    /// Verifies a bundle: names, sizes and digests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn verify(reader: R, max_bytes: u64) -> Result<Self, BundleError> {
        let mut archive = ZipArchive::new(reader)?;
        if archive.len() > MAX_MEMBERS {
            let problem = format!("it has {} members, and a bundle at most {MAX_MEMBERS}", archive.len());
            return Err(BundleError::NoBundle(problem));
        }
        if archive.has_overlapping_entries()? {
            return Err(BundleError::Unsafe {
                name: "(several)".to_owned(),
                problem: "members share bytes, as in a zip bomb",
            });
        }
        let manifest = manifest(&mut archive)?;
        let mut listed: BTreeMap<_, _> = manifest.members.iter().map(|entry| (&entry.name, entry)).collect();
        let mut left = max_bytes;
        let mut seen = BTreeSet::new();
        for at in 0..archive.len() {
            let mut member = archive.by_index(at)?;
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            if let Some(problem) = harm(&name, member.is_file(), member.is_symlink()) {
                return Err(BundleError::Unsafe { name, problem });
            }
            if !seen.insert(name.to_lowercase()) {
                let problem = "another member has the same name";
                return Err(BundleError::Unsafe { name, problem });
            }
            if name == MANIFEST {
                continue;
            }
            let Some(entry) = listed.remove(&name) else {
                let problem = format!("`{name}` is not in its manifest");
                return Err(BundleError::Differs { problem });
            };
            if entry.size > left {
                return Err(BundleError::TooLarge { name });
            }
            left -= entry.size;
            check(&mut member, entry)?;
        }
        if let Some(name) = listed.keys().next() {
            let problem = format!("`{name}` is missing");
            return Err(BundleError::Differs { problem });
        }
        drop(listed);
        Ok(Self { archive, manifest })
    }

    /// Unpacks the bundle into `folder`, which is created if it does not exist, and must be empty otherwise. Gives the
    /// files. They take their names when all of them are whole; when one cannot be written, none is left.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn unpack(&mut self, folder: &Path) -> Result<Vec<PathBuf>, BundleError> {
        let failed = |act, path: &Path, source| BundleError::Io {
            act,
            path: path.to_owned(),
            source,
        };
        let is_new = !folder.exists();
        fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))?;
        let mut there = fs::read_dir(folder).map_err(|error| failed("look into", folder, error))?;
        if there.next().is_some() {
            return Err(BundleError::Occupied(folder.to_owned()));
        }
        let unpacked = self.unpack_aside(folder);
        if unpacked.is_err() && is_new {
            // Only an empty one goes.
            let _ = fs::remove_dir(folder);
        }
        unpacked
    }

    /// Unpacks into a temporary folder within `folder`, and moves the files up when all are there.
    fn unpack_aside(&mut self, folder: &Path) -> Result<Vec<PathBuf>, BundleError> {
        let failed = |act, path: &Path, source| BundleError::Io {
            act,
            path: path.to_owned(),
            source,
        };
        let aside = Aside::within(folder).map_err(|error| failed("create a folder in", folder, error))?;
        let mut names = Vec::new();
        for at in 0..self.archive.len() {
            let member = self.archive.by_index(at)?;
            let name = String::from_utf8_lossy(member.name_raw()).into_owned();
            let size = self.manifest.members.iter().find(|entry| entry.name == name);
            let size = size.map_or(MAX_MANIFEST_BYTES, |entry| entry.size);
            let path = aside.0.join(&name);
            let mut file = create_private(&path).map_err(|error| failed("create", &path, error))?;
            io::copy(&mut member.take(size), &mut file).map_err(|error| failed("write", &path, error))?;
            names.push(name);
        }
        let mut files = Vec::new();
        for name in names {
            let path = folder.join(&name);
            fs::rename(aside.0.join(&name), &path).map_err(|error| failed("name", &path, error))?;
            files.push(path);
        }
        Ok(files)
    }

    /// The text of a member, up to one megabyte; `None` when there is no such member.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let member = self.archive.by_name(name).ok()?;
        let mut text = Vec::new();
        member.take(MAX_MANIFEST_BYTES).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

/// A temporary folder for files under construction; dropping it deletes it with its content.
struct Aside(PathBuf);

impl Aside {
    fn within(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!(".{}.part", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What cannot be removed is named by its ending.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn manifest<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Manifest, BundleError> {
    let missing = |_| BundleError::NoBundle(format!("it has no {MANIFEST}"));
    let member = archive.by_name(MANIFEST).map_err(missing)?;
    let mut bytes = Vec::new();
    let read = member.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes);
    let unreadable = |problem: String| BundleError::NoBundle(format!("its {MANIFEST} cannot be read: {problem}"));
    read.map_err(|error| unreadable(error.to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
    if manifest.bundle != SCHEMA {
        let problem = format!("it is version {}, this release reads {SCHEMA}", manifest.bundle);
        return Err(BundleError::NoBundle(problem));
    }
    Ok(manifest)
}

/// Describes the harm of unpacking a member with this name, if it would do more than create one file in the folder.
fn harm(name: &str, is_file: bool, is_link: bool) -> Option<&'static str> {
    if is_link || !is_file {
        return Some("it is no plain file");
    }
    let odd = |c: char| is_hidden(c) || matches!(c, '/' | '\\' | ':' | '\u{fffd}');
    if name.is_empty() || name.starts_with(['.', '-']) || name.contains(odd) {
        return Some("its name would lead out of the folder, or is invalid");
    }
    None
}

/// Reads a member to its end, but not beyond the size in the manifest.
fn check(member: &mut impl Read, entry: &Entry) -> Result<(), BundleError> {
    let name = &entry.name;
    let differs = |problem: String| BundleError::Differs { problem };
    let read = Digest::of_reader(member.take(entry.size.saturating_add(1)));
    let (digest, size) = read.map_err(|error| differs(format!("`{name}` cannot be read: {error}")))?;
    if size != entry.size {
        return Err(differs(format!("`{name}` has another size than its manifest says")));
    }
    if digest.to_string() != entry.sha256 {
        return Err(differs(format!("`{name}` has another SHA-256 than its manifest says")));
    }
    Ok(())
}
