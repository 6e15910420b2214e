//! The recorded calls of one method, grouped by the requests of their clients.

use std::{collections::HashMap, time::Duration};

use super::{
    Cause, Mark,
    class::{Class, Early, Place, RecordedCall},
    marks::Marks,
};

/// The recorded calls of one method.
#[derive(Debug, Default)]
pub(in crate::serve) struct Method {
    pub(super) classes: Vec<Class>,
    by_requests: HashMap<(u64, u64, bool), usize>,
    /// The class of each call.
    by_place: HashMap<Place, usize>,
    early: Vec<usize>,
    /// The class of the calls that the server refused before it had any request.
    refused_at_once: Option<usize>,
    by_first: HashMap<u64, Vec<usize>>,
    /// Marks that all calls have in common.
    common: Marks,
    /// The smallest cause of each step over all classes.
    earliest: Vec<Cause>,
    calls: usize,
    longest: Duration,
}

impl Method {
    /// Adds a call; calls are added in the order of the recording.
    pub(in crate::serve) fn add(&mut self, call: &RecordedCall<'_>) {
        self.calls += 1;
        self.longest = self.longest.max(call.length);
        let refused = call.early == Early::Refused;
        let key = (call.requests.whole(), call.requests.count(), refused);
        let at = *self.by_requests.entry(key).or_insert_with(|| {
            if let Some(first) = call.requests.first() {
                self.by_first.entry(first).or_default().push(self.classes.len());
            }
            if refused {
                self.early.push(self.classes.len());
                if call.requests.count() == 0 {
                    self.refused_at_once = Some(self.classes.len());
                }
            }
            self.classes.push(Class::of(call));
            self.classes.len() - 1
        });
        self.by_place.insert(call.place, at);
        let Some(class) = self.classes.get_mut(at) else { return };
        if call.early == Early::GaveUp && !class.has_given_up() {
            self.early.push(at);
        }
        class.add(call);
    }

    /// Completes the method after the last call was added. Forgets entries that all calls have.
    pub(in crate::serve) fn finish(&mut self) {
        let mut classes = self.classes.iter();
        self.common = classes.next().map(|class| class.common.clone()).unwrap_or_default();
        classes.for_each(|class| self.common.join(&class.common));
        let length = self.classes.iter().map(Class::steps).max().unwrap_or_default();
        let cause = |at| {
            let speaking = self.classes.iter().filter(move |class| !class.is_silent(at));
            speaking.map(|class| class.cause(at)).reduce(Cause::least)
        };
        self.earliest = (0..length).filter_map(cause).collect();
        let mut everywhere: HashMap<u64, usize> = HashMap::new();
        for (facet, members) in self.classes.iter().flat_map(|class| &class.facets) {
            *everywhere.entry(*facet).or_default() += members.len();
        }
        let calls = self.calls;
        let tells = |facet| everywhere.get(&facet).is_some_and(|count| *count < calls);
        self.classes.iter_mut().for_each(|class| class.finish(tells));
    }

    /// The calls of the same class as this one.
    pub(super) fn alike(&self, place: Place) -> &[Place] {
        let class = self.by_place.get(&place).and_then(|at| self.classes.get(*at));
        class.map_or(&[], Class::places)
    }

    /// Number of recorded calls.
    pub(in crate::serve) const fn calls(&self) -> usize {
        self.calls
    }

    /// Duration of the longest call.
    pub(in crate::serve) const fn longest(&self) -> Duration {
        self.longest
    }

    /// A class by its number.
    pub(in crate::serve) fn class(&self, at: usize) -> Option<&Class> {
        self.classes.get(at)
    }

    /// The mark at step `at`, if all calls agree.
    pub(super) fn common(&self, at: usize) -> Option<&Mark> {
        self.common.get(at)
    }

    /// The smallest cause of step `at` over all calls.
    pub(super) fn earliest(&self, at: usize) -> Cause {
        self.earliest.get(at).copied().unwrap_or_default()
    }

    /// The classes whose calls ended before their clients had sent all requests.
    pub(super) fn early(&self) -> &[usize] {
        &self.early
    }

    /// The class of the calls that the server refused before it had any request.
    pub(super) fn refused_at_once(&self) -> &[usize] {
        self.refused_at_once.as_slice()
    }

    /// The classes whose first request has this hash.
    pub(super) fn beginning_with(&self, first: u64) -> &[usize] {
        self.by_first.get(&first).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
