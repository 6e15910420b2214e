//! Choice of a predictor, by trying on a sample.

use super::predict::{Mean, Predictor, Word};

/// Places of a stream that are tried, and words at each: enough that the estimates of two predictors differ by less
/// than what either gains, and few enough to cost a few per cent of the compression.
const PLACES: usize = 4;
const WORDS: usize = 512;

/// Mean bits per residual below which a candidate must beat the plain words, so that noise does not decide.
const CLEARLY: f32 = 0.02;

/// The predictor that makes `words` smallest, out of distances that `candidates` proposes.
pub(super) fn choose(words: &[Word], candidates: &[usize], scratch: &mut Vec<u32>) -> Predictor {
    let usable = |lag: &usize| *lag > 0 && *lag <= words.len() / 2;
    let longest = candidates.iter().copied().filter(usable).max().unwrap_or(0);
    let plain = Predictor::default();
    if longest == 0 {
        return plain;
    }
    let sample = Sample::new(words, longest);
    let mut costs: Vec<(u64, usize)> = candidates
        .iter()
        .copied()
        .filter(usable)
        .map(|lag| (sample.bits(lag), lag))
        .collect();
    costs.sort_unstable();
    costs.dedup();
    let Some((_, best)) = costs.first().copied() else {
        return plain;
    };
    let shorter = costs.iter().map(|(_, lag)| *lag).find(|lag| *lag < best);
    let alone = Predictor {
        far: best,
        near: shorter.unwrap_or(0),
        mean: Mean::Far,
    };
    let both = costs.get(1).map(|(_, second)| Predictor {
        far: best.max(*second),
        near: best.min(*second),
        mean: Mean::Both,
    });
    let mut chosen = (plain, sample.entropy(plain, scratch) - CLEARLY);
    for predictor in [Some(alone), both.filter(|both| both.near > 1)].into_iter().flatten() {
        let entropy = sample.entropy(predictor, scratch);
        if entropy < chosen.1 {
            chosen = (predictor, entropy);
        }
    }
    chosen.0
}

/// Some words, with as many before each as the longest distance needs.
struct Sample<'a> {
    words: &'a [Word],
    starts: [usize; PLACES],
    len: usize,
}

impl<'a> Sample<'a> {
    fn new(words: &'a [Word], longest: usize) -> Self {
        let room = words.len() - longest;
        let len = WORDS.min(room.div_ceil(PLACES));
        let last = room - len;
        Self {
            words,
            starts: std::array::from_fn(|place| longest + last * place / (PLACES - 1)),
            len,
        }
    }

    /// Bits that the residuals of a distance need.
    fn bits(&self, lag: usize) -> u64 {
        let predictor = Predictor {
            far: lag,
            ..Predictor::default()
        };
        let mut residuals = Vec::with_capacity(WORDS);
        let bits = self.starts.iter().map(|start| {
            residuals.clear();
            predictor.residuals(self.words, *start..*start + self.len, &mut residuals);
            residuals
                .iter()
                .map(|residual| u64::from(32 - residual.leading_zeros()))
                .sum::<u64>()
        });
        bits.sum()
    }

    /// Bits per word that the planes of the residuals need.
    fn entropy(&self, predictor: Predictor, residuals: &mut Vec<u32>) -> f32 {
        residuals.clear();
        for start in self.starts {
            predictor.residuals(self.words, start..start + self.len, residuals);
        }
        let plane = |byte: usize| entropy(residuals.iter().map(|residual| (residual >> (8 * byte)) as u8));
        (0..4).map(plane).sum()
    }
}

/// Bits per byte.
pub(super) fn entropy(bytes: impl Iterator<Item = u8>) -> f32 {
    let mut counts = [0_u32; 256];
    let mut len = 0_u32;
    for byte in bytes {
        counts[usize::from(byte)] += 1;
        len += 1;
    }
    let total = len as f32;
    let seen = counts.iter().filter(|count| **count > 0).map(|count| *count as f32);
    seen.map(|count| count * (total / count).log2()).sum::<f32>() / total.max(1.0)
}
