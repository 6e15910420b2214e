//! Detection of a clock that stands still: different consecutive rows with the same time.

use super::row::RowTime;

/// Number of rows with the same time from which the clock counts as standing still; fewer are taken for rows that came
/// twice, or for rows of two sources.
pub(crate) const STANDSTILL: u64 = 8;

/// Number of rows from which a stream with one time for all rows is reported, although they are fewer than
/// [`STANDSTILL`].
const WHOLE_STREAM: u64 = 3;

/// The current run of rows that have the same time.
#[derive(Debug, Default)]
pub(super) struct Still {
    /// The first row of the run.
    first: Option<RowTime>,
    /// Content of the last row that differs from row to row.
    last: (Option<i64>, u64),
    /// The rows after the first, as long as they may still be reported one by one.
    waiting: Vec<RowTime>,
    /// Number of rows in the run.
    rows: u64,
    /// Rows in the run that are known to be lost.
    lost: u64,
    /// True when the time has moved on before this run.
    moved: bool,
}

/// The result of a run.
#[derive(Debug)]
pub(super) enum Run {
    /// A run so short that each row is judged by itself.
    Short(Vec<RowTime>),
    /// A run in which the clock stood still.
    Standstill(Standstill),
}

/// A run of rows that have the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standstill {
    /// The second row of the run, at which it shows.
    pub(super) row: RowTime,
    /// Rows of the run, including the first.
    pub(super) rows: u64,
    /// Rows of the run that are known to be lost.
    pub(super) lost: u64,
    /// True when no row of the stream has another time.
    pub(super) whole: bool,
}

impl Still {
    /// True when the row has the time of its predecessor and is a different row; it is kept here then.
    pub(super) fn holds(&mut self, row: RowTime) -> bool {
        let this = (row.index, row.mark);
        let (index, mark) = self.last;
        let same_time = self
            .first
            .is_some_and(|first| first.start_ms.is_some() && first.start_ms == row.start_ms);
        let other_row = if row.index.is_some() {
            row.index != index
        } else {
            row.mark != mark
        };
        self.last = this;
        if !(same_time && other_row) {
            return false;
        }
        self.rows += 1;
        self.lost += row.lost;
        if self.rows < STANDSTILL {
            self.waiting.push(row);
        } else {
            self.waiting.truncate(1);
        }
        true
    }

    /// Ends the run: `next` is the row with which another one begins, if there is one.
    pub(super) fn end(&mut self, next: Option<RowTime>) -> Run {
        let waiting = std::mem::take(&mut self.waiting);
        let (rows, lost) = (std::mem::take(&mut self.rows) + 1, std::mem::take(&mut self.lost));
        let whole = !self.moved && next.is_none();
        self.moved |= self.first.is_some() && next.is_some();
        self.first = next;
        match waiting.first() {
            Some(row) if rows > STANDSTILL || (whole && rows >= WHOLE_STREAM) => Run::Standstill(Standstill {
                row: *row,
                rows,
                lost,
                whole,
            }),
            _ => Run::Short(waiting),
        }
    }
}
