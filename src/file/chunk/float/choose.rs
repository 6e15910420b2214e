//! Choice of a predictor by a trial on a sample.

use super::{
    Care, lanes,
    planes::Cut,
    predict::{Mean, Predictor, Word},
};

/// Number of places of a stream that are sampled, and words per place: one in 64 of the stream, which costs a few per
/// cent of the compression, and no more than make the estimates of two predictors differ by less than what either
/// gains.
const PLACES: usize = 4;
const FEWEST_WORDS: usize = 128;
const MOST_WORDS: usize = 512;

/// Bits of an escaped number besides its symbol; they are about as slow to write as they are many.
const ESCAPED: f32 = 14.0;

/// Bits per byte of a plane in which nearly all bytes are the same.
const ALL_ALIKE: f32 = 0.1;

/// Bits per word that must be saved to compress two planes instead of one.
const ONE_PLANE_MORE: f32 = 0.4;

/// A lower byte of the residuals whose sample has more bits than this is noise.
const NOISE: f32 = 7.5;
const LOWER: usize = 2;

/// Mean saving in bits per residual by which a candidate must beat the plain words, so that noise does not decide.
const CLEARLY: f32 = 0.02;

/// Chooses the predictor with the fewest bits for `words`, among the distances of `candidates`, and the cut for its
/// residuals.
pub(super) fn choose(words: &[Word], candidates: &[usize], care: Care, scratch: &mut Vec<u32>) -> (Predictor, Cut) {
    let usable = |lag: &usize| *lag > 0 && *lag <= words.len() / 2;
    let longest = candidates.iter().copied().filter(usable).max().unwrap_or(0);
    let plain = Predictor::default();
    if longest == 0 {
        return (plain, Cut::default());
    }
    let next = candidates
        .iter()
        .copied()
        .filter(|lag| usable(lag) && *lag < longest)
        .max();
    // A slope reaches back by two distances.
    let reach = longest + next.unwrap_or(0);
    let sample = Sample::new(words, if reach <= words.len() / 4 * 3 { reach } else { longest });
    let mut costs: Vec<(u64, usize)> = candidates
        .iter()
        .copied()
        .filter(usable)
        .map(|lag| (sample.bits(lag, scratch), lag))
        .collect();
    costs.sort_unstable();
    costs.dedup();
    let Some((_, best)) = costs.first().copied() else {
        return (plain, Cut::default());
    };
    let shorter = costs.iter().map(|(_, lag)| *lag).find(|lag| *lag < best);
    let alone = Predictor {
        far: best,
        near: shorter.unwrap_or(0),
        mean: Mean::Far,
    };
    let two = |mean| {
        let (_, second) = costs.get(1)?;
        let (far, near) = (best.max(*second), best.min(*second));
        (near > 1).then_some(Predictor { far, near, mean })
    };
    let first = sample.entropy(alone, None, scratch);
    let mut planes = sample.entropy(plain, Some(first), scratch);
    let mut chosen = (plain, planes.iter().sum::<f32>() - CLEARLY);
    for predictor in [Some(alone), two(Mean::Both), two(Mean::Slope)].into_iter().flatten() {
        let found = if predictor == alone {
            first
        } else {
            sample.entropy(predictor, Some(first), scratch)
        };
        let entropy = found.iter().sum();
        if entropy < chosen.1 {
            (chosen, planes) = ((predictor, entropy), found);
        }
    }
    let predictor = chosen.0;
    (predictor, sample.cut(predictor, planes, care, scratch))
}

/// Sampled words, with as many words before each as the longest distance needs.
struct Sample<'a> {
    words: &'a [Word],
    starts: [usize; PLACES],
    len: usize,
}

impl<'a> Sample<'a> {
    fn new(words: &'a [Word], longest: usize) -> Self {
        let room = words.len() - longest;
        let len = (words.len() / 256)
            .clamp(FEWEST_WORDS, MOST_WORDS)
            .min(room.div_ceil(PLACES));
        let last = room - len;
        Self {
            words,
            starts: std::array::from_fn(|place| longest + last * place / (PLACES - 1)),
            len,
        }
    }

