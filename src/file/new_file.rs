//! Files that are written under a temporary name and renamed when they are complete.
//!
//! A failure before that leaves the name as it was: an existing file stays, and no new file is left.

use std::{
    ffi::OsString,
    fs::{File, Metadata, OpenOptions, TryLockError},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::storage::Storage;

/// Number of names tried for a temporary file, or for a file whose name is taken: processes that were killed leave
/// theirs, and in containers all have the same number.
const TRIES: u32 = 10_000;

/// Number of attempts to lock a file that is to be replaced: a program that only checks the lock holds it for a moment.
const CLAIMS: u32 = 10;

/// Longest part of a name that goes into the name of its temporary file, in bytes: file systems take 255 in all.
const LONGEST_STEM: usize = 200;

/// What to do with an existing file of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// The existing file stays, and the new file is refused.
    #[default]
    Keep,
    /// The existing file is replaced when the new file takes its name. Only the file that was there when the new one
    /// was begun: another that came meanwhile is somebody else's result, and stays.
    Replace,
}

impl Existing {
    /// [`Replace`](Self::Replace) if `force`, else [`Keep`](Self::Keep).
    #[must_use]
    pub const fn forced(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep }
    }
}

/// A file under construction: it lies beside its name (`.NAME.PID-0.part`), and takes the name with
/// [`commit`](Self::commit) or [`take_name`](Self::take_name). Dropped before, it is removed.
///
/// Only its owner can read it, no symbolic link is followed when it is made, and while it is open it is locked
/// (`flock`), so that no other new file takes its name from it.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    /// The current path.
    at: PathBuf,
    /// The final path.
    path: PathBuf,
    existing: Existing,
    /// The file that had the name at the beginning.
    standing: Option<Identity>,
    named: bool,
}

/// Identifies a file and its content by metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    len: u64,
    /// Modification time: seconds and nanoseconds since the epoch.
    modified: (i64, i64),
}

impl Identity {
    /// The identity of the file under a name: a symbolic link counts as itself.
    ///
    /// # Errors
    /// When the folder cannot be looked into.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match path.symlink_metadata() {
            Ok(found) => Ok(Some(Self::new(&found))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    fn new(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            device: found.dev(),
            inode: found.ino(),
            len: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn new(found: &Metadata) -> Self {
        let (device, inode, modified) = (0, 0, (0, 0));
        let len = found.len();
        Self {
            device,
            inode,
            len,
            modified,
        }
    }
}

impl NewFile {
    /// Begins a file whose final path is `path`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when the name is taken and what has it is to stay; [`ErrorKind::ResourceBusy`] when
    /// another process is writing what has it; else what the folder says.
    pub fn create(path: impl Into<PathBuf>, existing: Existing) -> io::Result<Self> {
        let path = path.into();
        let standing = Identity::of(&path)?;
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(_) if existing == Existing::Keep => return Err(ErrorKind::AlreadyExists.into()),
            Ok(found) if found.is_file() && is_locked(&path) => return Err(busy()),
            _ => {}
        }
        Self::create_over(path, existing, standing)
    }

    /// Begins a file, whatever has its name now. `standing` is what stood under the name earlier: that may be replaced,
    /// and nothing else.
    ///
    /// # Errors
    /// What the folder says.
    pub fn create_over(path: PathBuf, existing: Existing, standing: Option<Identity>) -> io::Result<Self> {
        if path.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the path names no file"));
        }
        let (at, file) = create_first(create_private, |number| temporary(&path, number))?;
        Ok(Self::begun(file, at, path, existing, standing))
    }

