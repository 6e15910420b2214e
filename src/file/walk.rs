//! The walk over a whole file, which visits every good chunk and every damaged place in file order.

use std::io::{Read, Seek};

use super::{
    Damage, FileError,
    ancillary::Ancillary,
    chunk::{self, Opener},
    format::PROLOGUE_LEN,
    record::{self, ChunkHead, Done},
    scan::{Content, Found, Scanner, Step, chunk_damage},
    schema::{self, MAX_SCHEMA_BYTES},
};
use crate::model::event::Event;

pub(super) mod chunk_totals;
pub(super) mod known;
mod resume;

use chunk_totals::ChunkTotals;
use known::WalkState;
use resume::Places;

/// A good chunk on the walk.
pub(super) struct GoodChunk {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) leaves: Vec<[u8; 32]>,
    raw: bytes::Bytes,
}

impl GoodChunk {
    /// Passes every event to `take`; returns damage when an event cannot be decoded, or when the head contradicts the
    /// events.
    pub(super) fn events(&self, mut take: impl FnMut(Event)) -> Result<(), Damage> {
        let (mut at, mut number) = (0, self.head.first_event);
        let mut said = ChunkTotals::default();
        loop {
            let next = chunk::record_at(&self.raw, at);
            let next = next.and_then(|next| {
                next.map(|(record, at)| Ok((record::decode_event(&record)?, at)))
                    .transpose()
            });
            match next {
                Ok(Some((event, behind))) => {
                    said.count(&event);
                    take(event);
                    at = behind;
                    number = number.wrapping_add(1);
                }
                Ok(None) => {
                    return said.agrees(&self.head).map_err(|what| {
                        let what = format!("chunk head: {what}");
                        chunk_damage(self.byte, &self.head, what)
                    });
                }
                Err(what) => {
                    let mut damage = chunk_damage(self.byte, &self.head, format!("event {number}: {what}"));
                    damage.event = Some(number);
                    return Err(damage);
                }
            }
        }
    }
}

/// An item that a walk visits.
pub(super) enum Visit<'a> {
    Header(&'a [u8]),
    Chunk(&'a GoodChunk),
    /// An ancillary part.
    Ancillary(&'a Ancillary),
    Damage(Damage),
    /// A chunk with a valid head and unreadable content.
    Lost(&'a ChunkHead, Damage),
}

/// The end of a walk.
pub(super) struct End {
    pub(super) done: Option<(u64, Done)>,
    pub(super) torn_bytes: u64,
    pub(super) len: u64,
}

/// Walks a whole file past all damage, and visits every good chunk and every damaged place, in file order.
///
/// What is behind damage is taken only where something proves that a part begins there: payloads may hold whole
/// captures. See [`Places`].
pub(super) fn walk<R: Read + Seek>(input: R, mut visit: impl FnMut(Visit<'_>)) -> Result<End, FileError> {
    let mut scanner = Scanner::new(input);
    let (mut known, mut places) = (WalkState::default(), Places::default());
    let (mut seen_header, mut done, mut torn_bytes) = (false, None, 0);
    let mut opener = Opener::default();
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
                "bytes follow the summary, although it is the last part",
            )));
            break;
        }
        match found {
            Found::Prologue(_) if byte == 0 => {}
            Found::Header(body) if !seen_header && byte == PROLOGUE_LEN as u64 => {
                seen_header = true;
                visit(Visit::Header(&body));
            }
            Found::Prologue(_) | Found::Header(_) => visit(Visit::Damage(damage("there is a second header here"))),
            Found::Index(block) => {
                if let Err(what) = known.index(byte, &block) {
                    visit(Visit::Damage(damage(&what)));
                }
            }
            Found::Ancillary(part) => {
                faults(&mut known, byte, &part).for_each(|what| visit(Visit::Damage(damage(&what))));
                visit(Visit::Ancillary(&part));
            }
            Found::Done(found) => {
                if found.last_ancillary != known.last_ancillary() {
                    visit(Visit::Damage(damage(
                        "summary: it names another ancillary part than the last",
                    )));
                }
                if found.last_index != known.last_index() {
                    visit(Visit::Damage(damage(
                        "summary: it refers to another index block than the last",
                    )));
                }
                done = Some((byte, found));
            }
            Found::Chunk(head, stored) => {
                if let Some(hole) = known.hole(byte, &head) {
                    visit(Visit::Damage(hole));
                }
                // What has been there cannot come again.
                let comes_again = known.is_behind(&head);
                known.chunk(byte, &head);
                match open_checked(&mut opener, byte, head, &stored) {
                    Ok(_) if comes_again => {}
                    Ok(chunk) => visit(Visit::Chunk(&chunk)),
                    // The head is good: the chunk is passed over by its length, whatever its content looks like.
                    Err(lost) => {
                        let (head, damage) = *lost;
                        known.lost(byte);
                        visit(Visit::Lost(&head, damage));
                    }
                }
            }
            Found::End => break,
            Found::Torn(head) => {
                let behind = match head {
                    // All that follows is inside of it, but where the file's own index knows better.
                    Some(_) => places.within(&mut scanner, &known, byte)?,
                    None => places.behind(&mut scanner, &known, byte)?,
                };
                let Some(behind) = behind else {
                    torn_bytes = scanner.len()?.saturating_sub(byte);
                    break;
                };
                visit(Visit::Damage(damage("a part claims to reach beyond the next")));
                known.misses_a_part();
                scanner.jump(behind);
            }
            Found::Bad(mut damage) => {
                let behind = places.behind(&mut scanner, &known, byte)?;
                if behind.is_none() {
                    let left = scanner.len()?.saturating_sub(byte);
                    let text =
                        format!("; nothing proves where the next part begins, and the last {left} bytes are left out");
                    damage.what.push_str(&text);
                }
                visit(Visit::Damage(damage));
                known.misses_a_part();
                match behind {
                    Some(behind) => scanner.jump(behind),
                    None => break,
                }
            }
        }
    }
    let len = scanner.len()?;
    Ok(End { done, torn_bytes, len })
}

/// Describes what is wrong with an ancillary part whose checksum is valid.
fn faults(known: &mut WalkState, byte: u64, part: &Ancillary) -> impl Iterator<Item = String> {
    let follows = known.ancillary(byte, part.previous).err();
    let schema = schema::of_part(part, MAX_SCHEMA_BYTES).and_then(Result::err);
    follows.into_iter().chain(schema.map(|what| format!("schema: {what}")))
}

fn open_checked(
    opener: &mut Opener,
    byte: u64,
    head: ChunkHead,
    stored: &[u8],
) -> Result<GoodChunk, Box<(ChunkHead, Damage)>> {
    let content = opener.open(&head, stored).map_err(|error| error.to_string());
    let content = content.and_then(|raw| Ok((chunk::leaves(&raw, &head)?, raw)));
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

#[cfg(test)]
mod tests;
