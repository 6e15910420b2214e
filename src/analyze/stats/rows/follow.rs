//! The rows of one call, one after the other.

use std::collections::VecDeque;

/// Rows that a duplicate is looked for among: more than a burst, and no burden.
const RECENT: usize = 64;

/// A row that begins more than this many rows before the one before it is not late: the clock went back.
const MAX_LATE_ROWS: i64 = 64;

/// What a row is to the rows before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first one.
    First,
    /// It begins no earlier than the row before it.
    Next {
        /// From start to start.
        step_ms: i64,
        /// From the end of the row before it, where that has one, to its start.
        joint_ms: Option<i64>,
    },
    /// It came before.
    Duplicate,
    /// It begins before the row before it.
    Late,
    /// It begins so far before the row before it that a new count begins with it.
    ClockBack,
}

/// The rows of one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Follow {
    /// Start and end of the row with the latest start.
    latest: Option<(i64, Option<i64>)>,
    /// The last duration or step that was more than nothing.
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
