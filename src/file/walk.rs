//! The walk over a whole file, which visits every good chunk and every damaged place in file order.

use std::io::{Read, Seek};

use super::{
    Damage, FileError,
    ancillary::Ancillary,
    format::PROLOGUE_LEN,
    record::{ChunkHead, Done},
    scan::{Content, Found, Scanner, Step, chunk_damage},
    schema::{self, MAX_SCHEMA_BYTES},
};

pub(super) mod chunk_totals;
pub(super) mod known;
mod opened;
mod opening;
mod resume;

use known::WalkState;
pub(super) use opened::GoodChunk;
use opened::LostChunk;
use opening::Opening;
use resume::Places;

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
    let mut opening = Opening::default();
    loop {
        let Step { byte, found } = scanner.step(Content::Read)?;
        // What comes behind a chunk is judged when the chunk has been.
        let follows = matches!(&found, Found::Chunk(head, _) if known.hole(byte, head).is_none());
        while !(opening.is_empty() || follows && opening.has_room()) {
            show_next(&mut opening, &mut known, &mut visit)?;
        }
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
                opening.add(byte, head, stored, comes_again)?;
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

/// Visits the next chunk that was decompressed.
fn show_next(opening: &mut Opening, known: &mut WalkState, visit: &mut impl FnMut(Visit<'_>)) -> Result<(), FileError> {
    match opening.next()? {
        Ok(chunk) if chunk.comes_again => {}
        Ok(chunk) => visit(Visit::Chunk(&chunk)),
        // The head is good: the chunk is passed over by its length, whatever its content looks like.
        Err(lost) => {
            let LostChunk { byte, head, what } = *lost;
            // No other chunk has been come upon since.
            if opening.is_empty() {
                known.lost(byte);
            }
            visit(Visit::Lost(&head, chunk_damage(byte, &head, what)));
        }
    }
    Ok(())
}

/// Describes what is wrong with an ancillary part whose checksum is valid.
fn faults(known: &mut WalkState, byte: u64, part: &Ancillary) -> impl Iterator<Item = String> {
    let follows = known.ancillary(byte, part.previous).err();
    let schema = schema::of_part(part, MAX_SCHEMA_BYTES).and_then(Result::err);
    follows.into_iter().chain(schema.map(|what| format!("schema: {what}")))
}

#[cfg(test)]
mod tests;
