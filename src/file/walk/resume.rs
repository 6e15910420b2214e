//! Finds the position at which the walk continues after damage.
//!
//! A payload may hold anything: the parts of a whole capture, with checksums that hold. So a good part behind damage is
//! believed only where something else proves that a part of this file begins there:
//!
//! 1. The summary at the file's end names the last index block, that one the block before, and so on; together they name
//!    the byte of every chunk. They are used where they name the damaged part itself.
//! 2. The lengths in the damaged part, as far as they can still be read or repaired, lead exactly to a good part with the
//!    number that is due.
//! 3. An index block further on lists all chunks since the one before, with the offsets of those that were read. A chunk
//!    of which a believed block says the same, offsets included, is believed wherever it stands.
//!
//! What none of these proves is left out.

use std::io::{Read, Seek};

use super::known::{WalkState, is_same};
use crate::file::{
    FileError,
    format::{MAX_PART_LEN, PART_CRC_LEN, PART_HEAD_LEN, PROLOGUE_LEN, Tag},
    record::{CHUNK_FIXED_LEN, IndexBlock, IndexEntry},
    scan::{Content, Found, Scanner, named::ChainCheck, search::Search},
};

/// The positions of parts, as far as the file states them.
#[derive(Debug, Default)]
#[expect(clippy::option_option, reason = "not looked for; looked for and not found; found")]
pub(super) struct Places {
    summary: Option<Option<Listed>>,
    /// An index block that was found behind damage, and its byte.
    block: Option<(u64, IndexBlock)>,
}

/// The index blocks that the summary refers to.
#[derive(Debug)]
struct Listed {
    /// Positions of the blocks, in file order.
    blocks: Vec<u64>,
    /// Positions of the ancillary parts, in file order.
    ancillary: Vec<u64>,
    /// Position of the summary.
    done: u64,
    /// Position before the first block that could not be read; 0 = they are all there.
    unread: u64,
}

impl Places {
    /// The proven start of the next part after damage at `byte`.
    pub(super) fn behind<R: Read + Seek>(
        &mut self,
        scanner: &mut Scanner<R>,
        known: &WalkState,
        byte: u64,
    ) -> Result<Option<u64>, FileError> {
        if byte < PROLOGUE_LEN as u64 {
            // It has one length in every version.
            return Ok(Some(PROLOGUE_LEN as u64));
        }
        if let Some(next) = self.listed(scanner, known, byte)? {
            return Ok(Some(next));
        }
        if let Some(next) = by_lengths(scanner, known, byte)? {
            return Ok(Some(next));
        }
        if let Some(next) = self.by_block(scanner, known, byte)? {
            return Ok(Some(next));
        }
        // A block that the summary leads to, though not to those before it.
        let unread = self.summary.as_ref().and_then(Option::as_ref);
        let unread = unread.map_or(0, |listed| listed.unread);
        Ok((unread > byte).then_some(unread))
    }

    /// The same for a chunk with a valid head that extends beyond the file's end: only an index proves that bytes of it
    /// are missing, and that something else stands within it.
    pub(super) fn within<R: Read + Seek>(
        &mut self,
        scanner: &mut Scanner<R>,
        known: &WalkState,
        byte: u64,
    ) -> Result<Option<u64>, FileError> {
        match self.listed(scanner, known, byte)? {
            Some(next) => Ok(Some(next)),
            None => self.by_block(scanner, known, byte),
        }
    }

    /// The next part after `byte`, by the index that the summary refers to; `None` when that does not name `byte`.
    fn listed<R: Read + Seek>(
        &mut self,
        scanner: &mut Scanner<R>,
        known: &WalkState,
        byte: u64,
    ) -> Result<Option<u64>, FileError> {
        if self.summary.is_none() {
            self.summary = Some(Listed::read(scanner)?);
        }
        match &self.summary {
            Some(Some(listed)) => listed.next(scanner, known, byte),
            _ => Ok(None),
        }
    }

