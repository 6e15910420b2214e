//! Search for parts with a valid checksum, in one pass over the file.
//!
//! What is searched may hold a candidate every few bytes, each of which claims millions of bytes: to compute the checksum
//! of each by itself would take forever. One running CRC over all bytes is enough: it is linear, so that the CRC of any
//! stretch follows from its values at both ends.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{Read, Seek},
};

use super::Scanner;
use crate::file::{
    FileError,
    format::{self, CHUNKS_PER_INDEX, PART_CRC_LEN, PART_HEAD_LEN, PART_MAGIC, Tag},
    record::{CHUNK_FIXED_LEN, DONE_LEN, INDEX_ENTRY_FIXED_LEN, MAX_INDEXED_CALLS},
};

/// A part that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) struct FoundPart {
    pub(in crate::file) byte: u64,
    pub(in crate::file) tag: Tag,
}

/// A possible part that begins at `byte` and has its checksum at `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    check: u64,
    byte: u64,
    /// CRC of all bytes before it.
    crc: u32,
    is_index: bool,
    is_done: bool,
}

/// A search from a byte position on; parts come in the order in which they end.
pub(in crate::file) struct Search {
    shift: Shift,
    /// Position up to which bytes are in `crc`.
    at: u64,
    crc: u32,
    /// Position from which starts of parts are searched; never before `at`.
    from: u64,
    pending: BinaryHeap<Reverse<Candidate>>,
    /// Number of bytes read at a time.
    window: usize,
}

/// Number of bytes read first, since the target is often near, and at most.
const FIRST_WINDOW: usize = 4 << 10;
const WINDOW: usize = 256 << 10;

/// Number of bytes from which a part's beginning shows whether its length fits its kind.
const TELLING_LEN: usize = PART_HEAD_LEN + 45;

impl<R: Read + Seek> Scanner<R> {
    /// True when a part with a valid checksum begins at `from` or after it.
    pub(in crate::file) fn any_part_from(&mut self, from: u64) -> Result<bool, FileError> {
        Ok(Search::new(from).next(self)?.is_some())
    }
}

impl Search {
    pub(in crate::file) fn new(from: u64) -> Self {
        Self {
            shift: Shift::new(),
            at: from,
            crc: 0,
            from,
            pending: BinaryHeap::new(),
            window: FIRST_WINDOW,
        }
    }

    /// Finds the next part with a valid checksum; `None` at the end of the file.
    pub(in crate::file) fn next<R: Read + Seek>(
        &mut self,
        scanner: &mut Scanner<R>,
    ) -> Result<Option<FoundPart>, FileError> {
        loop {
            let window = scanner.read(self.at, self.window as u64)?;
            let last = window.len() < self.window;
            self.window = WINDOW.min(2 * self.window);
            // Beginnings whose first bytes are not all in the window are left for the next one, but at the file's end.
            let begins = if last { window.len() } else { window.len() - TELLING_LEN };
            if let Some(found) = self.look(&window, begins) {
                return Ok(Some(found));
            }
            if last {
                return Ok(None);
            }
        }
    }

    /// Searches the bytes of a window up to `until`, or up to the first part that ends in it.
    fn look(&mut self, window: &[u8], until: usize) -> Option<FoundPart> {
        let (start, mut done) = (self.at, 0);
        loop {
            let begin = self.next_begin(window, start, until);
            let end = self.pending.peek().map(|next| (next.0.check - start) as usize);
            match (begin, end) {
                // At one place, the end comes first: another part may begin right behind it.
                (begin, Some(end)) if end < until && begin.is_none_or(|begin| end <= begin) => {
                    self.advance(&window[done..end]);
                    done = end;
                    self.from = self.from.max(self.at);
                    let Some(Reverse(candidate)) = self.pending.pop() else {
                        break;
                    };
                    let Some(stored) = window.get(end..end + PART_CRC_LEN) else {
                        continue;
                    };
                    let computed = self.crc ^ self.shift.over(candidate.crc, candidate.check - candidate.byte);
                    if stored == computed.to_le_bytes() {
                        return Some(candidate.part());
                    }
                }
                (Some(begin), _) => {
                    self.advance(&window[done..begin]);
                    done = begin;
                    self.from = start + begin as u64 + 1;
                    self.pending.extend(self.candidate(&window[begin..]).map(Reverse));
                }
                _ => break,
            }
        }
        self.advance(&window[done..until]);
        self.from = self.from.max(self.at);
        None
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.at += bytes.len() as u64;
    }

