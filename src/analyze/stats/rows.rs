//! Timing of the rows, by their own timestamps: durations, gaps, overlaps, what is missing.

mod follow;

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::Counts;
use crate::das::spectrogram::Row;
use follow::{Follow, Step};

/// Row durations that are listed, the most frequent first.
pub(crate) const MAX_LISTED_DURATIONS: usize = 8;

/// Timing of the rows, by their own timestamps. Rows are compared with the row before them in their call; a call's last
/// row and another call's first are not.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RowTiming {
    /// Rows with a timestamp.
    pub timed: u64,
    /// Rows without one, or with 0 as start and as end.
    pub untimed: u64,
    /// The earliest start, milliseconds since the Unix epoch.
    pub first_start_ms: Option<i64>,
    /// The latest end (of a row without an end: its start), milliseconds since the Unix epoch.
    pub last_end_ms: Option<i64>,
    /// Time from the earliest start to the latest end.
    pub span_ms: Option<i64>,
    /// Nominal time from one row to the next; gaps are counted in it.
    pub lines_dt_ms: Option<f64>,
    /// Source of that time.
    pub lines_dt_from: Option<LinesDt>,
    /// Durations of rows, end − start; `None` when no row has an end after its start.
    pub duration_ms: Option<Spread>,
    /// The most frequent durations, at most [`MAX_LISTED_DURATIONS`].
    pub durations: Vec<Duration>,
    /// Time from the start of a row to the start of the next.
    pub step_ms: Option<Spread>,
    /// Time between a row's end and the next row's start. Rows without an end are taken to last
    /// [`lines_dt_ms`](Self::lines_dt_ms).
    pub gaps: Breaks,
    /// Time by which rows overlap.
    pub overlaps: Breaks,
    /// Rows that repeat an earlier row: start, end and row number as one of the last 64 rows of the call.
    pub duplicates: u64,
    /// Rows that begin before the row before them, duplicates not included.
    pub late: u64,
    /// Times the clock went back so far that a new count began.
    pub clock_steps: u64,
    /// Rows that are missing, estimated: gaps in units of [`lines_dt_ms`](Self::lines_dt_ms), rounded, without the rows
    /// that came late.
    pub dropped: u64,
    /// How much of the requested time the rows cover; `None` for a live job, and where the request is not in the
    /// capture.
    pub completeness: Option<Completeness>,
}

/// Source of the nominal time from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinesDt {
    /// The `lines_dt` of the configure response.
    Configure,
    /// The median duration of the rows.
    Duration,
    /// The median time from start to start.
    Step,
}

/// Smallest, median and largest of several durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The shortest.
    pub min: i64,
    /// The median; of two in the middle the shorter.
    pub median: i64,
    /// The longest.
    pub max: i64,
}

impl Spread {
    fn of(counts: &Counts) -> Option<Self> {
        Some(Self {
            min: counts.min()?,
            median: counts.median()?,
            max: counts.max()?,
        })
    }
}

/// A row duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duration {
    /// The duration.
    pub ms: i64,
    /// Rows with this duration.
    pub rows: u64,
}

/// Gaps or overlaps of at least one millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Breaks {
    /// Number of gaps or overlaps.
    pub count: u64,
    /// Their total length.
    pub total_ms: f64,
    /// The longest.
    pub longest_ms: f64,
}

impl Breaks {
    fn add(&mut self, ms: f64, count: u64) {
        self.count += count;
        self.total_ms += ms * count as f64;
        self.longest_ms = self.longest_ms.max(ms);
    }
}

/// How much of the requested time the rows cover.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Completeness {
    /// Start of the requested time, seconds since the Unix epoch.
    pub asked_start_s: i64,
    /// End of the requested time.
    pub asked_end_s: i64,
    /// Length of the requested time, for all spectrogram calls together.
    pub asked_ms: f64,
    /// Time of rows within the requested time; duplicates do not count.
    pub covered_ms: f64,
    /// The share of the requested time that is covered, 0 to 1.
    pub fraction: f64,
}

/// The header's statements about rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestedTime {
    /// First and last second of the requested time.
    pub(super) window_s: Option<(i64, i64)>,
    pub(super) lines_dt_s: Option<f64>,
}

/// Row timing under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    asked: RequestedTime,
    found: RowTiming,
    calls: u64,
    open: BTreeMap<u32, Follow>,
    durations: Counts,
    steps: Counts,
    /// Time from a row's end to the next row's start.
    joints: Counts,
    /// Steps after a row without an end.
    open_steps: Counts,
    /// Time covered within the requested time: milliseconds of rows with an end, and rows without.
    covered: (i64, u64),
}

impl Rows {
    pub(super) fn new(asked: RequestedTime) -> Self {
        Self {
            asked,
            ..Self::default()
        }
    }

    pub(super) fn start(&mut self, call: u32) {
        self.calls += 1;
        self.open.insert(call, Follow::default());
    }