    /// Finds it by an index block that lists the chunks that were read, and the position of the damaged one.
    fn by_block<R: Read + Seek>(
        &mut self,
        scanner: &mut Scanner<R>,
        known: &WalkState,
        byte: u64,
    ) -> Result<Option<u64>, FileError> {
        if let Some((at, block)) = &self.block
            && byte < *at
        {
            return next_part(scanner, known, (*at, block), byte).map(Some);
        }
        // Offsets of a chunk that was read cannot be guessed by whoever sent a payload; without one there is no proof.
        let Some(read) = known.entries().filter(|entries| !entries.is_empty()) else {
            return Ok(None);
        };
        let mut search = Search::new(byte + 1);
        while let Some(found) = search.next(scanner)? {
            if found.tag != Tag::Index || !may_list(scanner, found.byte, known.last_index(), read)? {
                continue;
            }
            let Some(block) = index_at(scanner, found.byte)? else {
                continue;
            };
            let lists = block.previous == known.last_index() && block.entries.len() > read.len();
            let same = lists && block.entries.iter().zip(read).all(is_same);
            let due = block.entries.get(read.len()).filter(|_| same);
            if due.is_some_and(|due| (due.byte, (due.number, due.first_event)) == (byte, known.next())) {
                let next = next_part(scanner, known, (found.byte, &block), byte);
                self.block = Some((found.byte, block));
                return next.map(Some);
            }
        }
        Ok(None)
    }
}

impl Listed {
    fn read<R: Read + Seek>(scanner: &mut Scanner<R>) -> Result<Option<Self>, FileError> {
        let Some((done, summary)) = scanner.done()? else {
            return Ok(None);
        };
        let ancillary = scanner.named_ancillary((done, &summary), ChainCheck::Whole)?;
        let mut listed = Self {
            blocks: Vec::new(),
            ancillary,
            done,
            unread: summary.last_index,
        };
        let mut behind = done;
        // Each block lies before the one that names it; anything else would be a loop.
        while listed.unread != 0 && listed.unread < behind {
            let Some(block) = index_at(scanner, listed.unread)? else {
                break;
            };
            listed.blocks.push(listed.unread);
            behind = listed.unread;
            listed.unread = block.previous;
        }
        listed.blocks.reverse();
        Ok(Some(listed))
    }

    /// The next position after `byte`; `None` when `byte` is none of the places.
    fn next<R: Read + Seek>(
        &self,
        scanner: &mut Scanner<R>,
        known: &WalkState,
        byte: u64,
    ) -> Result<Option<u64>, FileError> {
        let at = self.blocks.partition_point(|block| *block <= byte);
        let is_block = at.checked_sub(1).and_then(|at| self.blocks.get(at)) == Some(&byte);
        let names_it = is_block || byte == self.unread || self.ancillary.contains(&byte);
        let next = match self.blocks.get(at) {
            None if names_it && self.done > byte => self.done,
            None => return Ok(None),
            Some(behind) => {
                let Some(block) = index_at(scanner, *behind)? else {
                    return Ok(None);
                };
                // The header is a place of its own, before the first chunk.
                let is_header = byte == PROLOGUE_LEN as u64 && block.previous == 0;
                if !names_it && !is_header && !block.entries.iter().any(|entry| entry.byte == byte) {
                    return Ok(None);
                }
                next_part(scanner, known, (*behind, &block), byte)?
            }
        };
        let between = self.ancillary.iter().find(|ancillary| **ancillary > byte);
        Ok(Some(between.map_or(next, |between| next.min(*between))))
    }
}

/// The next part after `byte` among the chunks that an index block at `at` lists: where it says, or wherever a chunk
/// stands of which it says the same, when bytes are missing or were put in; the block itself when there is none.
fn next_part<R: Read + Seek>(
    scanner: &mut Scanner<R>,
    known: &WalkState,
    (at, block): (u64, &IndexBlock),
    byte: u64,
) -> Result<u64, FileError> {
    let named = block.entries.iter().map(|entry| entry.byte).find(|named| *named > byte);
    if let Some(named) = named.filter(|named| *named < at)
        && is_listed(scanner, known, block, named)?
    {
        return Ok(named);
    }
    let mut search = Search::new(known.search_from(byte));
    while let Some(found) = search.next(scanner)?.filter(|found| found.byte < at) {
        if found.tag == Tag::Chunk && is_listed(scanner, known, block, found.byte)? {
            return Ok(found.byte);
        }
    }
    Ok(at)
}

