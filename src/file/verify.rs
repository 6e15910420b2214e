//! Verification: every checksum, every count, and the content digest of a whole file.

use std::io::{Read, Seek};

use super::{
    Damage, FileError, Summary,
    chunk::{
        self, Opener,
        digest::{ContentDigest, Rule},
    },
    record::{self, ChunkHead, Done},
    scan::{Content, Found, Scanner, Step, chunk_damage},
};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Totals of what could be read; the digest is computed, not copied from the summary.
    pub summary: Summary,
    /// True when the file ends with its summary.
    pub finished: bool,
    /// Bytes of an incomplete last part.
    pub torn_bytes: u64,
    /// Places that cannot be read, in file order.
    pub damage: Vec<Damage>,
    /// Damaged places beyond those listed.
    pub more_damage: u64,
}

/// Places listed before they are only counted: enough to see a pattern, and bounded whatever the file.
const MAX_LISTED: usize = 1000;

impl Verified {
    /// True when the capture is whole: finished, and nothing damaged.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.finished && self.damage.is_empty()
    }

    fn add(&mut self, damage: Damage) {
        if self.damage.len() < MAX_LISTED {
            self.damage.push(damage);
        } else {
            self.more_damage += 1;
        }
    }
}

/// Reads a whole capture and checks everything that can be checked: the checksum of every part and chunk, the SHA-256
/// of every chunk, that every event decodes, that chunks and events are numbered without a hole, and the summary's
/// counts and content digest.
///
/// # Errors
/// Only when the file cannot be read at all; damage is part of the result.
pub fn verify<R: Read + Seek>(input: R) -> Result<Verified, FileError> {
    let mut verified = Verified::default();
    let mut content = ContentDigest::default();
    let visit = |visited: Visit<'_>| match visited {
        Visit::Damage(damage) | Visit::Lost(_, damage) => verified.add(damage),
        Visit::Chunk(chunk) => {
            content.add(&chunk.leaves);
            verified.summary.chunks += 1;
            verified.summary.raw_bytes += chunk.head.raw_len;
            if let Err(damage) = chunk.events(|event| verified.summary.count(&event)) {
                verified.add(damage);
            }
        }
        Visit::Header(body) => {
            if let Err(what) = record::decode_header(body) {
                let what = format!("header: {what}");
                verified.add(Damage {
                    byte: super::format::PROLOGUE_LEN as u64,
                    chunk: None,
                    event: None,
                    what,
                });
            }
        }
    };
    let end = walk(input, visit)?;
    verified.summary.digest = content.value();
    verified.summary.stored_bytes = end.len;
    verified.torn_bytes = end.torn_bytes;
    verified.finished = end.done.is_some();
    if let Some((byte, done)) = end.done
        && verified.damage.is_empty()
    {
        check_totals(&mut verified, byte, &done, end.len);
    }
    Ok(verified)
}

fn check_totals(verified: &mut Verified, byte: u64, done: &Done, len: u64) {
    let promised = done.summary(len);
    if promised != verified.summary {
        let what = if promised.digest == verified.summary.digest {
            "summary: its totals differ from the file's".to_owned()
        } else {
            let computed = verified.summary.digest;
            format!(
                "summary: the content digest differs ({} is promised, {computed} computed)",
                promised.digest
            )
        };
        verified.add(Damage {
            byte,
            chunk: None,
            event: None,
            what,
        });
    }
}

/// A good chunk on the walk.
pub(super) struct GoodChunk {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) leaves: Vec<[u8; 32]>,
    raw: bytes::Bytes,
}

impl GoodChunk {
    /// Gives every event to `take`; damage when one cannot be decoded.
    pub(super) fn events(&self, mut take: impl FnMut(crate::event::Event)) -> Result<(), Damage> {
        let (mut at, mut number) = (0, self.head.first_event);
        loop {
            let next = chunk::record_at(&self.raw, at);
            let next = next.and_then(|next| {
                next.map(|(record, at)| Ok((record::decode_event(&record)?, at)))
                    .transpose()
            });
            match next {
                Ok(Some((event, behind))) => {
                    take(event);
                    at = behind;
                    number += 1;
                }
                Ok(None) => return Ok(()),
                Err(what) => {
                    let mut damage = chunk_damage(self.byte, &self.head, format!("event {number}: {what}"));
                    damage.event = Some(number);
                    return Err(damage);
                }
            }
        }
    }
}

