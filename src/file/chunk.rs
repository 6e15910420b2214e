//! Chunks: collection, hashing and compression of event records, and decompression. The only user of zstd.

use std::io;

use bytes::Bytes;

use super::{
    FileError, FileErrorKind, digest,
    format::{FREE_CHUNK_RAW, MAX_CHUNK_RATIO, MAX_CHUNK_RAW, MAX_CHUNK_STORED, MIN_HEAD_LEN, MIN_RECORD_LEN},
    record::ChunkHead,
};

mod builder;
mod float;
mod frame;
mod options;
mod seal;

pub(crate) use builder::ChunkBuilder;
pub(super) use builder::RECORD_PREFIX;
use float::{Care, Decoder, Encoder};
use frame::{Compressors, Effort, Frames, Stored};
pub use options::{Codec, WriterOptions};
pub use seal::{Sealed, Sealer};

/// Codec numbers of the format, with their names.
const CODEC_NAMES: [(u8, &str); 3] = [(ZSTD, "zstd"), (FLOAT, "float"), (STORED, "stored")];

const ZSTD: u8 = 1;
const FLOAT: u8 = 2;
const STORED: u8 = 3;

/// Compression levels for chunks with few floats.
const FALLBACK_LEVEL: i32 = 3;
const FAST_FALLBACK_LEVEL: i32 = 1;

/// Size in bytes below which a chunk is stored with both codecs, float and zstd, to keep the smaller result: they come
/// from streams so slow that the work does not matter, and hold so few rows that either may win. So are larger ones
/// that float hardly shrank.
const TRY_BOTH_BELOW: usize = 64 << 10;

/// Buffers and contexts that are reused when chunks are sealed.
#[derive(Default)]
struct Scratch {
    zstd: Compressors,
    float: Encoder,
    raw: Vec<u8>,
    other: Vec<u8>,
}

/// Encodes a chunk's records and returns the codec's number. What would shrink more than a reader believes is stored as
/// it is.
fn store(chunk: &ChunkBuilder, codec: Codec, scratch: &mut Scratch, stored: &mut Stored) -> io::Result<u8> {
    let number = compress(chunk, codec, scratch, stored)?;
    if is_incredible(chunk.raw_len() as u64, stored.len() as u64) {
        return compress(chunk, Codec::Stored, scratch, stored);
    }
    Ok(number)
}

/// True when a chunk head claims more content than a writer would store in so few bytes.
const fn is_incredible(raw_len: u64, stored_len: u64) -> bool {
    raw_len > FREE_CHUNK_RAW && raw_len / MAX_CHUNK_RATIO > stored_len
}

fn compress(chunk: &ChunkBuilder, codec: Codec, scratch: &mut Scratch, stored: &mut Stored) -> io::Result<u8> {
    stored.clear();
    let Scratch {
        zstd,
        float,
        raw,
        other,
    } = scratch;
    let level = match codec {
        Codec::Zstd(level) => level,
        Codec::Float if float.encode(chunk, Care::Full, zstd, stored)? => {
            let is_small = chunk.raw_len() < TRY_BOTH_BELOW;
            if is_small || stored.len() / 19 > chunk.raw_len() / 20 {
                gather(chunk, raw);
                other.clear();
                zstd.append(raw, Effort::Level(FALLBACK_LEVEL), other)?;
                if other.len() < stored.len() {
                    stored.clear();
                    std::mem::swap(&mut stored.bytes, other);
                    return Ok(ZSTD);
                }
            }
            return Ok(FLOAT);
        }
        Codec::FloatFast if float.encode(chunk, Care::Little, zstd, stored)? => return Ok(FLOAT),
        Codec::Float => FALLBACK_LEVEL,
        Codec::FloatFast => FAST_FALLBACK_LEVEL,
        Codec::Stored => {
            let pieces = chunk
                .records()
                .flat_map(|record| [(record.head, None), (record.payload, record.kept)]);
            stored.append_raw(pieces, chunk.raw_len());
            return Ok(STORED);
        }
    };
    gather(chunk, raw);
    zstd.append(raw, Effort::Level(level), &mut stored.bytes)?;
    Ok(ZSTD)
}

