//! The recorded calls of one method by their exact requests and by the fields of these that identify them; and the
//! matcher that takes an exact match before any other.

use std::{collections::HashSet, time::Duration};

use super::{Asked, Cause, Choice, Mark, Place, RecordedCall, Requests, classes::Method, matcher::Matcher};

/// The recorded calls of one method.
#[derive(Debug, Default)]
pub(in crate::serve) struct KnownMethod {
    exact: Method,
    /// The same calls by the fields that identify their requests, where there are rules.
    by_fields: Option<Method>,
}

impl KnownMethod {
    /// Adds a call; calls are added in the order of the recording. `by_fields` are its requests as they are reduced to
    /// the fields that identify them; either all calls of a method have them, or none.
    pub(in crate::serve) fn add(&mut self, call: &RecordedCall<'_>, by_fields: Option<&Requests>) {
        self.exact.add(call);
        if let Some(requests) = by_fields {
            let reduced = RecordedCall { requests, ..*call };
            self.by_fields.get_or_insert_default().add(&reduced);
        }
    }

    /// Completes the method after the last call was added.
    pub(in crate::serve) fn finish(&mut self) {
        self.exact.finish();
        self.by_fields.iter_mut().for_each(Method::finish);
    }

    /// Number of recorded calls.
    pub(in crate::serve) const fn calls(&self) -> usize {
        self.exact.calls()
    }

    /// Duration of the longest call.
    pub(in crate::serve) const fn longest(&self) -> Duration {
        self.exact.longest()
    }

    /// The calls with the same requests as this one, in the order of the recording; `by_fields` says whether those are
    /// the same that are reduced to the same.
    pub(in crate::serve) fn alike(&self, place: Place, by_fields: bool) -> &[Place] {
        let reduced = self.by_fields.as_ref().filter(|_| by_fields);
        reduced.unwrap_or(&self.exact).alike(place)
    }

    /// The first recorded call.
    pub(in crate::serve) fn first(&self) -> Option<Place> {
        Some(self.exact.class(0)?.first())
    }
}

/// The state of the match for one client's call.
#[derive(Debug)]
pub(in crate::serve) struct CallMatcher {
    exact: Matcher,
    by_fields: Option<Matcher>,
    /// True when no call had exactly these requests, and the call is matched by fields.
    varies: bool,
}

impl CallMatcher {
    /// A matcher for a call that a client opened; `facets` are those of its metadata.
    pub(in crate::serve) fn new(known: &KnownMethod, facets: Vec<u64>) -> Self {
        Self {
            by_fields: known.by_fields.is_some().then(|| Matcher::new(facets.clone())),
            exact: Matcher::new(facets),
            varies: false,
        }
    }

    /// Adds the next request.
    pub(in crate::serve) fn request(&mut self, known: &KnownMethod, request: Asked) {
        let among = self.began_so(known);
        if let (Some(matcher), Some(method)) = (&mut self.by_fields, &known.by_fields) {
            matcher.request(method, request.by_fields);
        }
        if !self.varies {
            self.exact.request(&known.exact, request.exact);
            self.settle(known, among);
        }
    }

    /// Notes that the client sends no more requests.
    pub(in crate::serve) fn half_close(&mut self, known: &KnownMethod) {
        let among = self.began_so(known);
        if let (Some(matcher), Some(method)) = (&mut self.by_fields, &known.by_fields) {
            matcher.half_close(method);
        }
        if !self.varies {
            self.exact.half_close(&known.exact);
            self.settle(known, among);
        }
    }

    /// The calls that began with what was sent already, before the one that is meant is known; `None` = all.
    fn began_so(&self, known: &KnownMethod) -> Option<HashSet<Place>> {
        let is_open = !self.varies && self.by_fields.is_some() && self.exact.has_sent_what_is_agreed();
        is_open.then(|| self.exact.candidates(&known.exact)).flatten()
    }

    /// Turns to the fields when no call had exactly these requests: before calls that ended early, which any request may
    /// mean, and before the client is refused.
    fn settle(&mut self, known: &KnownMethod, among: Option<HashSet<Place>>) {
        let (Some(matcher), Some(method)) = (&mut self.by_fields, &known.by_fields) else {
            return;
        };
        let better = matcher.is_met(method) || (self.exact.is_over() && !matcher.is_over());
        if better && !self.exact.is_met(&known.exact) {
            self.varies = matcher.take_over(method, &self.exact, among);
        }
    }

    fn active<'a>(&'a self, known: &'a KnownMethod) -> (&'a Matcher, &'a Method) {
        match (&self.by_fields, &known.by_fields) {
            (Some(matcher), Some(method)) if self.varies => (matcher, method),
            _ => (&self.exact, &known.exact),
        }
    }

    fn matcher(&self) -> &Matcher {
        self.by_fields.as_ref().filter(|_| self.varies).unwrap_or(&self.exact)
    }

    /// True when the call is matched by fields, because no call had exactly its requests.
    pub(in crate::serve) const fn varies(&self) -> bool {
        self.varies
    }

    /// Notes that a part of the chosen call was sent: it stays.
    pub(in crate::serve) fn went_on(&mut self) {
        match &mut self.by_fields {
            Some(matcher) if self.varies => matcher.went_on(),
            _ => self.exact.went_on(),
        }
    }

    /// What has arrived so far, as a cause.
    pub(in crate::serve) fn came(&self) -> Cause {
        self.matcher().came()
    }

    /// True when the client has sent what `after` requires.
    pub(in crate::serve) fn has(&self, after: Cause) -> bool {
        self.matcher().has(after)
    }

    /// The call that was chosen.
    pub(in crate::serve) fn chosen(&self) -> Option<Place> {
        self.matcher().chosen()
    }

    /// True when the client of the chosen call cancelled before it had sent what this client has sent.
    pub(in crate::serve) fn is_beyond(&self, known: &KnownMethod) -> bool {
        let (matcher, method) = self.active(known);
        matcher.is_beyond(method)
    }

    /// True when no recorded call matches.
    pub(in crate::serve) fn is_over(&self) -> bool {
        self.matcher().is_over()
    }

    /// See [`Matcher::representative`].
    pub(in crate::serve) fn representative(&self, known: &KnownMethod, at: usize) -> Option<Place> {
        let (matcher, method) = self.active(known);
        matcher.representative(method, at)
    }

    /// See [`Matcher::agreed`].
    pub(in crate::serve) fn agreed<'a>(&'a self, known: &'a KnownMethod, at: usize) -> Option<&'a Mark> {
        let (matcher, method) = self.active(known);
        matcher.agreed(method, at)
    }

    /// See [`Matcher::choose`].
    pub(in crate::serve) fn choose(
        &mut self,
        known: &KnownMethod,
        at: usize,
        at_once: bool,
        asked: impl FnOnce(Place) -> usize,
    ) -> Choice {
        match (&mut self.by_fields, &known.by_fields) {
            (Some(matcher), Some(method)) if self.varies => matcher.choose(method, at, at_once, asked),
            _ => self.exact.choose(&known.exact, at, at_once, asked),
        }
    }
}

#[cfg(test)]
mod tests;
