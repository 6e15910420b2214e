//! Classes of recorded calls of one method whose clients sent the same requests.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{Cause, Mark, Requests, facets, marks::Marks};
use crate::model::event::Metadata;

/// The place of a recorded call: its job, and its place in it.
pub(in crate::serve) type Place = (usize, usize);

/// How a call ended before its client had sent all requests: more requests than were recorded may follow in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::serve) enum Early {
    /// It did not end early.
    #[default]
    No,
    /// The server ended it with an error.
    Refused,
    /// The client cancelled: it cancelled the call, or its deadline passed. What the server would have sent next is
    /// unknown.
    GaveUp,
}

/// A recorded call, as it is sorted into classes.
#[derive(Debug)]
pub(in crate::serve) struct RecordedCall<'a> {
    pub(in crate::serve) place: Place,
    pub(in crate::serve) requests: &'a Requests,
    /// Marks of what the server sent; where the client gave up, that is no act of the server's.
    pub(in crate::serve) marks: &'a [Mark],
    pub(in crate::serve) metadata: &'a Metadata,
    /// Number of the client's connection; 0 = unknown.
    pub(in crate::serve) connection: u32,
    /// Duration of the call.
    pub(in crate::serve) length: Duration,
    /// How the call ended early, if it did.
    pub(in crate::serve) early: Early,
}

/// How well a recorded call matches the client's requests; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The recorded client sent the same requests.
    Exact,
    /// The recorded client cancelled and may have intended to send what this client has sent since.
    Beyond,
    /// The recorded client gave up because of a deadline that this one does not have.
    OtherDeadline,
}

/// Calls whose clients sent the same requests, in the order of the recording.
#[derive(Debug)]
pub(in crate::serve) struct Class {
    pub(super) requests: Requests,
    /// True when the server ended these calls with an error before their clients had sent all requests.
    pub(super) refused: bool,
    members: Vec<Place>,
    /// Members whose clients cancelled, and the facets of deadlines that are similar to theirs.
    gave_up: BTreeMap<usize, Box<[u64]>>,
    /// Marks that all members have in common.
    pub(super) common: Marks,
    /// Number of marks of the first member, and the member that has most.
    first_marks: usize,
    longest: (usize, Place),
    /// The smallest cause of each step over all members.
    causes: Vec<Cause>,
    /// Members by facets of their metadata that others do not have.
    pub(super) facets: HashMap<u64, Vec<usize>>,
    /// Facets of the metadata that all members share and other classes do not.
    shared: HashSet<u64>,
    /// True when the members were made on several connections.
    spread: bool,
    connections: HashSet<u32>,
    /// Number of members that were used, when their order continues across connections.
    turn: AtomicUsize,
}

/// Some members of a class, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Members {
    /// All of them; this is their number.
    All(usize),
    Only(Vec<usize>),
}

impl Members {
    const fn len(&self) -> usize {
        match self {
            Self::All(count) => *count,
            Self::Only(members) => members.len(),
        }
    }

    /// The member at a place among these.
    pub(super) fn get(&self, at: usize) -> Option<usize> {
        match self {
            Self::All(count) => (at < *count).then_some(at),
            Self::Only(members) => members.get(at).copied(),
        }
    }
}

/// The members of a class that match a client best.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Best {
    pub(super) fit: Fit,
    /// Number of metadata entries in which they agree with the client's.
    pub(super) votes: usize,
    pub(super) members: Members,
    /// True when the members differ only in their metadata.
    all: bool,
    /// True when the clients of all these members cancelled.
    pub(super) gave_up: bool,
}