    /// The next position in the window with the magic number of a part.
    fn next_begin(&self, window: &[u8], start: u64, until: usize) -> Option<usize> {
        let mut at = (self.from - start) as usize;
        loop {
            let rest = window.get(at..until)?;
            at += rest.iter().position(|byte| *byte == PART_MAGIC[0])?;
            if window[at..].starts_with(&PART_MAGIC) {
                return Some(at);
            }
            at += 1;
        }
    }

    /// The candidate that begins with these bytes, if its length fits its kind. Prologue and header have fixed places,
    /// and are not looked for.
    fn candidate(&self, bytes: &[u8]) -> Option<Candidate> {
        let part = format::decode_part_head(*bytes.first_chunk()?).ok()?;
        let body_len = part.len - PART_HEAD_LEN - PART_CRC_LEN;
        let number = |at: usize| {
            let bytes = bytes.get(PART_HEAD_LEN + at..)?.first_chunk()?;
            usize::try_from(u64::from_le_bytes(*bytes)).ok()
        };
        let fits = match part.tag {
            Tag::Prologue | Tag::Header | Tag::Ancillary(_) => false,
            Tag::Done => body_len == DONE_LEN,
            Tag::Chunk => {
                let calls = number(CALLS_AT)?;
                calls
                    .checked_mul(CALL_LEN)
                    .and_then(|len| len.checked_add(CHUNK_FIXED_LEN))
                    == Some(body_len)
            }
            Tag::Index => {
                let entries = number(8)?;
                let most = INDEX_ENTRY_FIXED_LEN + 4 * MAX_INDEXED_CALLS;
                (1..=CHUNKS_PER_INDEX).contains(&entries)
                    && (16 + entries * INDEX_ENTRY_FIXED_LEN..=16 + entries * most).contains(&body_len)
            }
        };
        fits.then_some(Candidate {
            check: self.at + (part.len - PART_CRC_LEN) as u64,
            byte: self.at,
            crc: self.crc,
            is_index: part.tag == Tag::Index,
            is_done: part.tag == Tag::Done,
        })
    }
}

/// Position of the number of calls in a chunk head's body, and bytes per call.
const CALLS_AT: usize = 8 + 8 + 4 + 8 + 8 + 1;
const CALL_LEN: usize = 12;

impl Candidate {
    const fn part(&self) -> FoundPart {
        let tag = match (self.is_index, self.is_done) {
            (true, _) => Tag::Index,
            (_, true) => Tag::Done,
            _ => Tag::Chunk,
        };
        FoundPart { byte: self.byte, tag }
    }
}

/// Advances a CRC-32C over appended bytes: the CRC of `a` and `b` together is that of `a` moved over the length of `b`,
/// added to that of `b`.
struct Shift {
    /// The operator for 2ⁿ zero bytes: what becomes of each bit.
    powers: [[u32; 32]; POWERS],
}

/// 2²⁷ bytes is beyond the longest part.
const POWERS: usize = 28;

/// The polynomial of CRC-32C, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

impl Shift {
    fn new() -> Self {
        // One zero bit: the lowest bit becomes the polynomial, every other one moves down.
        let mut operator = [0; 32];
        operator[0] = POLYNOMIAL;
        for (bit, moved) in operator.iter_mut().skip(1).enumerate() {
            *moved = 1 << bit;
        }
        for _ in 0..3 {
            operator = squared(&operator);
        }
        let mut powers = [operator; POWERS];
        for power in 1..POWERS {
            powers[power] = squared(&powers[power - 1]);
        }
        Self { powers }
    }

