//! Prediction of numbers from earlier ones, on their 32-bit patterns, and the reverse.

use std::ops::Range;

pub(super) use super::lanes::Word;
use super::lanes::{self, unfold, value};

/// The predictor of a stream of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Predictor {
    /// Distance in words to the predicting word: usually the same bin of the same sensor one row before. 0 = words stay
    /// as they are.
    pub(super) far: usize,
    /// A shorter distance, for the first words, which have no word at `far`; 0 = there is none.
    pub(super) near: usize,
    /// Whether `near` is used after the first words too.
    pub(super) mean: Mean,
}

/// Whether the word at `far` alone predicts, or the words at both distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mean {
    #[default]
    Far,
    /// The mean of both, rounded down from `far`'s side.
    Both,
    /// Prediction by slope: `near`, plus the change that its own word at `far` had: what changes for all neighbours
    /// alike.
    Slope,
}

/// How the words of one range are predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Plain,
    Lag(usize),
    Both(usize, usize),
    Slope(usize, usize),
}

impl Predictor {
    /// Splits `range` into parts that are predicted in one way each.
    fn phases(self, range: &Range<usize>) -> [(Phase, Range<usize>); 5] {
        let Self { far, near, mean } = self;
        let clamp = |at: usize| at.clamp(range.start, range.end);
        if far == 0 {
            let none = (Phase::Plain, range.end..range.end);
            return [
                (Phase::Plain, range.clone()),
                none.clone(),
                none.clone(),
                none.clone(),
                none,
            ];
        }
        let first = clamp(1);
        let warm = clamp(if near == 0 { far } else { near.min(far) });
        let cold = clamp(far);
        let (full, whole) = match mean {
            Mean::Both if near > 0 => (Phase::Both(far, near), cold),
            Mean::Slope if near > 0 => (Phase::Slope(far, near), clamp(far.saturating_add(near))),
            _ => (Phase::Lag(far), cold),
        };
        [
            (Phase::Plain, range.start..first),
            (Phase::Lag(1), first..warm),
            (Phase::Lag(near), warm..cold),
            (Phase::Lag(far), cold..whole),
            (full, whole..range.end),
        ]
    }

    /// Appends the residuals of the words in `range` to `into`.
    pub(super) fn residuals(self, words: &[Word], range: Range<usize>, into: &mut Vec<u32>) {
        for (phase, range) in self.phases(&range) {
            if range.is_empty() {
                continue;
            }
            let start = into.len();
            into.resize(start + range.len(), 0);
            let into = &mut into[start..];
            let now = &words[range.clone()];
            let past = |lag: usize| &words[range.start - lag..range.end - lag];
            match phase {
                Phase::Plain => into.iter_mut().zip(now).for_each(|(slot, now)| *slot = value(now)),
                Phase::Lag(lag) => lanes::differences(now, past(lag), into),
                Phase::Both(far, near) => lanes::differences_from_mean(now, past(far), past(near), into),
                Phase::Slope(far, near) => {
                    lanes::differences_from_slope(now, past(far), past(near), past(far + near), into);
                }
            }
        }
    }

    /// Replaces the residuals in `range` of `words` by the words.
    pub(super) fn restore(self, words: &mut [Word], range: Range<usize>) {
        for (phase, range) in self.phases(&range) {
            match phase {
                Phase::Plain => {}
                Phase::Lag(lag) if lag < BLOCK => serial(words, range, lag),
                Phase::Lag(lag) => blocks(words, range, lag, |past, start, now| {
                    lanes::restore(now, &past[start - lag..]);
                }),
                Phase::Both(far, near) => blocks(words, range, far.min(near), |past, start, now| {
                    lanes::restore_from_mean(now, &past[start - far..], &past[start - near..]);
                }),
                Phase::Slope(far, near) => blocks(words, range, far.min(near), |past, start, now| {
                    let both = &past[start - far - near..];
                    lanes::restore_from_slope(now, &past[start - far..], &past[start - near..], both);
                }),
            }
        }
    }
}

/// Shortest distance for a loop over blocks, which the compiler vectorizes.
const BLOCK: usize = 8;

fn serial(words: &mut [Word], range: Range<usize>, lag: usize) {
    let Some(history) = range
        .start
        .checked_sub(lag)
        .and_then(|from| words.get_mut(from..range.end))
    else {
        return;
    };
    if lag == 1 {
        let [first, rest @ ..] = history else { return };
        let mut past = value(first);
        for slot in rest {
            past = past.wrapping_add(unfold(value(slot)));
            *slot = past.to_le_bytes();
        }
        return;
    }
    for at in lag..history.len() {
        let word = unfold(value(&history[at])).wrapping_add(value(&history[at - lag]));
        history[at] = word.to_le_bytes();
    }
}

/// Visits `range` in pieces no longer than `most`, each with the words before it and its position.
fn blocks(words: &mut [Word], range: Range<usize>, most: usize, each: impl Fn(&[Word], usize, &mut [Word])) {
    let mut start = range.start;
    while start < range.end {
        let (past, now) = words.split_at_mut(start);
        let len = most.min(range.end - start);
        each(past, start, &mut now[..len]);
        start += len;
    }
}

#[cfg(test)]
mod tests;
