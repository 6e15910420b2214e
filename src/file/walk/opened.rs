//! Decompressed chunks on a walk.

use bytes::Bytes;

use super::chunk_totals::ChunkTotals;
use crate::{
    file::{
        Damage,
        ahead::Opened,
        chunk,
        record::{self, ChunkHead},
        scan::chunk_damage,
    },
    model::event::Event,
};

/// A good chunk on the walk.
pub(in crate::file) struct GoodChunk {
    byte: u64,
    pub(in crate::file) head: ChunkHead,
    pub(in crate::file) leaves: Vec<[u8; 32]>,
    /// True when its number or its events have been there before.
    pub(super) comes_again: bool,
    raw: Bytes,
}

/// A chunk whose head is good and whose content is not.
pub(super) struct LostChunk {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) what: String,
}

impl GoodChunk {
    /// The chunk, or what is wrong with its content.
    pub(super) fn new(opened: Opened, comes_again: bool) -> Result<Self, Box<LostChunk>> {
        let Opened {
            byte,
            head,
            raw,
            leaves,
        } = opened;
        let checked = raw.map_err(|error| error.to_string()).and_then(|raw| {
            let leaves = leaves.unwrap_or(Ok(None))?;
            let leaves = leaves.ok_or_else(|| "the SHA-256 of its content differs".to_owned())?;
            Ok((raw, leaves))
        });
        match checked {
            Ok((raw, leaves)) => Ok(Self {
                byte,
                head,
                leaves,
                comes_again,
                raw,
            }),
            Err(what) => Err(Box::new(LostChunk { byte, head, what })),
        }
    }

    /// Passes every event to `take`; returns damage when an event cannot be decoded, or when the head contradicts the
    /// events.
    pub(in crate::file) fn events(&self, mut take: impl FnMut(Event)) -> Result<(), Damage> {
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
