//! Direct writes past the page cache: large amounts of data are written to the disk from our own buffers.
//!
//! Through the page cache, each byte is copied into a page that has to be found for it and is written from there:
//! measured on two cores at 800 MB/s, 0.4 of a core, against 0.1 for direct writes. A stream as fast as the machine
//! needs this saving. The page cache can buffer as much as there is free memory, while a direct write waits for the
//! disk: so small amounts of data, and disks slower than the stream, use the page cache. [`Pace`](super::pace::Pace)
//! tells which.

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice, Seek as _, SeekFrom, Write as _},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    batch::{Batch, Ways},
    recorded::changed,
};

/// Writes the end of a file past the page cache, on a separate thread: while one write is under way, the next is
/// gathered, and the busier the disk is the more of it.
#[derive(Debug)]
pub(super) struct Direct {
    shared: Arc<Shared>,
    /// Time spent waiting for room, since the last query.
    waited: Duration,
}

/// State shared with the thread.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    gathered: Batch,
    /// True when the buffered data is to be written.
    due: bool,
    /// True when no more batches come.
    over: bool,
    thread: Thread,
    /// The data that could not be written.
    failed: Option<Batch>,
}

/// State of the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It waits for data.
    Idle,
    /// It writes a batch.
    Writing,
    /// It has ended; of itself only when it could not write.
    Gone,
}

