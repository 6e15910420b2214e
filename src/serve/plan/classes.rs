//! The recorded calls of one method, grouped by what their clients sent.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{Cause, Mark, Requests, hash};
use crate::model::event::Metadata;

const TIMEOUT: &str = "grpc-timeout";

/// Where a recorded call stands: its job, and its place in it.
pub(in crate::serve) type Place = (usize, usize);

/// How a call ended before its client had said all: more requests than were recorded may follow in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::serve) enum Early {
    /// It did not.
    #[default]
    No,
    /// The server ended it with an error.
    Refused,
    /// Its client's deadline passed, or the client gave up before.
    Deadline,
}

/// Calls whose clients sent the same requests, in the order of the recording.
#[derive(Debug)]
pub(in crate::serve) struct Class {
    pub(super) requests: Requests,
    members: Vec<Place>,
    /// What all of them sent, from the beginning.
    common: Vec<Mark>,
    /// The least that must have come before one of them went on, step by step.
    causes: Vec<Cause>,
    /// Members by what their metadata says that that of others does not.
    facets: HashMap<u64, Vec<usize>>,
    /// What the metadata of all of them says, and that of other classes does not.
    shared: HashSet<u64>,
    /// How they ended before their clients had said all.
    pub(super) early: Early,
    /// Facets of the deadlines of those whose deadline passed.
    deadlines: HashSet<u64>,
    /// They were called on more than one connection.
    spread: bool,
    connections: HashSet<u32>,
    /// How many were handed out, when their order goes on across connections.
    turn: AtomicUsize,
}

impl Class {
    /// What its calls sent at `at`, when all sent the same.
    pub(super) fn common(&self, at: usize) -> Option<&Mark> {
        self.common.get(at)
    }

    /// The least that must have come before one of its calls sent what stands at `at`.
    pub(super) fn cause(&self, at: usize) -> Cause {
        self.causes.get(at).copied().unwrap_or(Cause {
            requests: self.requests.count(),
            half_close: false,
        })
    }

    /// True when its calls ended before their clients had said all, as a call of a client with these facets may: one whose
    /// deadline passed means another only when that has such a deadline, too, for no server would ever end it.
    pub(super) fn ends_early(&self, facets: &[u64]) -> bool {
        match self.early {
            Early::No => false,
            Early::Refused => true,
            Early::Deadline => facets.iter().any(|facet| self.deadlines.contains(facet)),
        }
    }

    /// True when a call is one of its.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.members.contains(&place)
    }

    /// The first of its calls.
    pub(in crate::serve) fn first(&self) -> Place {
        self.members.first().copied().unwrap_or_default()
    }

    /// The members that agree most with a client's metadata, and in how many entries.
    pub(super) fn best(&self, facets: &[u64]) -> (usize, Vec<usize>) {
        let shared = facets.iter().filter(|facet| self.shared.contains(facet)).count();
        let mut votes = vec![0_usize; self.members.len()];
        for members in facets.iter().filter_map(|facet| self.facets.get(facet)) {
            for member in members {
                if let Some(vote) = votes.get_mut(*member) {
                    *vote += 1;
                }
            }
        }
        let most = votes.iter().copied().max().unwrap_or_default();
        let best = votes.iter().enumerate().filter(|(_, count)| **count == most);
        (shared + most, best.map(|(at, _)| at).collect())
    }

    /// The member whose turn it is among `best`; the last of them again and again. `asked` says how often this client has
    /// had one of them, given the first.
    pub(super) fn next(&self, best: &[usize], asked: impl FnOnce(Place) -> usize) -> Place {
        let turn = if self.spread && best.len() == self.members.len() {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            let first = best.first().and_then(|at| self.members.get(*at));
            asked(first.copied().unwrap_or_default())
        };
        let at = best.get(turn.min(best.len().saturating_sub(1)));
        at.and_then(|at| self.members.get(*at)).copied().unwrap_or_default()
    }
}

/// A recorded call, as it is sorted into classes.
#[derive(Debug)]
pub(in crate::serve) struct Known<'a> {
    pub(in crate::serve) place: Place,
    pub(in crate::serve) requests: &'a Requests,
    pub(in crate::serve) marks: &'a [Mark],
    pub(in crate::serve) metadata: &'a Metadata,
    /// The client's connection; 0 = unknown.
    pub(in crate::serve) connection: u32,
    /// How long it took.
    pub(in crate::serve) length: Duration,
    /// How it ended before its client had said all.
    pub(in crate::serve) early: Early,
}

