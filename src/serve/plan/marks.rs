//! The marks that several calls have in common, from the beginning.

use super::Mark;

/// Largest number of marks that are kept of a call: those that calls have in common before their clients differ.
pub(in crate::serve) const MOST_MARKS: usize = 64;

/// The marks that calls have in common, from the beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    /// True when the continuation is unknown, because all clients cancelled: it agrees with whatever another call sent
    /// next.
    open: bool,
}

impl Marks {
    /// The marks of one call; `gave_up` says that its client gave up.
    pub(super) fn of(marks: &[Mark], gave_up: bool) -> Self {
        Self {
            marks: marks.to_vec(),
            open: gave_up && marks.len() < MOST_MARKS,
        }
    }

    /// Keeps only the marks that agree with `other`.
    pub(super) fn join(&mut self, other: &Self) {
        let agreed = self.marks.iter().zip(&other.marks).take_while(|(a, b)| a == b).count();
        if other.open && agreed == other.marks.len() {
            return;
        }
        if self.open && agreed == self.marks.len() {
            self.clone_from(other);
        } else {
            self.marks.truncate(agreed);
            self.open = false;
        }
    }

    /// The mark at step `at`.
    pub(super) fn get(&self, at: usize) -> Option<&Mark> {
        self.marks.get(at)
    }

    /// True when the clients had cancelled before step `at`.
    pub(super) const fn is_silent(&self, at: usize) -> bool {
        self.open && at >= self.marks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Cause, *};

    fn marks(acts: &[u64], gave_up: bool) -> Marks {
        let after = Cause::default();
        let marks: Vec<_> = acts.iter().map(|act| Mark { act: *act, after }).collect();
        Marks::of(&marks, gave_up)
    }

    #[test]
    fn a_call_that_was_given_up_agrees_with_what_others_sent_next() {
        for (ours, others, agreed, silent) in [
            (marks(&[1, 2], false), marks(&[1, 3], false), 1, false),
            (marks(&[1, 2], false), marks(&[1], true), 2, false),
            (marks(&[1], true), marks(&[1, 2], false), 2, false),
            (marks(&[1, 2], true), marks(&[1, 3], false), 1, false),
            (marks(&[1], true), marks(&[1, 2], true), 2, true),
            (marks(&[1], false), marks(&[1, 2], false), 1, false),
        ] {
            let mut joined = ours.clone();
            joined.join(&others);
            assert_eq!(joined.marks.len(), agreed, "{ours:?} {others:?}");
            assert_eq!(joined.is_silent(agreed), silent, "{ours:?} {others:?}");
        }
    }
}