impl Direct {
    /// Continues at the end of `file`; each batch that is written adds one to `unsynced`, for the length of the file.
    ///
    /// # Errors
    /// When the file system has no direct writes, or the file is none, but a pipe.
    pub(super) fn open(file: &File, unsynced: &Arc<AtomicU64>) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let direct = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flag()?)
            .open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let cached = file.try_clone()?;
        Self::with(Ways { direct, cached }, Arc::clone(unsynced))
    }

    fn with(ways: Ways, unsynced: Arc<AtomicU64>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                gathered: Batch::behind(&ways)?,
                due: false,
                over: false,
                thread: Thread::Idle,
                failed: None,
            }),
            changed: Condvar::new(),
        });
        let (hand, other) = (Hand(Arc::clone(&shared)), Batch::new()?);
        thread::Builder::new()
            .name("capture-disk".into())
            .spawn(move || hand.run(other, &ways, &unsynced))?;
        Ok(Self {
            shared,
            waited: Duration::ZERO,
        })
    }

    /// Takes as many bytes of the pieces as there is room for.
    ///
    /// # Errors
    /// When what was taken before could not be written.
    pub(super) fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.shared.state();
        if state.gathered.is_full() {
            let begun = Instant::now();
            state.due = true;
            state = self.shared.wait(state, |state| state.gathered.is_full())?;
            self.waited += begun.elapsed();
        }
        let mut taken = 0;
        for piece in pieces {
            let more = state.gathered.take(piece);
            taken += more;
            if more < piece.len() {
                break;
            }
        }
        Ok(taken)
    }

    /// Starts writing everything taken, as soon as the disk is free.
    ///
    /// # Errors
    /// When what was taken before could not be written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut state = self.shared.state();
        state.due = true;
        self.shared.wait(state, |_| false).map(drop)
    }

    /// Waits until everything taken is written.
    ///
    /// # Errors
    /// When that failed.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let mut state = self.shared.state();
        state.due = true;
        self.shared.wait(state, State::is_busy).map(drop)
    }

    /// Time spent waiting for room, since the last query.
    pub(super) fn waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// Writes the remaining data to `file`, which continues after it.
    ///
    /// # Errors
    /// When that fails. What failed before is tried again, and has no other error.
    pub(super) fn end(self, mut file: &File) -> io::Result<()> {
        let state = self.shared.end();
        let first = match &state.failed {
            Some(failed) => failed,
            None if !state.over => return Err(lost()),
            None => &state.gathered,
        };
        let (found, least) = (file.metadata()?.len(), first.end());
        // A write that failed may have got some way.
        let most = least + state.failed.as_ref().map_or(0, |failed| failed.rest().len() as u64);
        if !(least..=most).contains(&found) {
            return Err(changed(found, least));
        }
        file.seek(SeekFrom::Start(least))?;
        if let Some(failed) = &state.failed {
            file.write_all(failed.rest())?;
        }
        file.write_all(state.gathered.rest())
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // Nothing is written to the file any more once this is gone.
        drop(self.shared.end());
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.thread == Thread::Writing || !self.gathered.rest().is_empty()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread and waits while the condition holds.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until_not: impl Fn(&State) -> bool,
    ) -> io::Result<MutexGuard<'a, State>> {
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_while(state, |state| until_not(state) && state.thread != Thread::Gone);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.thread == Thread::Gone {
            Err(lost())
        } else {
            Ok(state)
        }
    }

    /// Ends the thread after the batch in progress.
    fn end(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.over |= state.thread != Thread::Gone;
        self.changed.notify_all();
        let ended = self.changed.wait_while(state, |state| state.thread != Thread::Gone);
        ended.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side of the shared state.
struct Hand(Arc<Shared>);

impl Hand {
    /// Writes batches until the end or a failure.
    fn run(&self, mut batch: Batch, ways: &Ways, unsynced: &AtomicU64) {
        let changed = &self.0.changed;
        loop {
            let mut state = self.0.state();
            while !state.over && (!state.due || state.gathered.rest().is_empty()) {
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.over {
                return;
            }
            batch.go_on_behind(&state.gathered);
            std::mem::swap(&mut batch, &mut state.gathered);
            (state.due, state.thread) = (false, Thread::Writing);
            drop(state);
            changed.notify_all();
            let written = batch.write(ways);
            unsynced.fetch_add(1, Ordering::Relaxed);
            let mut state = self.0.state();
            state.thread = Thread::Idle;
            if written.is_err() {
                state.failed = Some(batch);
                return;
            }
            drop(state);
            changed.notify_all();
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.0.state().thread = Thread::Gone;
        self.0.changed.notify_all();
    }
}

/// The error that data was not written, or the thread died with a batch.
fn lost() -> io::Error {
    io::Error::other("the thread that writes to the disk stopped")
}

#[cfg(target_os = "linux")]
fn flag() -> io::Result<i32> {
    i32::try_from(rustix::fs::OFlags::DIRECT.bits()).map_err(io::Error::other)
}

#[cfg(not(target_os = "linux"))]
fn flag() -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::record::sync::batch::{BLOCK, ROOM};

    impl Direct {
        /// Reports that direct writes are not available: all through the page cache.
        pub(in crate::record::sync) fn through(file: &File) -> Self {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            let direct = OpenOptions::new().read(true).write(true).open(path).unwrap();
            let cached = file.try_clone().unwrap();
            Self::with(Ways { direct, cached }, Arc::default()).unwrap()
        }

        /// A disk that refuses direct writes, for tests.
        pub(in crate::record::sync) fn refused(file: &File, path: &Path) -> Self {
            let (direct, cached) = (File::open(path).unwrap(), file.try_clone().unwrap());
            Self::with(Ways { direct, cached }, Arc::default()).unwrap()
        }
    }

    /// A file of `begun` bytes, written past the page cache where the file system supports it.
    fn begin(begun: &[u8]) -> (tempfile::NamedTempFile, Direct) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(begun).unwrap();
        let direct = Direct::open(file.as_file(), &Arc::default()).unwrap_or_else(|_| Direct::through(file.as_file()));
        (file, direct)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len as u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect()
    }

    fn write_all(direct: &mut Direct, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = direct.write(&[IoSlice::new(bytes)]).unwrap();
            assert!(taken > 0);
            bytes = &bytes[taken..];
        }
    }

    #[test]
    fn every_byte_is_in_the_file_when_a_flush_has_settled_wherever_blocks_begin() {
        let all = bytes(6 * ROOM);
        for begun in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 17] {
            let (file, mut direct) = begin(&all[..begun]);
            let mut end = begun;
            for len in [
                0,
                1,
                10,
                BLOCK,
                2 * BLOCK - 11,
                1,
                BLOCK - 1,
                ROOM,
                ROOM + BLOCK + 5,
                3,
                2 * ROOM - 1,
            ] {
                write_all(&mut direct, &all[end..end + len]);
                end += len;
                direct.flush().unwrap();
                direct.settle().unwrap();
                assert_eq!(
                    std::fs::read(file.path()).unwrap(),
                    all[..end],
                    "begun at {begun}, to {end}"
                );
            }
            write_all(&mut direct, &all[end..end + ROOM + 9]);
            end += ROOM + 9;
            let mut cached = file.as_file();
            direct.end(cached).unwrap();
            cached.write_all(&all[end..]).unwrap();
            assert_eq!(std::fs::read(file.path()).unwrap(), all, "begun at {begun}");
        }
    }

    #[test]
    fn what_could_not_be_written_directly_is_written_at_the_end() {
        let all = bytes(ROOM + 3 * BLOCK + 7);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut direct = Direct::refused(file.as_file(), file.path());
        // The first batch fails; behind it the next may be gathered, or be refused.
        let mut taken = 0;
        while taken < all.len() {
            match direct.write(&[IoSlice::new(&all[taken..])]) {
                Ok(more) => taken += more,
                Err(_) => break,
            }
        }
        direct.settle().unwrap_err();
        direct.end(file.as_file()).unwrap();
        assert!(taken >= ROOM);
        assert_eq!(std::fs::read(file.path()).unwrap(), all[..taken]);
    }

    #[test]
    fn what_is_written_is_known_to_need_a_sync_only_then() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let unsynced = Arc::default();
        let (direct, cached) = (file.reopen().unwrap(), file.reopen().unwrap());
        let mut direct = Direct::with(Ways { direct, cached }, Arc::clone(&unsynced)).unwrap();
        write_all(&mut direct, &bytes(10));
        assert_eq!(unsynced.load(Ordering::Relaxed), 0);
        direct.settle().unwrap();
        assert_eq!(unsynced.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_pipe_has_no_direct_writes() {
        let (_, writer) = io::pipe().unwrap();
        Direct::open(&File::from(std::os::fd::OwnedFd::from(writer)), &Arc::default()).unwrap_err();
    }
}