    pub(super) fn end(&mut self, call: u32) {
        self.open.remove(&call);
    }

    pub(super) fn row(&mut self, call: u32, row: &Row<'_>) {
        let start = match (row.start_ms, row.end_ms) {
            (None, _) | (Some(0), Some(0)) => {
                self.found.untimed += 1;
                return;
            }
            (Some(start), _) => start,
        };
        let end = row.end_ms.filter(|end| *end > start);
        let found = &mut self.found;
        found.timed += 1;
        found.first_start_ms = Some(found.first_start_ms.map_or(start, |first| first.min(start)));
        found.last_end_ms = found.last_end_ms.max(Some(end.unwrap_or(start)));
        if let Some(end) = end {
            self.durations.add(end.saturating_sub(start));
        }
        match self.open.entry(call).or_default().step(start, end, row.index) {
            Step::Duplicate => {
                found.duplicates += 1;
                return;
            }
            Step::Late => found.late += 1,
            Step::ClockBack => found.clock_steps += 1,
            Step::First => {}
            Step::Next { step_ms, joint_ms } => {
                self.steps.add(step_ms);
                match joint_ms {
                    Some(joint) => self.joints.add(joint),
                    None => self.open_steps.add(step_ms),
                }
            }
        }
        self.cover(start, end);
    }

    fn cover(&mut self, start: i64, end: Option<i64>) {
        let Some((from_s, to_s)) = self.asked.window_s else {
            return;
        };
        let (from, to) = (from_s.saturating_mul(1000), to_s.saturating_mul(1000));
        match end {
            Some(end) => {
                let within = end.min(to).saturating_sub(start.max(from)).max(0);
                self.covered.0 = self.covered.0.saturating_add(within);
            }
            None => self.covered.1 += u64::from((from..to).contains(&start)),
        }
    }

    pub(super) fn finish(mut self) -> RowTiming {
        let duration_ms = Spread::of(&self.durations);
        let step_ms = Spread::of(&self.steps);
        let configured = self.asked.lines_dt_s.filter(|s| *s > 0.0 && s.is_finite());
        let nominal = configured
            .map(|s| (s * 1000.0, LinesDt::Configure))
            .or_else(|| Some((duration_ms?.median as f64, LinesDt::Duration)))
            .or_else(|| Some((step_ms?.median as f64, LinesDt::Step)))
            .filter(|(ms, _)| *ms > 0.0);
        let lines_dt_ms = nominal.map(|(ms, _)| ms);
        let missing = self.breaks(lines_dt_ms);
        let found = self.found;
        let completeness = self
            .asked
            .window_s
            .filter(|(start, end)| end > start && self.calls > 0)
            .map(|(start, end)| {
                let asked_ms = (end.saturating_sub(start)) as f64 * 1000.0 * self.calls as f64;
                let covered_ms = self.covered.0 as f64 + self.covered.1 as f64 * lines_dt_ms.unwrap_or(0.0);
                Completeness {
                    asked_start_s: start,
                    asked_end_s: end,
                    asked_ms,
                    covered_ms,
                    fraction: (covered_ms / asked_ms).min(1.0),
                }
            });
        RowTiming {
            span_ms: (found.first_start_ms.zip(found.last_end_ms)).map(|(first, last)| last.saturating_sub(first)),
            lines_dt_ms,
            lines_dt_from: nominal.map(|(_, from)| from),
            duration_ms,
            durations: most_frequent(&self.durations),
            step_ms,
            dropped: missing.saturating_sub(found.late),
            completeness,
            ..found
        }
    }

    /// Sets gaps and overlaps; gives the rows that would fit into the gaps.
    fn breaks(&mut self, lines_dt_ms: Option<f64>) -> u64 {
        let joints = self.joints.iter().map(|(ms, count)| (ms as f64, count));
        let steps = self.open_steps.iter();
        let steps = steps.filter_map(|(ms, count)| Some((ms as f64 - lines_dt_ms?, count)));
        let mut missing = 0_u64;
        for (ms, count) in joints.chain(steps) {
            if ms >= 1.0 {
                self.found.gaps.add(ms, count);
                let rows = lines_dt_ms.map_or(0.0, |lines_dt| (ms / lines_dt + 0.5).floor());
                missing = missing.saturating_add((rows as u64).saturating_mul(count));
            } else if ms <= -1.0 {
                self.found.overlaps.add(-ms, count);
            }
        }
        missing
    }
}

fn most_frequent(durations: &Counts) -> Vec<Duration> {
    let mut listed: Vec<_> = durations.iter().map(|(ms, rows)| Duration { ms, rows }).collect();
    listed.sort_by_key(|duration| (std::cmp::Reverse(duration.rows), duration.ms));
    listed.truncate(MAX_LISTED_DURATIONS);
    listed
}

#[cfg(test)]
mod tests;