/// True when an expected chunk is at `byte` and its entry agrees except for the position. Whoever sent a payload does
/// not know the offsets of what comes.
fn is_listed<R: Read + Seek>(
    scanner: &mut Scanner<R>,
    known: &WalkState,
    block: &IndexBlock,
    byte: u64,
) -> Result<bool, FileError> {
    // Most are distinguished by their first bytes: those that overlap must not cost their length each.
    let start = scanner.read(byte, (PART_HEAD_LEN + 8) as u64)?;
    let number = start.get(PART_HEAD_LEN..).and_then(<[u8]>::first_chunk);
    let number = number.map(|number| u64::from_le_bytes(*number));
    // What has been there cannot come again.
    let number = number.filter(|number| *number >= known.next().0);
    let Some(entry) = block.entries.iter().find(|entry| Some(entry.number) == number) else {
        return Ok(false);
    };
    let offsets = scanner.read(byte + (PART_HEAD_LEN + 8 + 8 + 4) as u64, 16)?;
    let expected = [entry.min_offset_ns.to_le_bytes(), entry.max_offset_ns.to_le_bytes()];
    if offsets != expected.as_flattened() {
        return Ok(false);
    }
    scanner.jump(byte);
    Ok(match scanner.step(Content::Skip)?.found {
        Found::Chunk(head, _) => is_same((entry, &IndexEntry::of(entry.byte, &head))),
        Found::Torn(Some(head)) => is_same((entry, &IndexEntry::of(entry.byte, &head))),
        _ => false,
    })
}

fn index_at<R: Read + Seek>(scanner: &mut Scanner<R>, byte: u64) -> Result<Option<IndexBlock>, FileError> {
    scanner.jump(byte);
    Ok(match scanner.step(Content::Skip)?.found {
        Found::Index(block) => Some(block),
        _ => None,
    })
}

/// Whether an index block at `byte` may list these chunks, judged by its first bytes: those that overlap must not cost
/// their length each.
fn may_list<R: Read + Seek>(
    scanner: &mut Scanner<R>,
    byte: u64,
    previous: u64,
    read: &[IndexEntry],
) -> Result<bool, FileError> {
    let start = scanner.read(byte + PART_HEAD_LEN as u64, 16 + 5 * 8)?;
    let numbers: Vec<_> = start
        .as_chunks()
        .0
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes))
        .collect();
    let [found, _, entry @ ..] = numbers.as_slice() else {
        return Ok(false);
    };
    let first = read.first().map(|first| {
        [
            first.byte,
            first.number,
            first.first_event,
            first.min_offset_ns,
            first.max_offset_ns,
        ]
    });
    Ok(*found == previous && first.is_some_and(|first| first == entry))
}