/// What a walk comes upon.
pub(super) enum Visit<'a> {
    Header(&'a [u8]),
    Chunk(&'a GoodChunk),
    Damage(Damage),
    /// A chunk whose head is good and whose content is not.
    Lost(&'a ChunkHead, Damage),
}

/// How a walk ended.
pub(super) struct End {
    pub(super) done: Option<(u64, Done)>,
    pub(super) torn_bytes: u64,
    pub(super) len: u64,
}

/// Walks a whole file over all damage, and hands on every good chunk and every damaged place, in file order.
pub(super) fn walk<R: Read + Seek>(input: R, mut visit: impl FnMut(Visit<'_>)) -> Result<End, FileError> {
    let mut scanner = Scanner::new(input);
    let mut expected = Some((0, 0));
    let (mut seen_header, mut done, mut torn_bytes) = (false, None, 0);
    let mut indexed = IndexCheck::default();
    let mut opener = Opener::default();
    // Both while the prologue is not known: it may be what is damaged.
    let mut rules = Rule::ALL.to_vec();
    loop {
        let Step { byte, found } = scanner.step(Content::Read)?;
        let damage = |what: &str| Damage {
            byte,
            chunk: None,
            event: None,
            what: what.to_owned(),
        };
        if done.is_some() && !matches!(found, Found::End) {
            visit(Visit::Damage(damage(
                "bytes follow the summary, though it is the last part",
            )));
            break;
        }
        match found {
            Found::Prologue(body) if byte == 0 => {
                if let Some((version, _)) = super::format::decode_prologue(&body) {
                    rules = vec![Rule::of(version)];
                }
            }
            Found::Header(body) if !seen_header && byte == super::format::PROLOGUE_LEN as u64 => {
                seen_header = true;
                visit(Visit::Header(&body));
            }
            Found::Prologue(_) | Found::Header(_) => visit(Visit::Damage(damage("a second header stands here"))),
            Found::Index(block) => {
                if let Err(what) = indexed.check(byte, &block) {
                    visit(Visit::Damage(damage(&what)));
                }
            }
            Found::Done(found) => {
                if found.last_index != indexed.last {
                    visit(Visit::Damage(damage(
                        "summary: it names another index block than the last",
                    )));
                }
                done = Some((byte, found));
            }
            Found::Chunk(head, stored) => {
                if let Some(hole) = hole(byte, expected, &head) {
                    visit(Visit::Damage(hole));
                }
                indexed.note(byte, &head);
                expected = Some((head.number + 1, head.first_event + u64::from(head.events)));
                match open_checked(&mut opener, &rules, byte, head, &stored) {
                    Ok(chunk) => visit(Visit::Chunk(&chunk)),
                    Err(lost) => {
                        let (head, damage) = *lost;
                        visit(Visit::Lost(&head, damage));
                        // The head is good: the chunk is passed over by its length, unless bytes are missing too.
                        let behind = scanner.at();
                        if !scanner.part_or_end_at(behind)? && !scanner.resync(byte + 1)? {
                            break;
                        }
                    }
                }
            }
            Found::End => break,
            Found::Torn => {
                if scanner.resync(byte + 1)? {
                    visit(Visit::Damage(damage("a part claims to reach beyond the next")));
                } else {
                    torn_bytes = scanner.len()?.saturating_sub(byte);
                    break;
                }
            }
            Found::Bad(damage) => {
                visit(Visit::Damage(damage));
                if !scanner.resync(byte + 1)? {
                    break;
                }
            }
        }
    }
    let len = scanner.len()?;
    Ok(End { done, torn_bytes, len })
}

/// Chunks that should stand before this one and do not.
fn hole(byte: u64, expected: Option<(u64, u64)>, head: &ChunkHead) -> Option<Damage> {
    let (number, event) = expected?;
    if (number, event) == (head.number, head.first_event) {
        return None;
    }
    let what = format!(
        "chunk {} (event {}) follows where chunk {number} belongs",
        head.number, head.first_event
    );
    Some(Damage {
        byte,
        chunk: Some(number),
        event: Some(event),
        what,
    })
}

fn open_checked(
    opener: &mut Opener,
    rules: &[Rule],
    byte: u64,
    head: ChunkHead,
    stored: &[u8],
) -> Result<GoodChunk, Box<(ChunkHead, Damage)>> {
    let content = opener.open(&head, stored).map_err(|error| error.to_string());
    let content = content.and_then(|raw| Ok((chunk::leaves(&raw, &head, rules)?, raw)));
    match content {
        Ok((Some(leaves), raw)) => Ok(GoodChunk {
            byte,
            head,
            leaves,
            raw,
        }),
        Ok((None, _)) => {
            let damage = chunk_damage(byte, &head, "the SHA-256 of its content differs".to_owned());
            Err(Box::new((head, damage)))
        }
        Err(what) => {
            let damage = chunk_damage(byte, &head, what);
            Err(Box::new((head, damage)))
        }
    }
}

/// Compares index blocks with the chunks that they speak of; remembers no more chunks than one block holds.
#[derive(Default)]
struct IndexCheck {
    last: u64,
    chunks: Vec<(u64, u64, u64)>,
}

impl IndexCheck {
    fn note(&mut self, byte: u64, head: &ChunkHead) {
        if self.chunks.len() < super::format::CHUNKS_PER_INDEX {
            self.chunks.push((byte, head.number, head.max_offset_ns));
        }
    }

    fn check(&mut self, byte: u64, block: &record::IndexBlock) -> Result<(), String> {
        let listed = block
            .entries
            .iter()
            .map(|entry| (entry.byte, entry.number, entry.max_offset_ns));
        let same = listed.eq(self.chunks.drain(..)) && block.previous == self.last;
        self.last = byte;
        if same {
            Ok(())
        } else {
            Err("index block: it differs from the chunks before it".to_owned())
        }
    }
}
