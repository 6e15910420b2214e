//! A clock that stands still: rows that bear the time of the row before them, and are other rows.

use super::row::RowTime;

/// Rows in a run from which the clock stands still; fewer are taken for rows that came twice, or for rows of two sources.
pub(crate) const STANDSTILL: u64 = 8;

/// Rows of a whole stream from which one time for all of them is told, though they are fewer than [`STANDSTILL`].
const WHOLE_STREAM: u64 = 3;

/// The run of rows at one time, as it grows.
#[derive(Debug, Default)]
pub(super) struct Still {
    /// The first row of the run.
    first: Option<RowTime>,
    /// What differs from row to row, of the last one.
    last: (Option<i64>, u64),
    /// The rows behind the first, as long as they may yet be told one by one.
    waiting: Vec<RowTime>,
    /// How many there are.
    rows: u64,
    /// Rows that are known to be lost among them.
    lost: u64,
    /// Time has moved on before.
    moved: bool,
}

/// The result of a run.
#[derive(Debug)]
pub(super) enum Run {
    /// So few rows that each is judged for itself.
    Short(Vec<RowTime>),
    /// The clock stood still.
    Standstill(Standstill),
}

/// A run of rows at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standstill {
    /// The second row of the run, at which it shows.
    pub(super) row: RowTime,
    /// Rows of the run, the first among them.
    pub(super) rows: u64,
    /// Rows that are known to be lost among them.
    pub(super) lost: u64,
    /// No row of the stream bears another time.
    pub(super) whole: bool,
}

impl Still {
    /// True when the row bears the time of the one before it, and is another row; it is kept here then.
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

    /// The run has ended: `next` is the row with which another one begins, if there is one.
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
