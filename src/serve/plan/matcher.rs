//! The classes that a client may mean, narrowed with every request.

use super::{
    Cause, Mark, Place, Requests,
    classes::{Early, Method},
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
    chosen: Option<Place>,
}

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

impl Matcher {
    /// The matcher of a call that a client opened.
    pub(in crate::serve) fn new(facets: Vec<u64>) -> Self {
        Self {
            alive: None,
            came: Requests::default(),
            half_closed: false,
            facets,
            chosen: None,
        }
    }

    /// Takes the next request, by the hash of its content.
    pub(in crate::serve) fn request(&mut self, method: &Method, request: u64) {
        self.came.take(request);
        let came = &self.came;
        let begins = |at: &usize| method.class(*at).is_some_and(|class| came.begin(&class.requests));
        if let Some(alive) = &mut self.alive {
            alive.retain(begins);
        } else {
            // Of a method with many calls, only those are looked at that begin so.
            let first = came.first().unwrap_or_default();
            let found = method.beginning_with(first).iter().copied().filter(begins);
            self.alive = Some(found.collect());
        }
        self.fall_back(method);
    }

    /// Where no call had these requests, one may be meant that ended before its client had said all.
    fn fall_back(&mut self, method: &Method) {
        let Some(alive) = self.alive.as_mut().filter(|alive| alive.is_empty()) else {
            return;
        };
        let (came, facets) = (&self.came, &self.facets);
        let ended = |at: &usize| {
            let class = method.class(*at);
            class.is_some_and(|class| class.requests.begin(came) && class.ends_early(facets))
        };
        alive.extend(method.early().iter().copied().filter(ended));
        if let Some(chosen) = self.chosen {
            alive.retain(|at| method.class(*at).is_some_and(|class| class.holds(chosen)));
        }
    }

    /// The client will send no more.
    pub(in crate::serve) fn half_close(&mut self, method: &Method) {
        self.half_closed = true;
        let count = self.came.count();
        let ends = |at: &usize| {
            let class = method.class(*at);
            class.is_some_and(|class| match class.early {
                Early::Refused => true,
                Early::No | Early::Deadline if class.requests.count() == count => true,
                Early::Deadline => class.requests.count() < count,
                Early::No => false,
            })
        };
        match &mut self.alive {
            Some(alive) => alive.retain(ends),
            None => self.alive = Some((0..method.classes.len()).filter(ends).collect()),
        }
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
    pub(in crate::serve) const fn chosen(&self) -> Option<Place> {
        self.chosen
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

    /// A call that stands for all that may be meant.
    pub(in crate::serve) fn representative(&self, method: &Method) -> Option<Place> {
        let first = self.alive(method).next()?;
        self.chosen.or_else(|| method.class(first).map(super::Class::first))
    }

    /// What all calls that may be meant sent at `at`, when it was the same.
    pub(in crate::serve) fn agreed<'a>(&self, method: &'a Method, at: usize) -> Option<&'a Mark> {
        if self.alive.is_none() {
            return method.common(at);
        }
        let mut marks = self
            .alive(method)
            .map(|class| method.class(class).and_then(|class| class.common(at)));
        let first = marks.next()??;
        marks.all(|mark| mark == Some(first)).then_some(first)
    }

    /// Chooses the call that is played, because what comes at `at` differs between those that may be meant. The one whose
    /// metadata agrees most, then the first of the recording; one that only waits for what may still come is waited for
    /// unless `at_once`.
    pub(in crate::serve) fn choose(
        &mut self,
        method: &Method,
        at: usize,
        at_once: bool,
        asked: impl FnOnce(Place) -> usize,
    ) -> Choice {
        if let Some(chosen) = self.chosen {
            return Choice::Call(chosen);
        }
        // Before a client has said anything, thousands of classes may be alive: none is ranked when nothing is due.
        if self.alive.is_none() && method.calls() > 0 && !self.has(method.earliest(at)) {
            return Choice::Wait;
        }
        let mut ranked: Vec<_> = self
            .alive(method)
            .filter_map(|number| {
                let class = method.class(number)?;
                let (votes, best) = class.best(&self.facets);
                Some((std::cmp::Reverse(votes), number, best))
            })
            .collect();
        ranked.sort_unstable();
        let due = |number: &usize| method.class(*number).is_some_and(|class| self.has(class.cause(at)));
        let Some(first) = ranked.first() else {
            return Choice::None;
        };
        let wanted = if due(&first.1) {
            first
        } else if let Some(other) = ranked.iter().find(|(_, number, _)| at_once && due(number)) {
            other
        } else {
            return Choice::Wait;
        };
        let (_, number, best) = wanted;
        let Some(class) = method.class(*number) else {
            return Choice::None;
        };
        let place = class.next(best, asked);
        self.alive = Some(vec![*number]);
        self.chosen = Some(place);
        Choice::Call(place)
    }
}

#[cfg(test)]
mod tests;
