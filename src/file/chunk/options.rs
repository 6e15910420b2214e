//! Options of chunks.

/// How the content of a chunk is stored. Every chunk of a capture may have another; a reader reads them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// One standard zstd frame, at this compression level (1 to 19).
    Zstd(i32),
    /// The default: packed floats are found in the messages, predicted from the row before, and split by bytes; what
    /// shrinks is compressed. A chunk with few floats is stored as [`Zstd`](Self::Zstd) at level 3.
    Float,
    /// As [`Float`](Self::Float), but compresses only what shrinks at almost no cost: larger, and several times as
    /// fast. A chunk with few floats is stored as [`Zstd`](Self::Zstd) at level 1.
    FloatFast,
    /// Not compressed: one zstd frame of raw blocks.
    Stored,
}

/// Options of a capture writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterOptions {
    /// Size of its content at which a chunk is closed, in bytes; 1 MiB by default, at least 1.
    pub chunk_bytes: usize,
    /// Time after its first event at which a chunk is closed, in nanoseconds; 1 s by default.
    pub chunk_ns: u64,
    /// The codec for chunks; [`Codec::Float`] by default.
    pub codec: Codec,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            chunk_bytes: 1 << 20,
            chunk_ns: 1_000_000_000,
            codec: Codec::Float,
        }
    }
}
