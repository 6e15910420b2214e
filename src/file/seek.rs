//! Seeking to an offset, by the index, or by the chunk heads where the index is missing.

use std::io::{Read, Seek};

use super::{
    FileError, Reader,
    record::IndexBlock,
    scan::{Content, Found, Step},
};

/// The result of a search by the index.
enum Searched {
    /// The chunk at this byte is the one to read from; `None` = from the first.
    Chunk(Option<u64>),
    /// There is no usable index.
    NoIndex,
}

impl<R: Read + Seek> Reader<R> {
    /// Continues with the first event at or after `offset_ns`; events before it are passed over from here on.
    ///
    /// Reads one or a few index blocks of a finished capture, and walks the chunk heads of an unfinished one.
    ///
    /// # Errors
    /// When the file cannot be read. A damaged index is passed over: the chunk heads are walked instead.
    pub fn seek(&mut self, offset_ns: u64) -> Result<(), FileError> {
        let by_index = match self.scanner().done()? {
            Some((_, done)) => self.find_by_index(done.last_index, offset_ns)?,
            None => Searched::NoIndex,
        };
        let byte = match by_index {
            Searched::Chunk(byte) => byte,
            Searched::NoIndex => self.find_by_heads(offset_ns)?,
        };
        self.restart(byte, offset_ns);
        Ok(())
    }

    /// Finds the first chunk that reaches `offset_ns`.
    fn find_by_index(&mut self, last_index: u64, offset_ns: u64) -> Result<Searched, FileError> {
        let (mut at, mut best, mut end) = (last_index, None, u64::MAX);
        while at != 0 {
            // Each block lies before the one that names it; anything else would be a loop.
            if at >= end {
                return Ok(Searched::NoIndex);
            }
            end = at;
            let Some(block) = self.index_block(at)? else {
                return Ok(Searched::NoIndex);
            };
            let Some(found) = block.entries.iter().find(|entry| entry.max_offset_ns >= offset_ns) else {
                // The whole block lies before the offset. If the last block does, its last chunk will yield nothing.
                best = best.or_else(|| block.entries.last().map(|entry| entry.byte));
                return Ok(Searched::Chunk(best));
            };
            // Before the first stand only parts that are passed over, and that are checked.
            best = (found.number > 0).then_some(found.byte);
            at = block.previous;
        }
        Ok(Searched::Chunk(best))
    }

    pub(super) fn index_block(&mut self, byte: u64) -> Result<Option<IndexBlock>, FileError> {
        self.scanner().jump(byte);
        match self.scanner().step(Content::Skip)?.found {
            Found::Index(block) => Ok(Some(block)),
            _ => Ok(None),
        }
    }

    /// Finds the same chunk by the chunk heads; ends at damage, where reading will report it.
    fn find_by_heads(&mut self, offset_ns: u64) -> Result<Option<u64>, FileError> {
        self.restart(None, offset_ns);
        loop {
            let Step { byte, found } = self.scanner().step(Content::Skip)?;
            match found {
                Found::Chunk(head, _) if head.max_offset_ns < offset_ns => {}
                Found::Index(_) | Found::Ancillary(_) => {}
                _ => return Ok(Some(byte)),
            }
        }
    }
}