    /// Bits of the residuals at a distance, on the first half of each place: enough to rank distances.
    fn bits(&self, lag: usize, residuals: &mut Vec<u32>) -> u64 {
        let predictor = Predictor {
            far: lag,
            ..Predictor::default()
        };
        residuals.clear();
        for start in self.starts {
            predictor.residuals(self.words, start..start + self.len.div_ceil(2), residuals);
        }
        residuals
            .iter()
            .map(|residual| u64::from(32 - residual.leading_zeros()))
            .sum()
    }

    fn residuals(&self, predictor: Predictor, into: &mut Vec<u32>) {
        into.clear();
        for start in self.starts {
            predictor.residuals(self.words, start..start + self.len, into);
        }
    }

    /// Entropy of each of the four bytes of the residuals, in bits per word. A lower byte that is noise with one
    /// predictor is noise with every other, and not counted again.
    fn entropy(&self, predictor: Predictor, other: Option<[f32; 4]>, residuals: &mut Vec<u32>) -> [f32; 4] {
        self.residuals(predictor, residuals);
        let mut bytes = [0; PLACES * MOST_WORDS];
        let bytes = &mut bytes[..residuals.len()];
        std::array::from_fn(|byte| match other {
            Some(other) if byte < LOWER && other[byte] > NOISE => other[byte],
            _ => {
                lanes::bytes(residuals, 8 * byte as u32, bytes);
                entropy(bytes)
            }
        })
    }

    /// The cut with the fewest bits per word, for the given entropy of the bytes.
    fn cut(&self, predictor: Predictor, [.., middle, top]: [f32; 4], care: Care, residuals: &mut Vec<u32>) -> Cut {
        self.residuals(predictor, residuals);
        let stored = |bits: f32, most: f32| if bits > most { 8.0 } else { bits };
        let most = care.most_bits();
        // Symbols that are not all alike are as much work as a plane can be.
        let most_symbols = match care {
            Care::Full => most,
            Care::Little => ALL_ALIKE,
        };
        let mut symbols = [0; PLACES * MOST_WORDS];
        let symbols = &mut symbols[..residuals.len()];
        let mut cost = |cut: Cut| {
            if cut == Cut::Bytes {
                return 16.0 + stored(middle, most) + stored(top, most) + ONE_PLANE_MORE;
            }
            cut.symbols(residuals, symbols);
            let escapes = symbols.iter().filter(|symbol| cut.is_escape(**symbol)).count();
            let share = escapes as f32 / residuals.len().max(1) as f32;
            cut.below() as f32 + stored(entropy(symbols), most_symbols) + share * ESCAPED
        };
        let costs = [Cut::Sixteen, Cut::Twenty, Cut::Bytes].map(|cut| (cost(cut), cut));
        let least = costs.into_iter().min_by(|(one, _), (other, _)| one.total_cmp(other));
        least.map_or(Cut::default(), |(_, cut)| cut)
    }
}

/// Entropy in bits per byte.
pub(super) fn entropy(bytes: &[u8]) -> f32 {
    // Four tables in turn: to count one byte many times over is to wait for each count before the next.
    let mut counts = [[0_u32; 256]; 4];
    let (fours, rest) = bytes.as_chunks::<4>();
    for four in fours {
        for (counts, byte) in counts.iter_mut().zip(four) {
            counts[usize::from(*byte)] += 1;
        }
    }
    for byte in rest {
        counts[0][usize::from(*byte)] += 1;
    }
    let len = bytes.len().max(1) as u32;
    lanes::log2(len) - lanes::bits_of_counts(&counts) / len as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_close_enough_for_a_choice() {
        for value in (1..100_000).chain([u32::MAX / 2, u32::MAX]) {
            let exact = f64::from(value).log2();
            assert!((f64::from(lanes::log2(value)) - exact).abs() < 2e-4, "{value}");
        }
    }

    #[test]
    fn entropy_is_that_of_order_zero() {
        let all: Vec<_> = (0..=255_u8).cycle().take(4099).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-3);
        assert!((entropy(&[1, 1, 2, 2]) - 1.0).abs() < 1e-6);
        assert!(entropy(&[7; 100]).abs() < 1e-3);
        assert!(entropy(&[]).abs() < 1e-6);
    }
}
