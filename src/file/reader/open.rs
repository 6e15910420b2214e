//! A chunk that was opened, event by event.

use bytes::Bytes;

use crate::{
    event::Event,
    file::{
        FileError,
        chunk::{self, Opener, digest::Rule},
        format,
        record::{self, ChunkHead},
    },
};

/// A chunk whose events are given out.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) byte: u64,
    pub(super) head: ChunkHead,
    pub(super) raw: Bytes,
    /// Place of the next record within `raw`.
    pub(super) at: usize,
    /// Number of the next event within the capture.
    pub(super) event: u64,
}

impl OpenChunk {
    /// The next event; `None` at the chunk's end.
    pub(super) fn next(&mut self) -> Result<Option<Event>, FileError> {
        let Self { byte, head, event, .. } = self;
        let corrupt = |what: String| {
            let act = format!("read event {event} in chunk {}", head.number);
            FileError::corrupt(act, what).at(*byte)
        };
        match chunk::record_at(&self.raw, self.at).map_err(corrupt)? {
            Some((record, next)) => {
                let decoded = record::decode_event(&record).map_err(corrupt)?;
                self.at = next;
                self.event = self.event.saturating_add(1);
                Ok(Some(decoded))
            }
            None if *event == head.first_event.saturating_add(u64::from(head.events)) => Ok(None),
            None => Err(corrupt(
                "the chunk holds another number of events than its head says".to_owned(),
            )),
        }
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