    /// Does the same as [`create`](Self::create) for a file that is not secret: whoever the umask lets may read it, or
    /// as it was with the file that it replaces.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_shared(path: impl Into<PathBuf>, existing: Existing) -> io::Result<Self> {
        let private = Self::create(path, existing)?;
        let open = |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let (at, file) = create_first(open, |number| temporary(&private.path, number))?;
        if let Ok(found) = private.path.symlink_metadata()
            && found.is_file()
        {
            // A file system without permissions has none to keep.
            let _ = file.set_permissions(found.permissions());
        }
        Ok(Self::begun(file, at, private.path.clone(), existing, private.standing))
    }

    fn begun(file: File, at: PathBuf, path: PathBuf, existing: Existing, standing: Option<Identity>) -> Self {
        lock(&file);
        Self {
            file,
            at,
            path,
            existing,
            standing,
            named: false,
        }
    }

    /// The open file. It can be written, read, and cloned for those who need a handle of their own.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The final path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The current path.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.at
    }

    /// True when the file has its final name.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.named
    }

    /// Gives the file its name before it is complete; it can be written on. What is there is replaced in one step, when
    /// that was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when somebody took the name meanwhile; else what the folder says. The file is then
    /// still without its name.
    pub fn take_name(&mut self) -> io::Result<()> {
        if self.named {
            return Ok(());
        }
        match Identity::of(&self.path)? {
            Some(found) if self.existing == Existing::Replace && self.standing == Some(found) => {
                // A power failure must not cost both.
                self.file.sync_data()?;
                self.replace()?;
            }
            Some(_) => return Err(taken()),
            None => rename_to_free(&self.at, &self.path)?,
        }
        self.at.clone_from(&self.path);
        self.named = true;
        Ok(())
    }

    /// Replaces the existing file of that name. Whoever else wants that as well finds it locked, or finds another.
    fn replace(&self) -> io::Result<()> {
        let claimed = claim(&self.path)?;
        if Identity::of(&self.path)? != self.standing {
            return Err(taken());
        }
        let renamed = std::fs::rename(&self.at, &self.path);
        drop(claimed);
        renamed
    }

    /// Gives the file another free name similar to its own: `NAME.PID-0.gcap`. For what must not be lost although
    /// somebody took the name.
    ///
    /// # Errors
    /// What the folder says.
    pub fn take_other_name(&mut self) -> io::Result<()> {
        let process = std::process::id();
        for number in 0..TRIES {
            let mut name = self.path.file_stem().unwrap_or_default().to_owned();
            name.push(format!(".{process}-{number}"));
            if let Some(ending) = self.path.extension() {
                name.push(".");
                name.push(ending);
            }
            let other = self.path.with_file_name(name);
            match rename_to_free(&self.at, &other) {
                Ok(()) => {
                    self.at.clone_from(&other);
                    self.path = other;
                    self.named = true;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Leaves the file in place, with or without its name: it is not removed any more.
    pub fn stay(&mut self) {
        self.named = true;
    }

    /// Syncs the whole file and gives it its name.
    ///
    /// # Errors
    /// As [`take_name`](Self::take_name); the file is then removed.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.take_name()?;
        // Some file systems sync no folders; the name is there all the same.
        let _ = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.named {
            // One that is gone already is as good.
            let _ = std::fs::remove_file(&self.at);
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for NewFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Storage for NewFile {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Creates a file that only its owner can read, without following symbolic links. It can be read as well as written.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] when the name is taken, by whatever; else what the folder says.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Creates the first free file of a list of names.
///
/// # Errors
/// What the folder says.
pub(crate) fn create_first(
    create: impl Fn(&Path) -> io::Result<File>,
    name: impl Fn(u32) -> PathBuf,
) -> io::Result<(PathBuf, File)> {
    for number in 0..TRIES {
        let path = name(number);
        match create(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// The folder of a path; `.` when the path does not say.
fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn temporary(path: &Path, number: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let mut hidden = OsString::from(".");
    if name.len() <= LONGEST_STEM {
        hidden.push(name);
    } else {
        let name = name.to_string_lossy();
        hidden.push(name.chars().take(LONGEST_STEM / 4).collect::<String>());
    }
    hidden.push(format!(".{}-{number}.part", std::process::id()));
    path.with_file_name(hidden)
}

fn busy() -> io::Error {
    io::Error::new(ErrorKind::ResourceBusy, "another process is writing it")
}

fn taken() -> io::Error {
    io::Error::new(ErrorKind::AlreadyExists, "another program took this name meanwhile")
}

/// Locks a file that is to be replaced, so that only one program replaces it. Not every file can be locked.
fn claim(path: &Path) -> io::Result<Option<File>> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let Ok(file) = File::open(path) else { return Ok(None) };
    for _ in 0..CLAIMS {
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Ok(Some(file));
        }
        std::thread::yield_now();
    }
    Err(taken())
}

/// Marks the file as being written, for other programs, until it is closed. Not every file system can.
fn lock(file: &File) {
    let _ = file.try_lock();
}

/// True when another program is writing the file: a [`NewFile`] is locked while it is open. False where a file system
/// knows no locks.
#[must_use]
pub(crate) fn is_locked(path: &Path) -> bool {
    let found = path.symlink_metadata();
    if !found.is_ok_and(|found| found.is_file()) {
        return false;
    }
    let tried = File::open(path).map(|file| file.try_lock_shared());
    matches!(tried, Ok(Err(TryLockError::WouldBlock)))
}

/// Renames a file to a name that does not exist; whoever else wants the name, one gets it.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match rename_exclusively(from, to) {
        Err(error) if is_unsupported(&error) => {}
        done => return done,
    }
    match std::fs::hard_link(from, to) {
        // The file has both names, and one of them is enough.
        Ok(()) => return std::fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
    }
    // An empty file of ours claims the name, and is replaced.
    drop(create_private(to)?);
    std::fs::rename(from, to).inspect_err(|_| drop(std::fs::remove_file(to)))
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_exclusively(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_exclusively(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// True when the system or the file system lacks the call.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_new_file() -> Result<(), std::io::Error> {
        use crate::file::{Existing, NewFile};
        use std::io::Write as _;

        let folder = tempfile::tempdir()?;
        let path = folder.path().join("result");
        let mut file = NewFile::create(&path, Existing::Keep)?;
        file.write_all(b"all of it")?;
        assert!(!path.exists());
        file.commit()?;
        assert_eq!(std::fs::read(&path)?, b"all of it");
        assert!(NewFile::create(&path, Existing::Keep).is_err());
        Ok(())
    }
}
