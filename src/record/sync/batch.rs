//! Buffered bytes for the end of a file, written in whole blocks.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::recorded::changed;

/// Alignment of direct writes, in the file and in memory. Disks ask for 512 or 4,096.
pub(super) const BLOCK: usize = 4096;
/// Largest size of one write.
pub(super) const ROOM: usize = 2 << 20;

/// Two handles of one file, for direct and for cached writes.
pub(super) struct Ways {
    /// Writes past the page cache, in whole blocks.
    pub(super) direct: File,
    /// Writes through the page cache: for the last block, which is seldom whole. What comes next writes it again.
    pub(super) cached: File,
}

/// Bytes for the end of a file, starting at a block boundary.
#[derive(Debug)]
pub(super) struct Batch {
    memory: Vec<u8>,
    /// Start of the bytes in `memory`: the address of a block.
    base: usize,
    /// Number of bytes.
    len: usize,
    /// Position of the bytes in the file.
    at: u64,
    /// Number of bytes that are written already.
    done: usize,
}

impl Batch {
    pub(super) fn new() -> io::Result<Self> {
        let memory = vec![0; BLOCK + ROOM];
        let base = memory.as_ptr().align_offset(BLOCK);
        let (len, at, done) = (0, 0, 0);
        if base > BLOCK {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self {
            memory,
            base,
            len,
            at,
            done,
        })
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len == ROOM
    }

    /// The bytes of the first block.
    fn block(&mut self) -> &mut [u8] {
        &mut self.memory[self.base..self.base + BLOCK]
    }

    /// A batch that continues at the end of a file.
    pub(super) fn behind(ways: &Ways) -> io::Result<Self> {
        let mut batch = Self::new()?;
        let end = ways.cached.metadata()?.len();
        let part = (end % BLOCK as u64) as usize;
        (batch.at, batch.len, batch.done) = (end - part as u64, part, part);
        // The last block is written again as a whole. The read would go on to the end of the block, which is not there.
        let at = batch.at;
        let read = ways.direct.read_at(batch.block(), at)?;
        if read == part {
            Ok(batch)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Empties the batch to continue after another one, once that is written: with the last part of its blocks.
    pub(super) fn go_on_behind(&mut self, other: &Self) {
        let part = &other.memory[other.base + other.blocks()..other.base + other.len];
        self.block()[..part.len()].copy_from_slice(part);
        self.at = other.at + other.blocks() as u64;
        (self.len, self.done) = (part.len(), part.len());
    }

    /// Takes as many of the bytes as fit.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(ROOM - self.len);
        let from = self.base + self.len;
        self.memory[from..from + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
        taken
    }

    /// Writes the bytes that are not written yet.
    pub(super) fn write(&mut self, ways: &Ways) -> io::Result<()> {
        let found = ways.cached.metadata()?.len();
        if found != self.end() {
            return Err(changed(found, self.end()));
        }
        let blocks = self.blocks();
        if blocks > 0 {
            let blocks = &self.memory[self.base..self.base + blocks];
            ways.direct.write_all_at(blocks, self.at)?;
            self.done = blocks.len();
        }
        ways.cached.write_all_at(self.rest(), self.end())?;
        self.done = self.len;
        Ok(())
    }

    /// Number of bytes in whole blocks.
    const fn blocks(&self) -> usize {
        self.len - self.len % BLOCK
    }

    /// The bytes that are not written yet …
    pub(super) fn rest(&self) -> &[u8] {
        &self.memory[self.base + self.done..self.base + self.len]
    }

    /// … and their position.
    pub(super) const fn end(&self) -> u64 {
        self.at + self.done as u64
    }
}
