//! Which recorded calls the clients have asked for. Of recorded calls with the same requests, each call of a client
//! counts for one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use super::plan::{KnownMethod, Place};

/// The recorded calls that were asked for.
#[derive(Debug, Default)]
pub(super) struct Coverage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    asked: HashSet<Place>,
    /// For each first call of calls with the same requests, how many of them were looked at and asked for already.
    looked_at: HashMap<(Place, bool), usize>,
}

impl Coverage {
    /// Notes that a recorded call answers a client: counts it, or another one with the same requests that nobody has
    /// asked for yet. `by_fields` says what is the same. Returns the call that was counted.
    pub(super) fn ask(&self, known: &KnownMethod, place: Place, by_fields: bool) -> Option<Place> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.asked.insert(place) {
            return Some(place);
        }
        let alike = known.alike(place, by_fields);
        let first = *alike.first()?;
        let State { asked, looked_at } = &mut *state;
        let from = looked_at.entry((first, by_fields)).or_default();
        while let Some(next) = alike.get(*from) {
            *from += 1;
            if asked.insert(*next) {
                return Some(*next);
            }
        }
        None
    }

    /// Takes a call back, because its client turned out to mean another.
    pub(super) fn take_back(&self, place: Place) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked.remove(&place);
        state.looked_at.clear();
    }

    /// True when a client asked for the call.
    pub(super) fn has(&self, place: Place) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .asked
            .contains(&place)
    }
}