/// The recorded calls of one method.
#[derive(Debug, Default)]
pub(in crate::serve) struct Method {
    pub(super) classes: Vec<Class>,
    by_requests: HashMap<(u64, u64, Early), usize>,
    early: Vec<usize>,
    by_first: HashMap<u64, Vec<usize>>,
    /// What all calls sent, from the beginning.
    common: Vec<Mark>,
    /// The least that must have come before any class sent what stands at a place.
    earliest: Vec<Cause>,
    calls: usize,
    longest: Duration,
}

impl Method {
    /// Adds a call; calls are added in the order of the recording.
    pub(in crate::serve) fn add(&mut self, call: &Known<'_>) {
        self.calls += 1;
        self.longest = self.longest.max(call.length);
        let key = (call.requests.whole(), call.requests.count(), call.early);
        let at = *self.by_requests.entry(key).or_insert_with(|| {
            if let Some(first) = call.requests.first() {
                self.by_first.entry(first).or_default().push(self.classes.len());
            }
            if call.early != Early::No {
                self.early.push(self.classes.len());
            }
            self.classes.push(Class {
                early: call.early,
                deadlines: HashSet::new(),
                requests: call.requests.clone(),
                members: Vec::new(),
                common: call.marks.to_vec(),
                causes: Vec::new(),
                facets: HashMap::new(),
                shared: HashSet::new(),
                spread: false,
                connections: HashSet::new(),
                turn: AtomicUsize::new(0),
            });
            self.classes.len() - 1
        });
        let Some(class) = self.classes.get_mut(at) else { return };
        let agreed = class.common.iter().zip(call.marks).take_while(|(a, b)| a == b).count();
        class.common.truncate(agreed);
        for (at, mark) in call.marks.iter().enumerate() {
            match class.causes.get_mut(at) {
                Some(cause) => *cause = cause.least(mark.after),
                None => class.causes.push(mark.after),
            }
        }
        for facet in facets(call.metadata) {
            class.facets.entry(facet).or_default().push(class.members.len());
        }
        if call.early == Early::Deadline {
            class.deadlines.extend(deadline(call.metadata));
        }
        if call.connection != 0 && class.connections.len() < 2 {
            class.connections.insert(call.connection);
            class.spread = class.connections.len() > 1;
        }
        class.members.push(call.place);
    }

    /// Every call was added. Forgets what says nothing: entries that all calls have.
    pub(in crate::serve) fn finish(&mut self) {
        let mut classes = self.classes.iter();
        self.common = classes.next().map(|class| class.common.clone()).unwrap_or_default();
        for class in classes {
            let agreed = self
                .common
                .iter()
                .zip(&class.common)
                .take_while(|(a, b)| a == b)
                .count();
            self.common.truncate(agreed);
        }
        let length = self
            .classes
            .iter()
            .map(|class| class.causes.len())
            .max()
            .unwrap_or_default();
        self.earliest = (0..length)
            .filter_map(|at| self.classes.iter().map(|class| class.cause(at)).reduce(Cause::least))
            .collect();
        let mut everywhere: HashMap<u64, usize> = HashMap::new();
        for (facet, members) in self.classes.iter().flat_map(|class| &class.facets) {
            *everywhere.entry(*facet).or_default() += members.len();
        }
        let calls = self.calls;
        let tells = |facet: &u64| everywhere.get(facet).is_some_and(|count| *count < calls);
        for class in &mut self.classes {
            let all = class.members.len();
            let shared = class
                .facets
                .iter()
                .filter(|(facet, members)| members.len() >= all && tells(facet));
            class.shared = shared.map(|(facet, _)| *facet).collect();
            class.facets.retain(|_, members| members.len() < all);
            class.facets.shrink_to_fit();
            class.connections = HashSet::new();
        }
    }

    /// How many calls were recorded.
    pub(in crate::serve) const fn calls(&self) -> usize {
        self.calls
    }

    /// How long the longest of its calls took.
    pub(in crate::serve) const fn longest(&self) -> Duration {
        self.longest
    }

    /// A class by its number.
    pub(in crate::serve) fn class(&self, at: usize) -> Option<&Class> {
        self.classes.get(at)
    }

    /// What all calls sent at `at`, when it was the same.
    pub(super) fn common(&self, at: usize) -> Option<&Mark> {
        self.common.get(at)
    }

    /// The least that must have come before any call sent what stands at `at`.
    pub(super) fn earliest(&self, at: usize) -> Cause {
        self.earliest.get(at).copied().unwrap_or_default()
    }

    /// The classes whose calls were ended before their clients had said all.
    pub(super) fn early(&self) -> &[usize] {
        &self.early
    }

