//! zstd frames, compressed or made of raw blocks, and their decompression.

use std::io::{self, Cursor};

use bytes::Bytes;
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{CParameter, ParamSwitch},
};

/// Magic number of a zstd frame (RFC 8878, 3.1.1).
const FRAME_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Frame header descriptor: content size of eight bytes, a window, no checksum, no dictionary; and the window, 128 KiB,
/// which every decoder affords whatever the content's size.
const RAW_DESCRIPTOR: [u8; 2] = [0b1100_0000, 7 << 3];

/// The largest block that RFC 8878 (3.1.1.2.4) allows.
const MAX_BLOCK: usize = 128 << 10;

/// Bytes of a block's head.
const BLOCK_HEAD: usize = 3;

/// How a frame is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// With zstd at this level.
    Level(i32),
    /// With a search for repetitions of at least seven bytes, at little cost: for planes with long runs of one byte.
    Matches,
    /// With the entropy coder only: for planes without repetitions, where those that chance makes only cost.
    Literals,
}

/// Number of positions that [`Effort::Matches`] remembers, as a power of two: a table that stays in the first-level
/// cache.
const MATCHES_HASH_LOG: u32 = 12;
const MATCHES_LEAST: u32 = 7;

/// A negative level, at which zstd looks for repetitions only at about every 5000th position: hardly ever.
const LITERALS_LEVEL: i32 = -5000;

impl Effort {
    fn compressor(self) -> io::Result<Compressor<'static>> {
        let level = match self {
            Self::Level(level) => level,
            Self::Matches => 1,
            Self::Literals => LITERALS_LEVEL,
        };
        let mut compressor = Compressor::new(level)?;
        match self {
            Self::Level(_) => compressor.include_checksum(true)?,
            Self::Matches => {
                compressor.set_parameter(CParameter::HashLog(MATCHES_HASH_LOG))?;
                compressor.set_parameter(CParameter::MinMatch(MATCHES_LEAST))?;
            }
            Self::Literals => {
                compressor.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
            }
        }
        Ok(compressor)
    }
}

/// Compression contexts, kept from frame to frame.
#[derive(Default)]
pub(super) struct Compressors(Vec<(Effort, Compressor<'static>)>);

/// Largest number of contexts that are kept; a caller that changes the level for every chunk starts again.
const MAX_CONTEXTS: usize = 8;

impl Compressors {
    /// Appends `raw` to `into` as one zstd frame with its content size.
    pub(super) fn append(&mut self, raw: &[u8], effort: Effort, into: &mut Vec<u8>) -> io::Result<()> {
        let held = self.0.iter().position(|(held, _)| *held == effort);
        let at = if let Some(at) = held {
            at
        } else {
            if self.0.len() == MAX_CONTEXTS {
                self.0.clear();
            }
            self.0.push((effort, effort.compressor()?));
            self.0.len() - 1
        };
        let begin = into.len();
        into.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let mut out = Cursor::new(into);
        out.set_position(begin as u64);
        self.0[at].1.compress_to_buffer(raw, &mut out).map(drop)
    }
}

/// Bytes to be stored. Most lie in one buffer; between them may stand large pieces, which are not copied.
#[derive(Debug, Default)]
pub(in crate::file) struct Stored {
    pub(super) bytes: Vec<u8>,
    /// Slices that are not copied, each with its position in `bytes`, in order.
    kept: Vec<(usize, Kept)>,
    /// Planes, of which the first ones are in use; the others keep their memory for later ones.
    planes: Vec<Vec<u8>>,
    used: usize,
}

/// A slice that is stored without a copy.
#[derive(Debug)]
enum Kept {
    Payload(Bytes),
    Plane { number: usize, start: usize, end: usize },
}

/// Slices shorter than this are copied. All pieces of a chunk are written at once, so that one more costs next to nothing, and
/// a copy of messages of 11 KB took a tenth of a core at 1 GB/s.
const COPY_BELOW: usize = 4 << 10;

/// Planes shorter than this are copied: one that is not stays with its chunk, and hundreds of recordings with small chunks
/// each would hold memory for some.
const COPY_PLANE_BELOW: usize = 32 << 10;

impl Stored {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.kept.clear();
        self.used = 0;
    }

    /// The number of bytes.
    pub(in crate::file) fn len(&self) -> usize {
        self.bytes.len() + self.kept.iter().map(|(_, kept)| self.piece(kept).len()).sum::<usize>()
    }

    /// The bytes in order, in as few pieces as possible.
    pub(in crate::file) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.kept.iter().map(|(place, _)| *place));
        let ends = self.kept.iter().map(|(place, kept)| (*place, self.piece(kept)));
        let ends = ends.chain([(self.bytes.len(), &[][..])]);
        let pieces = starts
            .zip(ends)
            .flat_map(|(start, (end, kept))| [&self.bytes[start..end], kept]);
        pieces.filter(|piece| !piece.is_empty())
    }

    fn piece<'a>(&'a self, kept: &'a Kept) -> &'a [u8] {
        match kept {
            Kept::Payload(slice) => slice,
            Kept::Plane { number, start, end } => &self.planes[*number][*start..*end],
        }
    }

    pub(super) fn crc32c(&self) -> u32 {
        self.pieces().fold(0, crc32c::crc32c_append)
    }

    /// Appends records, or pieces of them, of `len` bytes in total as one zstd frame of raw blocks; each with the
    /// payload that it is, if it is one.
    pub(super) fn append_raw<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = (&'a [u8], Option<&'a Bytes>)>,
        len: usize,
    ) {
        raw_head(len, &mut self.bytes);
        let (mut left, mut room) = (len, 0);
        for (mut piece, owner) in pieces {
            while !piece.is_empty() {
                if room == 0 {
                    room = left.min(MAX_BLOCK);
                    block_head(room, left, &mut self.bytes);
                }
                let (now, rest) = piece.split_at(piece.len().min(room));
                match owner {
                    Some(owner) if now.len() >= COPY_BELOW => {
                        let slice = Kept::Payload(owner.slice_ref(now));
                        self.kept.push((self.bytes.len(), slice));
                    }
                    _ => self.bytes.extend_from_slice(now),
                }
                (piece, room, left) = (rest, room - now.len(), left - now.len());
            }
        }
        if len == 0 {
            block_head(0, 0, &mut self.bytes);
        }
    }

    /// Appends a plane as one zstd frame of raw blocks. It is taken: what is there then is an old one, of no meaning.
    pub(super) fn append_plane(&mut self, plane: &mut Vec<u8>) {
        if plane.len() < COPY_PLANE_BELOW {
            return self.append_raw([(plane.as_slice(), None)], plane.len());
        }
        raw_head(plane.len(), &mut self.bytes);
        let number = self.used;
        self.used += 1;
        if self.planes.len() < self.used {
            self.planes.push(Vec::new());
        }
        std::mem::swap(plane, &mut self.planes[number]);
        let len = self.planes[number].len();
        for start in (0..len).step_by(MAX_BLOCK) {
            let end = len.min(start + MAX_BLOCK);
            block_head(end - start, len - start, &mut self.bytes);
            self.kept.push((self.bytes.len(), Kept::Plane { number, start, end }));
        }
    }
}

