//! The matcher of one client's call: narrows the candidate classes with every request.

use std::{cmp::Reverse, collections::HashSet};

use super::{
    Cause, Mark, Place, Requests,
    class::{Best, Class},
    classes::Method,
};

/// The state of the match for one client's call.
#[derive(Debug)]
pub(in crate::serve) struct Matcher {
    /// Numbers of the candidate classes; `None` = all.
    alive: Option<Vec<usize>>,
    came: Requests,
    half_closed: bool,
    /// Facets of the client's metadata.
    facets: Vec<u64>,
    chosen: Option<Chosen>,
    /// An earlier choice that the client has not received anything of.
    before: Option<Place>,
    /// True when a part of a recorded call was sent.
    sent: bool,
    /// True when no call had these requests, and the candidates are those that ended early.
    fell_back: bool,
    /// The only calls that can be meant; `None` = all.
    among: Option<HashSet<Place>>,
}

/// A chosen call.
#[derive(Debug)]
struct Chosen {
    place: Place,
    /// True when its client cancelled.
    gave_up: bool,
    /// The candidates before the choice, as long as nothing has been sent since.
    instead: Option<Instead>,
}

/// The candidates before a choice; `None` = all.
#[derive(Debug)]
struct Instead(Option<Vec<usize>>);

/// The next action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Choice {
    /// Play this call.
    Call(Place),
    /// Wait for more requests, which may lead to a better class.
    Wait,
    /// Refuse, since no recorded call matches.
    None,
}

/// A candidate class in the ranking, the best first.
#[derive(Debug)]
struct Ranked {
    number: usize,
    /// Number of requests beyond those of its calls.
    beyond: u64,
    best: Best,
}

impl Ranked {
    /// The metadata counts before the number of requests: a call that the server refused before it read the requests
    /// differs from calls with these requests only in its metadata.
    fn key(&self) -> impl Ord + use<> {
        let Best {
            fit, votes, gave_up, ..
        } = self.best;
        (fit, Reverse(votes), self.beyond, gave_up, self.number)
    }
}

impl Matcher {
    /// A matcher for a call that a client opened.
    pub(in crate::serve) fn new(facets: Vec<u64>) -> Self {
        Self {
            alive: None,
            came: Requests::default(),
            half_closed: false,
            facets,
            chosen: None,
            before: None,
            sent: false,
            fell_back: false,
            among: None,
        }
    }

    /// Adds the next request, by the hash of its content.
    pub(in crate::serve) fn request(&mut self, method: &Method, request: u64) {
        self.came.take(request);
        self.narrow(method);
    }

    /// Notes that the client sends no more requests.
    pub(in crate::serve) fn half_close(&mut self, method: &Method) {
        self.half_closed = true;
        self.narrow(method);
    }

    /// Notes that a part of the chosen call was sent: it stays.
    pub(in crate::serve) fn went_on(&mut self) {
        self.sent = true;
        if let Some(chosen) = &mut self.chosen {
            chosen.instead = None;
        }
    }

    /// Narrows the candidates after a new request: leaves what agrees with it.
    fn narrow(&mut self, method: &Method) {
        self.keep_consistent(method);
        if self.is_over() || self.has_come_further(method) || (self.half_closed && self.has_given_up()) {
            self.reconsider(method);
        }
        if self.is_over() {
            self.fall_back(method);
        }
    }

    fn keep_consistent(&mut self, method: &Method) {
        let (came, half_closed) = (&self.came, self.half_closed);
        let agrees = |at: &usize| {
            method.class(*at).is_some_and(|class| {
                if class.refused && class.requests.begin(came) {
                    return true;
                }
                let ends = class.refused || class.requests.count() == came.count();
                came.begin(&class.requests) && (ends || !half_closed)
            })
        };
        match (&mut self.alive, came.first()) {
            (Some(alive), _) => alive.retain(agrees),
            // Of a method with many calls, only those are looked at that begin so, or that have no requests.
            (none, Some(first)) => {
                let begins = method.beginning_with(first).iter().chain(method.refused_at_once());
                *none = Some(begins.copied().filter(agrees).collect());
            }
            (none, None) => *none = Some((0..method.classes.len()).filter(agrees).collect()),
        }
    }

