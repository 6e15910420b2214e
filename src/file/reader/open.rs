//! A chunk that was opened, event by event.

use bytes::Bytes;

use crate::{
    event::Event,
    file::{
        FileError,
        chunk::{self, Opener, digest::Rule},
        format,
        record::{self, ChunkHead},
        walk::said::Said,
    },
};

/// A chunk whose events are given out.
#[derive(Debug)]
pub(super) struct OpenChunk {
    byte: u64,
    head: ChunkHead,
    raw: Bytes,
    /// Place of the next record within `raw`.
    at: usize,
    /// Number of the next event within the capture.
    event: u64,
    /// What its events have come to.
    said: Said,
}

impl OpenChunk {
    pub(super) fn new(byte: u64, head: ChunkHead, raw: Bytes) -> Self {
        Self {
            event: head.first_event,
            byte,
            head,
            raw,
            at: 0,
            said: Said::default(),
        }
    }

    /// The next event; `None` at the chunk's end.
    pub(super) fn next(&mut self) -> Result<Option<Event>, FileError> {
        let Self { byte, head, event, .. } = self;
        let corrupt = |what: String| {
            let act = format!("read event {event} in chunk {}", head.number);
            FileError::corrupt(act, what).at(*byte)
        };
        let Some((record, next)) = chunk::record_at(&self.raw, self.at).map_err(corrupt)? else {
            let agrees = self.said.agrees(head);
            return agrees.map(|()| None).map_err(|what| {
                let act = format!("read the head of chunk {}", head.number);
                FileError::corrupt(act, what).at(*byte)
            });
        };
        let decoded = record::decode_event(&record).map_err(corrupt)?;
        self.at = next;
        self.event = self.event.saturating_add(1);
        self.said.count(&decoded);
        Ok(Some(decoded))
    }
}

/// The content of a chunk that others will take for that of its digest.
pub(super) fn open_checked(
    opener: &mut Opener,
    version: format::Version,
    head: &ChunkHead,
    stored: &[u8],
) -> Result<Bytes, FileError> {
    let raw = opener.open(head, stored)?;
    leaves(version, head, &raw)?;
    Ok(raw)
}

/// The digests of a chunk's records, which are those that its head promises.
pub(super) fn leaves(version: format::Version, head: &ChunkHead, raw: &Bytes) -> Result<Vec<[u8; 32]>, FileError> {
    let corrupt = |what: String| FileError::corrupt(format!("read chunk {}", head.number), what);
    let leaves = chunk::leaves(raw, head, &[Rule::of(version)]).map_err(corrupt)?;
    leaves.ok_or_else(|| corrupt("the SHA-256 of its content differs".to_owned()))
}
