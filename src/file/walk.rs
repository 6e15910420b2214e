//! The walk over a whole file: every good chunk and every damaged place, in file order.

use std::io::{Read, Seek};

use super::{
    Damage, FileError,
    chunk::{self, Opener, digest::Rule},
    format::PROLOGUE_LEN,
    record::{self, CallCount, ChunkHead, Done},
    scan::{Content, Found, Scanner, Step, chunk_damage},
};
use crate::event::{Direction, Event, EventKind};

mod known;
mod resume;

use known::Known;
use resume::Places;

/// A good chunk on the walk.
pub(super) struct GoodChunk {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) leaves: Vec<[u8; 32]>,
    raw: bytes::Bytes,
}

impl GoodChunk {
    /// Gives every event to `take`; damage when one cannot be decoded, or when the head says something else than they do.
    pub(super) fn events(&self, mut take: impl FnMut(Event)) -> Result<(), Damage> {
        let (mut at, mut number) = (0, self.head.first_event);
        let mut said = ChunkHead::default();
        loop {
            let next = chunk::record_at(&self.raw, at);
            let next = next.and_then(|next| {
                next.map(|(record, at)| Ok((record::decode_event(&record)?, at)))
                    .transpose()
            });
            match next {
                Ok(Some((event, behind))) => {
                    count(&mut said, &event);
                    take(event);
                    at = behind;
                    number = number.wrapping_add(1);
                }
                Ok(None) => return self.agrees(said),
                Err(what) => {
                    let mut damage = chunk_damage(self.byte, &self.head, format!("event {number}: {what}"));
                    damage.event = Some(number);
                    return Err(damage);
                }
            }
        }
    }

    /// Compares the head with what the records came to.
    fn agrees(&self, said: ChunkHead) -> Result<(), Damage> {
        let head = &self.head;
        let wrong = [
            ("number of events", head.events != said.events),
            ("smallest offset", head.min_offset_ns != said.min_offset_ns),
            ("largest offset", head.max_offset_ns != said.max_offset_ns),
            ("mark of other events than messages", head.control != said.control),
            ("messages of each call", head.calls != said.calls),
        ];
        let wrong: Vec<_> = wrong
            .into_iter()
            .filter(|(_, wrong)| *wrong)
            .map(|(what, _)| what)
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let what = format!("chunk head: its {} differs from its events", wrong.join(", "));
        Err(chunk_damage(self.byte, head, what))
    }
}

/// Adds an event to what a chunk's head should say.
fn count(head: &mut ChunkHead, event: &Event) {
    head.min_offset_ns = if head.events == 0 {
        event.offset_ns
    } else {
        head.min_offset_ns.min(event.offset_ns)
    };
    head.max_offset_ns = head.max_offset_ns.max(event.offset_ns);
    head.events += 1;
    let at = head.calls.binary_search_by_key(&event.call, |count| count.call);
    let at = at.unwrap_or_else(|at| {
        let call = event.call;
        head.calls.insert(
            at,
            CallCount {
                call,
                sent: 0,
                received: 0,
            },
        );
        at
    });
    match &event.kind {
        EventKind::Message(message) => match message.direction {
            Direction::Sent => head.calls[at].sent += 1,
            Direction::Received => head.calls[at].received += 1,
        },
        _ => head.control = true,
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
///
/// What stands behind damage is taken only where something proves that a part begins there: payloads may hold whole
/// captures. See [`Places`].
pub(super) fn walk<R: Read + Seek>(input: R, mut visit: impl FnMut(Visit<'_>)) -> Result<End, FileError> {
    let mut scanner = Scanner::new(input);
    let (mut known, mut places) = (Known::default(), Places::default());
    let (mut seen_header, mut done, mut torn_bytes) = (false, None, 0);
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
            Found::Header(body) if !seen_header && byte == PROLOGUE_LEN as u64 => {
                seen_header = true;
                visit(Visit::Header(&body));
            }
            Found::Prologue(_) | Found::Header(_) => visit(Visit::Damage(damage("a second header stands here"))),
            Found::Index(block) => {
                if let Err(what) = known.index(byte, &block) {
                    visit(Visit::Damage(damage(&what)));
                }
            }
            Found::Done(found) => {
                if found.last_index != known.last_index() {
                    visit(Visit::Damage(damage(
                        "summary: it names another index block than the last",
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
                match open_checked(&mut opener, &rules, byte, head, &stored) {
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

#[cfg(test)]
mod tests;