    fn over(&self, mut crc: u32, len: u64) -> u32 {
        for (power, operator) in self.powers.iter().enumerate() {
            if len >> power & 1 == 1 {
                crc = times(operator, crc);
            }
        }
        crc
    }
}

fn times(operator: &[u32; 32], mut crc: u32) -> u32 {
    let mut sum = 0;
    while crc != 0 {
        sum ^= operator[crc.trailing_zeros() as usize];
        crc &= crc - 1;
    }
    sum
}

fn squared(operator: &[u32; 32]) -> [u32; 32] {
    operator.map(|bit| times(operator, bit))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::file::record::{Body as _, ChunkHead, IndexBlock, IndexEntry};

    fn found(bytes: &[u8], from: u64) -> Vec<u64> {
        let mut scanner = Scanner::new(Cursor::new(bytes));
        let mut search = Search::new(from);
        std::iter::from_fn(|| search.next(&mut scanner).unwrap().map(|part| part.byte)).collect()
    }

    fn chunk() -> Vec<u8> {
        format::encode_part(Tag::Chunk, &ChunkHead::default().to_body().unwrap())
    }

    #[test]
    fn the_crc_of_a_stretch_follows_from_those_at_its_ends() {
        let shift = Shift::new();
        let bytes: Vec<u8> = (0..100_000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        for (from, to) in [(0, 0), (0, 1), (1, 1000), (5, 99_999), (50_000, 100_000)] {
            let (before, all) = (crc32c::crc32c(&bytes[..from]), crc32c::crc32c(&bytes[..to]));
            let stretch = all ^ shift.over(before, (to - from) as u64);
            assert_eq!(stretch, crc32c::crc32c(&bytes[from..to]), "{from}..{to}");
        }
    }

    #[test]
    fn parts_are_found_wherever_windows_end() {
        let part = chunk();
        for at in [
            0,
            1,
            1000,
            4000,
            4040,
            4095,
            4096,
            12_000,
            WINDOW - 200,
            WINDOW - 60,
            WINDOW - 13,
            WINDOW - 1,
            WINDOW,
            3 * WINDOW - 57,
        ] {
            let mut bytes = vec![0x5c; at];
            bytes.extend(&part);
            bytes.extend(vec![7; 300]);
            assert_eq!(found(&bytes, 0), [at as u64], "at {at}");
            let behind: [u64; 0] = [];
            assert_eq!(found(&bytes, at as u64 + 1), behind);
            bytes[at + 20] ^= 1;
            assert_eq!(found(&bytes, 0), behind);
        }
    }

    #[test]
    fn parts_within_and_behind_each_other_are_all_found() {
        let entry = IndexEntry::default();
        let index = IndexBlock {
            previous: 0,
            entries: vec![entry; 3],
        };
        let index = format::encode_part(Tag::Index, &index.to_body().unwrap());
        let done = format::encode_part(Tag::Done, &[0; DONE_LEN]);
        let bytes = [chunk(), index.clone(), done, chunk()].concat();
        let places = [
            0,
            chunk().len(),
            chunk().len() + index.len(),
            bytes.len() - chunk().len(),
        ];
        assert_eq!(found(&bytes, 0), places.map(|place| place as u64));
    }

    #[test]
    fn candidates_everywhere_that_claim_everything_cost_one_pass() {
        // Every 57 bytes a chunk head that reaches over a megabyte: one checksum at a time, that is twenty gigabytes.
        let mut head = chunk();
        head.truncate(TELLING_LEN);
        let calls: u64 = 90_000;
        head[PART_HEAD_LEN + CALLS_AT..][..8].copy_from_slice(&calls.to_le_bytes());
        let len = (CHUNK_FIXED_LEN + CALL_LEN * calls as usize + 8) as u32;
        head[4..8].copy_from_slice(&len.to_le_bytes());
        let mut bytes = head.repeat(20_000);
        bytes.extend(chunk());
        bytes.extend(vec![0; len as usize]);
        assert_eq!(found(&bytes, 0), [20_000 * TELLING_LEN as u64]);
    }
}
