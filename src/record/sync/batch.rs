//! Bytes on their way to the end of a file, by whole blocks.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::recorded::changed;

/// Direct writes begin and end at multiples of this, in the file and in memory. Disks ask for 512 or 4,096.
pub(super) const BLOCK: usize = 4096;
/// So much is gathered for one write at most.
pub(super) const ROOM: usize = 2 << 20;

/// Both ways into one file.
pub(super) struct Ways {
    /// Past the page cache, by whole blocks.
    pub(super) direct: File,
    /// Through it: for the last block, which is seldom whole. What comes next writes it again.
    pub(super) cached: File,
}

/// Bytes for the end of a file, from the beginning of a block on.
#[derive(Debug)]
pub(super) struct Batch {
    memory: Vec<u8>,
    /// Where the bytes begin in `memory`: the address of a block.
    base: usize,
    /// Their number.
    len: usize,
    /// Where they belong in the file.
    at: u64,
    /// So many of them the file has.
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

    /// The first block.
    fn block(&mut self) -> &mut [u8] {
        &mut self.memory[self.base..self.base + BLOCK]
    }

    /// A batch that goes on at the end of a file.
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

    /// Empties the batch to go on behind another, once that is written: with the last part of its blocks.
    pub(super) fn go_on_behind(&mut self, other: &Self) {
        let part = &other.memory[other.base + other.blocks()..other.base + other.len];
        self.block()[..part.len()].copy_from_slice(part);
        self.at = other.at + other.blocks() as u64;
        (self.len, self.done) = (part.len(), part.len());
    }

    /// Takes as many of the bytes as there is room for.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(ROOM - self.len);
        let from = self.base + self.len;
        self.memory[from..from + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
        taken
    }

    /// Gives the file what it does not have.
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

    /// Bytes in whole blocks.
    const fn blocks(&self) -> usize {
        self.len - self.len % BLOCK
    }

    /// What the file does not have …
    pub(super) fn rest(&self) -> &[u8] {
        &self.memory[self.base + self.done..self.base + self.len]
    }

    /// … and where it belongs.
    pub(super) const fn end(&self) -> u64 {
        self.at + self.done as u64
    }
}
