//! Detection of the end of a capture, and whether its recording was finished.

use std::io::{Read, Seek};

use super::{Reader, Tail, bound::Bound, route::Route};
use crate::file::{
    Attribute, CaptureState, FileError, Summary,
    ancillary::Ancillary,
    record::{Done, IndexBlock},
    scan::{Content, Found},
    schema::{self, MAX_SCHEMA_BYTES},
    walk::known::WalkState,
};

impl<R: Read + Seek> Reader<R> {
    /// Whether the capture holds the whole of its recording, as far as it was read: known for certain when all events
    /// have been, and otherwise told by the file's end. The place in the file stays where it is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn state(&mut self) -> Result<CaptureState, FileError> {
        let unfinished = |bound: Bound| CaptureState::Unfinished {
            whole_bytes: bound.whole_bytes,
            torn_bytes: bound.torn_bytes,
        };
        Ok(match (self.tail, self.bound) {
            (Tail::Damaged, _) => CaptureState::Damaged,
            (Tail::Finished(_), _) => CaptureState::Finished,
            (_, Some(bound)) => unfinished(bound),
            _ if self.summary()?.is_some() => CaptureState::Finished,
            _ => unfinished(self.find_bound()?),
        })
    }

    /// Finds the end of the last whole part, by the heads of all chunks.
    fn find_bound(&mut self) -> Result<Bound, FileError> {
        let (back, from) = (self.scanner.at(), self.first_part);
        self.scanner.jump(from);
        let whole_bytes = loop {
            let step = self.scanner.step(Content::Skip)?;
            if !matches!(step.found, Found::Chunk(..) | Found::Index(_) | Found::Ancillary(_)) {
                break step.byte;
            }
        };
        let torn_bytes = self.scanner.len()?.saturating_sub(whole_bytes);
        self.scanner.jump(back);
        Ok(Bound {
            whole_bytes,
            torn_bytes,
        })
    }

    /// Whether a torn part has been completed, so that it can be read again. Behind a chunk's good head, all that
    /// follows belongs to the chunk, whatever it looks like.
    ///
    /// # Errors
    /// When another part follows it: then its length is wrong.
    pub(in crate::file) fn goes_on_behind(&mut self, byte: u64, has_head: bool) -> Result<bool, FileError> {
        let follows = if has_head {
            self.scanner.done()?.is_some()
        } else {
            self.scanner.any_part_from(byte + 1)?
        };
        self.scanner.jump(byte);
        if !follows {
            return Ok(false);
        }
        // A recorder may have completed the part while we looked behind it.
        let again = self.scanner.step(Content::Skip)?.found;
        self.scanner.jump(byte);
        if matches!(again, Found::Torn(_)) {
            let what = "a part claims to reach beyond the file's end";
            return Err(FileError::corrupt("read the capture", what).at(byte));
        }
        Ok(true)
    }

    /// Notes that the file ends without a summary.
    pub(in crate::file) fn end_unfinished(&mut self, whole_bytes: u64) -> Result<(), FileError> {
        let torn_bytes = self.scanner.len()?.saturating_sub(whole_bytes);
        self.bound = Some(Bound {
            whole_bytes,
            torn_bytes,
        });
        self.tail = Tail::Unfinished { torn_bytes };
        Ok(())
    }

    /// True beyond the bound of this reader.
    pub(in crate::file) fn is_beyond(&self, byte: u64) -> bool {
        self.bounded && self.bound.is_some_and(|bound| byte >= bound.whole_bytes)
    }

    /// Ends the reading at the bound of a capture that may have grown since: no more events.
    pub(super) fn end_at_bound(&mut self) -> bool {
        let torn_bytes = self.bound.map_or(0, |bound| bound.torn_bytes);
        self.tail = Tail::Unfinished { torn_bytes };
        false
    }

    /// Compares an index block with the chunks before it, when all of them were read.
    pub(super) fn check_index(&mut self, byte: u64, block: &IndexBlock) -> Result<(), FileError> {
        let checked = self.known.as_mut().map_or(Ok(()), |known| known.index(byte, block));
        checked.map_err(|what| FileError::corrupt("read the capture", what).at(byte))
    }

    /// Notes an ancillary part, and its schema when that is new.
    pub(super) fn take_ancillary(&mut self, byte: u64, part: &Ancillary) -> Result<(), FileError> {
        let corrupt = |what: String| FileError::corrupt("read the capture", what).at(byte);
        let follows = self
            .known
            .as_mut()
            .map_or(Ok(()), |known| known.ancillary(byte, part.previous));
        follows.map_err(corrupt)?;
        if byte > self.schema_to {
            let room = MAX_SCHEMA_BYTES.saturating_sub(self.header.schema_bytes());
            if let Some(set) = schema::of_part(part, room) {
                self.header
                    .add_schema(&set.map_err(|what| corrupt(format!("schema: {what}")))?);
                self.schema_to = byte;
            }
        }
        Ok(())
    }

    /// Adds the schema to the header, as far as it is readable.
    pub(super) fn load_schema(&mut self) -> Result<(), FileError> {
        // A finished capture tells its parts; in another, the header saves the search where there is no schema.
        if self.header.get(Attribute::DESCRIPTOR_SHA256).is_none() && self.scanner.done()?.is_none() {
            return Ok(());
        }
        self.each_ancillary(|reader, byte, part| {
            let room = MAX_SCHEMA_BYTES.saturating_sub(reader.header.schema_bytes());
            if let Some(Ok(set)) = schema::of_part(part, room) {
                reader.header.add_schema(&set);
                reader.schema_to = byte;
            }
            Ok(())
        })
    }

    /// Compares the totals of the summary with those of the events read.
    pub(super) fn check_done(&mut self, byte: u64, done: &Done) -> Result<Summary, FileError> {
        let corrupt = |what: &str| Err(FileError::corrupt("read the summary", what).at(byte));
        let len = self.scanner.len()?;
        if self.scanner.at() != len {
            return corrupt("bytes follow it, although it is the last part");
        }
        let all = !matches!(self.route, Route::Places(_));
        let last_index = self.known.as_ref().filter(|_| all).map(WalkState::last_index);
        let last_ancillary = self.known.as_ref().filter(|_| all).map(WalkState::last_ancillary);
        match self.expected.filter(|_| all) {
            Some(expected) if expected != (done.chunks, done.events) => {
                corrupt("it counts other chunks or events than the file holds")
            }
            _ if last_index.is_some_and(|last| last != done.last_index) => {
                corrupt("it refers to another index block than the last")
            }
            _ if last_ancillary.is_some_and(|last| last != done.last_ancillary) => {
                corrupt("it names another ancillary part than the last")
            }
            _ if self
                .content
                .take()
                .is_some_and(|content| content.value().0 != done.sha256) =>
            {
                corrupt("its content digest is not that of the events")
            }
            _ => Ok(done.summary(len)),
        }
    }
}
