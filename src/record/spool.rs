//! The spool file: messages wait here when the queue is full, instead of being left out.
//!
//! The file has no name and is deleted with the recording. Its content stays in the page cache as long as the system
//! has free memory, so that a burst costs two copies, and no memory of the recorder.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::task;

use crate::file::{create_first, create_private};

/// Largest size of the spool files of all recordings of a process, 1 GiB: 1.3 s of a stream of 800 MB/s of which
/// nothing at all is written meanwhile, and room that most disks have.
pub(super) const SPOOL_BYTES: u64 = 1 << 30;

/// Smallest message that is spooled, 16 KiB; smaller ones are left out: each that waits has an event in memory, and so
/// there are at most 65,536.
const SHORTEST: usize = 16 << 10;

/// Largest message that is copied without a separate thread, 128 KiB: handing them to a thread that may block takes as
/// long. (Measured with 20 KB: a stream that is recorded on one core takes half the time.)
const COPIED_AT_ONCE: usize = 128 << 10;

/// The spool file; nothing is made before the first one does. Where it cannot be made or written, the recording goes on
/// without.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    limit: u64,
    /// Number of messages in the file or being written to it.
    waiting: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    places: Places,
    /// True when the file cannot be created or written: nothing is put there any more.
    failed: bool,
}

/// The free ranges of the file: the first that is long enough is taken, so that the file stays short, and what is
/// written over is still in the page cache.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    /// Start and length of each free range: none touches another or the end.
    free: BTreeMap<u64, u64>,
    /// End of the used part of the file.
    end: u64,
}

impl Places {
    /// Takes a free range of this many bytes below `limit`.
    fn take(&mut self, len: u64, limit: u64) -> Option<u64> {
        let found = self.free.iter().find(|(_, room)| **room >= len);
        if let Some((at, room)) = found.map(|(at, room)| (*at, *room)) {
            self.free.remove(&at);
            if room > len {
                self.free.insert(at + len, room - len);
            }
            return Some(at);
        }
        let end = self.end.checked_add(len).filter(|end| *end <= limit)?;
        Some(std::mem::replace(&mut self.end, end))
    }

    /// Frees a range. True when none is taken now.
    fn give_back(&mut self, mut at: u64, mut len: u64) -> bool {
        if let Some((before, room)) = self.free.range(..at).next_back().map(|(at, room)| (*at, *room))
            && before + room == at
        {
            self.free.remove(&before);
            (at, len) = (before, room + len);
        }
        len += self.free.remove(&(at + len)).unwrap_or(0);
        if at + len == self.end {
            self.end = at;
        } else {
            self.free.insert(at, len);
        }
        self.end == 0
    }
}

