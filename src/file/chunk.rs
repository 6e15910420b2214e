//! Chunks: event records gathered, hashed and compressed, and the way back. The only home of zstd and sha2.

use std::io::Read;

use bytes::Bytes;

use super::{
    FileError, FileErrorKind,
    format::{MAX_CHUNK_RAW, MAX_CHUNK_STORED},
    record::{self, CallCount, ChunkHead},
};
use crate::event::{Direction, Event, EventKind};

pub(super) mod digest;

/// How the content of a chunk is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// One standard zstd frame, at this compression level (1 to 19).
    Zstd(i32),
}

/// Codec numbers of the format, with their names; not all of them are written by every release.
const CODEC_NAMES: [(u8, &str); 4] = [(1, "zstd"), (2, "float"), (3, "split-lz4"), (4, "stored")];

const ZSTD: u8 = 1;

/// Contents up to this size are decompressed into a buffer of their declared size at once; larger ones grow a buffer,
/// so that a hostile head cannot make the reader allocate a gigabyte that the stored bytes do not hold.
const TRUSTED_RAW: u64 = 64 << 20;

/// Records in the making.
#[derive(Debug, Default)]
pub(super) struct ChunkBuilder {
    raw: Vec<u8>,
    /// End of each record within `raw`.
    ends: Vec<usize>,
    calls: Vec<CallCount>,
    min_offset_ns: u64,
    max_offset_ns: u64,
    control: bool,
}

/// A chunk ready to be stored.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Complete but for its number and first event, which the writer knows.
    pub(super) head: ChunkHead,
    pub(super) stored: Vec<u8>,
    pub(super) leaves: Vec<[u8; 32]>,
}

/// Bytes of a record's length prefix.
const RECORD_PREFIX: usize = 4;

impl ChunkBuilder {
    pub(super) const fn raw_len(&self) -> usize {
        self.raw.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Offset of the first event; 0 while empty.
    pub(super) const fn min_offset_ns(&self) -> u64 {
        self.min_offset_ns
    }

    /// Appends an event's record; on an error nothing is changed.
    pub(super) fn push(&mut self, event: &Event) -> Result<(), FileError> {
        let start = self.raw.len();
        self.raw.extend_from_slice(&[0; RECORD_PREFIX]);
        if let Err(error) = record::encode_event_head(event, &mut self.raw) {
            self.raw.truncate(start);
            return Err(FileError::corrupt("encode an event", error));
        }
        if let EventKind::Message(message) = &event.kind {
            self.raw.extend_from_slice(&message.data);
        }
        let len = self.raw.len() - start - RECORD_PREFIX;
        if self.raw.len() as u64 > MAX_CHUNK_RAW {
            self.raw.truncate(start);
            let what = "an event";
            let (len, limit) = (len as u64, MAX_CHUNK_RAW);
            return Err(FileError::new(
                "record an event",
                FileErrorKind::TooLarge { what, len, limit },
            ));
        }
        self.raw[start..start + RECORD_PREFIX].copy_from_slice(&(len as u32).to_le_bytes());
        self.note(event);
        self.ends.push(self.raw.len());
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        let first = self.ends.is_empty();
        self.min_offset_ns = if first {
            event.offset_ns
        } else {
            self.min_offset_ns.min(event.offset_ns)
        };
        self.max_offset_ns = if first {
            event.offset_ns
        } else {
            self.max_offset_ns.max(event.offset_ns)
        };
        let at = match self.calls.binary_search_by_key(&event.call, |count| count.call) {
            Ok(at) => at,
            Err(at) => {
                let call = event.call;
                self.calls.insert(
                    at,
                    CallCount {
                        call,
                        ..CallCount::default()
                    },
                );
                at
            }
        };
        match (&event.kind, self.calls.get_mut(at)) {
            (EventKind::Message(message), Some(count)) => match message.direction {
                Direction::Sent => count.sent += 1,
                Direction::Received => count.received += 1,
            },
            _ => self.control = true,
        }
    }

    /// Hashes and compresses the records, and starts afresh with the same buffers.
    pub(super) fn seal(&mut self, codec: Codec) -> Result<Sealed, FileError> {
        let Codec::Zstd(level) = codec;
        let stored = compress(&self.raw, level).map_err(|error| FileError::io("compress a chunk", error))?;
        let leaves: Vec<_> = self.records().map(digest::leaf).collect();
        let head = ChunkHead {
            number: 0,
            first_event: 0,
            events: self.ends.len() as u32,
            min_offset_ns: self.min_offset_ns,
            max_offset_ns: self.max_offset_ns,
            control: self.control,
            calls: std::mem::take(&mut self.calls),
            codec: ZSTD,
            raw_len: self.raw.len() as u64,
            stored_len: stored.len() as u64,
            stored_crc32c: crc32c::crc32c(&stored),
            sha256: digest::of_leaves(&leaves),
        };
        self.raw.clear();
        self.ends.clear();
        self.control = false;
        Ok(Sealed { head, stored, leaves })
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.raw[start + RECORD_PREFIX..*end])
    }
}

/// One zstd frame with its content size and checksum.
fn compress(raw: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.include_checksum(true)?;
    compressor.compress(raw)
}

/// The content of a chunk, its stored bytes checked against the head.
pub(super) fn open(head: &ChunkHead, stored: &[u8]) -> Result<Bytes, FileError> {
    let act = || format!("read chunk {}", head.number);
    if head.stored_len != stored.len() as u64 || crc32c::crc32c(stored) != head.stored_crc32c {
        return Err(FileError::corrupt(act(), "the checksum of its stored bytes differs"));
    }
    if head.codec != ZSTD {
        let name = CODEC_NAMES.iter().find(|(number, _)| *number == head.codec);
        let name = name.map_or_else(
            || format!("unknown (number {})", head.codec),
            |(_, name)| (*name).to_owned(),
        );
        return Err(FileError::new(act(), FileErrorKind::UnknownCodec(name)));
    }
    let raw = decompress(stored, head.raw_len).map_err(|error| FileError::corrupt(act(), error.to_string()))?;
    if raw.len() as u64 != head.raw_len {
        return Err(FileError::corrupt(
            act(),
            "its content has another length than its head says",
        ));
    }
    Ok(Bytes::from(raw))
}

fn decompress(stored: &[u8], raw_len: u64) -> std::io::Result<Vec<u8>> {
    if raw_len <= TRUSTED_RAW {
        return zstd::bulk::decompress(stored, raw_len as usize);
    }
    let mut raw = Vec::new();
    zstd::stream::read::Decoder::new(stored)?
        .take(raw_len + 1)
        .read_to_end(&mut raw)?;
    Ok(raw)
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
        leaves.push(digest::leaf(&record));
        at = next;
    }
    Ok(leaves)
}

/// True when the leaves are those that the head promises.
pub(super) fn leaves_match(head: &ChunkHead, leaves: &[[u8; 32]]) -> bool {
    digest::of_leaves(leaves) == head.sha256
}
