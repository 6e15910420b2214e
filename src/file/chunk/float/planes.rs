//! Division of residuals into planes, which separates compressible from incompressible bits, and the reverse.
//!
//! What is left of a residual above its noise is a small number most of the time: one symbol, which the entropy coder
//! takes once. The few that are larger are escaped, and stand in planes of their own.

use super::{BLOCK, lanes, predict::Word};

/// The division of a stream's residuals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Cut {
    /// Four bytes.
    #[default]
    Bytes,
    /// Two bytes, and the upper 16 bits as a symbol.
    Sixteen,
    /// Two bytes, four bits, and the upper 12 bits as a symbol.
    Twenty,
}

/// The symbol of all numbers from this one on, whose bits are in the planes of escapes.
const ESCAPE: u8 = u8::MAX;

/// The planes of a chunk: the lowest bytes, the second, what is between them and the highest (whole bytes or halves),
/// the highest or the symbols, and the escaped numbers' lower and upper bytes.
pub(super) type Planes = [Vec<u8>; PLANES];
pub(super) const PLANES: usize = 6;

/// Number of planes that every chunk has.
pub(super) const ALWAYS: usize = 4;

impl Cut {
    /// Number of bits below the symbol.
    #[inline]
    pub(super) const fn below(self) -> u32 {
        match self {
            Self::Bytes => 24,
            Self::Sixteen => 16,
            Self::Twenty => 20,
        }
    }

    /// The symbols of the residuals.
    pub(super) fn symbols(self, residuals: &[u32], into: &mut [u8]) {
        lanes::capped(residuals, self.below(), ESCAPE, into);
    }

    /// True for the symbol of an escaped number.
    #[inline]
    pub(super) fn is_escape(self, symbol: u8) -> bool {
        self != Self::Bytes && symbol == ESCAPE
    }

    /// Number of bytes of this many words in the third plane.
    pub(super) const fn middle(self, words: usize) -> usize {
        match self {
            Self::Bytes => words,
            Self::Sixteen => 0,
            Self::Twenty => words.div_ceil(2),
        }
    }
}

/// Appends the residuals of a stream, whose first ones are in the planes already, and returns how many were escaped.
pub(super) fn split(residuals: &[u32], cut: Cut, before: usize, planes: &mut Planes) -> usize {
    let [lowest, second, middle, top, small, large] = planes;
    let len = residuals.len();
    lanes::bytes(residuals, 0, grow(lowest, len));
    lanes::bytes(residuals, 8, grow(second, len));
    let top = grow(top, len);
    match cut {
        Cut::Bytes => {
            lanes::bytes(residuals, 16, grow(middle, len));
            lanes::bytes(residuals, 24, top);
            return 0;
        }
        Cut::Sixteen => {}
        Cut::Twenty => halves(residuals, before, middle),
    }
    cut.symbols(residuals, top);
    let known = small.len();
    each_escape(top, |at| {
        let number = residuals[at] >> cut.below();
        small.push(number as u8);
        large.push((number >> 8) as u8);
    });
    small.len() - known
}

/// Packs bits 16 to 19 of residuals, two to a byte; the first shares a byte with the last of an odd number before.
fn halves(residuals: &[u32], before: usize, middle: &mut Vec<u8>) {
    let half = |residual: u32| (residual >> 16) as u8 & 0xf;
    let (first, rest) = residuals.split_at(residuals.len().min(before % 2));
    if let ([first], Some(last)) = (first, middle.last_mut()) {
        *last |= half(*first) << 4;
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    lanes::halves(pairs, grow(middle, pairs.len()));
    middle.extend(odd.iter().map(|last| half(*last)));
}

/// Adds room for this many bytes.
fn grow(plane: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let known = plane.len();
    plane.resize(known + len, 0);
    &mut plane[known..]
}

/// Calls `f` with the position of each escape, in order.
#[inline]
fn each_escape(symbols: &[u8], mut call: impl FnMut(usize)) {
    let mut masks = [0; BLOCK / 64];
    for (block, symbols) in symbols.chunks(BLOCK).enumerate() {
        lanes::places(symbols, ESCAPE, &mut masks);
        for (group, mask) in masks.iter().enumerate().take(symbols.len().div_ceil(64)) {
            let mut found = *mask;
            while found != 0 {
                call(block * BLOCK + group * 64 + found.trailing_zeros() as usize);
                found &= found - 1;
            }
        }
    }
}

/// The current position of a stream in the planes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Number of words that were read.
    pub(super) read: usize,
    /// Position in the planes that have a byte for each word.
    pub(super) words: usize,
    /// Position in the third plane.
    pub(super) middle: usize,
    /// Positions of the next escape and of the end of the escapes.
    pub(super) escapes: usize,
    pub(super) end: usize,
}

impl Place {
    /// Decodes the next residuals, up to [`BLOCK`] of them, into `into`; `None` when more of them are escaped than the
    /// stream has escapes. The planes must be as long as the place says.
    pub(super) fn join(&mut self, len: usize, cut: Cut, planes: &Planes, into: &mut Vec<Word>) -> Option<()> {
        let [lowest, second, middle, top, small, large] = planes;
        let range = self.words + self.read..self.words + self.read + len;
        let [lowest, second, top] = [lowest, second, top].map(|plane| &plane[range.clone()]);
        let start = into.len();
        into.resize(start + len, Word::default());
        let words = &mut into[start..];
        match cut {
            Cut::Bytes => {
                let middle = &middle[self.middle + self.read..][..len];
                lanes::join([lowest, second, middle, top], [16, 24], words);
            }
            // Nothing is between: the symbols stand for it as well.
            Cut::Sixteen => lanes::join([lowest, second, top, top], [16, 16], words),
            Cut::Twenty => {
                let middle = &middle[self.middle + self.read / 2..];
                // The upper half of the first byte alone, when its lower was read before.
                let odd = (self.read % 2).min(len);
                let mut third = [0; BLOCK + 1];
                let (first, pairs) = third.split_at_mut(odd);
                first.copy_from_slice(&[middle.first().map_or(0, |both| both >> 4)][..odd]);
                lanes::halves_apart(&middle[odd..], pairs.as_chunks_mut().0);
                lanes::join([lowest, second, &third, top], [16, 20], words);
            }
        }
        self.read += len;
        if cut == Cut::Bytes {
            return Some(());
        }
        let (small, large) = (&small[self.escapes..self.end], &large[self.escapes..self.end]);
        let mut numbers = small.iter().zip(large);
        let below = (1 << cut.below()) - 1;
        let mut masks = [0; BLOCK / 64];
        lanes::places(top, ESCAPE, &mut masks);
        for (mask, words) in masks.iter().zip(into[start..].chunks_mut(64)) {
            let mut found = *mask;
            let count = found.count_ones() as usize;
            if count > numbers.len() {
                return None;
            }
            self.escapes += count;
            for (small, large) in numbers.by_ref().take(count) {
                let word = &mut words[found.trailing_zeros() as usize];
                found &= found - 1;
                let number = u32::from(*small) | u32::from(*large) << 8;
                *word = (u32::from_le_bytes(*word) & below | number << cut.below()).to_le_bytes();
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
