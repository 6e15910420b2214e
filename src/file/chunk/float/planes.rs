//! Residuals divided among planes, so that what can be compressed stands apart from what cannot, and the way back.
//!
//! What is left of a residual above its noise is a small number most of the time: one symbol, which the entropy coder
//! takes once. The few that are larger are escaped, and stand in planes of their own.

use super::{BLOCK, predict::Word};

/// How the residuals of a stream are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Cut {
    /// Into four bytes.
    #[default]
    Bytes,
    /// Into two bytes, and the upper 16 bits as a symbol.
    Sixteen,
    /// Into two bytes, four bits, and the upper 12 bits as a symbol.
    Twenty,
}

/// The symbol of all numbers from this one on, which stand in the planes of escapes.
const ESCAPE: u8 = u8::MAX;

/// Planes of a chunk: the lowest bytes, the second, what is between them and the highest (whole bytes or halves), the
/// highest or the symbols, and the escaped numbers' lower and upper bytes.
pub(super) type Planes = [Vec<u8>; PLANES];
pub(super) const PLANES: usize = 6;

/// Those that every chunk has.
pub(super) const ALWAYS: usize = 4;

impl Cut {
    /// Bits below the symbol.
    #[inline]
    pub(super) const fn below(self) -> u32 {
        match self {
            Self::Bytes => 24,
            Self::Sixteen => 16,
            Self::Twenty => 20,
        }
    }

    /// A residual's symbol.
    #[inline]
    pub(super) fn symbol(self, residual: u32) -> u8 {
        (residual >> self.below()).min(u32::from(ESCAPE)) as u8
    }

    /// True for the symbol of what stands elsewhere.
    #[inline]
    pub(super) fn is_escape(self, symbol: u8) -> bool {
        self != Self::Bytes && symbol == ESCAPE
    }

    /// Bytes that so many words have in the third plane.
    pub(super) const fn middle(self, words: usize) -> usize {
        match self {
            Self::Bytes => words,
            Self::Sixteen => 0,
            Self::Twenty => words.div_ceil(2),
        }
    }
}

/// Appends residuals of a stream, of which so many stand in the planes already; how many of them were escaped.
pub(super) fn split(residuals: &[u32], cut: Cut, before: usize, planes: &mut Planes) -> usize {
    let [lowest, second, middle, top, small, large] = planes;
    extend(lowest, residuals, |residual| residual as u8);
    extend(second, residuals, |residual| (residual >> 8) as u8);
    match cut {
        Cut::Bytes => {
            extend(middle, residuals, |residual| (residual >> 16) as u8);
            extend(top, residuals, |residual| (residual >> 24) as u8);
            return 0;
        }
        Cut::Sixteen => extend(top, residuals, |residual| Cut::Sixteen.symbol(residual)),
        Cut::Twenty => {
            extend(top, residuals, |residual| Cut::Twenty.symbol(residual));
            halves(residuals, before, middle);
        }
    }
    let symbols = &top[top.len() - residuals.len()..];
    let known = small.len();
    let mut numbers = [0_u16; 64];
    let mut count = 0;
    each_escape(symbols, |at| {
        numbers[count] = (residuals[at] >> cut.below()) as u16;
        count += 1;
        if count == numbers.len() {
            escape(&numbers, small, large);
            count = 0;
        }
    });
    escape(&numbers[..count], small, large);
    small.len() - known
}