/// The head of a frame of raw blocks, with its content size.
fn raw_head(len: usize, into: &mut Vec<u8>) {
    into.extend_from_slice(&FRAME_MAGIC);
    into.extend_from_slice(&RAW_DESCRIPTOR);
    into.extend_from_slice(&(len as u64).to_le_bytes());
}

/// The head of a block: last or not, type 0 (raw), size; RFC 8878, 3.1.1.2.
fn block_head(len: usize, left: usize, into: &mut Vec<u8>) {
    let head = u32::from(len == left) | (len as u32) << 3;
    into.extend_from_slice(&head.to_le_bytes()[..BLOCK_HEAD]);
}

/// A decompression context, kept from frame to frame.
#[derive(Default)]
pub(super) struct Frames(Option<Decompressor<'static>>);

impl Frames {
    /// Unpacks `stored`, one frame of `len` bytes; more is never unpacked. The caller knows that `len` is in proportion
    /// to what is stored.
    pub(super) fn unpack(&mut self, stored: &[u8], len: u64, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        into.try_reserve_exact(len as usize)
            .map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(Decompressor::new()?),
        };
        context.decompress_to_buffer(stored, into).map(drop)
    }

    /// Unpacks the next of several frames, of at most `most` bytes, and advances `stored`.
    pub(super) fn next(&mut self, stored: &mut &[u8], most: u64, into: &mut Vec<u8>) -> Result<(), String> {
        let len = zstd::zstd_safe::find_frame_compressed_size(stored).ok();
        let (frame, rest) = len
            .and_then(|len| stored.split_at_checked(len))
            .ok_or("a frame is cut off")?;
        *stored = rest;
        let promised = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
        let len = promised
            .filter(|len| *len <= most)
            .ok_or("a frame is larger than it can be")?;
        self.unpack(frame, len, into).map_err(|error| error.to_string())?;
        if into.len() as u64 == len {
            Ok(())
        } else {
            Err("a frame differs in length from its head".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_from_where_it_lies_is_the_frame_that_a_copy_would_be() {
        for len in [0, 1, 30_000, 131_072, 131_073, 400_000] {
            let payload: Bytes = (0..len)
                .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect();
            let (mut records, mut plane) = (Stored::default(), Stored::default());
            let pieces = [(&b"head"[..], None), (&payload[..], Some(&payload)), (b"end", None)];
            records.append_raw(pieces, 4 + payload.len() + 3);
            let mut taken = payload.to_vec();
            plane.append_plane(&mut taken);
            let content = [b"head", &payload[..], b"end"].concat();
            for (stored, content) in [(&records, &content[..]), (&plane, &payload)] {
                let bytes = stored.pieces().collect::<Vec<_>>().concat();
                assert_eq!(stored.len(), bytes.len());
                assert_eq!(stored.crc32c(), crc32c::crc32c(&bytes));
                let mut unpacked = Vec::new();
                Frames::default()
                    .unpack(&bytes, content.len() as u64, &mut unpacked)
                    .unwrap();
                assert!(unpacked == content, "{len}");
            }
            records.clear();
            assert_eq!((records.len(), records.pieces().count()), (0, 0));
        }
    }
}