impl Spool {
    /// A spool file of up to `limit` bytes in the folder of `capture`.
    #[must_use]
    pub(super) fn beside(capture: &Path, limit: u64) -> Self {
        let folder = capture.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            limit,
            waiting: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// True while messages wait in the file.
    pub(super) fn is_used(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Writes a message into the file; `None` when there is no place for it.
    pub(super) async fn put(self: &Arc<Self>, message: Bytes) -> Option<SpooledMessage> {
        let place = self.reserve(message.len())?;
        if message.len() <= COPIED_AT_ONCE {
            return place.write(&message);
        }
        task::spawn_blocking(move || place.write(&message)).await.ok()?
    }

    fn reserve(self: &Arc<Self>, len: usize) -> Option<SpooledMessage> {
        let mut state = self.lock();
        if len < SHORTEST || state.failed {
            return None;
        }
        let at = state.places.take(len as u64, self.limit)?;
        self.waiting.fetch_add(1, Ordering::AcqRel);
        drop(state);
        Some(SpooledMessage {
            spool: Arc::clone(self),
            at,
            len,
        })
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let mut state = self.lock();
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(without_a_name(&self.folder)?);
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new file of `folder` that has no name, so that it goes with the process.
#[cfg(target_os = "linux")]
fn without_a_name(folder: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};

    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(File::from(file)),
        // Some file systems have only files with names.
        Err(_) => removed(folder),
    }
}

#[cfg(not(target_os = "linux"))]
fn without_a_name(folder: &Path) -> io::Result<File> {
    removed(folder)
}

/// A new file of `folder` whose name is removed at once.
fn removed(folder: &Path) -> io::Result<File> {
    let process = std::process::id();
    let (path, file) = create_first(create_private, |number| {
        folder.join(format!(".spool-{process}-{number}"))
    })?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// A message in the spool file; dropped, its place is free.
#[derive(Debug)]
pub(crate) struct SpooledMessage {
    spool: Arc<Spool>,
    at: u64,
    len: usize,
}

impl SpooledMessage {
    fn write(self, message: &[u8]) -> Option<Self> {
        let written = self.spool.file().and_then(|file| file.write_all_at(message, self.at));
        if let Err(error) = written {
            tracing::warn!(%error, folder = %self.spool.folder.display(), "no spool file");
            self.spool.lock().failed = true;
            return None;
        }
        Some(self)
    }

    /// Reads the message back.
    ///
    /// # Errors
    /// As the disk's, with the folder.
    pub(super) fn take(self) -> io::Result<Bytes> {
        let mut message = vec![0; self.len];
        let read = self.spool.file();
        let read = read.and_then(|file| file.read_exact_at(&mut message, self.at));
        read.map_err(|error| {
            let folder = self.spool.folder.display();
            io::Error::new(error.kind(), format!("the spool file in {folder}: {error}"))
        })?;
        Ok(message.into())
    }
}

impl Drop for SpooledMessage {
    fn drop(&mut self) {
        let mut state = self.spool.lock();
        self.spool.waiting.fetch_sub(1, Ordering::AcqRel);
        let emptied = if state.places.give_back(self.at, self.len as u64) {
            state.file.take()
        } else {
            None
        };
        // The room on the disk is given back when nobody waits for the lock.
        drop(state);
        drop(emptied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(byte: u8, len: usize) -> Bytes {
        vec![byte; len].into()
    }

    #[tokio::test]
    async fn what_waits_comes_back_as_it_was_and_the_room_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::beside(&folder.path().join("a.gcap"), 200_000));
        for round in 0..3 {
            let first = spool.put(message(round, COPIED_AT_ONCE + 1)).await.unwrap();
            let second = spool.put(message(7, 60_000)).await.unwrap();
            assert!(spool.put(message(9, SHORTEST)).await.is_none(), "it is full");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
            assert_eq!(second.take().unwrap(), message(7, 60_000));
            assert!(spool.is_used());
            assert_eq!(first.take().unwrap(), message(round, COPIED_AT_ONCE + 1));
            assert!(!spool.is_used());
        }
    }

    #[test]
    fn a_file_whose_name_was_removed_can_be_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (removed(folder.path()).unwrap(), removed(folder.path()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        one.write_all_at(b"one", 5).unwrap();
        other.write_all_at(b"other", 5).unwrap();
        let mut read = [0; 3];
        one.read_exact_at(&mut read, 5).unwrap();
        assert_eq!(&read, b"one");
    }

    #[test]
    fn places_never_overlap_and_what_is_given_back_is_taken_again() {
        let mut places = Places::default();
        let taken = [40, 30, 30, 1].map(|len| places.take(len, 100));
        assert_eq!(taken, [Some(0), Some(40), Some(70), None]);
        assert!(!places.give_back(40, 30));
        assert_eq!(places.take(31, 100), None);
        assert_eq!([20, 10, 1].map(|len| places.take(len, 100)), [Some(40), Some(60), None]);
        // From either side, and in the middle.
        assert!(!places.give_back(0, 40) && !places.give_back(60, 10) && !places.give_back(40, 20));
        assert_eq!([70, 1].map(|len| places.take(len, 100)), [Some(0), None]);
        // The end goes back over what is free.
        assert!(!places.give_back(0, 70) && places.give_back(70, 30));
        assert_eq!(places, Places::default());
        assert_eq!(
            [101, u64::MAX, 100].map(|len| places.take(len, 100)),
            [None, None, Some(0)]
        );
    }

    #[tokio::test]
    async fn short_messages_have_no_place_there() {
        let spool = Arc::new(Spool::beside(Path::new("a.gcap"), SPOOL_BYTES));
        assert_eq!(spool.folder, Path::new("."));
        assert!(spool.put(message(1, SHORTEST - 1)).await.is_none());
        assert!(!spool.is_used());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_tried_once() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let spool = Arc::new(Spool::beside(&gone.join("a.gcap"), SPOOL_BYTES));
        assert!(spool.put(message(1, SHORTEST)).await.is_none());
        std::fs::create_dir(&gone).unwrap();
        assert!(spool.put(message(1, SHORTEST)).await.is_none());
        assert!(!spool.is_used());
    }
}
