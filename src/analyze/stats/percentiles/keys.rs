//! The keys of a sensor, all of them.

use super::{
    blocks::{Blocks, NUMBERS},
    lanes,
};

/// A list of keys; its blocks are full but for the last.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    blocks: Vec<u32>,
    len: usize,
}

impl Keys {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Adds the keys of finite values.
    pub(super) fn add(&mut self, mut values: &[f32], blocks: &mut Blocks) {
        while !values.is_empty() {
            let used = self.len % NUMBERS;
            if used == 0 {
                self.blocks.push(blocks.take());
            }
            let Some(last) = self.blocks.last() else { return };
            let (now, later) = values.split_at(values.len().min(NUMBERS - used));
            lanes::keys(now, &mut blocks.at(*last)[used..]);
            self.len += now.len();
            values = later;
        }
    }

    /// The keys, block by block.
    pub(super) fn runs<'a>(&'a self, blocks: &'a Blocks) -> impl Iterator<Item = &'a [u32]> {
        let filled = |at: usize| NUMBERS.min(self.len - at * NUMBERS);
        let runs = self.blocks.iter().enumerate();
        runs.map(move |(at, number)| &blocks.get(*number)[..filled(at)])
    }

    /// Hands the keys on, block by block; each block is free by then.
    pub(super) fn drain(self, blocks: &mut Blocks, mut take: impl FnMut(&[u32], &mut Blocks)) {
        let mut left = self.len;
        for number in self.blocks {
            let keys = *blocks.get(number);
            blocks.give(number);
            take(&keys[..left.min(NUMBERS)], blocks);
            left = left.saturating_sub(NUMBERS);
        }
    }
}
