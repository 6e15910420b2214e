//! Sealing of chunks: their records are hashed and compressed, on any thread.

use std::collections::BTreeSet;

use super::{ChunkBuilder, Codec, frame::Stored};
use crate::file::{FileError, Summary, digest, record::ChunkHead};

/// A chunk ready to be stored; [`Writer::append`](crate::file::Writer::append) takes it. Keep one and seal into it
/// again: its buffers are reused.
#[derive(Debug, Default)]
pub struct Sealed {
    /// The chunk head without its number and first event, which the writer knows.
    pub(in crate::file) head: ChunkHead,
    pub(in crate::file) stored: Stored,
    pub(in crate::file) leaves: Vec<[u8; 32]>,
    /// What the chunk's events add to the totals.
    pub(in crate::file) counts: Summary,
    /// The methods of the calls that begin in the chunk.
    pub(in crate::file) methods: BTreeSet<String>,
}

impl Sealed {
    /// Number of events.
    #[must_use]
    pub const fn events(&self) -> u32 {
        self.head.events
    }

    /// Name of the chunk's codec.
    #[must_use]
    pub fn codec(&self) -> &'static str {
        let name = super::CODEC_NAMES.iter().find(|(number, _)| *number == self.head.codec);
        name.map_or("unknown", |(_, name)| name)
    }

    /// Length of the records, in bytes.
    #[must_use]
    pub const fn raw_len(&self) -> u64 {
        self.head.raw_len
    }

    /// Length of the stored records, in bytes.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        self.stored.len()
    }

    /// Empties the chunk for reuse, keeping its buffers. Until then it may hold payloads of its events.
    pub fn clear(&mut self) {
        self.head = ChunkHead::default();
        self.stored.clear();
        self.leaves.clear();
        self.counts = Summary::default();
        self.methods.clear();
    }
}

/// Hashes and compresses chunks. It holds nothing but buffers and compression contexts, which it reuses: what it makes
/// of a chunk depends on the chunk and the codec alone. Keep one per thread.
#[derive(Default)]
pub struct Sealer {
    scratch: super::Scratch,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Seals `chunk` into `sealed`, whose earlier content is replaced, and empties `chunk` for the next events.
    ///
    /// # Errors
    /// When compression fails, for want of memory.
    pub fn seal(&mut self, chunk: &mut ChunkBuilder, codec: Codec, sealed: &mut Sealed) -> Result<(), FileError> {
        let number = super::store(chunk, codec, &mut self.scratch, &mut sealed.stored)
            .map_err(|error| FileError::io("compress a chunk", error))?;
        sealed.leaves.clear();
        sealed.leaves.extend(chunk.records().map(|record| {
            let (_, head) = record.head.split_at(super::RECORD_PREFIX);
            digest::of_record(head, record.payload)
        }));
        sealed.counts = chunk.counts;
        sealed.methods = std::mem::take(&mut chunk.methods);
        sealed.head = ChunkHead {
            number: 0,
            first_event: 0,
            events: sealed.leaves.len() as u32,
            min_offset_ns: chunk.min_offset_ns,
            max_offset_ns: chunk.counts.last_offset_ns,
            control: chunk.control,
            calls: chunk.calls.clone(),
            codec: number,
            raw_len: chunk.raw_len() as u64,
            stored_len: sealed.stored.len() as u64,
            stored_crc32c: sealed.stored.crc32c(),
            sha256: digest::of_leaves(&sealed.leaves),
        };
        chunk.clear();
        Ok(())
    }
}
