//! How often the keys of a sensor came, by their upper halves.

use std::collections::BTreeMap;

use super::blocks::{Blocks, NUMBERS};

/// Keys that are counted before counts move to where there is more room: a count in a block has 32 bits.
const MOST_IN_BLOCKS: u64 = u32::MAX as u64;

/// Counts by the upper half of a key. Its upper byte chooses a page, the lower one a place in it; a page exists once
/// something falls into it.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// The block that names the page of each upper byte, 0 for none; 0 before the first key.
    table: u32,
    count: u64,
    /// Keys whose counts are in the pages.
    in_blocks: u64,
    most_in_blocks: u64,
    /// The counts of the others.
    moved: BTreeMap<u16, u64>,
    /// The smallest and the largest key, so that no percentile lies beyond them.
    extremes: Option<(u32, u32)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self::moving(MOST_IN_BLOCKS)
    }
}

impl Counts {
    /// Counts of which no more than so many are in pages.
    pub(super) const fn moving(most_in_blocks: u64) -> Self {
        Self {
            table: 0,
            count: 0,
            in_blocks: 0,
            most_in_blocks,
            moved: BTreeMap::new(),
            extremes: None,
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn extremes(&self) -> Option<(u32, u32)> {
        self.extremes
    }

    /// Counts keys by their upper halves; `extremes` are their smallest and their largest. Blocks are taken out of `room`;
    /// when that does not suffice, gives how many keys were counted.
    pub(super) fn add(
        &mut self,
        halves: &[u16],
        extremes: (u32, u32),
        blocks: &mut Blocks,
        room: &mut usize,
    ) -> Result<(), usize> {
        if self.in_blocks.saturating_add(halves.len() as u64) > self.most_in_blocks {
            self.move_counts(blocks);
        }
        let (min, max) = self.extremes.unwrap_or(extremes);
        self.extremes = Some((min.min(extremes.0), max.max(extremes.1)));
        if self.table == 0 {
            self.table = take(blocks, room).ok_or(0_usize)?;
        }
        let mut counted = 0;
        // Neighbours mostly fall into one page.
        for run in halves.chunk_by(|one, next| one >> 8 == next >> 8) {
            let upper = run.first().map_or(0, |half| usize::from(half >> 8));
            let mut page = blocks.get(self.table)[upper];
            if page == 0 {
                let Some(new) = take(blocks, room) else {
                    self.counted(counted);
                    return Err(counted);
                };
                blocks.at(self.table)[upper] = new;
                page = new;
            }
            let counts = blocks.at(page);
            for half in run {
                counts[usize::from(*half as u8)] += 1;
            }
            counted += run.len();
        }
        self.counted(counted);
        Ok(())
    }

    fn counted(&mut self, keys: usize) {
        self.count += keys as u64;
        self.in_blocks += keys as u64;
    }

    /// Each upper half that came, and how often, in order.
    pub(super) fn iter<'a>(&'a self, blocks: &'a Blocks) -> impl Iterator<Item = (u16, u64)> + 'a {
        let pages = self.pages(blocks);
        let in_pages = pages.flat_map(move |(upper, page)| {
            let counts = (0..=u8::MAX).zip(blocks.get(page));
            counts.map(move |(lower, count)| (u16::from_be_bytes([upper, lower]), u64::from(*count)))
        });
        let with_moved = in_pages.map(|(half, count)| (half, count + self.moved.get(&half).copied().unwrap_or(0)));
        with_moved.filter(|(_, count)| *count > 0)
    }

    fn pages<'a>(&self, blocks: &'a Blocks) -> impl Iterator<Item = (u8, u32)> + 'a {
        let table = (self.table > 0).then(|| blocks.get(self.table));
        let numbered = table.into_iter().flat_map(|table| (0..=u8::MAX).zip(table));
        numbered.filter_map(|(upper, page)| (*page > 0).then_some((upper, *page)))
    }

    /// Moves counts out of the pages, which stay.
    fn move_counts(&mut self, blocks: &mut Blocks) {
        self.moved = self.iter(blocks).collect();
        let pages: Vec<_> = self.pages(blocks).collect();
        for (_, page) in pages {
            *blocks.at(page) = [0; NUMBERS];
        }
        self.in_blocks = 0;
    }

    /// Moves its blocks down among the first `used`.
    pub(super) fn move_down(&mut self, blocks: &mut Blocks, used: usize) {
        if self.table == 0 {
            return;
        }
        self.table = blocks.move_down(self.table, used);
        for upper in 0..NUMBERS {
            let page = blocks.get(self.table)[upper];
            if page > 0 {
                let moved = blocks.move_down(page, used);
                blocks.at(self.table)[upper] = moved;
            }
        }
    }

    /// Gives the blocks back.
    pub(super) fn give_back(self, blocks: &mut Blocks, room: &mut usize) {
        let pages = self.pages(blocks).map(|(_, page)| page);
        let table = (self.table > 0).then_some(self.table);
        let all: Vec<_> = pages.chain(table).collect();
        *room += all.len();
        for block in all {
            blocks.give(block);
        }
    }
}

/// A block for counts; `None` when there is no room for one.
fn take(blocks: &mut Blocks, room: &mut usize) -> Option<u32> {
    *room = room.checked_sub(1)?;
    Some(blocks.take())
}
