//! Alignment, one step at a time: a pure function of the queued items of both sides.

use std::collections::VecDeque;

use super::{
    WINDOW,
    items::{Item, Key},
};

/// The next step of an alignment. Places are those in the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first items of both sides correspond. Not the first in its queue: it moved.
    Pair { a: usize, b: usize },
    /// The first item of a is not in b.
    Missing,
    /// The first item of b is not in a.
    Extra,
}

/// Decides from the first [`WINDOW`] items of each side; `None` when nothing waits.
pub(super) fn step(a: &VecDeque<Item>, b: &VecDeque<Item>) -> Option<Step> {
    let (first_a, first_b) = match (a.front(), b.front()) {
        (None, None) => return None,
        (Some(_), None) => return Some(Step::Missing),
        (None, Some(_)) => return Some(Step::Extra),
        (Some(a), Some(b)) => (a, b),
    };
    if first_a.key() == first_b.key() && first_a.is_row() == first_b.is_row() {
        return Some(Step::Pair { a: 0, b: 0 });
    }
    let find = |items: &VecDeque<Item>, wanted: &Item| {
        let key = wanted.key();
        items
            .iter()
            .take(WINDOW)
            .position(|item| item.key() == key && item.is_row() == wanted.is_row())
    };
    Some(match (find(b, first_a), find(a, first_b)) {
        (None, None) if is_changed(first_a, first_b) => Step::Pair { a: 0, b: 0 },
        (None, _) => Step::Missing,
        (Some(_), None) => Step::Extra,
        // Of two that changed places, the one that moved farther is the one that moved.
        (Some(in_b), Some(in_a)) if in_b >= in_a => Step::Pair { a: 0, b: in_b },
        (Some(_), Some(in_a)) => Step::Pair { a: in_a, b: 0 },
    })
}

/// Decides that two items identified by their content correspond when neither has another match; a row with another
/// time is the same row when it holds the same.
fn is_changed(a: &Item, b: &Item) -> bool {
    match (a.key(), b.key()) {
        (Key::Content(_), Key::Content(_)) => a.is_row() == b.is_row(),
        (Key::Row { .. }, Key::Row { .. }) => a.mark() == b.mark(),
        _ => false,
    }
}
