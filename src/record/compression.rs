//! Compression of chunks as the pipeline sees it: the thread pool, or a machine of a test.

use crate::file::{ChunkBuffers, Codec, CompressionPool, FileError, PendingChunk};

/// Seals chunks while others are gathered and written.
pub(super) trait Compression: Send + 'static {
    /// A chunk on its way.
    type Pending: Pending;
    /// Hands a chunk over.
    fn seal(&self, piece: ChunkBuffers, codec: Codec) -> Self::Pending;
}

/// The receiver of a sealed chunk.
pub(super) trait Pending: std::fmt::Debug + Send {
    /// The chunk, if it is done.
    fn ready(&self) -> Option<Result<ChunkBuffers, FileError>>;
    /// Waits for the chunk.
    fn wait(self) -> Result<ChunkBuffers, FileError>;
}

impl Compression for CompressionPool {
    type Pending = PendingChunk;

    fn seal(&self, piece: ChunkBuffers, codec: Codec) -> PendingChunk {
        Self::seal(self, piece, codec)
    }
}

impl Pending for PendingChunk {
    fn ready(&self) -> Option<Result<ChunkBuffers, FileError>> {
        Self::ready(self)
    }

    fn wait(self) -> Result<ChunkBuffers, FileError> {
        Self::wait(self)
    }
}
