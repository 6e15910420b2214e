//! The nominal spacing of rows in a regular stream. How far apart its rows are.

use super::row::{Basis, Irregularity, RowTime, TOLERANCE, TOLERANCE_MS};

/// Timestamps are whole milliseconds: rows that are closer than this cannot be distinguished by them.
const MIN_RESOLVABLE_MS: f64 = 2.0;

/// Rounding to whole milliseconds makes two distances differ by up to this much; what differs more is no rounding.
const ROUNDING_MS: f64 = 1.0;

/// Rows farther apart than this multiple of their duration leave something out.
const APART: f64 = 1.25;

/// The nominal spacing of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nominal {
    /// Time from one start to the next, milliseconds; `None` when nothing tells.
    pub(super) dt_ms: Option<f64>,
    /// Difference from one row number to the next, where rows are numbered.
    step: Option<i64>,
    /// Time from start to end of a row, milliseconds, where rows state it.
    pub(super) duration_ms: Option<f64>,
    /// Whether the spacing is given or measured.
    pub(super) basis: Basis,
}

impl Default for Nominal {
    fn default() -> Self {
        Self {
            dt_ms: None,
            step: None,
            duration_ms: None,
            basis: Basis::Learnt,
        }
    }
}

impl Nominal {
    /// Derives the spacing from some rows and the given values, and whether the two contradict each other: then the
    /// rows are believed.
    ///
    /// Where rows mostly follow each other at the distance of their own length, that is it. Where they follow closer,
    /// they overlap by design, and their distance counts. Where they are mostly farther apart, rows are missing.
    pub(super) fn learn(rows: &[RowTime], known_ms: Option<f64>) -> (Self, Option<Irregularity>) {
        let pairs = || rows.iter().zip(rows.iter().skip(1));
        let step = median(pairs().filter_map(|(a, b)| b.index?.checked_sub(a.index?)));
        let step = step.filter(|step| *step > 0);
        let duration_ms = median(rows.iter().filter_map(|row| row.end_ms?.checked_sub(row.start_ms?)));
        let duration_ms = duration_ms.filter(|ms| *ms > 0).map(|ms| ms as f64);
        let distances: Vec<f64> = pairs().filter_map(|(a, b)| distance(a, b, step)).collect();
        let seen = usual(&distances);
        let learnt = match (seen, duration_ms) {
            (Some(seen), Some(own)) if seen > APART * own => Some(own),
            (Some(seen), _) => Some(seen),
            (None, own) => own,
        };
        let mut nominal = Self {
            dt_ms: learnt.filter(|dt| *dt >= MIN_RESOLVABLE_MS),
            step,
            duration_ms,
            basis: Basis::Learnt,
        };
        let Some(known) = known_ms else { return (nominal, None) };
        let contradiction = learnt.filter(|learnt| !agrees(known, *learnt, duration_ms));
        if let Some(seen_ms) = contradiction {
            let expected_ms = known;
            return (nominal, Some(Irregularity::OtherDt { seen_ms, expected_ms }));
        }
        nominal.dt_ms = Some(known).filter(|dt| *dt >= MIN_RESOLVABLE_MS);
        nominal.basis = Basis::Known;
        (nominal, None)
    }

    /// Distance of two rows, in rows; 1 is right behind it. `None` when nothing tells.
    pub(super) fn rows(&self, from: &RowTime, to: &RowTime) -> Option<f64> {
        if let Some(step) = self.step {
            return Some((to.index?.checked_sub(from.index?)?) as f64 / step as f64);
        }
        Some((to.start_ms?.checked_sub(from.start_ms?)?) as f64 / self.dt_ms?)
    }

    /// Deviation of a row's start from the position right after the other row, milliseconds; positive when late.
    pub(super) fn deviation_ms(&self, from: &RowTime, to: &RowTime) -> Option<f64> {
        let apart = (to.start_ms?.checked_sub(from.start_ms?)?) as f64;
        let rows = self.step.and_then(|_| self.rows(from, to)).unwrap_or(1.0);
        Some(apart - rows * self.dt_ms?)
    }

    /// True when both rows claim the same position.
    pub(super) fn is_twin(&self, old: &RowTime, row: &RowTime) -> bool {
        match self.step {
            Some(_) => old.index == row.index,
            None => old.start_ms == row.start_ms,
        }
    }

    pub(super) fn tolerance_ms(&self) -> f64 {
        TOLERANCE_MS.max(TOLERANCE * self.dt_ms.unwrap_or(0.0))
    }
}

/// True when the given and the measured value are the same; or the rows do not say how long they are, and every other
/// one may be lost.
fn agrees(known: f64, learnt: f64, own: Option<f64>) -> bool {
    let times = own.map_or((learnt / known).round().max(1.0), |_| 1.0);
    (learnt - times * known).abs() <= TOLERANCE_MS.max(TOLERANCE * learnt)
}

/// Time from one start to the next; where rows are numbered, for each number.
fn distance(a: &RowTime, b: &RowTime, step: Option<i64>) -> Option<f64> {
    let apart = b.start_ms?.checked_sub(a.start_ms?)? as f64;
    let rows = match step {
        Some(step) => (b.index?.checked_sub(a.index?)?) as f64 / step as f64,
        None => 1.0,
    };
    (apart > 0.0 && rows > 0.0).then_some(apart / rows)
}

/// The mean of the distances close to their median, which averages out the rounding to whole milliseconds.
fn usual(distances: &[f64]) -> Option<f64> {
    let mut sorted = distances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = *sorted.get(sorted.len() / 2)?;
    // The lower half: holes and pauses only make distances longer.
    let middle = if sorted.len() < 3 { *sorted.first()? } else { middle };
    let near = sorted.iter().filter(|ms| (*ms - middle).abs() <= ROUNDING_MS);
    let (sum, count) = near.fold((0.0, 0.0), |(sum, count), ms| (sum + ms, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn median(numbers: impl Iterator<Item = i64>) -> Option<i64> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}
