//! The positions of rows in time: a pure machine, rows in, irregularities out.
//!
//! The duration of a row is learnt from the first [`WARM_UP`] rows unless it is known; those rows wait until then. Each
//! row is compared with the row before it, so a duration that is a little off never adds up. A hole is only reported
//! when it has stayed open for [`WINDOW`] rows: a row that comes late fills it, and is an irregularity of its own.
//!
//! Memory: [`WARM_UP`] + [`WINDOW`] rows and [`MAX_HOLES`] holes, whatever the stream does.

mod nominal;
mod row;
mod still;

use std::collections::VecDeque;

use nominal::Nominal;
pub(super) use row::{Basis, Content, Irregular, Irregularity, RowTime};
use row::{TOLERANCE, TOLERANCE_MS};
use still::{Run, Still};

/// Rows that are observed before the measured duration of a row is used.
pub(super) const WARM_UP: usize = 16;

/// Largest distance in rows at which a late or duplicate row is recognized as one.
pub(super) const WINDOW: u64 = 64;

/// Largest number of open holes; the oldest is reported when there are more.
const MAX_HOLES: usize = 16;

/// Number of irregularities in a row after which the duration is measured again, when it is not given.
const UNLEARN: usize = 32;

/// Shortest silence in the data that counts as a pause of the recording and not as a loss of rows, milliseconds;
/// recorders that are restarted take about so long. It counts as one only when it is also [`PAUSE_ROWS`] rows long.
const PAUSE_MS: f64 = 60_000.0;

/// See [`PAUSE_MS`].
const PAUSE_ROWS: u64 = 16;

/// The state machine.
#[derive(Debug, Default)]
pub(super) struct Clock {
    known_ms: Option<f64>,
    still: Still,
    warm: Vec<RowTime>,
    nominal: Option<Nominal>,
    history: VecDeque<RowTime>,
    head: Option<RowTime>,
    last: Option<RowTime>,
    detour: Option<Detour>,
    holes: VecDeque<Hole>,
    lost: u64,
    seen: u64,
    in_disorder: usize,
    out: Vec<Irregular>,
}

/// Rows that went back in time, and the position at which later rows may continue.
#[derive(Debug, Clone, Copy)]
struct Detour {
    from: RowTime,
    rows: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    before: RowTime,
    after: RowTime,
    rows: u64,
    filled: u64,
    /// Notes that rows continued after `after`: it was not a wrong timestamp in the future.
    advanced: bool,
    born: u64,
}

impl Clock {
    pub(super) fn new(known_s: Option<f64>) -> Self {
        Self {
            known_ms: known_s.map(|s| s * 1000.0),
            ..Self::default()
        }
    }

    /// Notes that rows are known to be lost here: they are not reported as missing.
    pub(super) const fn lose(&mut self, rows: u64) {
        self.lost = self.lost.saturating_add(rows);
    }

    /// The duration of a row as far as it is known so far, milliseconds.
    pub(super) fn dt_ms(&self) -> Option<f64> {
        self.nominal.and_then(|nominal| nominal.dt_ms)
    }

    /// Adds the next row in order of arrival.
    pub(super) fn push(&mut self, mut row: RowTime) -> Vec<Irregular> {
        row.lost = std::mem::take(&mut self.lost);
        if !self.still.holds(row) {
            let run = self.still.end(Some(row));
            row.lost = row.lost.saturating_add(self.end_run(run));
            self.admit(row);
        }
        std::mem::take(&mut self.out)
    }

    fn admit(&mut self, row: RowTime) {
        if let Some(nominal) = self.nominal {
            self.step(nominal, row);
        } else {
            self.warm.push(row);
            if self.warm.len() >= WARM_UP {
                self.learn();
            }
        }
    }

    /// Ends the run of rows that have the same time. Returns how many of them stand for rows that are not missing.
    fn end_run(&mut self, run: Run) -> u64 {
        match run {
            Run::Short(rows) => {
                for row in rows {
                    self.admit(row);
                }
                0
            }
            Run::Standstill(still) => {
                let (rows, whole) = (still.rows, still.whole);
                let start_ms = still.row.start_ms;
                let what = Irregularity::Standstill { rows, start_ms, whole };
                self.tell(self.nominal.unwrap_or_default(), what, still.row);
                (rows - 1).saturating_add(still.lost)
            }
        }
    }

    /// Ends the stream of rows and returns the remaining irregularities.
    pub(super) fn finish(&mut self) -> Vec<Irregular> {
        let run = self.still.end(None);
        self.end_run(run);
        if self.nominal.is_none() {
            self.learn();
        }
        while !self.holes.is_empty() {
            self.close_oldest();
        }
        std::mem::take(&mut self.out)
    }

