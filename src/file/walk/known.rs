//! The state of a walk: the parts seen so far, and the expected next ones.

use crate::file::{
    Damage,
    format::{self, CHUNKS_PER_INDEX, Tag},
    record::{Body as _, ChunkHead, IndexBlock, IndexEntry},
};

/// The chunks since the last index block, and the expected numbers.
#[derive(Debug)]
pub(in crate::file) struct WalkState {
    /// Number and first event of the next chunk.
    next: (u64, u64),
    /// Byte of the last index block; 0 = none.
    last_index: u64,
    /// Byte of the last ancillary part; 0 = none.
    last_ancillary: u64,
    /// False when an ancillary part may be missing since then.
    follows_ancillary: bool,
    /// Expected entries of the next index block.
    entries: Vec<IndexEntry>,
    /// False when chunks are missing among these.
    complete: bool,
    /// Position of the last chunk, when its content differed from its head.
    lost: Option<u64>,
}

impl Default for WalkState {
    fn default() -> Self {
        Self {
            next: (0, 0),
            last_index: 0,
            last_ancillary: 0,
            follows_ancillary: true,
            entries: Vec::new(),
            complete: true,
            lost: None,
        }
    }
}

impl WalkState {
    pub(in crate::file) const fn last_index(&self) -> u64 {
        self.last_index
    }

    pub(in crate::file) const fn last_ancillary(&self) -> u64 {
        self.last_ancillary
    }

    /// Number and first event of the next chunk.
    pub(super) const fn next(&self) -> (u64, u64) {
        self.next
    }

    /// The entries of the next index block up to here; `None` when some are missing.
    pub(super) fn entries(&self) -> Option<&[IndexEntry]> {
        self.complete.then_some(self.entries.as_slice())
    }

    /// Length of the index block that is due now; `None` when none is, or when what it lists is not known.
    pub(super) fn due_index_len(&self) -> Option<u64> {
        let entries = self.entries().filter(|entries| entries.len() == CHUNKS_PER_INDEX)?;
        let block = IndexBlock {
            previous: self.last_index,
            entries: entries.to_vec(),
        };
        Some(format::encode_part(Tag::Index, &block.to_body().ok()?).len() as u64)
    }

    /// Notes that the last chunk differs from its head: bytes of it may be missing.
    pub(super) const fn lost(&mut self, byte: u64) {
        self.lost = Some(byte);
    }

    /// The first position at which a chunk may begin after damage at `byte`: behind the beginning of the chunk before,
    /// when bytes of that may be missing.
    pub(super) fn search_from(&self, byte: u64) -> u64 {
        self.lost.unwrap_or(byte) + 1
    }

    /// Notes that something could not be read.
    pub(super) const fn misses_a_part(&mut self) {
        self.complete = false;
        self.follows_ancillary = false;
    }

    /// Compares the position of the previous ancillary part that a part names with the actual one.
    pub(in crate::file) fn ancillary(&mut self, byte: u64, previous: u64) -> Result<(), String> {
        let follows = previous == self.last_ancillary || !self.follows_ancillary;
        (self.last_ancillary, self.follows_ancillary) = (byte, true);
        if follows {
            Ok(())
        } else {
            Err("ancillary part: it names another than the one before it".to_owned())
        }
    }

    /// The chunks that are missing before this one.
    pub(super) fn hole(&self, byte: u64, head: &ChunkHead) -> Option<Damage> {
        let (number, event) = self.next;
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

    /// True when the chunk's number or events have occurred already.
    pub(super) const fn is_behind(&self, head: &ChunkHead) -> bool {
        head.number < self.next.0 || head.first_event < self.next.1
    }

    /// Notes a chunk with a valid head.
    pub(in crate::file) fn chunk(&mut self, byte: u64, head: &ChunkHead) {
        self.lost = None;
        self.complete &= self.next == (head.number, head.first_event) && self.entries.len() < CHUNKS_PER_INDEX;
        if self.entries.len() < CHUNKS_PER_INDEX {
            self.entries.push(IndexEntry::of(byte, head));
        }
        self.next = (
            head.number.saturating_add(1),
            head.first_event.saturating_add(u64::from(head.events)),
        );
    }

    /// Compares an index block with the chunks that it lists.
    pub(in crate::file) fn index(&mut self, byte: u64, block: &IndexBlock) -> Result<(), String> {
        let same = if self.complete {
            block.entries.len() == self.entries.len() && block.entries.iter().zip(&self.entries).all(is_same)
        } else {
            let mut listed = block.entries.iter();
            self.entries
                .iter()
                .all(|seen| listed.any(|entry| is_same((entry, seen))))
        };
        let follows = block.previous == self.last_index || !self.complete;
        self.last_index = byte;
        self.entries.clear();
        self.complete = true;
        if same && follows {
            Ok(())
        } else {
            Err("index block: it differs from the chunks before it".to_owned())
        }
    }
}

/// True when an index entry agrees with the chunk's head; one without calls stands for any.
pub(super) fn is_same((listed, seen): (&IndexEntry, &IndexEntry)) -> bool {
    let calls = if listed.calls.is_empty() {
        &[]
    } else {
        seen.calls.as_slice()
    };
    let seen = IndexEntry {
        calls: calls.to_vec(),
        ..*seen
    };
    *listed == seen
}
