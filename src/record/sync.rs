//! Syncing of captures to disk: when a file is synced, and what happens when it is removed.
//!
//! A `kill -9` loses nothing that was written, because the kernel has it; syncing protects against power failures. A
//! sync takes milliseconds to seconds, so the writer does not wait for it unless every chunk must be safe: a
//! [`SyncThread`] syncs all files of a process on one thread, in turn, and each again only when the round before is
//! over (a group commit). Large amounts of data that are synced anyway are written past the page cache.

use std::{
    io::{self, IoSlice, Write},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::file::{NewFile, Storage};
use direct::Direct;
use pace::{MUCH, Pace};

mod batch;
mod direct;
mod foreign_change;
mod pace;
mod recorded;

pub(crate) use foreign_change::ForeignChange;
pub(crate) use recorded::RecordedFile;

/// When written data is synced to disk. The header always is, when the capture is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncWhen {
    /// When the operating system decides; the end of the recording waits for nothing either.
    None,
    /// On a separate thread, once per interval or every 16 MiB, and at the end (the default): a power failure costs
    /// about two intervals, and the stream does not wait for the disk.
    #[default]
    Interval,
    /// After each chunk, before the next is written.
    Chunk,
}

/// Number of bytes that are synced at once, 16 MiB, of data written through the page cache. While a sync runs, a write
/// that goes on where the synced bytes end may wait for it: at 800 MB/s, syncs of one second's data held writes up for
/// 80 ms, these for 15, which the queue of a recorder bridges.
const SYNC_BYTES: u64 = MUCH;

/// Syncs and checks files on one thread, which ends when no file needs it.
#[derive(Debug)]
pub(super) struct SyncThread {
    calls: mpsc::Sender<Call>,
}

/// A command to the sync thread.
#[derive(Debug)]
enum Call {
    Keep(Weak<SyncState>),
    /// Sync this file, which has much unsynced data.
    Sync(Weak<SyncState>),
}

/// State of one file, shared by the sync thread and the writer.
#[derive(Debug)]
struct SyncState {
    file: Arc<RecordedFile>,
    sync: SyncWhen,
    /// Bytes written since the last sync; batches, of what goes past the page cache.
    unsynced: Arc<AtomicU64>,
    /// An error on the sync thread; the next write reports it.
    failure: Mutex<Option<io::Error>>,
}

/// A file that a [`SyncThread`] syncs.
#[derive(Debug)]
pub(super) struct SyncedFile {
    state: Arc<SyncState>,
    sync_thread: mpsc::Sender<Call>,
    /// True when the header has been synced.
    begun: bool,
    /// Decides whether to write past the page cache; `None` where that cannot be done, and where nothing is synced:
    /// then the page cache may take in as much as the system likes, faster than the disk.
    pace: Option<Pace>,
    /// The direct writer, while it is in use.
    direct: Option<Direct>,
    /// Bytes written since the end of the last chunk.
    chunk: u64,
}

impl SyncThread {
    /// Starts the thread; each of its rounds begins `interval` after the one before ended.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(interval: Duration) -> io::Result<Self> {
        let (calls, called) = mpsc::channel();
        thread::Builder::new()
            .name("capture-sync".into())
            .spawn(move || rounds(&called, interval))?;
        Ok(Self { calls })
    }

    /// Registers a new, empty file.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn keep(&self, file: NewFile, sync: SyncWhen) -> io::Result<SyncedFile> {
        let state = Arc::new(SyncState {
            file: RecordedFile::new(file)?,
            sync,
            unsynced: Arc::default(),
            failure: Mutex::new(None),
        });
        // Without its thread, a file is still synced at its end.
        let _ = self.calls.send(Call::Keep(Arc::downgrade(&state)));
        Ok(SyncedFile {
            state,
            sync_thread: self.calls.clone(),
            begun: false,
            pace: (sync != SyncWhen::None).then(|| Pace::new(Instant::now())),
            direct: None,
            chunk: 0,
        })
    }
}