    /// True when the server of the chosen call refused it before it had as many requests as this client has sent.
    fn has_come_further(&self, method: &Method) -> bool {
        let refused = |at: &usize| {
            method
                .class(*at)
                .is_some_and(|class| class.refused && class.requests.count() < self.came.count())
        };
        self.chosen.is_some() && self.alive.iter().flatten().any(refused)
    }

    /// Withdraws the choice when nothing of it has been sent.
    fn reconsider(&mut self, method: &Method) {
        let Some(Instead(instead)) = self.chosen.as_mut().and_then(|chosen| chosen.instead.take()) else {
            return;
        };
        self.before = self.chosen.take().map(|chosen| chosen.place);
        self.alive = instead;
        self.keep_consistent(method);
    }

    /// Falls back to calls that ended early, where no call had these requests.
    fn fall_back(&mut self, method: &Method) {
        let (came, facets, chosen) = (&self.came, &self.facets, &self.chosen);
        let ended = |at: &usize| {
            method.class(*at).is_some_and(|class| {
                let held = chosen.as_ref().is_none_or(|chosen| class.holds(chosen.place));
                class.requests.begin(came) && class.ends_early(facets) && held
            })
        };
        self.alive = Some(method.early().iter().copied().filter(ended).collect());
        self.fell_back = true;
    }

    /// True when a recorded call had all the requests that came, as far as it had any.
    pub(super) fn is_met(&self, method: &Method) -> bool {
        let mut alive = self.alive(method).filter_map(|at| method.class(at));
        !self.fell_back && alive.any(|class| self.came.begin(&class.requests))
    }

    /// The calls of all candidates; `None` = all calls.
    pub(super) fn candidates(&self, method: &Method) -> Option<HashSet<Place>> {
        let alive = self.alive.as_ref()?.iter().filter_map(|at| method.class(*at));
        Some(alive.flat_map(Class::members).collect())
    }

    /// True when a part of a call was sent that is not chosen yet.
    pub(super) const fn has_sent_what_is_agreed(&self) -> bool {
        self.sent && self.chosen.is_none()
    }

    /// Takes over from another matcher, which went by other hashes of the same requests: keeps what it chose and sent.
    /// `among` are the calls that began with what was sent. False when none of the candidates did.
    pub(super) fn take_over(&mut self, method: &Method, other: &Self, among: Option<HashSet<Place>>) -> bool {
        let mut alive: Vec<_> = self.alive(method).collect();
        let chosen = other.chosen.as_ref();
        if let Some(chosen) = chosen.filter(|_| other.sent) {
            alive.retain(|at| method.class(*at).is_some_and(|class| class.holds(chosen.place)));
        } else if let Some(among) = &among {
            alive.retain(|at| {
                method
                    .class(*at)
                    .is_some_and(|class| class.members().any(|place| among.contains(&place)))
            });
        }
        if alive.is_empty() {
            return false;
        }
        self.before = chosen.map(|chosen| chosen.place).or(other.before);
        self.chosen = chosen.filter(|_| other.sent).map(|chosen| Chosen {
            place: chosen.place,
            gave_up: chosen.gave_up,
            instead: None,
        });
        (self.alive, self.sent, self.among) = (Some(alive), other.sent, among);
        true
    }

    /// What has arrived so far, as a cause.
    pub(in crate::serve) const fn came(&self) -> Cause {
        Cause {
            requests: self.came.count(),
            half_close: self.half_closed,
        }
    }

    /// True when the client has sent what `after` requires.
    pub(in crate::serve) const fn has(&self, after: Cause) -> bool {
        self.came.count() >= after.requests && (self.half_closed || !after.half_close)
    }

    /// The call that was chosen.
    pub(in crate::serve) fn chosen(&self) -> Option<Place> {
        self.chosen.as_ref().map(|chosen| chosen.place)
    }