    fn learn(&mut self) {
        let warm = std::mem::take(&mut self.warm);
        let (nominal, contradiction) = Nominal::learn(&warm, self.known_ms);
        if let (Some(what), Some(row)) = (contradiction, warm.get(1)) {
            self.out.push(Irregular {
                what,
                basis: Basis::Learnt,
                place: row.place,
            });
        }
        self.nominal = Some(nominal);
        for row in warm {
            self.step(nominal, row);
        }
    }

    /// Forgets the measured duration when no row fits it any more.
    fn unlearn(&mut self, nominal: Nominal, irregular: bool) {
        self.in_disorder = if irregular { self.in_disorder + 1 } else { 0 };
        if self.in_disorder < UNLEARN || nominal.basis == Basis::Known {
            return;
        }
        self.in_disorder = 0;
        let recent: Vec<_> = self.history.iter().rev().take(WARM_UP).rev().copied().collect();
        let (learnt, _) = Nominal::learn(&recent, None);
        self.nominal = Some(learnt);
        self.holes.clear();
        self.detour = None;
        self.head = self.last;
    }

    fn step(&mut self, nominal: Nominal, row: RowTime) {
        self.seen += 1;
        while self.holes.front().is_some_and(|hole| self.seen - hole.born > WINDOW) {
            self.close_oldest();
        }
        let before = self.out.len();
        self.duration(nominal, row);
        if let Some(head) = self.head {
            self.follow(nominal, head, row);
        } else {
            self.head = Some(row);
        }
        self.last = Some(row);
        self.history.push_back(row);
        if self.history.len() as u64 > WINDOW {
            self.history.pop_front();
        }
        self.unlearn(nominal, self.out.len() > before);
    }

    fn follow(&mut self, nominal: Nominal, head: RowTime, row: RowTime) {
        let Some(ahead) = nominal.rows(&head, &row) else { return };
        if let Some(detour) = self.detour {
            let back = nominal.rows(&detour.from, &row).unwrap_or(0.0);
            if (ahead - 1.0).abs() < 0.5 {
                let rows = detour.rows + 1;
                self.detour = (rows <= WINDOW).then_some(Detour { rows, ..detour });
                return self.advance(nominal, head, row);
            } else if back > 0.5 {
                // The rows that went astray stand for as many that do not come.
                self.detour = None;
                let rest = (back.round() as u64)
                    .saturating_sub(1)
                    .saturating_sub(detour.rows + row.lost);
                if rest > 0 {
                    self.open(nominal, detour.from, row, rest);
                }
                self.head = Some(row);
                return;
            }
        }
        if ahead > 0.5 {
            let missing = (ahead.round() as u64).saturating_sub(1).saturating_sub(row.lost);
            if missing > 0 && ahead >= 1.5 {
                self.open(nominal, head, row, missing);
                self.head = Some(row);
            } else {
                self.advance(nominal, head, row);
            }
        } else {
            self.behind(nominal, head, row, ahead);
        }
    }

    /// Adds a row at, or close to, its expected position.
    fn advance(&mut self, nominal: Nominal, head: RowTime, row: RowTime) {
        for hole in &mut self.holes {
            hole.advanced = true;
        }
        self.head = Some(row);
        let Some(by_ms) = nominal.deviation_ms(&head, &row) else {
            return;
        };
        let tolerance = nominal.tolerance_ms();
        let half = nominal.dt_ms.unwrap_or(f64::MAX) / 2.0;
        let what = match by_ms {
            _ if by_ms.abs() <= tolerance || row.lost > 0 => return,
            _ if by_ms.abs() < half => Irregularity::Jitter { by_ms },
            _ => Irregularity::Jump { by_ms },
        };
        self.tell(nominal, what, row);
    }

    /// Adds a row that begins no later than half a row after the head.
    fn behind(&mut self, nominal: Nominal, head: RowTime, row: RowTime, ahead: f64) {
        let twin = self.history.iter().rev().find(|old| nominal.is_twin(old, &row));
        let twin = twin.copied();
        if let Some(twin) = twin.filter(|twin| twin.mark == row.mark) {
            return self.double(nominal, twin, row, Content::Same);
        }
        if let Some(at) = self.hole_around(nominal, &row) {
            return self.fill(nominal, at, row);
        }
        if self.head_was_astray(nominal, &row) {
            self.holes.pop_back();
            self.head = Some(row);
        } else if nominal.is_twin(&head, &row) {
            self.double(nominal, head, row, Content::Other);
        } else if ahead > 0.0 {
            let by_ms = (1.0 - ahead) * nominal.dt_ms.unwrap_or(0.0);
            self.tell(nominal, Irregularity::Overlap { by_ms }, row);
            self.head = Some(row);
        } else {
            self.backwards(nominal, head, row);
            let detour = self.detour.unwrap_or(Detour { from: head, rows: 0 });
            let rows = detour.rows + 1;
            self.detour = Some(Detour { rows, ..detour });
            self.head = Some(row);
        }
    }