fn rounds(called: &mpsc::Receiver<Call>, interval: Duration) {
    let mut files = Vec::new();
    let mut next = Instant::now() + interval;
    loop {
        // A round that is due comes first, however often one file calls.
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            files.retain(look_after);
            next = Instant::now() + interval;
            continue;
        }
        match called.recv_timeout(left) {
            Ok(Call::Keep(file)) => files.push(file),
            Ok(Call::Sync(file)) => {
                // A failure is kept for the next write.
                look_after(&file);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Syncs and checks a file; false when it is closed, or when nothing more can be done for it.
fn look_after(file: &Weak<SyncState>) -> bool {
    let Some(state) = file.upgrade() else { return false };
    let Err(error) = state.look_after() else { return true };
    *state.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    false
}

impl SyncState {
    /// Syncs and checks one file, once per interval.
    fn look_after(&self) -> io::Result<()> {
        if self.sync == SyncWhen::Interval && self.unsynced.swap(0, Ordering::Relaxed) > 0 {
            self.file.file().sync_data()?;
        }
        self.file.check_roughly()
    }
}

impl SyncedFile {
    /// The shared state of the file, for the code that gives it its name.
    #[must_use]
    pub(super) fn recorded(&self) -> Arc<RecordedFile> {
        Arc::clone(&self.state.file)
    }

    /// The error of the sync thread, if there was one.
    fn found(&mut self) -> io::Result<()> {
        let failure = self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failure {
            Some(error) if error.kind() == io::ErrorKind::NotFound => Err(self.rescue()),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Copies a removed file with everything written to it.
    fn rescue(&mut self) -> io::Error {
        // What cannot be written any more is not in the copy either.
        let _ = self.settle();
        self.state.file.rescue()
    }

    /// Waits until the buffered data is written.
    fn settle(&mut self) -> io::Result<()> {
        let Some(direct) = &mut self.direct else { return Ok(()) };
        match direct.settle() {
            Ok(()) => {
                self.state.file.settled();
                Ok(())
            }
            Err(_) => self.give_direct_up(),
        }
    }

    /// Continues through the page cache, with the unwritten data.
    fn end_direct(&mut self) -> io::Result<()> {
        let Some(direct) = self.direct.take() else {
            return Ok(());
        };
        let ended = direct.end(self.state.file.file());
        self.state.unsynced.fetch_add(1, Ordering::Relaxed);
        ended.inspect(|()| self.state.file.settled())
    }

    /// Stops direct writing after a failure: the same through the page cache, which says why if it cannot either.
    fn give_direct_up(&mut self) -> io::Result<()> {
        self.pace = None;
        self.end_direct()
    }

    /// Chooses between direct writing and the page cache for the next data.
    fn choose(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.chunk);
        let waited = self.direct.as_mut().map_or(Duration::ZERO, Direct::waited);
        let Some(pace) = &mut self.pace else { return Ok(()) };
        match (pace.is_direct(Instant::now(), bytes, waited), &self.direct) {
            (true, None) => match Direct::open(self.state.file.file(), &self.state.unsynced) {
                Ok(direct) => self.direct = Some(direct),
                Err(_) => self.pace = None,
            },
            (false, Some(_)) => self.end_direct()?,
            _ => {}
        }
        Ok(())
    }
}

impl Drop for SyncedFile {
    fn drop(&mut self) {
        // Best effort: an error has nowhere to go. What is checked or synced does not come here.
        let _ = self.end_direct();
    }
}

impl Write for SyncedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.found()?;
        let file = Arc::clone(&self.state.file);
        let taken = self.direct.as_mut().map(|direct| {
            file.hand(pieces.iter().map(|piece| piece.len()).sum());
            let taken = direct.write(pieces);
            file.took(pieces, *taken.as_ref().unwrap_or(&0));
            taken
        });
        let written = match taken {
            Some(Ok(taken)) => taken,
            Some(Err(_)) => {
                self.give_direct_up()?;
                file.append_pieces(pieces)?
            }
            None => file.append_pieces(pieces)?,
        };
        let more = written as u64;
        self.chunk += more;
        if self.direct.is_some() {
            // It does not pile up, and counts once it is written.
            return Ok(written);
        }
        let before = self.state.unsynced.fetch_add(more, Ordering::Relaxed);
        if self.state.sync == SyncWhen::Interval && before < SYNC_BYTES && before + more >= SYNC_BYTES {
            // Without its thread, the file is still synced at its end.
            let _ = self.sync_thread.send(Call::Sync(Arc::downgrade(&self.state)));
        }
        Ok(written)
    }

    /// Ends a chunk.
    fn flush(&mut self) -> io::Result<()> {
        if self.direct.as_mut().is_some_and(|direct| direct.flush().is_err()) {
            self.give_direct_up()?;
        }
        self.choose()?;
        if self.direct.is_none() {
            self.state.file.end_chunk();
        }
        if self.state.sync == SyncWhen::Chunk {
            self.settle()?;
            self.state.file.file().sync_data()?;
        }
        Ok(())
    }
}

impl Storage for SyncedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.found()?;
        self.settle()?;
        let header = !std::mem::replace(&mut self.begun, true);
        if !header {
            self.state.file.check_end()?;
        }
        if header || self.state.sync != SyncWhen::None {
            self.state.unsynced.store(0, Ordering::Relaxed);
            self.state.file.file().sync_data()?;
        }
        Ok(())
    }

    fn check(&mut self) -> io::Result<()> {
        self.settle()?;
        self.found()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::File, path::Path};

    use super::*;
    use crate::{
        file::{Existing, FileErrorKind, Header, Reader, Writer, WriterOptions},
        model::event::{Event, EventKind, Note},
    };

    /// A sync interval that never passes, for tests.
    const NEVER: Duration = Duration::from_secs(3600);

    fn note(seq: u64) -> Event {
        let (author, text) = ("test".to_owned(), "x".repeat(100));
        Event {
            call: 0,
            seq,
            offset_ns: seq,
            kind: EventKind::Note(Note { author, text }),
        }
    }

    /// A registered file that has its name.
    fn keep(thread: &SyncThread, path: &Path, sync: SyncWhen) -> SyncedFile {
        let file = thread
            .keep(NewFile::create(path, Existing::Keep).unwrap(), sync)
            .unwrap();
        file.recorded().take_name().unwrap();
        file
    }

    fn begin(path: &Path, sync: SyncWhen) -> (SyncThread, Arc<SyncState>, Writer<SyncedFile>) {
        let thread = SyncThread::start(NEVER).unwrap();
        let file = keep(&thread, path, sync);
        let state = Arc::clone(&file.state);
        let writer = Writer::named(file, path, &Header::new(0), WriterOptions::default()).unwrap();
        (thread, state, writer)
    }

    fn read(path: &Path) -> Vec<u64> {
        let events = Reader::open(path).unwrap();
        events.map(|event| event.unwrap().seq).collect()
    }

    #[test]
    fn a_file_that_vanishes_is_rescued_beside_its_place_and_the_error_says_where() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gcap");
        let (_thread, state, mut writer) = begin(&path, SyncWhen::Interval);
        writer.write(&note(1)).unwrap();
        writer.flush().unwrap();
        fs::remove_file(&path).unwrap();
        let found = state.look_after().unwrap_err();
        *state.failure.lock().unwrap() = Some(found);
        writer.write(&note(2)).unwrap();
        let error = writer.flush().unwrap_err().to_string();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        let [Ok(saved)] = &names[..] else { panic!("{names:?}") };
        assert!(error.contains(saved.path().to_str().unwrap()), "{error}");
        assert_eq!(read(&saved.path()), [1]);
    }

    #[test]
    fn a_file_that_vanishes_before_the_end_is_not_finished_into_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (_thread, _, mut writer) = begin(&inner.join("b.gcap"), SyncWhen::None);
        writer.write(&note(1)).unwrap();
        fs::remove_dir_all(&inner).unwrap();
        let error = writer.finish().unwrap_err();
        assert!(matches!(error.kind(), FileErrorKind::Io(_)), "{error}");
        let text = error.to_string();
        let saved = text.split("saved as ").nth(1).and_then(|rest| rest.split(';').next());
        let saved = Path::new(saved.unwrap_or_else(|| panic!("{text}")));
        assert_eq!(read(saved), [1]);
        fs::remove_file(saved).unwrap();
    }

    #[test]
    fn what_the_keeper_ran_into_ends_the_recording_and_what_was_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.gcap");
        let (_thread, state, mut writer) = begin(&path, SyncWhen::Interval);
        writer.write(&note(1)).unwrap();
        writer.flush().unwrap();
        *state.failure.lock().unwrap() = Some(io::Error::from_raw_os_error(5));
        writer.write(&note(2)).unwrap();
        let text = writer.flush().unwrap_err().to_string();
        for part in ["c.gcap", "Input/output error", "the disk itself failed"] {
            assert!(text.contains(part), "{text}");
        }
        drop(writer);
        assert_eq!(read(&path), [1]);
    }

    #[test]
    fn a_round_cleans_what_is_dirty() {
        let dir = tempfile::tempdir().unwrap();
        let (_thread, state, mut writer) = begin(&dir.path().join("d.gcap"), SyncWhen::Interval);
        assert_eq!(
            state.unsynced.load(Ordering::Relaxed),
            0,
            "the header is synced at once"
        );
        writer.write(&note(1)).unwrap();
        writer.flush().unwrap();
        assert!(state.unsynced.load(Ordering::Relaxed) > 0);
        state.look_after().unwrap();
        assert_eq!(state.unsynced.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn much_is_synced_before_its_round_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.gcap");
        let (calls, called) = mpsc::channel();
        let thread = SyncThread { calls };
        let mut file = keep(&thread, &path, SyncWhen::Interval);
        file.write_all(&[0]).unwrap();
        assert!(matches!(called.try_recv(), Ok(Call::Keep(_))));
        assert!(called.try_recv().is_err(), "one byte is not much");
        file.write_all(&vec![0; SYNC_BYTES as usize]).unwrap();
        file.write_all(&[0]).unwrap();
        let state = Arc::clone(&file.state);
        drop((thread, file));
        rounds(&called, NEVER);
        // The call came with the write of many bytes, and the sync after the last one: all in one.
        assert_eq!(state.unsynced.load(Ordering::Relaxed), 0);
    }

    /// A file that is written past the page cache from its first chunk on.
    fn direct(path: &Path, ways: impl FnOnce(&File) -> Direct) -> (SyncThread, Writer<SyncedFile>) {
        let thread = SyncThread::start(NEVER).unwrap();
        let mut file = keep(&thread, path, SyncWhen::Interval);
        file.direct = Some(ways(file.state.file.file()));
        // Nothing is decided: it stays as it is.
        file.pace = None;
        let writer = Writer::named(file, path, &Header::new(0), WriterOptions::default()).unwrap();
        (thread, writer)
    }

    #[test]
    fn past_the_page_cache_a_capture_is_the_same_and_every_chunk_can_be_read_once_it_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let (path, usual) = (dir.path().join("f.gcap"), dir.path().join("g.gcap"));
        let (_thread, mut writer) = direct(&path, |file| {
            Direct::open(file, &Arc::default()).unwrap_or_else(|_| Direct::through(file))
        });
        let (_other, _, mut other) = begin(&usual, SyncWhen::None);
        for seq in 1..=40 {
            for writer in [&mut writer, &mut other] {
                for _ in 0..seq * 3 {
                    writer.write(&note(seq)).unwrap();
                }
                writer.flush().unwrap();
                writer.check().unwrap();
            }
            assert_eq!(fs::read(&path).unwrap(), fs::read(&usual).unwrap(), "chunk {seq}");
        }
        assert_eq!(writer.finish().unwrap(), other.finish().unwrap());
        assert_eq!(fs::read(&path).unwrap(), fs::read(&usual).unwrap());
    }

    #[test]
    fn a_capture_that_is_given_up_past_the_page_cache_keeps_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.gcap");
        let (_thread, mut writer) = direct(&path, Direct::through);
        for seq in 1..=100 {
            writer.write(&note(seq)).unwrap();
            writer.flush().unwrap();
        }
        drop(writer);
        assert_eq!(read(&path), (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_synced_is_left_to_the_page_cache() {
        let dir = tempfile::tempdir().unwrap();
        let thread = SyncThread::start(NEVER).unwrap();
        let may = [SyncWhen::None, SyncWhen::Interval, SyncWhen::Chunk].map(|sync| {
            let path = dir.path().join(format!("{sync:?}.gcap"));
            keep(&thread, &path, sync).pace.is_some()
        });
        assert_eq!(may, [false, true, true]);
    }

    #[test]
    fn when_direct_writes_fail_the_page_cache_takes_over_and_nothing_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h.gcap");
        let (_thread, mut writer) = direct(&path, |file| Direct::refused(file, &path));
        let events = 200;
        for seq in 1..=events {
            writer.write(&note(seq)).unwrap();
            writer.flush().unwrap();
        }
        let (file, _) = writer.finish_into().unwrap();
        assert!(file.direct.is_none());
        assert_eq!(read(&path), (1..=events).collect::<Vec<_>>());
    }
}