/// Appends bits 16 to 19 of residuals, two to a byte; the first shares a byte with the last of an odd number before.
fn halves(residuals: &[u32], before: usize, middle: &mut Vec<u8>) {
    let half = |residual: u32| (residual >> 16) as u8 & 0xf;
    let (first, rest) = residuals.split_at(residuals.len().min(before % 2));
    if let ([first], Some(last)) = (first, middle.last_mut()) {
        *last |= half(*first) << 4;
    }
    let (groups, rest) = rest.as_chunks::<32>();
    for group in groups {
        let apart = group.map(half);
        let pairs: [u16; 16] = std::array::from_fn(|at| u16::from_le_bytes([apart[2 * at], apart[2 * at + 1]]));
        middle.extend_from_slice(&pairs.map(|pair| (pair | pair >> 4) as u8));
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    middle.extend(pairs.iter().map(|[even, odd]| half(*even) | half(*odd) << 4));
    middle.extend(odd.iter().map(|last| half(*last)));
}

fn escape(numbers: &[u16], small: &mut Vec<u8>, large: &mut Vec<u8>) {
    small.extend(numbers.iter().map(|number| *number as u8));
    large.extend(numbers.iter().map(|number| (number >> 8) as u8));
}

/// Appends what `byte` makes of each residual, sixteen at a time: as many as a wide store takes.
#[inline]
fn extend(plane: &mut Vec<u8>, residuals: &[u32], byte: impl Fn(u32) -> u8) {
    let (groups, rest) = residuals.as_chunks::<16>();
    for group in groups {
        plane.extend_from_slice(&group.map(&byte));
    }
    plane.extend(rest.iter().map(|residual| byte(*residual)));
}

/// Calls with the place of each escape, in order.
#[inline]
fn each_escape(symbols: &[u8], mut call: impl FnMut(usize)) {
    for (group, symbols) in symbols.chunks(64).enumerate() {
        let mut found = escapes(symbols);
        while found != 0 {
            call(group * 64 + found.trailing_zeros() as usize);
            found &= found - 1;
        }
    }
}

/// A bit for each of up to 64 symbols: whether it is an escape.
#[inline]
fn escapes(symbols: &[u8]) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    /// Moves the lowest bits of eight bytes into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // Where there are few, most groups have none.
    if symbols.iter().fold(0, |most, symbol| most.max(*symbol)) < ESCAPE {
        return 0;
    }
    let (eights, rest) = symbols.as_chunks::<8>();
    let mut found = 0;
    for (eight, bytes) in eights.iter().enumerate() {
        // The upper bit of each byte that is all ones.
        let word = u64::from_le_bytes(*bytes);
        let ones = ((word & LOW) + ONES) & word & !LOW;
        found |= ((ones >> 7).wrapping_mul(GATHER) >> 56) << (eight * 8);
    }
    for (at, symbol) in rest.iter().enumerate() {
        found |= u64::from(*symbol == ESCAPE) << (eights.len() * 8 + at);
    }
    found
}

/// Where a stream goes on in the planes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Words of it that were read.
    pub(super) read: usize,
    /// Where it begins in the planes that have a byte for each word.
    pub(super) words: usize,
    /// Where it begins in the third.
    pub(super) middle: usize,
    /// The next of its escapes, and the end of them.
    pub(super) escapes: usize,
    pub(super) end: usize,
}

impl Place {
    /// Appends the next residuals, up to [`BLOCK`] of them, to `into`; `None` when more of them are escaped than the stream
    /// has escapes. The planes must be as long as the place says.
    pub(super) fn join(&mut self, len: usize, cut: Cut, planes: &Planes, into: &mut Vec<Word>) -> Option<()> {
        let [lowest, second, middle, top, small, large] = planes;
        let range = self.words + self.read..self.words + self.read + len;
        let [lowest, second, top] = [lowest, second, top].map(|plane| &plane[range.clone()]);
        let start = into.len();
        let (mut lower, mut upper) = ([0_u16; BLOCK], [0_u16; BLOCK]);
        for (lower, both) in lower.iter_mut().zip(lowest.iter().zip(second)) {
            *lower = u16::from_le_bytes([*both.0, *both.1]);
        }
        match cut {
            Cut::Bytes => {
                let middle = &middle[self.middle + self.read..][..len];
                for (upper, both) in upper.iter_mut().zip(middle.iter().zip(top)) {
                    *upper = u16::from_le_bytes([*both.0, *both.1]);
                }
            }
            Cut::Sixteen => upper
                .iter_mut()
                .zip(top)
                .for_each(|(upper, top)| *upper = u16::from(*top)),
            Cut::Twenty => {
                let middle = &middle[self.middle + self.read / 2..];
                // The upper half of the first byte alone, when its lower was read before.
                let odd = (self.read % 2).min(len);
                let mut third = [0; BLOCK + 1];
                let (first, pairs) = third.split_at_mut(odd);
                first.copy_from_slice(&[middle.first().map_or(0, |both| both >> 4)][..odd]);
                for (pair, both) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(&middle[odd..]) {
                    *pair = [both & 0xf, both >> 4];
                }
                for (upper, (top, half)) in upper.iter_mut().zip(top.iter().zip(&third)) {
                    *upper = u16::from(*top) << 4 | u16::from(*half);
                }
            }
        }
        let halves = lower.iter().zip(&upper).take(len);
        into.extend(halves.map(|(lower, upper)| (u32::from(*lower) | u32::from(*upper) << 16).to_le_bytes()));
        self.read += len;
        if cut == Cut::Bytes {
            return Some(());
        }
        let (small, large) = (&small[self.escapes..self.end], &large[self.escapes..self.end]);
        let mut numbers = small.iter().zip(large);
        let below = (1 << cut.below()) - 1;
        for (symbols, words) in top.chunks(64).zip(into[start..].chunks_mut(64)) {
            let mut found = escapes(symbols);
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
