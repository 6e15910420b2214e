//! Blocks of 32-bit numbers, from which sensors take what they need: as a list of keys first, as counts later.

/// Numbers in a block, which takes 1 KiB.
pub(super) const NUMBERS: usize = 256;

/// A block.
pub(super) type Block = [u32; NUMBERS];

/// The blocks that exist, and those of them that nobody uses. A block is known by its number; there is no block 0.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    free: Vec<u32>,
}

impl Blocks {
    pub(super) const fn new() -> Self {
        Self {
            blocks: Vec::new(),
            free: Vec::new(),
        }
    }

    /// A block of zeros.
    pub(super) fn take(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.at(number) = [0; NUMBERS];
            return number;
        }
        self.blocks.push([0; NUMBERS]);
        // Four billion blocks do not fit into any memory.
        self.blocks.len() as u32
    }

    /// Gives a block back.
    pub(super) fn give(&mut self, number: u32) {
        self.free.push(number);
    }

    /// Blocks that are in use.
    pub(super) const fn used(&self) -> usize {
        self.blocks.len() - self.free.len()
    }

    /// Moves a block that is in use into one that is not and lies before it, until all that are in use lie side by side;
    /// gives its number from now on. [`shrink`](Self::shrink) gives the memory behind them back.
    pub(super) fn move_down(&mut self, number: u32, used: usize) -> u32 {
        if number as usize <= used {
            return number;
        }
        while let Some(free) = self.free.pop() {
            if free as usize <= used {
                self.blocks
                    .copy_within(number as usize - 1..number as usize, free as usize - 1);
                return free;
            }
        }
        number
    }

    /// Gives the memory behind the first blocks back, which are all that are in use.
    pub(super) fn shrink(&mut self, used: usize) {
        self.free = Vec::new();
        self.blocks.truncate(used);
        self.blocks.shrink_to_fit();
    }

    /// Blocks that exist.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.blocks.len()
    }

    /// A block that was taken.
    pub(super) fn at(&mut self, number: u32) -> &mut Block {
        &mut self.blocks[number as usize - 1]
    }

    /// A block that was taken, to read.
    pub(super) fn get(&self, number: u32) -> &Block {
        &self.blocks[number as usize - 1]
    }
}