/// Copies the records into one buffer.
fn gather(chunk: &ChunkBuilder, raw: &mut Vec<u8>) {
    raw.clear();
    raw.reserve(chunk.raw_len());
    for record in chunk.records() {
        raw.extend_from_slice(record.head);
        raw.extend_from_slice(record.payload);
    }
}

/// Compression level for data that is compressed once, at most a few megabytes.
const ONCE_LEVEL: i32 = 12;

/// Appends `raw` to `into` as one zstd frame.
pub(super) fn compress_once(raw: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    Compressors::default().append(raw, Effort::Level(ONCE_LEVEL), into)
}

/// Decompresses one zstd frame of `len` bytes, which the caller bounds; more is never unpacked.
pub(super) fn decompress_once(frame: &[u8], len: u64) -> Result<Vec<u8>, String> {
    let mut raw = Vec::new();
    let unpacked = Frames::default().unpack(frame, len, &mut raw);
    unpacked.map(|()| raw).map_err(|error| error.to_string())
}

/// Buffers and contexts that are reused when chunks are opened.
#[derive(Default)]
pub(super) struct Opener {
    zstd: Frames,
    float: Decoder,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl Opener {
    /// Decodes the content of a chunk, after checking its stored bytes against the head.
    pub(super) fn open(&mut self, head: &ChunkHead, stored: &[u8]) -> Result<Bytes, FileError> {
        let act = || format!("read chunk {}", head.number);
        if head.stored_len != stored.len() as u64 || crc32c::crc32c(stored) != head.stored_crc32c {
            return Err(FileError::corrupt(act(), "the checksum of its stored bytes differs"));
        }
        check_lengths(head)?;
        let raw = match head.codec {
            ZSTD | STORED => {
                let mut raw = Vec::new();
                let unpacked = self.zstd.unpack(stored, head.raw_len, &mut raw);
                unpacked.map(|()| raw).map_err(|error| error.to_string())
            }
            FLOAT => self.float.decode(stored, head.raw_len as usize, &mut self.zstd),
            number => {
                let name = format!("unknown (number {number})");
                return Err(FileError::new(act(), FileErrorKind::UnknownCodec(name)));
            }
        };
        let raw = raw.map_err(|error| FileError::corrupt(act(), error))?;
        if raw.len() as u64 != head.raw_len {
            let what = "its content differs in length from its head";
            return Err(FileError::corrupt(act(), what));
        }
        Ok(Bytes::from(raw))
    }
}

/// Refuses a head with implausible lengths, before anything is allocated for them.
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
    check("stored content", head.stored_len, MAX_CHUNK_STORED)?;
    let corrupt = |what: String| Err(FileError::corrupt(format!("read chunk {}", head.number), what));
    if is_incredible(head.raw_len, head.stored_len) {
        let (raw, stored) = (head.raw_len, head.stored_len);
        return corrupt(format!(
            "{stored} stored bytes claim a content of {raw}, more than {MAX_CHUNK_RATIO} times as much"
        ));
    }
    if u64::from(head.events) * MIN_RECORD_LEN as u64 > head.raw_len {
        return corrupt(format!(
            "its head claims more events than {} bytes can hold",
            head.raw_len
        ));
    }
    Ok(())
}

/// The record at `at`, and the position after it; `None` at the end.
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
    if len < MIN_HEAD_LEN {
        return Err(format!("a record of {len} bytes is shorter than the head of one"));
    }
    let start = at + RECORD_PREFIX;
    Ok(Some((raw.slice(start..start + len), start + len)))
}

/// Recomputes the digests of a chunk's records; `None` when they are not those that the head promises. An error when
/// its records cannot be distinguished.
pub(super) fn leaves(raw: &Bytes, head: &ChunkHead) -> Result<Option<Vec<[u8; 32]>>, String> {
    let (mut events, mut at) = (0, 0);
    while let Some((_, next)) = record_at(raw, at)? {
        events += 1;
        at = next;
    }
    if events != u64::from(head.events) {
        return Ok(None);
    }
    let mut leaves = Vec::with_capacity(head.events as usize);
    at = 0;
    while let Some((record, next)) = record_at(raw, at)? {
        leaves.push(digest::of_record(&record, &[]));
        at = next;
    }
    Ok((digest::of_leaves(&leaves) == head.sha256).then_some(leaves))
}