    fn double(&mut self, nominal: Nominal, twin: RowTime, row: RowTime, content: Content) {
        let (start_ms, index) = (twin.start_ms, twin.index);
        let what = Irregularity::Duplicate {
            start_ms,
            index,
            content,
        };
        self.tell(nominal, what, row);
    }

    fn backwards(&mut self, nominal: Nominal, from: RowTime, row: RowTime) {
        let by_rows = -nominal.rows(&from, &row).unwrap_or(0.0);
        let by_ms = from
            .start_ms
            .zip(row.start_ms)
            .map(|(from, to)| from as f64 - to as f64);
        self.tell(nominal, Irregularity::Backwards { by_ms, by_rows }, row);
    }

    fn hole_around(&self, nominal: Nominal, row: &RowTime) -> Option<usize> {
        let within = |hole: &Hole| {
            let after_its_start = nominal.rows(&hole.before, row).is_some_and(|rows| rows > 0.5);
            after_its_start && nominal.rows(row, &hole.after).is_some_and(|rows| rows > 0.5)
        };
        self.holes.iter().position(within)
    }

    fn fill(&mut self, nominal: Nominal, at: usize, row: RowTime) {
        let last = self.last.unwrap_or(row);
        if nominal.rows(&last, &row).is_some_and(|rows| rows < 0.0) {
            self.backwards(nominal, last, row);
        }
        if let Some(hole) = self.holes.get_mut(at) {
            hole.filled += 1;
            if hole.filled >= hole.rows {
                self.holes.remove(at);
            }
        }
    }

    /// Corrects a head that jumped ahead: the rows after it continued at the expected position and have now reached it.
    fn head_was_astray(&self, nominal: Nominal, row: &RowTime) -> bool {
        let goes_on = self.last.and_then(|last| nominal.rows(&last, row));
        let goes_on = goes_on.is_some_and(|rows| (rows - 1.0).abs() < 0.5);
        goes_on && self.holes.back().is_some_and(|hole| !hole.advanced && hole.filled > 0)
    }

    fn open(&mut self, nominal: Nominal, before: RowTime, after: RowTime, rows: u64) {
        for hole in &mut self.holes {
            hole.advanced = true;
        }
        let span = before
            .start_ms
            .zip(after.start_ms)
            .map(|(from, to)| to as f64 - from as f64);
        if let Some(span_ms) = span.filter(|span| *span >= PAUSE_MS && rows >= PAUSE_ROWS) {
            return self.tell(nominal, Irregularity::Pause { rows, span_ms }, after);
        }
        let born = self.seen;
        self.holes.push_back(Hole {
            before,
            after,
            rows,
            filled: 0,
            advanced: false,
            born,
        });
        if self.holes.len() > MAX_HOLES {
            self.close_oldest();
        }
    }

    fn close_oldest(&mut self) {
        let Some(hole) = self.holes.pop_front() else { return };
        if !hole.advanced && hole.filled > 0 {
            // Rows went on within the hole: the row behind it was the one astray, and has been told of.
            self.head = self.last;
            return;
        }
        let nominal = self.nominal.unwrap_or_default();
        let span = hole.before.start_ms.zip(hole.after.start_ms);
        let what = Irregularity::Missing {
            rows: hole.rows - hole.filled,
            span_ms: span.map(|(from, to)| to as f64 - from as f64),
            dt_ms: nominal.dt_ms,
        };
        self.tell(nominal, what, hole.after);
    }

    fn duration(&mut self, nominal: Nominal, row: RowTime) {
        let Some(expected_ms) = nominal.duration_ms else { return };
        let own = row
            .start_ms
            .zip(row.end_ms)
            .map(|(start, end)| end as f64 - start as f64);
        let off = |own: &f64| (own - expected_ms).abs() > TOLERANCE_MS.max(TOLERANCE * expected_ms);
        if let Some(seen_ms) = own.filter(off) {
            self.tell(nominal, Irregularity::Duration { seen_ms, expected_ms }, row);
        }
    }

    fn tell(&mut self, nominal: Nominal, what: Irregularity, row: RowTime) {
        self.out.push(Irregular {
            what,
            basis: nominal.basis,
            place: row.place,
        });
    }
}

#[cfg(test)]
mod tests;
