//! Bodies of parts, as FORMAT.md §4 lists them. The order of members is part of the format.

use serde::{Deserialize, Serialize};

use crate::file::{Summary, digest::Digest};

/// Counts of one call within a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::file) struct CallCount {
    pub(in crate::file) call: u32,
    pub(in crate::file) sent: u32,
    pub(in crate::file) received: u32,
}

/// The description of a chunk that is readable without decompressing it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::file) struct ChunkHead {
    /// Number of the chunk, counted from 0.
    pub(in crate::file) number: u64,
    /// Number of its first event, counted from 0 within the capture.
    pub(in crate::file) first_event: u64,
    pub(in crate::file) events: u32,
    /// Smallest and largest offset, nanoseconds.
    pub(in crate::file) min_offset_ns: u64,
    pub(in crate::file) max_offset_ns: u64,
    /// True when the chunk holds other events than messages.
    pub(in crate::file) control: bool,
    /// Message counts of each call that occurs in the chunk, by call number.
    pub(in crate::file) calls: Vec<CallCount>,
    pub(in crate::file) codec: u8,
    pub(in crate::file) raw_len: u64,
    pub(in crate::file) stored_len: u64,
    pub(in crate::file) stored_crc32c: u32,
    /// SHA-256 over the digest of each event record.
    pub(in crate::file) sha256: [u8; 32],
}

/// A chunk's place and extent, for seeking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::file) struct IndexEntry {
    /// Byte at which the chunk's part begins.
    pub(in crate::file) byte: u64,
    pub(in crate::file) number: u64,
    pub(in crate::file) first_event: u64,
    pub(in crate::file) min_offset_ns: u64,
    pub(in crate::file) max_offset_ns: u64,
    pub(in crate::file) control: bool,
    /// The calls that occur in the chunk; empty = not listed, any call may occur.
    pub(in crate::file) calls: Vec<u32>,
}

/// Largest number of calls in an index entry; beyond that, the entry stands for any call.
pub(in crate::file) const MAX_INDEXED_CALLS: usize = 64;

/// Bytes of an encoded entry without calls.
pub(in crate::file) const INDEX_ENTRY_FIXED_LEN: usize = 5 * 8 + 1 + 8;

/// Bytes of an encoded [`ChunkHead`] without calls.
pub(in crate::file) const CHUNK_FIXED_LEN: usize = 8 + 8 + 4 + 8 + 8 + 1 + 8 + 1 + 8 + 8 + 4 + 32;

impl IndexEntry {
    /// The index entry of a chunk whose part begins at `byte`.
    pub(in crate::file) fn of(byte: u64, head: &ChunkHead) -> Self {
        let calls = if head.calls.len() <= MAX_INDEXED_CALLS {
            head.calls.as_slice()
        } else {
            &[]
        };
        Self {
            byte,
            number: head.number,
            first_event: head.first_event,
            min_offset_ns: head.min_offset_ns,
            max_offset_ns: head.max_offset_ns,
            control: head.control,
            calls: calls.iter().map(|count| count.call).collect(),
        }
    }
}

/// The entries of some consecutive chunks, and the position of the block before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::file) struct IndexBlock {
    /// Byte at which the previous index block begins; 0 = this is the first.
    pub(in crate::file) previous: u64,
    pub(in crate::file) entries: Vec<IndexEntry>,
}

/// The summary as stored; all its fields have a fixed width, so that it is found from the end of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::file) struct Done {
    /// Byte at which the last index block begins; 0 = none.
    pub(in crate::file) last_index: u64,
    /// Byte at which the last ancillary part begins; 0 = none.
    pub(in crate::file) last_ancillary: u64,
    pub(in crate::file) chunks: u64,
    pub(in crate::file) events: u64,
    pub(in crate::file) calls: u64,
    pub(in crate::file) messages: u64,
    pub(in crate::file) message_bytes: u64,
    pub(in crate::file) sent_messages: u64,
    pub(in crate::file) sent_bytes: u64,
    pub(in crate::file) gaps: u64,
    pub(in crate::file) raw_bytes: u64,
    pub(in crate::file) last_offset_ns: u64,
    pub(in crate::file) sha256: [u8; 32],
}

/// Bytes of an encoded [`Done`].
pub(in crate::file) const DONE_LEN: usize = 12 * 8 + 32;

impl Done {
    pub(in crate::file) const fn new(summary: &Summary, last_index: u64, last_ancillary: u64) -> Self {
        Self {
            last_index,
            last_ancillary,
            chunks: summary.chunks,
            events: summary.events,
            calls: summary.calls,
            messages: summary.messages,
            message_bytes: summary.message_bytes,
            sent_messages: summary.sent_messages,
            sent_bytes: summary.sent_bytes,
            gaps: summary.gaps,
            raw_bytes: summary.raw_bytes,
            last_offset_ns: summary.last_offset_ns,
            sha256: summary.digest.0,
        }
    }

    /// The summary for a file of `stored_bytes`.
    pub(in crate::file) const fn summary(&self, stored_bytes: u64) -> Summary {
        Summary {
            events: self.events,
            calls: self.calls,
            messages: self.messages,
            message_bytes: self.message_bytes,
            sent_messages: self.sent_messages,
            sent_bytes: self.sent_bytes,
            gaps: self.gaps,
            chunks: self.chunks,
            raw_bytes: self.raw_bytes,
            stored_bytes,
            last_offset_ns: self.last_offset_ns,
            digest: Digest(self.sha256),
        }
    }
}
