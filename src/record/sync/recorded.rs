//! The file of a recording: its name, and whether it still holds what was written.

use std::{
    fs::{File, Metadata},
    io::{self, IoSlice, Read, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::foreign_change::ForeignChange;
use crate::file::{NewFile, create_first, create_private};

/// Size of the beginning of a file that is verified at its end, 32 MiB: the header and all that most captures hold, in
/// a few milliseconds. Of what is larger, the length tells.
const CHECKED: u64 = 32 << 20;
/// Number of bytes read at once.
const PIECE: usize = 1 << 20;

/// The file of a recording. It gets its name when it holds something, and at each chunk and at its end it is checked
/// that no other program removed it, replaced it, or wrote into it.
#[derive(Debug)]
pub(crate) struct RecordedFile {
    file: File,
    new: Mutex<NewFile>,
    /// The name that was asked for, when another program had taken it.
    taken: Mutex<Option<PathBuf>>,
    /// The path of the copy, after the file was removed.
    rescued: Mutex<Option<PathBuf>>,
    /// Lower bound of the file's length …
    written: AtomicU64,
    /// … and upper bound: with those of a write that is under way.
    handed: AtomicU64,
    /// True when the next write checks the length first.
    look: AtomicBool,
    beginning: Mutex<Beginning>,
}

/// Checksum of the first bytes written.
#[derive(Debug, Default)]
struct Beginning {
    len: u64,
    crc: u32,
}

impl Beginning {
    fn add(&mut self, bytes: &[u8]) {
        let room = usize::try_from(CHECKED - self.len).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.len += bytes.len() as u64;
    }

    fn is_in(&self, file: &File) -> io::Result<bool> {
        let (mut at, mut crc) = (0, 0);
        let mut piece = vec![0; PIECE.min(usize::try_from(self.len).unwrap_or(PIECE))];
        while at < self.len {
            let len = piece.len().min(usize::try_from(self.len - at).unwrap_or(PIECE));
            let part = &mut piece[..len];
            file.read_exact_at(part, at)?;
            crc = crc32c::crc32c_append(crc, part);
            at += len as u64;
        }
        Ok(crc == self.crc)
    }
}

impl RecordedFile {
    /// Records into a new, empty file.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn new(new: NewFile) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            file: new.file().try_clone()?,
            new: Mutex::new(new),
            taken: Mutex::default(),
            rescued: Mutex::default(),
            written: AtomicU64::new(0),
            handed: AtomicU64::new(0),
            look: AtomicBool::new(false),
            beginning: Mutex::default(),
        }))
    }

    /// The current path of the content: under its name, beside it as long as it has none, or where it was rescued to.
    #[must_use]
    pub(crate) fn place(&self) -> PathBuf {
        let rescued = lock(&self.rescued).clone();
        rescued.unwrap_or_else(|| lock(&self.new).place().to_owned())
    }

    /// The final name, now or later.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        lock(&self.new).path().to_owned()
    }

    /// The name that was asked for, when it was taken and the file has another.
    #[must_use]
    pub(crate) fn taken(&self) -> Option<PathBuf> {
        lock(&self.taken).clone()
    }

    /// True when the file has its name; a file without a name is removed when it is dropped.
    #[must_use]
    pub(crate) fn is_named(&self) -> bool {
        lock(&self.new).is_named()
    }

    /// True when no file has the name.
    pub(in crate::record) fn is_name_free(&self) -> bool {
        self.path().symlink_metadata().is_err()
    }

    /// Gives the file its name, or a similar one when another program took it.
    ///
    /// # Errors
    /// When the folder takes no name any more. What was written then stays beside the name.
    pub(crate) fn take_name(&self) -> io::Result<()> {
        if self.file.metadata()?.nlink() == 0 {
            return Err(self.rescue());
        }
        let mut new = lock(&self.new);
        let named = match new.take_name() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let taken = new.path().to_owned();
                new.take_other_name().inspect(|()| {
                    let (taken_name, path) = (taken.display(), new.path().display());
                    tracing::error!("another program took the name {taken_name}; this recording continues as {path}");
                    *lock(&self.taken) = Some(taken);
                })
            }
            done => done,
        };
        named.inspect_err(|_| new.stay())
    }

    /// Syncs the written data to disk.
    pub(in crate::record) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The open file.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Appends through the page cache.
    pub(in crate::record) fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.append_pieces(&[IoSlice::new(bytes)])
    }

    /// Appends through the page cache, all pieces at once.
    pub(in crate::record) fn append_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.look.swap(false, Ordering::Relaxed) {
            self.check_exactly()?;
        }
        self.hand(pieces.iter().map(|piece| piece.len()).sum());
        let appended = (&self.file).write_vectored(pieces);
        self.took(pieces, *appended.as_ref().unwrap_or(&0));
        if appended.is_ok() {
            self.settled();
        }
        appended
    }

    /// Allows this many further bytes to be written.
    pub(super) fn hand(&self, bytes: usize) {
        self.handed.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    /// Of the pieces that were handed, so many bytes were taken.
    pub(super) fn took(&self, pieces: &[IoSlice<'_>], taken: usize) {
        let (mut left, mut beginning) = (taken, lock(&self.beginning));
        for piece in pieces {
            let bytes = &piece[..piece.len().min(left)];
            left -= bytes.len();
            beginning.add(bytes);
            let lacking = piece.len() - bytes.len();
            self.handed.fetch_sub(lacking as u64, Ordering::AcqRel);
        }
    }

    /// Notes that everything handed over is in the file.
    pub(super) fn settled(&self) {
        self.written
            .store(self.handed.load(Ordering::Acquire), Ordering::Release);
    }

    /// Ends a chunk: the file is checked before the next one.
    pub(in crate::record) fn end_chunk(&self) {
        self.look.store(true, Ordering::Relaxed);
    }

    /// Checks the file while it may be written to.
    ///
    /// # Errors
    /// `NotFound` when it was removed; what was changed, else.
    pub(super) fn check_roughly(&self) -> io::Result<()> {
        let least = self.written.load(Ordering::Acquire);
        let found = self.file.metadata()?;
        let most = self.handed.load(Ordering::Acquire);
        if found.nlink() == 0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        if (least..=most).contains(&found.len()) {
            Ok(())
        } else {
            Err(changed(found.len(), most))
        }
    }

    /// Checks the file while nothing is being written.
    ///
    /// # Errors
    /// When it was removed, with the place where its content is; when it was changed.
    pub(in crate::record) fn check_exactly(&self) -> io::Result<()> {
        self.found_well().map(drop)
    }

    fn found_well(&self) -> io::Result<Metadata> {
        let (found, written) = (self.file.metadata()?, self.written.load(Ordering::Acquire));
        if found.nlink() == 0 {
            return Err(self.rescue());
        }
        if found.len() == written {
            Ok(found)
        } else {
            Err(changed(found.len(), written))
        }
    }

    /// Checks the whole file, once everything is written.
    ///
    /// # Errors
    /// As [`check_exactly`](Self::check_exactly); when it lost its name; when its beginning was written over.
    pub(in crate::record) fn check_end(&self) -> io::Result<()> {
        let found = self.found_well()?;
        if self.is_named() && !self.is_under_its_name(&found) {
            return Err(self.moved());
        }
        if lock(&self.beginning).is_in(&self.file)? {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, ForeignChange::Overwritten))
        }
    }

    fn is_under_its_name(&self, found: &Metadata) -> bool {
        let path = self.path();
        let Ok(there) = path.symlink_metadata() else {
            return false;
        };
        let same = (there.dev(), there.ino()) == (found.dev(), found.ino());
        // Some network file systems give one file several numbers.
        let alike = || File::open(&path).and_then(|there| lock(&self.beginning).is_in(&there));
        same || there.len() == found.len() && alike().unwrap_or(false)
    }

    fn moved(&self) -> io::Error {
        let now = std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok();
        let mut text = "another program renamed the file while it was recorded".to_owned();
        if let Some(now) = now.filter(|now| now.exists()) {
            text.push_str(&format!("; the capture is complete, as {}", now.display()));
            *lock(&self.rescued) = Some(now);
        }
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// Copies a removed file to an existing folder, and returns the error that describes both.
    pub(super) fn rescue(&self) -> io::Error {
        let (path, named) = (self.path(), self.is_named());
        let what = match path.symlink_metadata() {
            Ok(_) if named => "another file replaced it while it was recorded",
            _ => "the file or its folder was removed while it was recorded",
        };
        let tell = |rest: &str| io::Error::new(io::ErrorKind::NotFound, format!("{what}{rest}"));
        if !named {
            return tell(", before it held anything");
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let process = std::process::id();
        for folder in [path.parent().unwrap_or(Path::new("")), &std::env::temp_dir()] {
            let to = |number| match number {
                0 => folder.join(format!("{name}.rescued-{process}.gcap")),
                number => folder.join(format!("{name}.rescued-{process}-{number}.gcap")),
            };
            let Ok((to, mut copy)) = create_first(create_private, to) else {
                continue;
            };
            let mut from = FromStart {
                file: &self.file,
                at: 0,
            };
            if io::copy(&mut from, &mut copy).is_ok() {
                let told = tell(&format!("; what it held is saved as {}", to.display()));
                *lock(&self.rescued) = Some(to);
                return told;
            }
            // Half a copy helps nobody, and the next folder may have room.
            let _ = std::fs::remove_file(&to);
        }
        tell(", and what it held could not be copied elsewhere")
    }
}

/// Reads a file from its start without moving the place at which it is written.
struct FromStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The error that another program changed the length of the file.
pub(super) fn changed(found: u64, written: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ForeignChange::Resized { found, written })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::OpenOptions};

    use super::*;
    use crate::file::Existing;

    fn begin(folder: &Path) -> Arc<RecordedFile> {
        let file = RecordedFile::new(NewFile::create(folder.join("a.gcap"), Existing::Keep).unwrap()).unwrap();
        file.append(b"header").unwrap();
        file.take_name().unwrap();
        file.end_chunk();
        file
    }

    #[test]
    fn a_file_that_nobody_touches_is_well_at_every_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = begin(folder.path());
        for _ in 0..3 {
            file.append(b"chunk").unwrap();
            file.end_chunk();
            file.check_roughly().unwrap();
        }
        file.check_end().unwrap();
    }

    #[test]
    fn whoever_shortens_lengthens_or_overwrites_the_file_is_noticed() {
        let touches: [fn(&Path); 4] = [
            |path| OpenOptions::new().write(true).open(path).unwrap().set_len(2).unwrap(),
            |path| drop(File::create(path).unwrap()),
            |path| {
                let mut file = OpenOptions::new().append(true).open(path).unwrap();
                file.write_all(b"more").unwrap();
            },
            |path| fs::write(path, "HEADER").unwrap(),
        ];
        for (at, touch) in touches.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let file = begin(folder.path());
            touch(&file.path());
            let length = at < 3;
            assert_eq!(file.check_roughly().is_err(), length, "touch {at}");
            assert_eq!(file.append(b"chunk").is_err(), length, "touch {at}");
            let error = file.check_end().unwrap_err();
            assert!(error.to_string().contains("another program"), "{error}");
            let kind = error.get_ref().and_then(|inner| inner.downcast_ref::<ForeignChange>());
            assert!(kind.is_some(), "its kind, which the remedy goes by: {error:?}");
        }
    }

    #[test]
    fn a_file_that_was_replaced_or_renamed_says_where_its_content_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = begin(folder.path());
        fs::write(folder.path().join("b"), "other").unwrap();
        fs::rename(folder.path().join("b"), file.path()).unwrap();
        let text = file.append(b"chunk").unwrap_err().to_string();
        assert!(text.contains("another file replaced it"), "{text}");
        assert!(text.contains(file.place().to_str().unwrap()), "{text}");
        assert_eq!(fs::read(file.place()).unwrap(), b"header");
        assert_eq!(fs::read(file.path()).unwrap(), b"other");

        let folder = tempfile::tempdir().unwrap();
        let file = begin(folder.path());
        let moved = folder.path().join("moved");
        fs::rename(file.path(), &moved).unwrap();
        file.append(b"chunk").unwrap();
        let text = file.check_end().unwrap_err().to_string();
        assert!(text.contains("renamed"), "{text}");
        if cfg!(target_os = "linux") {
            assert_eq!(
                fs::canonicalize(file.place()).unwrap(),
                fs::canonicalize(moved).unwrap()
            );
        }
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_is_left_to_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gcap");
        let file = RecordedFile::new(NewFile::create(&path, Existing::Replace).unwrap()).unwrap();
        file.append(b"mine").unwrap();
        fs::write(&path, "other").unwrap();
        file.take_name().unwrap();
        assert_eq!(file.taken().as_ref(), Some(&path));
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(fs::read(file.place()).unwrap(), b"mine");
        file.check_end().unwrap();
    }

    #[test]
    fn a_file_that_held_nothing_goes_away_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let new = NewFile::create(folder.path().join("a.gcap"), Existing::Keep).unwrap();
        let file = RecordedFile::new(new).unwrap();
        file.append(b"header").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
