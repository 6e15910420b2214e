//! Chunks: event records gathered, hashed and compressed, and the way back. The only home of zstd and sha2.

use std::io;

use bytes::Bytes;

use super::{
    FileError, FileErrorKind,
    format::{MAX_CHUNK_RAW, MAX_CHUNK_STORED},
    record::ChunkHead,
};

mod builder;
pub(super) mod digest;
mod frame;
mod seal;

pub use builder::ChunkBuilder;
use builder::RECORD_PREFIX;
pub use seal::{Sealed, Sealer};

/// How the content of a chunk is stored. Every chunk of a capture may have another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// One standard zstd frame, at this compression level (1 to 19).
    Zstd(i32),
    /// Not compressed: one zstd frame of raw blocks.
    Stored,
}

/// Codec numbers of the format, with their names; not all of them are written by every release.
const CODEC_NAMES: [(u8, &str); 4] = [(1, "zstd"), (2, "float"), (3, "split-lz4"), (4, "stored")];

const ZSTD: u8 = 1;
const STORED: u8 = 4;

/// Buffers and contexts that the sealing of chunks reuses.
#[derive(Default)]
struct Scratch {
    zstd: frame::Compressors,
    raw: Vec<u8>,
}

/// Stores a chunk's records; the codec's number.
fn store(chunk: &ChunkBuilder, codec: Codec, scratch: &mut Scratch, stored: &mut Vec<u8>) -> io::Result<u8> {
    stored.clear();
    let raw = &mut scratch.raw;
    raw.clear();
    raw.reserve(chunk.raw_len());
    for record in chunk.records() {
        raw.extend_from_slice(record.head);
        raw.extend_from_slice(record.payload);
    }
    match codec {
        Codec::Zstd(level) => {
            scratch.zstd.append(raw, level, stored)?;
            Ok(ZSTD)
        }
        Codec::Stored => {
            frame::append_raw(raw, stored);
            Ok(STORED)
        }
    }
}

/// The content of a chunk, its stored bytes checked against the head.
pub(super) fn open(head: &ChunkHead, stored: &[u8]) -> Result<Bytes, FileError> {
    let act = || format!("read chunk {}", head.number);
    if head.stored_len != stored.len() as u64 || crc32c::crc32c(stored) != head.stored_crc32c {
        return Err(FileError::corrupt(act(), "the checksum of its stored bytes differs"));
    }
    if !matches!(head.codec, ZSTD | STORED) {
        let name = CODEC_NAMES.iter().find(|(number, _)| *number == head.codec);
        let name = name.map_or_else(
            || format!("unknown (number {})", head.codec),
            |(_, name)| (*name).to_owned(),
        );
        return Err(FileError::new(act(), FileErrorKind::UnknownCodec(name)));
    }
    let raw = frame::content(stored, head.raw_len).map_err(|error| FileError::corrupt(act(), error.to_string()))?;
    if raw.len() as u64 != head.raw_len {
        return Err(FileError::corrupt(
            act(),
            "its content has another length than its head says",
        ));
    }
    Ok(Bytes::from(raw))
}

/// Refuses a head whose lengths no writer can have meant, before anything is allocated for them.
pub(super) fn check_lengths(head: &ChunkHead) -> Result<(), FileError> {
    let check = |what, len, limit| {
        let act = format!("read chunk {}", head.number);
        if len > limit {
            Err(FileError::new(act, FileErrorKind::TooLarge { what, len, limit }))
        } else {
            Ok(())
        }
    };
    check("content", head.raw_len, MAX_CHUNK_RAW)?;
    check("stored content", head.stored_len, MAX_CHUNK_STORED)
}

/// The record that begins at `at`, and the place after it; `None` at the end.
pub(super) fn record_at(raw: &Bytes, at: usize) -> Result<Option<(Bytes, usize)>, String> {
    let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    let Some((prefix, rest)) = rest.split_first_chunk::<RECORD_PREFIX>() else {
        return Err("a record's length is cut off".to_owned());
    };
    let len = u32::from_le_bytes(*prefix) as usize;
    if len > rest.len() {
        return Err(format!("a record of {len} bytes goes beyond the chunk's end"));
    }
    let start = at + RECORD_PREFIX;
    Ok(Some((raw.slice(start..start + len), start + len)))
}

/// Recomputes the leaves of a chunk's content; an error when its records cannot be told apart.
pub(super) fn leaves(raw: &Bytes) -> Result<Vec<[u8; 32]>, String> {
    let (mut leaves, mut at) = (Vec::new(), 0);
    while let Some((record, next)) = record_at(raw, at)? {
        leaves.push(digest::leaf(&record, &[]));
        at = next;
    }
    Ok(leaves)
}

/// True when the leaves are those that the head promises.
pub(super) fn leaves_match(head: &ChunkHead, leaves: &[[u8; 32]]) -> bool {
    digest::of_leaves(leaves) == head.sha256
}
