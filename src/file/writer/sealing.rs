//! The chunks of a writer that are sealed on other threads, in their order.

use std::{collections::VecDeque, io};

use crate::file::{
    FileError,
    chunk::{ChunkBuilder, Codec, WriterOptions},
    compression_pool::{ChunkBuffers, CompressionPool, PendingChunk},
};

/// The thread pool and the chunks that it was given.
#[derive(Debug)]
pub(super) struct Sealing {
    pool: CompressionPool,
    pending: VecDeque<PendingChunk>,
    spare: Vec<ChunkBuffers>,
}

impl Sealing {
    /// Starts the threads; they end when this is dropped.
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self {
            pool: CompressionPool::start()?,
            pending: VecDeque::new(),
            spare: Vec::new(),
        })
    }

    /// Hands a chunk over; gives an empty one for the events that follow.
    pub(super) fn give(&mut self, chunk: ChunkBuilder, codec: Codec, options: &WriterOptions) -> ChunkBuilder {
        let mut piece = self.spare.pop().unwrap_or_else(|| ChunkBuffers {
            chunk: ChunkBuilder::new(options),
            ..ChunkBuffers::default()
        });
        let next = std::mem::replace(&mut piece.chunk, chunk);
        self.pending.push_back(self.pool.seal(piece, codec));
        next
    }

    /// True when a chunk has to be taken back before another is given.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= self.pool.room().get()
    }

    /// The next chunk; waits for it. `None` when there is none.
    pub(super) fn take(&mut self) -> Option<Result<ChunkBuffers, FileError>> {
        self.pending.pop_front().map(PendingChunk::wait)
    }

    /// Takes a chunk back whose content has been stored.
    pub(super) fn reuse(&mut self, mut piece: ChunkBuffers) {
        piece.sealed.clear();
        self.spare.push(piece);
    }
}