    /// The classes whose first request has this hash.
    pub(super) fn beginning_with(&self, first: u64) -> &[usize] {
        self.by_first.get(&first).map_or(&[], Vec::as_slice)
    }
}

/// What the metadata of a request says, entry by entry. Deadlines count by their magnitude: no two are equal.
pub(in crate::serve) fn facets(metadata: &Metadata) -> Vec<u64> {
    metadata.iter().map(|(name, value)| facet(name, value)).collect()
}

fn facet(name: &str, value: &[u8]) -> u64 {
    if name == TIMEOUT {
        return magnitude_facet(magnitude(value));
    }
    hash(&(name, value))
}

/// Bits of a deadline's nanoseconds.
fn magnitude(value: &[u8]) -> u32 {
    crate::grpc::timeout::parse(value).map_or(0, |timeout| 128 - timeout.as_nanos().leading_zeros())
}

fn magnitude_facet(bits: u32) -> u64 {
    hash(&(TIMEOUT, bits))
}

/// Powers of two by which deadlines may differ that were meant alike: a client sends what is left of its own, which on a busy
/// machine may be an eighth.
const ALIKE: u32 = 3;

/// What it says of its deadline, and what others say whose deadline is about as long.
fn deadline(metadata: &Metadata) -> impl Iterator<Item = u64> {
    let bits = metadata.get(TIMEOUT).map(magnitude);
    bits.into_iter()
        .flat_map(|bits| bits.saturating_sub(ALIKE)..=bits + ALIKE)
        .map(magnitude_facet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(contents: &[u64]) -> Requests {
        let mut requests = Requests::default();
        for content in contents {
            requests.take(*content);
        }
        requests
    }

    fn mark(act: u64) -> Mark {
        Mark {
            act,
            after: Cause::default(),
        }
    }

    fn metadata(entries: &[(&str, &str)]) -> Metadata {
        let mut metadata = Metadata::default();
        for (name, value) in entries {
            metadata.push(*name, *value);
        }
        metadata
    }

    fn method(calls: &[(&[u64], &[Mark], Metadata, u32)]) -> Method {
        let mut method = Method::default();
        for (at, (sent, marks, metadata, connection)) in calls.iter().enumerate() {
            method.add(&Known {
                place: (0, at),
                requests: &requests(sent),
                marks,
                metadata,
                connection: *connection,
                length: Duration::ZERO,
                early: Early::No,
            });
        }
        method.finish();
        method
    }

    #[test]
    fn calls_of_the_same_requests_are_one_class_and_share_what_all_sent() {
        let calls = [
            (&[1][..], &[mark(1), mark(2)][..], Metadata::default(), 0),
            (&[1, 2], &[mark(1)], Metadata::default(), 0),
            (&[1], &[mark(1), mark(3)], Metadata::default(), 0),
        ];
        let method = method(&calls);
        assert_eq!((method.classes.len(), method.calls()), (2, 3));
        let class = method.class(0).unwrap();
        assert_eq!((class.common(0), class.common(1)), (Some(&mark(1)), None));
        assert_eq!(method.beginning_with(requests(&[1]).first().unwrap()), [0, 1]);
    }

    #[test]
    fn metadata_chooses_before_the_order_does() {
        let said = |id: &str| metadata(&[("user-agent", "x"), ("x-id", id), ("grpc-timeout", "5S")]);
        let method = method(&[(&[][..], &[][..], said("a"), 0), (&[], &[], said("b"), 0)]);
        let class = method.class(0).unwrap();
        assert_eq!(class.best(&facets(&said("b"))), (1, vec![1]));
        assert_eq!(class.best(&facets(&said("c"))), (0, vec![0, 1]));
        let asked = facets(&metadata(&[("grpc-timeout", "5000m")]));
        assert_eq!(asked, facets(&metadata(&[("grpc-timeout", "4999m")])));
    }

    #[test]
    fn the_order_goes_on_across_connections_where_it_was_recorded_so() {
        let calls =
            |connections: [u32; 3]| connections.map(|connection| (&[][..], &[][..], Metadata::default(), connection));
        let polled = method(&calls([1, 2, 3]));
        let class = polled.class(0).unwrap();
        let all = class.best(&[]).1;
        let places: Vec<_> = (0..4).map(|_| class.next(&all, |_| 0).1).collect();
        assert_eq!(places, [0, 1, 2, 2]);
        let kept = method(&calls([1, 1, 1]));
        let class = kept.class(0).unwrap();
        let places: Vec<_> = [0, 1, 0].map(|asked| class.next(&all, |_| asked).1).into();
        assert_eq!(places, [0, 1, 0]);
    }
}
