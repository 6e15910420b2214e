//! The thread pool that compresses chunks, shared by all recordings of a process, or used by one writer.

use std::{
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use super::{ChunkBuilder, Codec, FileError, Sealed, Sealer};

/// Largest number of threads; more of them were never busy: one core hashes and compresses about as fast as another
/// receives.
const MOST_THREADS: usize = 4;

/// Compresses chunks on a pool of threads; clones share one state, and with the last of them the threads end.
#[derive(Debug, Clone)]
pub(crate) struct CompressionPool {
    work: mpsc::Sender<Work>,
    threads: usize,
}

/// A chunk waiting for compression.
struct Work {
    piece: ChunkBuffers,
    codec: Codec,
    back: mpsc::SyncSender<Result<ChunkBuffers, FileError>>,
}

/// A chunk and its compressed form; the buffers of both are used again.
#[derive(Debug, Default)]
pub(crate) struct ChunkBuffers {
    pub(crate) chunk: ChunkBuilder,
    pub(crate) sealed: Sealed,
}

/// The receiver of a compressed chunk.
#[derive(Debug)]
pub(crate) struct PendingChunk(mpsc::Receiver<Result<ChunkBuffers, FileError>>);

impl CompressionPool {
    /// Starts one thread per core, up to a maximum.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let (work, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("capture-compress".into())
                .spawn(move || run(&queue))?;
        }
        Ok(Self { work, threads })
    }

    /// Chunks that keep it and the writer busy: one for each thread, one that is written, and one that is ready to be.
    #[must_use]
    pub(crate) const fn room(&self) -> NonZeroUsize {
        NonZeroUsize::MIN.saturating_add(self.threads + 1)
    }

    /// Hands a chunk over.
    pub(crate) fn seal(&self, piece: ChunkBuffers, codec: Codec) -> PendingChunk {
        let (back, pending) = mpsc::sync_channel(1);
        // Threads that are gone give no answer, and the receiver tells of it.
        let _ = self.work.send(Work { piece, codec, back });
        PendingChunk(pending)
    }
}

impl PendingChunk {
    /// The chunk, if it is compressed.
    pub(crate) fn ready(&self) -> Option<Result<ChunkBuffers, FileError>> {
        match self.0.try_recv() {
            Ok(done) => Some(done),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => Some(Err(lost())),
        }
    }

    /// Waits for the chunk.
    pub(crate) fn wait(self) -> Result<ChunkBuffers, FileError> {
        self.0.recv().unwrap_or_else(|_| Err(lost()))
    }
}

/// The error that a thread died while compressing a chunk.
fn lost() -> FileError {
    FileError::io("compress a chunk", io::Error::other("its thread stopped unexpectedly"))
}

fn run(queue: &Mutex<mpsc::Receiver<Work>>) {
    let mut sealer = Sealer::default();
    let mut seal = |piece: &mut ChunkBuffers, codec| sealer.seal(&mut piece.chunk, codec, &mut piece.sealed);
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { mut piece, codec, back }) = next else {
            return;
        };
        let pressed = seal_somehow(&mut seal, &mut piece, codec);
        // Nobody waits for a chunk whose recording has failed.
        let _ = back.send(pressed.map(|()| piece));
    }
}

/// Compresses a chunk, also after a panic of the compressor. A codec that panics leaves the chunk as it was, and it is
/// stored without one: a defect of a codec costs room on the disk, and no message.
fn seal_somehow(
    seal: &mut impl FnMut(&mut ChunkBuffers, Codec) -> Result<(), FileError>,
    piece: &mut ChunkBuffers,
    codec: Codec,
) -> Result<(), FileError> {
    for codec in [codec, Codec::Stored] {
        if let Ok(sealed) = catch_unwind(AssertUnwindSafe(|| seal(piece, codec))) {
            return sealed;
        }
        piece.sealed = Sealed::default();
    }
    Err(lost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_panics_costs_no_message() {
        let mut tried = Vec::new();
        let mut seal = |_: &mut ChunkBuffers, codec: Codec| {
            tried.push(codec);
            assert!(codec == Codec::Stored, "a defect");
            Ok(())
        };
        assert!(seal_somehow(&mut seal, &mut ChunkBuffers::default(), Codec::Float).is_ok());
        assert_eq!(tried, [Codec::Float, Codec::Stored]);
    }

    #[test]
    fn a_chunk_that_nothing_can_seal_is_an_error_and_the_thread_lives_on() {
        let mut seal = |_: &mut ChunkBuffers, _| -> Result<(), FileError> { panic!("a defect") };
        assert!(seal_somehow(&mut seal, &mut ChunkBuffers::default(), Codec::Float).is_err());
    }
}