impl Class {
    /// An empty class for calls like this one.
    pub(super) fn of(call: &RecordedCall<'_>) -> Self {
        Self {
            requests: call.requests.clone(),
            refused: call.early == Early::Refused,
            members: Vec::new(),
            gave_up: BTreeMap::new(),
            common: Marks::of(call.marks, call.early == Early::GaveUp),
            first_marks: call.marks.len(),
            longest: (call.marks.len(), call.place),
            causes: Vec::new(),
            facets: HashMap::new(),
            shared: HashSet::new(),
            spread: false,
            connections: HashSet::new(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Adds a call.
    pub(super) fn add(&mut self, call: &RecordedCall<'_>) {
        let gave_up = call.early == Early::GaveUp;
        self.common.join(&Marks::of(call.marks, gave_up));
        for (at, mark) in call.marks.iter().enumerate() {
            match self.causes.get_mut(at) {
                Some(cause) => *cause = cause.least(mark.after),
                None => self.causes.push(mark.after),
            }
        }
        for facet in facets(call.metadata) {
            self.facets.entry(facet).or_default().push(self.members.len());
        }
        if gave_up {
            self.gave_up.insert(self.members.len(), facets::alike(call.metadata));
        }
        if call.marks.len() > self.longest.0 {
            self.longest = (call.marks.len(), call.place);
        }
        if call.connection != 0 && self.connections.len() < 2 {
            self.connections.insert(call.connection);
            self.spread = self.connections.len() > 1;
        }
        self.members.push(call.place);
    }

    /// Completes the class after the last call was added. Forgets facets without information; `tells` is true for a
    /// facet that not all calls of the method have.
    pub(super) fn finish(&mut self, tells: impl Fn(u64) -> bool) {
        let all = self.members.len();
        let shared = self
            .facets
            .iter()
            .filter(|(facet, members)| members.len() >= all && tells(**facet));
        self.shared = shared.map(|(facet, _)| *facet).collect();
        self.facets.retain(|_, members| members.len() < all);
        self.facets.shrink_to_fit();
        self.connections = HashSet::new();
    }

    /// Number of known steps of its calls.
    pub(super) const fn steps(&self) -> usize {
        self.causes.len()
    }

    /// The mark at step `at`, if all calls of the class agree.
    pub(super) fn common(&self, at: usize) -> Option<&Mark> {
        self.common.get(at)
    }

    /// True when the clients of all its calls had cancelled before anything was sent at step `at`.
    pub(super) fn is_silent(&self, at: usize) -> bool {
        self.gave_up.len() == self.members.len() && at >= self.causes.len() && self.causes.len() < super::MOST_MARKS
    }

    /// The smallest cause of step `at` over its calls.
    pub(super) fn cause(&self, at: usize) -> Cause {
        self.causes.get(at).copied().unwrap_or(Cause {
            requests: self.requests.count(),
            half_close: false,
        })
    }

    /// True when its calls ended early, as a call of a client with these facets may: one whose client gave up means
    /// another only when that has such a deadline, too, or neither has one.
    pub(super) fn ends_early(&self, facets: &[u64]) -> bool {
        self.refused || self.gave_up.values().any(|alike| meets(alike, facets))
    }

    /// True when the clients of all its calls cancelled, and none had a deadline similar to that of a client with these
    /// facets.
    pub(super) fn is_unlike(&self, facets: &[u64]) -> bool {
        self.gave_up.len() == self.members.len() && !self.ends_early(facets)
    }

    /// True when the client of any of its calls cancelled.
    pub(super) fn has_given_up(&self) -> bool {
        !self.gave_up.is_empty()
    }

    /// True when the client of this call cancelled.
    pub(super) fn gave_up(&self, place: Place) -> bool {
        let mut members = self.gave_up.keys().filter_map(|at| self.members.get(*at));
        members.any(|member| *member == place)
    }

    /// True when a call belongs to the class.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.members.contains(&place)
    }

    /// Its calls, in the order of the recording.
    pub(super) fn places(&self) -> &[Place] {
        &self.members
    }

    /// Its calls.
    pub(super) fn members(&self) -> impl Iterator<Item = Place> {
        self.members.iter().copied()
    }

    /// The first of its calls.
    pub(in crate::serve) fn first(&self) -> Place {
        self.members.first().copied().unwrap_or_default()
    }

    /// The first of its calls, or one that continues beyond step `at` if the first does not.
    pub(super) fn reaching(&self, at: usize) -> Place {
        if self.first_marks > at {
            self.first()
        } else {
            self.longest.1
        }
    }

    /// The members that match the client's requests best, and among those the ones whose metadata agrees most. Only
    /// calls `among` these can be meant, if they are given.
    pub(super) fn best(&self, facets: &[u64], came: Cause, among: Option<&HashSet<Place>>) -> Option<Best> {
        let over = came.requests > self.requests.count();
        let shared = facets.iter().filter(|facet| self.shared.contains(facet)).count();
        // Most often nothing tells the members apart: none is looked at, however many there are.
        if among.is_none() && self.gave_up.is_empty() && !facets.iter().any(|facet| self.facets.contains_key(facet)) {
            return (!over || self.refused).then_some(Best {
                fit: Fit::Exact,
                votes: shared,
                members: Members::All(self.members.len()),
                all: true,
                gave_up: false,
            });
        }
        let is_other =
            |at: usize| among.is_some_and(|among| !self.members.get(at).is_some_and(|place| among.contains(place)));
        let fit = |at: usize| match self.gave_up.get(&at) {
            _ if is_other(at) => None,
            Some(alike) if meets(alike, facets) => Some(if over || came.half_close {
                Fit::Beyond
            } else {
                Fit::Exact
            }),
            Some(_) => (!over).then_some(Fit::OtherDeadline),
            None => (!over || self.refused).then_some(Fit::Exact),
        };
        let fits: Vec<_> = (0..self.members.len()).map(fit).collect();
        let best = fits.iter().copied().flatten().min()?;
        let mut votes: Vec<_> = fits.iter().map(|fit| (*fit == Some(best)).then_some(0_usize)).collect();
        for members in facets.iter().filter_map(|facet| self.facets.get(facet)) {
            for member in members {
                if let Some(Some(vote)) = votes.get_mut(*member) {
                    *vote += 1;
                }
            }
        }
        let most = votes.iter().copied().flatten().max()?;
        let members: Vec<_> = (0..votes.len())
            .filter(|at| votes.get(*at) == Some(&Some(most)))
            .collect();
        Some(Best {
            fit: best,
            votes: most + shared,
            all: members.len() == votes.iter().flatten().count(),
            gave_up: members.iter().all(|at| self.gave_up.contains_key(at)),
            members: Members::Only(members),
        })
    }

    /// The member of `best` whose turn it is; the last of them again and again. `before` was chosen for this client
    /// already; `asked` says how often it has had one of them, given the first.
    pub(super) fn next(&self, best: &Best, before: Option<Place>, asked: impl FnOnce(Place) -> usize) -> Place {
        let place = |at: usize| self.members.get(at).copied();
        let of_best = |at: usize| best.members.get(at).and_then(place);
        if let Some(before) = before
            && (0..best.members.len()).any(|at| of_best(at) == Some(before))
        {
            return before;
        }
        let turn = if self.spread && best.all {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            asked(of_best(0).unwrap_or_default())
        };
        of_best(turn.min(best.members.len().saturating_sub(1))).unwrap_or_default()
    }
}

fn meets(alike: &[u64], facets: &[u64]) -> bool {
    facets.iter().any(|facet| alike.contains(facet))
}
