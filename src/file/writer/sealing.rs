//! Chunks of a writer on their way: sealed on other threads, and back in their order.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

use crate::file::{
    FileError,
    chunk::{ChunkBuilder, Codec, Sealed, Sealer, WriterOptions},
};

/// More threads than this would wait for the one that makes the events.
const MOST_THREADS: usize = 4;

/// A chunk, and what was made of it. The buffers of both are used again.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) chunk: ChunkBuilder,
    pub(super) sealed: Sealed,
    pub(super) result: Result<(), FileError>,
}

struct Job {
    piece: Piece,
    codec: Codec,
    done: SyncSender<Piece>,
}

/// The threads, and what they have been given.
#[derive(Debug)]
pub(super) struct Sealing {
    jobs: Sender<Job>,
    pending: VecDeque<Receiver<Piece>>,
    spare: Vec<Piece>,
    most: usize,
}

impl Sealing {
    /// Starts a thread on each processor, up to a few; they end when this is dropped.
    pub(super) fn start() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("seal".to_owned())
                .spawn(move || work(&queue))?;
        }
        Ok(Self {
            jobs,
            pending: VecDeque::new(),
            spare: Vec::new(),
            most: threads + 1,
        })
    }

    /// Hands a chunk over; gives an empty one for the events that follow.
    pub(super) fn give(&mut self, chunk: ChunkBuilder, codec: Codec, options: &WriterOptions) -> ChunkBuilder {
        let mut piece = self.spare.pop().unwrap_or_else(|| Piece {
            chunk: ChunkBuilder::new(options),
            sealed: Sealed::default(),
            result: Ok(()),
        });
        let next = std::mem::replace(&mut piece.chunk, chunk);
        let (done, sealed) = mpsc::sync_channel(1);
        // The threads live as long as this does.
        let _ = self.jobs.send(Job { piece, codec, done });
        self.pending.push_back(sealed);
        next
    }

    /// True when a chunk has to be taken back before another is given.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= self.most
    }

    /// The next chunk; waits for it. `None` when there is none.
    pub(super) fn take(&mut self) -> Option<Result<Piece, FileError>> {
        let piece = self.pending.pop_front()?.recv();
        Some(piece.map_err(|_| FileError::io("compress a chunk", io::Error::other("a thread stopped unexpectedly"))))
    }

    /// Takes a chunk back whose content has been stored.
    pub(super) fn reuse(&mut self, mut piece: Piece) {
        piece.sealed.clear();
        self.spare.push(piece);
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let mut sealer = Sealer::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { mut piece, codec, done }) = job else {
            return;
        };
        piece.result = sealer.seal(&mut piece.chunk, codec, &mut piece.sealed);
        // A writer that was given up does not wait for it.
        let _ = done.send(piece);
    }
}
