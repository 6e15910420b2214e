//! Reading of one decompressed chunk, event by event.

use bytes::Bytes;

use super::place::EventPlace;

use crate::{
    file::{
        FileError,
        ahead::Leaves,
        chunk::{self, Opener},
        record::{self, ChunkHead},
        walk::chunk_totals::ChunkTotals,
    },
    model::event::Event,
};

/// A chunk that is being read.
#[derive(Debug)]
pub(super) struct OpenChunk {
    byte: u64,
    head: ChunkHead,
    raw: Bytes,
    /// Position of the next record within `raw`.
    at: usize,
    /// Number of the next event within the capture.
    event: u64,
    /// Place of the last event.
    last: EventPlace,
    /// Totals of its events so far; `None` when some of them were passed over.
    said: Option<ChunkTotals>,
}

impl OpenChunk {
    pub(super) fn new(byte: u64, head: ChunkHead, raw: Bytes) -> Self {
        Self {
            event: head.first_event,
            last: EventPlace {
                chunk: byte,
                at: 0,
                event: head.first_event,
            },
            byte,
            head,
            raw,
            at: 0,
            said: Some(ChunkTotals::default()),
        }
    }

    /// The place of the last event.
    pub(super) const fn last(&self) -> EventPlace {
        self.last
    }

    /// Continues with the event at `place`; false when that is of another chunk.
    pub(super) fn go_to(&mut self, place: EventPlace) -> bool {
        if place.chunk != self.byte {
            return false;
        }
        (self.at, self.event, self.said) = (place.at, place.event, None);
        true
    }

    /// The next selected event, by its call and offset; `None` at the chunk's end.
    pub(super) fn next(&mut self, wanted: impl Fn(u32, u64) -> bool) -> Result<Option<Event>, FileError> {
        // What is not wanted need not be decoded.
        while let Ok(Some((record, next))) = chunk::record_at(&self.raw, self.at)
            && record::place_of(&record).is_some_and(|(call, offset_ns)| !wanted(call, offset_ns))
        {
            self.said = None;
            self.at = next;
            self.event = self.event.saturating_add(1);
        }
        let Self { byte, head, event, .. } = self;
        let corrupt = |what: String| {
            let act = format!("read event {event} in chunk {}", head.number);
            FileError::corrupt(act, what).at(*byte)
        };
        let Some((record, next)) = chunk::record_at(&self.raw, self.at).map_err(corrupt)? else {
            let agrees = self.said.as_ref().map_or(Ok(()), |said| said.agrees(head));
            return agrees.map(|()| None).map_err(|what| {
                let act = format!("read the head of chunk {}", head.number);
                FileError::corrupt(act, what).at(*byte)
            });
        };
        let decoded = record::decode_event(&record).map_err(corrupt)?;
        (self.last.at, self.last.event) = (self.at, self.event);
        self.at = next;
        self.event = self.event.saturating_add(1);
        if let Some(said) = &mut self.said {
            said.count(&decoded);
        }
        Ok(Some(decoded))
    }
}

/// The content of a chunk, checked against its digest, for sharing with other readers.
pub(super) fn open_checked(opener: &mut Opener, head: &ChunkHead, stored: &[u8]) -> Result<Bytes, FileError> {
    let raw = opener.open(head, stored)?;
    checked(head, chunk::leaves(&raw, head))?;
    Ok(raw)
}

/// The digests of a chunk's records, checked against its head.
pub(super) fn checked(head: &ChunkHead, leaves: Leaves) -> Result<Vec<[u8; 32]>, FileError> {
    let corrupt = |what: String| FileError::corrupt(format!("read chunk {}", head.number), what);
    let leaves = leaves.map_err(corrupt)?;
    leaves.ok_or_else(|| corrupt("the SHA-256 of its content differs".to_owned()))
}
