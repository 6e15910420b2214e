//! The classes that a client may mean, narrowed with every request.

use std::cmp::Reverse;

use super::{
    Cause, Mark, Place, Requests,
    class::{Best, Class},
    classes::Method,
};

/// What is known of one client's call.
#[derive(Debug)]
pub(in crate::serve) struct Matcher {
    /// Numbers of the classes that agree with what came; `None` = all.
    alive: Option<Vec<usize>>,
    came: Requests,
    half_closed: bool,
    /// What the client's metadata says.
    facets: Vec<u64>,
    chosen: Option<Chosen>,
    /// What was chosen before the client said more, and nothing had been sent of it.
    before: Option<Place>,
}

/// A call that was chosen.
#[derive(Debug)]
struct Chosen {
    place: Place,
    /// Its client gave up.
    gave_up: bool,
    /// What was alive before, while nothing has been sent since.
    instead: Option<Instead>,
}

/// Numbers of the classes that agreed with what came; `None` = all.
#[derive(Debug)]
struct Instead(Option<Vec<usize>>);

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum Choice {
    /// This call is played.
    Call(Place),
    /// More may come that decides it, and another class would be better.
    Wait,
    /// No recorded call is meant.
    None,
}

/// A class as it is among those that may be meant, the best first.
#[derive(Debug)]
struct Ranked {
    number: usize,
    /// Requests that came beyond those of its calls.
    beyond: u64,
    best: Best,
}

impl Ranked {
    fn key(&self) -> impl Ord + use<> {
        let Best {
            fit, votes, gave_up, ..
        } = self.best;
        (fit, self.beyond, Reverse(votes), gave_up, self.number)
    }
}

impl Matcher {
    /// The matcher of a call that a client opened.
    pub(in crate::serve) fn new(facets: Vec<u64>) -> Self {
        Self {
            alive: None,
            came: Requests::default(),
            half_closed: false,
            facets,
            chosen: None,
            before: None,
        }
    }

    /// Takes the next request, by the hash of its content.
    pub(in crate::serve) fn request(&mut self, method: &Method, request: u64) {
        self.came.take(request);
        self.narrow(method);
    }

    /// The client will send no more.
    pub(in crate::serve) fn half_close(&mut self, method: &Method) {
        self.half_closed = true;
        self.narrow(method);
    }

    /// Something of what was chosen went out: it stays.
    pub(in crate::serve) fn went_on(&mut self) {
        if let Some(chosen) = &mut self.chosen {
            chosen.instead = None;
        }
    }

    /// The client has said more: leaves what agrees with it.
    fn narrow(&mut self, method: &Method) {
        self.keep_consistent(method);
        if self.is_over() || (self.half_closed && self.has_given_up()) {
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
                let ends = class.refused || class.requests.count() == came.count();
                came.begin(&class.requests) && (ends || !half_closed)
            })
        };
        match (&mut self.alive, came.first()) {
            (Some(alive), _) => alive.retain(agrees),
            // Of a method with many calls, only those are looked at that begin so.
            (none, Some(first)) => {
                *none = Some(method.beginning_with(first).iter().copied().filter(agrees).collect());
            }
            (none, None) => *none = Some((0..method.classes.len()).filter(agrees).collect()),
        }
    }

    /// Takes back what was chosen, when nothing has been sent of it.
    fn reconsider(&mut self, method: &Method) {
        let Some(Instead(instead)) = self.chosen.as_mut().and_then(|chosen| chosen.instead.take()) else {
            return;
        };
        self.before = self.chosen.take().map(|chosen| chosen.place);
        self.alive = instead;
        self.keep_consistent(method);
    }

    /// Where no call had these requests, one may be meant that ended before its client had said all.
    fn fall_back(&mut self, method: &Method) {
        let (came, facets, chosen) = (&self.came, &self.facets, &self.chosen);
        let ended = |at: &usize| {
            method.class(*at).is_some_and(|class| {
                let held = chosen.as_ref().is_none_or(|chosen| class.holds(chosen.place));
                class.requests.begin(came) && class.ends_early(facets) && held
            })
        };
        self.alive = Some(method.early().iter().copied().filter(ended).collect());
    }

    /// What came so far, as a cause.
    pub(in crate::serve) const fn came(&self) -> Cause {
        Cause {
            requests: self.came.count(),
            half_close: self.half_closed,
        }
    }

    /// True when the client has sent what came before `after`.
    pub(in crate::serve) const fn has(&self, after: Cause) -> bool {
        self.came.count() >= after.requests && (self.half_closed || !after.half_close)
    }

    /// The call that was chosen.
    pub(in crate::serve) fn chosen(&self) -> Option<Place> {
        self.chosen.as_ref().map(|chosen| chosen.place)
    }

    /// True when the client of the call that was chosen gave up.
    pub(in crate::serve) fn has_given_up(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| chosen.gave_up)
    }

    /// True when a call was chosen whose client gave up before it had said what this one has.
    pub(in crate::serve) fn is_beyond(&self, method: &Method) -> bool {
        let mut alive = self.alive(method).filter_map(|at| method.class(at));
        self.has_given_up() && alive.any(|class| self.half_closed || class.requests.count() < self.came.count())
    }

    /// True when no recorded call is meant.
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

    /// A call that stands for all that may be meant: it sent what they agree upon at `at`.
    pub(in crate::serve) fn representative(&self, method: &Method, at: usize) -> Option<Place> {
        let mut alive = self.alive(method).filter_map(|number| method.class(number));
        let all = self.alive.is_none();
        let speaks = alive.find(|class| class.common(at).is_some() && (all || !class.is_unlike(&self.facets)))?;
        self.chosen().or_else(|| Some(speaks.reaching(at)))
    }

    /// What all calls that may be meant sent at `at`, when it was the same. Those whose clients had given up by then agree
    /// with whatever the others sent.
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

    /// Chooses the call that is played, because what comes at `at` differs between those that may be meant. The one that
    /// fits what came best, then the one whose metadata agrees most, then the first of the recording; one that only waits
    /// for what may still come is waited for unless `at_once`.
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

    /// The classes that fit what came best, in the order in which they are wanted.
    fn ranked(&self, method: &Method) -> Vec<Ranked> {
        let came = self.came();
        let rank = |number| {
            let class = method.class(number)?;
            Some(Ranked {
                number,
                beyond: came.requests.saturating_sub(class.requests.count()),
                best: class.best(&self.facets, came)?,
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
