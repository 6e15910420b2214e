use super::*;
use crate::{
    model::event::Metadata,
    serve::plan::{Early, facets},
};

/// Requests are numbers: the tens identify one, and the ones vary.
fn asked(request: u64) -> Asked {
    Asked {
        exact: request,
        by_fields: request / 10,
    }
}

fn mark(act: u64, requests: u64) -> Mark {
    Mark {
        act,
        after: Cause {
            requests,
            half_close: false,
        },
    }
}

/// A recorded call: its requests, what the server sent, and how it ended early.
type Told<'a> = (&'a [u64], &'a [Mark], Early);

fn known(calls: &[Told<'_>]) -> KnownMethod {
    let mut known = KnownMethod::default();
    for (at, (sent, marks, early)) in calls.iter().enumerate() {
        let (mut exact, mut by_fields) = (Requests::default(), Requests::default());
        for request in *sent {
            exact.take(asked(*request).exact);
            by_fields.take(asked(*request).by_fields);
        }
        let call = RecordedCall {
            place: (0, at),
            requests: &exact,
            marks,
            metadata: &Metadata::default(),
            connection: 0,
            length: Duration::ZERO,
            early: *early,
        };
        known.add(&call, Some(&by_fields));
    }
    known.finish();
    known
}

fn matcher(known: &KnownMethod) -> CallMatcher {
    CallMatcher::new(known, facets(&Metadata::default()))
}

/// What is chosen for these requests when `sent` steps went out, and whether it is matched by fields.
fn choice(known: &KnownMethod, requests: &[u64], turn: usize) -> (Choice, bool) {
    let mut matcher = matcher(known);
    for request in requests {
        matcher.request(known, asked(*request));
    }
    matcher.half_close(known);
    let chosen = matcher.choose(known, 0, true, |_| turn);
    (chosen, matcher.varies())
}

const NO: Early = Early::No;

#[test]
fn an_exact_match_comes_before_any_by_fields_whatever_their_order() {
    let known = known(&[
        (&[11], &[mark(1, 1)], NO),
        (&[12], &[mark(2, 1)], NO),
        (&[21], &[mark(3, 1)], NO),
    ]);
    for (request, call) in [(11, 0), (12, 1), (21, 2)] {
        assert_eq!(choice(&known, &[request], 0), (Choice::Call((0, call)), false));
    }
    // What varies is answered in the order of the recording, the last again and again.
    for (turn, call) in [(0, 0), (1, 1), (2, 1)] {
        assert_eq!(choice(&known, &[19], turn), (Choice::Call((0, call)), true));
    }
    assert_eq!(choice(&known, &[29], 0), (Choice::Call((0, 2)), true));
    assert_eq!(choice(&known, &[39], 0).0, Choice::None);
    assert_eq!(choice(&known, &[], 0).0, Choice::None);
    assert_eq!(choice(&known, &[19, 19], 0).0, Choice::None);
}

#[test]
fn a_request_that_varies_comes_before_a_refusal_that_any_request_may_mean() {
    let known = known(&[(&[], &[mark(1, 0)], Early::Refused), (&[11], &[mark(2, 1)], NO)]);
    assert_eq!(choice(&known, &[11], 0), (Choice::Call((0, 1)), false));
    assert_eq!(choice(&known, &[29], 0), (Choice::Call((0, 0)), false));
    // By its metadata it may mean the refused call as well; the one with the request is the better match.
    let (chosen, varies) = choice(&known, &[19], 0);
    assert!(varies, "{chosen:?}");
}

#[test]
fn a_call_that_began_exactly_and_goes_on_otherwise_keeps_what_was_sent() {
    let talk = |first, second| [mark(first, 1), mark(second, 2)];
    let (one, other) = (talk(1, 2), talk(3, 4));
    let known = known(&[(&[11, 21], &one, NO), (&[12, 21], &other, NO), (&[12, 22], &other, NO)]);
    // The first request is exactly that of the second call, which is chosen and sent.
    let mut matcher = matcher(&known);
    matcher.request(&known, asked(12));
    assert_eq!(matcher.agreed(&known, 0), Some(&other[0]));
    assert!(matcher.representative(&known, 0).is_some_and(|(_, call)| call > 0));
    matcher.went_on();
    assert!(!matcher.varies());
    // The second is that of none; only calls that began with what was sent can be meant.
    matcher.request(&known, asked(29));
    assert!(matcher.varies() && !matcher.is_over());
    assert_eq!(matcher.choose(&known, 1, true, |_| 0), Choice::Call((0, 1)));
    assert_eq!(matcher.came().requests, 2);
}

#[test]
fn what_was_chosen_and_sent_stays_when_later_requests_vary() {
    let known = known(&[
        (&[11, 21], &[mark(1, 1), mark(2, 2)], NO),
        (&[11, 31], &[mark(5, 1), mark(6, 2)], NO),
    ]);
    let mut matcher = matcher(&known);
    matcher.request(&known, asked(11));
    assert_eq!(matcher.choose(&known, 0, true, |_| 0), Choice::Call((0, 0)));
    matcher.went_on();
    matcher.request(&known, asked(29));
    assert!(matcher.varies());
    assert_eq!(matcher.chosen(), Some((0, 0)));
    // What the chosen call's client did not ask means nothing any more.
    matcher.request(&known, asked(21));
    assert!(matcher.is_over());
}

#[test]
fn without_rules_nothing_varies() {
    let mut known = KnownMethod::default();
    let mut requests = Requests::default();
    requests.take(11);
    known.add(
        &RecordedCall {
            place: (0, 0),
            requests: &requests,
            marks: &[],
            metadata: &Metadata::default(),
            connection: 0,
            length: Duration::ZERO,
            early: NO,
        },
        None,
    );
    known.finish();
    let mut matcher = matcher(&known);
    matcher.request(&known, asked(12));
    assert!(matcher.is_over() && !matcher.varies());
    assert_eq!(
        (known.calls(), known.first(), known.longest()),
        (1, Some((0, 0)), Duration::ZERO)
    );
}