    /// True when the client of the chosen call cancelled.
    pub(in crate::serve) fn has_given_up(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.gave_up)
    }

    /// True when the client of the chosen call cancelled before it had sent what this client has sent.
    pub(in crate::serve) fn is_beyond(&self, method: &Method) -> bool {
        let mut alive = self.alive(method).filter_map(|at| method.class(at));
        self.has_given_up() && alive.any(|class| self.half_closed || class.requests.count() < self.came.count())
    }

    /// True when no recorded call matches.
    pub(in crate::serve) fn is_over(&self) -> bool {
        self.alive.as_ref().is_some_and(Vec::is_empty)
    }

    fn alive<'a>(&'a self, method: &'a Method) -> impl Iterator<Item = usize> + 'a {
        let all = if self.alive.is_none() {
            0..method.classes.len()
        } else {
            0..0
        };
        self.alive.iter().flatten().copied().chain(all)
    }

    /// A call that represents all candidates: it sent what they agree upon at `at`.
    pub(in crate::serve) fn representative(&self, method: &Method, at: usize) -> Option<Place> {
        let mut alive = self.alive(method).filter_map(|number| method.class(number));
        let all = self.alive.is_none();
        let speaks = alive.find(|class| class.common(at).is_some() && (all || !class.is_unlike(&self.facets)))?;
        self.chosen().or_else(|| Some(speaks.reaching(at)))
    }

    /// The mark at step `at`, if all candidates agree. Those whose clients had given up by then agree with whatever the
    /// others sent.
    pub(in crate::serve) fn agreed<'a>(&self, method: &'a Method, at: usize) -> Option<&'a Mark> {
        if self.alive.is_none() {
            return method.common(at);
        }
        let silent = |class: &&Class| class.common.is_silent(at) || class.is_unlike(&self.facets);
        let alive = self.alive(method).filter_map(|number| method.class(number));
        let mut marks = alive.filter(|class| !silent(class)).map(|class| class.common(at));
        let first = marks.next()??;
        marks.all(|mark| mark == Some(first)).then_some(first)
    }

    /// Chooses the call to play, because the candidates differ at step `at`. The one that fits what came best, then the
    /// one whose metadata agrees most, then the first of the recording; one that only waits for what may still come is
    /// waited for unless `at_once`.
    pub(in crate::serve) fn choose(
        &mut self,
        method: &Method,
        at: usize,
        at_once: bool,
        asked: impl FnOnce(Place) -> usize,
    ) -> Choice {
        if let Some(chosen) = self.chosen() {
            return Choice::Call(chosen);
        }
        // Before a client has said anything, thousands of classes may be alive: none is ranked when nothing is due.
        if self.alive.is_none() && method.calls() > 0 && !self.has(method.earliest(at)) {
            return Choice::Wait;
        }
        let ranked = self.ranked(method);
        let Some(first) = ranked.first() else {
            return Choice::None;
        };
        let class = |ranked: &Ranked| method.class(ranked.number);
        let due = |ranked: &Ranked| class(ranked).is_some_and(|class| self.has(class.cause(at)));
        // To choose silence is not better than to wait.
        let speaks = |ranked: &Ranked| class(ranked).is_some_and(|class| !class.is_silent(at));
        let wanted = if due(first) {
            first
        } else if let Some(other) = ranked.iter().find(|other| at_once && due(other) && speaks(other)) {
            other
        } else {
            return Choice::Wait;
        };
        let Some(class) = class(wanted) else {
            return Choice::None;
        };
        let place = class.next(&wanted.best, self.before, asked);
        self.chosen = Some(Chosen {
            place,
            gave_up: class.gave_up(place),
            instead: Some(Instead(self.alive.replace(vec![wanted.number]))),
        });
        Choice::Call(place)
    }

    /// The best matching classes, in order of preference.
    fn ranked(&self, method: &Method) -> Vec<Ranked> {
        let came = self.came();
        let rank = |number| {
            let class = method.class(number)?;
            Some(Ranked {
                number,
                beyond: came.requests.saturating_sub(class.requests.count()),
                best: class.best(&self.facets, came, self.among.as_ref())?,
            })
        };
        let mut ranked: Vec<_> = self.alive(method).filter_map(rank).collect();
        ranked.sort_unstable_by_key(Ranked::key);
        if let Some(fit) = ranked.first().map(|first| first.best.fit) {
            ranked.retain(|other| other.best.fit == fit);
        }
        ranked
    }
}

#[cfg(test)]
mod tests;
