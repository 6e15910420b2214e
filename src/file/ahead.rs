//! Read-ahead: chunks are decompressed on other threads, and returned in file order.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use bytes::Bytes;

use crate::file::{
    FileError,
    chunk::{self, Opener},
    format::FREE_CHUNK_RAW,
    record::ChunkHead,
    scan::Step,
};

/// Largest amount of decompressed content that waits before reading ahead pauses, in bytes; chunks of the usual size
/// stay far below. Of chunks so large that a few bytes may not claim them, one is opened at a time.
const MAX_BYTES: u64 = 2 * FREE_CHUNK_RAW - 1;

/// Largest number of threads: more would wait for the one thread that takes the events.
const MOST_THREADS: usize = 7;

/// The number of threads for a pass over a whole file: one for each processor beyond the first.
pub(super) fn threads() -> usize {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (processors - 1).min(MOST_THREADS)
}

/// Number of chunks queued for each thread, besides the one in work.
const PER_THREAD: usize = 2;

/// A decompressed chunk.
pub(super) struct Opened {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) raw: Result<Bytes, FileError>,
    /// The digests of its records, where they were asked for and it could be opened.
    pub(super) leaves: Option<Leaves>,
}

impl Opened {
    /// A decompressed chunk, of whose records nobody has asked for the digests.
    pub(super) const fn new(byte: u64, head: ChunkHead, raw: Result<Bytes, FileError>) -> Self {
        Self {
            byte,
            head,
            raw,
            leaves: None,
        }
    }
}

/// The digests of a chunk's records; `None` when they are not those that its head promises.
pub(super) type Leaves = Result<Option<Vec<[u8; 32]>>, String>;

/// The next thing in the file.
pub(super) enum Next {
    Chunk(Opened),
    /// Any other part, or the error of reading it. Nothing behind it has been read.
    Other(Result<Step, FileError>),
}

struct Job {
    byte: u64,
    head: ChunkHead,
    stored: Vec<u8>,
    /// The digests of its records are wanted.
    wants_leaves: bool,
    done: SyncSender<Opened>,
}

enum Pending {
    Chunk(u64, Receiver<Opened>),
    /// A chunk without a free place in the queue. Nothing behind it has been read.
    Parked(Job, Receiver<Opened>),
    Other(Result<Step, FileError>),
}

/// The threads, and their tasks in file order.
pub(super) struct Ahead {
    jobs: SyncSender<Job>,
    pending: VecDeque<Pending>,
    most: usize,
    bytes: u64,
}

impl std::fmt::Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Ahead {
    /// Starts `threads` threads; they end when this is dropped.
    pub(super) fn new(threads: usize) -> std::io::Result<Self> {
        let most = threads * (PER_THREAD + 1);
        let (jobs, queue) = mpsc::sync_channel::<Job>(most);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("chunks".to_owned())
                .spawn(move || work(&queue))?;
        }
        Ok(Self {
            jobs,
            pending: VecDeque::new(),
            most,
            bytes: 0,
        })
    }

    /// Forgets what has been read ahead.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.bytes = 0;
    }

    /// True when another part should be read ahead.
    pub(super) fn wants_more(&self) -> bool {
        let stopped = matches!(self.pending.back(), Some(Pending::Other(_) | Pending::Parked(..)));
        let room = self.pending.len() < self.most && self.bytes < MAX_BYTES;
        !stopped && (room || self.pending.is_empty())
    }

    /// Opens a chunk, and computes the digests of its records when they are wanted.
    pub(super) fn chunk(&mut self, byte: u64, head: ChunkHead, stored: Vec<u8>, wants_leaves: bool) {
        let (done, opened) = mpsc::sync_channel(1);
        let raw_len = head.raw_len;
        let job = Job {
            byte,
            head,
            stored,
            wants_leaves,
            done,
        };
        if !self.pending.is_empty() && self.bytes + raw_len > MAX_BYTES {
            self.pending.push_back(Pending::Parked(job, opened));
            return;
        }
        self.give(job);
        self.bytes += raw_len;
        self.pending.push_back(Pending::Chunk(raw_len, opened));
    }

    fn give(&self, job: Job) {
        // The threads live as long as this does.
        let _ = self.jobs.send(job);
    }

    pub(super) fn other(&mut self, step: Result<Step, FileError>) {
        self.pending.push_back(Pending::Other(step));
    }

    /// The next part that was read ahead; waits for it. `None` when there is nothing, or a thread died.
    pub(super) fn next(&mut self) -> Option<Next> {
        match self.pending.pop_front()? {
            Pending::Chunk(raw_len, opened) => {
                self.bytes -= raw_len;
                opened.recv().ok().map(Next::Chunk)
            }
            Pending::Parked(job, opened) => {
                self.give(job);
                opened.recv().ok().map(Next::Chunk)
            }
            Pending::Other(step) => Some(Next::Other(step)),
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let mut opener = Opener::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            byte,
            head,
            stored,
            wants_leaves,
            done,
        }) = job
        else {
            return;
        };
        let raw = opener.open(&head, &stored);
        let opened = raw.as_ref().ok().filter(|_| wants_leaves);
        let leaves = opened.map(|raw| chunk::leaves(raw, &head));
        // A reader that has gone elsewhere in the meantime does not wait for it.
        let _ = done.send(Opened {
            byte,
            head,
            raw,
            leaves,
        });
    }
}
