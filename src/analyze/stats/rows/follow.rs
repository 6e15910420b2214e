//! Classification of the rows of one call, in order of arrival.

use std::collections::VecDeque;

/// Number of recent rows among which a duplicate is searched: more than a burst, and no burden.
const RECENT: usize = 64;

/// A row that begins more than this many rows before its predecessor starts a new count and is not late: the clock went
/// back.
const MAX_LATE_ROWS: i64 = 64;

/// The relation of a row to the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first row.
    First,
    /// The row begins no earlier than its predecessor.
    Next {
        /// Time from start to start.
        step_ms: i64,
        /// Time from the end of the predecessor, where it has one, to the start of the row.
        joint_ms: Option<i64>,
    },
    /// The row repeats an earlier row.
    Duplicate,
    /// The row begins before its predecessor.
    Late,
    /// The row begins so far before its predecessor that it starts a new count.
    ClockBack,
}

/// The rows of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Follow {
    /// Start and end of the row with the latest start.
    latest: Option<(i64, Option<i64>)>,
    /// The last duration or step above zero.
    row_ms: i64,
    recent: VecDeque<(i64, Option<i64>, Option<i64>)>,
}

impl Follow {
    pub(super) fn step(&mut self, start: i64, end: Option<i64>, index: Option<i64>) -> Step {
        let row = (start, end, index);
        if self.recent.contains(&row) {
            return Step::Duplicate;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(row);
        let step = match self.latest {
            None => Step::First,
            Some((latest, _)) if start < latest => {
                let allowed = self.row_ms.max(1).saturating_mul(MAX_LATE_ROWS);
                if latest.saturating_sub(start) <= allowed {
                    return Step::Late;
                }
                Step::ClockBack
            }
            Some((latest, latest_end)) => Step::Next {
                step_ms: start.saturating_sub(latest),
                joint_ms: latest_end.map(|end| start.saturating_sub(end)),
            },
        };
        let length = match (end, step) {
            (Some(end), _) => end.saturating_sub(start),
            (None, Step::Next { step_ms, .. }) => step_ms,
            (None, _) => 0,
        };
        if length > 0 {
            self.row_ms = length;
        }
        self.latest = Some((start, end));
        step
    }
}