/// Finds it by the lengths that are still readable in the damaged part.
fn by_lengths<R: Read + Seek>(
    scanner: &mut Scanner<R>,
    known: &WalkState,
    byte: u64,
) -> Result<Option<u64>, FileError> {
    let len = scanner.len()?;
    for Guess { end, is_chunk } in guesses(scanner, known, byte)? {
        if end == len {
            // It was the last one.
            return Ok(Some(end));
        }
        if end <= byte || end > len {
            continue;
        }
        scanner.jump(end);
        let (number, event) = known.next();
        let fits = match scanner.step(Content::Skip)?.found {
            Found::Chunk(head, _) => follows(is_chunk, (number, event), (head.number, head.first_event)),
            Found::Torn(Some(head)) => follows(is_chunk, (number, event), (head.number, head.first_event)),
            Found::Index(_) | Found::Done(_) | Found::Ancillary(_) => true,
            _ => false,
        };
        if fits {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// Whether the next chunk follows a damaged chunk directly, or follows another damaged part.
const fn follows(behind_chunk: bool, due: (u64, u64), found: (u64, u64)) -> bool {
    if behind_chunk {
        found.0 == due.0.saturating_add(1) && found.1 >= due.1
    } else {
        found.0 == due.0 && found.1 == due.1
    }
}

/// A possible end of a damaged part.
#[derive(Debug, Clone, Copy)]
struct Guess {
    end: u64,
    /// True when the part is a chunk in this case.
    is_chunk: bool,
}

/// Longest head of a chunk whose damaged length is repaired: 5,000 calls.
const MAX_REPAIRED: usize = 64 << 10;

/// Length of a chunk head after its stored length: CRC, SHA-256, and the part's own checksum.
const BEHIND_STORED_LEN: usize = 4 + 32 + PART_CRC_LEN;

fn guesses<R: Read + Seek>(scanner: &mut Scanner<R>, known: &WalkState, byte: u64) -> Result<Vec<Guess>, FileError> {
    let mut guesses = Vec::new();
    let mut other = |len: u64| {
        guesses.push(Guess {
            end: byte.saturating_add(len),
            is_chunk: false,
        });
    };
    if let Some(len) = known.due_index_len() {
        other(len);
    }
    let calls_at = PART_HEAD_LEN + 8 + 8 + 4 + 8 + 8 + 1;
    let start = scanner.read(byte, calls_at as u64 + 8)?;
    let part_len = start
        .get(4..)
        .and_then(<[u8]>::first_chunk)
        .map(|len| u32::from_le_bytes(*len));
    let part_len = part_len
        .filter(|len| *len <= MAX_PART_LEN)
        .map(|len| u64::from(len) + 8);
    if let Some(len) = part_len {
        other(len);
    }
    let calls = start
        .get(calls_at..)
        .and_then(<[u8]>::first_chunk)
        .map(|calls| u64::from_le_bytes(*calls));
    let fixed = (PART_HEAD_LEN + CHUNK_FIXED_LEN + PART_CRC_LEN) as u64;
    let by_calls = calls.and_then(|calls| calls.checked_mul(12)?.checked_add(fixed));
    let by_calls = by_calls.filter(|len| Some(*len) != part_len && *len <= u64::from(MAX_PART_LEN));
    for len in [part_len, by_calls].into_iter().flatten() {
        let Some(stored_at) = len.checked_sub((BEHIND_STORED_LEN + 8) as u64) else {
            continue;
        };
        let stored = scanner.read(byte + stored_at, 8)?;
        let Some(stored) = stored.first_chunk().map(|len| u64::from_le_bytes(*len)) else {
            continue;
        };
        let end = |stored: u64| byte.saturating_add(len).saturating_add(stored);
        guesses.push(Guess {
            end: end(stored),
            is_chunk: true,
        });
        if len <= MAX_REPAIRED as u64 {
            let part = scanner.read(byte, len)?;
            let repaired = repaired(&part, stored_at as usize).map(|stored| Guess {
                end: end(stored),
                is_chunk: true,
            });
            guesses.extend(repaired);
        }
    }
    Ok(guesses)
}

/// Repairs the stored length of a chunk head in which only one byte of that length is damaged.
fn repaired(part: &[u8], stored_at: usize) -> Option<u64> {
    let (covered, crc) = part.split_at_checked(part.len().checked_sub(PART_CRC_LEN)?)?;
    let (before, rest) = covered.split_at_checked(stored_at)?;
    let (stored, behind) = rest.split_first_chunk::<8>()?;
    let before = crc32c::crc32c(before);
    let changes = (0..8).flat_map(|at| (1..=255_u8).map(move |change| (at, change)));
    let mut tried = changes.map(|(at, change)| {
        let mut stored = *stored;
        stored[at] ^= change;
        stored
    });
    let found = tried.find(|stored| {
        let computed = crc32c::crc32c_append(crc32c::crc32c_append(before, stored), behind);
        crc == computed.to_le_bytes()
    });
    found.map(u64::from_le_bytes)
}
