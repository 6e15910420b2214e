//! A file in which messages wait that find the queue full and would be left out otherwise.
//!
//! It has no name and goes with the recording. What is in it is in the page cache for as long as the system has memory to
//! spare, so that a burst costs a copy to and fro, and no memory of the recorder.

use std::{
    collections::VecDeque,
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
use rustix::fs::{Mode, OFlags};
use tokio::task;

/// Bytes that may wait in the files of all recordings of a process, 1 GiB: 1.3 s of a stream of 800 MB/s of which nothing at
/// all is written meanwhile, and room that most disks have.
pub const SPILL_BYTES: u64 = 1 << 30;

/// Shorter messages are left out as before, 16 KiB: it takes longer to hand them to another thread than to copy them.
const SHORTEST: usize = 16 << 10;

/// Where messages wait; nothing is made before the first one does.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    limit: u64,
    /// Messages in the file, or on their way there.
    waiting: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Arc<File>>,
    places: Places,
    /// The file cannot be made or written: nothing is put there any more.
    failed: bool,
}

/// Places in a file that is written round and round: messages are read back in about the order in which they came.
#[derive(Debug, Default)]
struct Places {
    /// The oldest first; those behind one that is taken are kept until it is free.
    list: VecDeque<Place>,
    /// Number of the first in the list.
    first: u64,
}

#[derive(Debug)]
struct Place {
    at: u64,
    len: u64,
    taken: bool,
}

impl Places {
    /// A place behind the latest, or at the beginning when there is none before `limit`: its number, and where it is.
    fn take(&mut self, len: u64, limit: u64) -> Option<(u64, u64)> {
        let oldest = self.list.front().map_or(0, |place| place.at);
        let end = self.list.back().map_or(0, |place| place.at + place.len);
        let goes_round = !self.list.is_empty() && end <= oldest;
        let room = |at: u64, before: u64| at.checked_add(len).is_some_and(|end| end <= before);
        let at = if goes_round {
            room(end, oldest).then_some(end)
        } else if room(end, limit) {
            Some(end)
        } else {
            room(0, oldest).then_some(0)
        }?;
        self.list.push_back(Place { at, len, taken: true });
        Some((self.first + self.list.len() as u64 - 1, at))
    }

    /// Gives a place back; true when none is taken now.
    fn free(&mut self, number: u64) -> bool {
        let index = number.saturating_sub(self.first) as usize;
        if let Some(place) = self.list.get_mut(index) {
            place.taken = false;
        }
        while self.list.front().is_some_and(|place| !place.taken) {
            self.list.pop_front();
            self.first += 1;
        }
        self.list.is_empty()
    }
}

impl Spill {
    /// A file of up to `limit` bytes in the folder of `capture`.
    #[must_use]
    pub fn beside(capture: &Path, limit: u64) -> Self {
        let folder = capture.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            limit,
            waiting: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// True while messages wait there.
    pub(super) fn is_used(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Writes a message into the file; `None` when there is no place for it.
    pub(super) async fn put(self: &Arc<Self>, message: Bytes) -> Option<Spilled> {
        let place = self.reserve(message.len())?;
        task::spawn_blocking(move || place.write(&message)).await.ok()?
    }

    fn reserve(self: &Arc<Self>, len: usize) -> Option<Spilled> {
        let mut state = self.lock();
        if len < SHORTEST || state.failed {
            return None;
        }
        let (number, at) = state.places.take(len as u64, self.limit)?;
        self.waiting.fetch_add(1, Ordering::AcqRel);
        drop(state);
        Some(Spilled {
            spill: Arc::clone(self),
            number,
            at,
            len,
        })
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let mut state = self.lock();
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(&self.folder, flags, Mode::RUSR | Mode::WUSR)?;
        let file = Arc::new(File::from(file));
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message in the file; dropped, its place is free once those before it are.
#[derive(Debug)]
pub(super) struct Spilled {
    spill: Arc<Spill>,
    number: u64,
    at: u64,
    len: usize,
}

impl Spilled {
    fn write(self, message: &[u8]) -> Option<Self> {
        let written = self.spill.file().and_then(|file| file.write_all_at(message, self.at));
        if let Err(error) = written {
            tracing::warn!(%error, folder = %self.spill.folder.display(), "no file for messages that wait");
            self.spill.lock().failed = true;
            return None;
        }
        Some(self)
    }

    /// Reads the message back.
    pub(super) fn take(self) -> io::Result<Bytes> {
        let mut message = vec![0; self.len];
        self.spill.file()?.read_exact_at(&mut message, self.at)?;
        Ok(message.into())
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        let mut state = self.spill.lock();
        self.spill.waiting.fetch_sub(1, Ordering::AcqRel);
        let emptied = if state.places.free(self.number) {
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
        let spill = Arc::new(Spill::beside(&folder.path().join("a.gcap"), 100_000));
        for round in 0..3 {
            let first = spill.put(message(round, 60_000)).await.unwrap();
            let second = spill.put(message(7, 40_000)).await.unwrap();
            assert!(spill.put(message(9, SHORTEST)).await.is_none(), "it is full");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
            assert_eq!(second.take().unwrap(), message(7, 40_000));
            assert!(spill.is_used());
            assert_eq!(first.take().unwrap(), message(round, 60_000));
            assert!(!spill.is_used());
        }
    }

    #[test]
    fn places_go_round_and_never_overlap() {
        let mut places = Places::default();
        let (a, b, c) = (places.take(40, 100), places.take(30, 100), places.take(30, 100));
        assert_eq!((a, b, c), (Some((0, 0)), Some((1, 40)), Some((2, 70))));
        assert_eq!(places.take(1, 100), None);
        assert!(!places.free(1));
        assert_eq!(places.take(30, 100), None, "the oldest is still there");
        assert!(!places.free(0));
        assert_eq!(places.take(30, 100), Some((3, 0)));
        assert_eq!(places.take(41, 100), None, "only 40 are left before the oldest");
        assert_eq!(places.take(40, 100), Some((4, 30)));
        assert_eq!(places.take(1, 100), None);
        assert!(!places.free(2));
        assert_eq!(places.take(30, 100), Some((5, 70)));
        assert!(!places.free(5) && !places.free(3) && places.free(4));
        assert_eq!(places.take(100, 100), Some((6, 0)));
        assert_eq!(places.take(u64::MAX, u64::MAX), None);
        assert!(places.free(6));
        assert_eq!(places.take(101, 100), None);
    }

    #[tokio::test]
    async fn short_messages_have_no_place_there() {
        let spill = Arc::new(Spill::beside(Path::new("a.gcap"), SPILL_BYTES));
        assert_eq!(spill.folder, Path::new("."));
        assert!(spill.put(message(1, SHORTEST - 1)).await.is_none());
        assert!(!spill.is_used());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_tried_once() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let spill = Arc::new(Spill::beside(&gone.join("a.gcap"), SPILL_BYTES));
        assert!(spill.put(message(1, SHORTEST)).await.is_none());
        std::fs::create_dir(&gone).unwrap();
        assert!(spill.put(message(1, SHORTEST)).await.is_none());
        assert!(!spill.is_used());
    }
}
