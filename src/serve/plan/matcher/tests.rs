use super::*;
use crate::{model::event::Metadata, serve::plan::Known};

fn after(requests: u64) -> Cause {
    Cause {
        requests,
        half_close: false,
    }
}

fn mark(act: u64, after: Cause) -> Mark {
    Mark { act, after }
}

/// A method of calls, each of some requests and what the server sent.
fn method(calls: &[(&[u64], &[Mark])]) -> Method {
    let mut method = Method::default();
    for (at, (sent, marks)) in calls.iter().enumerate() {
        let mut requests = Requests::default();
        for request in *sent {
            requests.take(*request);
        }
        method.add(&Known {
            place: (0, at),
            requests: &requests,
            marks,
            metadata: &Metadata::default(),
            connection: 0,
            length: std::time::Duration::ZERO,
            early: Early::No,
        });
    }
    method.finish();
    method
}

fn choose(matcher: &mut Matcher, method: &Method, at: usize, at_once: bool) -> Choice {
    matcher.choose(method, at, at_once, |_| 0)
}

#[test]
fn what_all_sent_first_goes_out_before_a_request_and_what_differs_does_not() {
    let hello = mark(1, after(0));
    let method = method(&[
        (&[10], &[hello, mark(2, after(1))]),
        (&[20], &[hello, mark(3, after(1))]),
    ]);
    let mut matcher = Matcher::new(Vec::new());
    assert_eq!(matcher.agreed(&method, 0), Some(&hello));
    assert_eq!(matcher.agreed(&method, 1), None);
    assert_eq!(choose(&mut matcher, &method, 1, true), Choice::Wait);
    matcher.request(&method, 20);
    assert_eq!(matcher.agreed(&method, 1), Some(&mark(3, after(1))));
    assert!(matcher.has(after(1)) && !matcher.has(after(2)));
    assert_eq!(choose(&mut matcher, &method, 1, false), Choice::Call((0, 1)));
}

#[test]
fn a_request_that_nobody_sent_means_no_call_and_no_request_means_only_none() {
    let method = method(&[(&[], &[mark(1, after(0))]), (&[5], &[mark(2, after(1))])]);
    let mut matcher = Matcher::new(Vec::new());
    matcher.request(&method, 6);
    assert!(matcher.is_over());
    assert_eq!(choose(&mut matcher, &method, 0, true), Choice::None);
    let mut matcher = Matcher::new(Vec::new());
    matcher.half_close(&method);
    assert_eq!(choose(&mut matcher, &method, 0, false), Choice::Call((0, 0)));
    let mut matcher = Matcher::new(Vec::new());
    matcher.request(&method, 5);
    matcher.half_close(&method);
    assert_eq!(choose(&mut matcher, &method, 0, false), Choice::Call((0, 1)));
}

#[test]
fn calls_that_begin_alike_share_what_was_alike_and_part_at_the_next_request() {
    let answer = mark(7, after(1));
    let talk = [answer, mark(8, after(2))];
    let short = [answer, mark(9, after(1))];
    let method = method(&[(&[1, 2], &talk), (&[1], &short)]);
    let mut matcher = Matcher::new(Vec::new());
    matcher.request(&method, 1);
    assert_eq!(matcher.agreed(&method, 0), Some(&answer));
    assert_eq!(matcher.agreed(&method, 1), None);
    // The first of the recording waits for a request that may still come.
    assert_eq!(choose(&mut matcher, &method, 1, false), Choice::Wait);
    matcher.request(&method, 2);
    assert_eq!(choose(&mut matcher, &method, 1, false), Choice::Call((0, 0)));
    // A client that sends no more, and does not say so, gets the other in the end.
    let mut silent = Matcher::new(Vec::new());
    silent.request(&method, 1);
    assert_eq!(choose(&mut silent, &method, 1, true), Choice::Call((0, 1)));
}

#[test]
fn what_comes_after_the_half_close_waits_for_it() {
    let end = Cause {
        requests: 2,
        half_close: true,
    };
    let method = method(&[(&[1, 2], &[mark(1, end)])]);
    let mut matcher = Matcher::new(Vec::new());
    matcher.request(&method, 1);
    matcher.request(&method, 2);
    assert!(!matcher.has(end));
    matcher.half_close(&method);
    assert!(matcher.has(end));
    assert_eq!(matcher.came(), end);
}

#[test]
fn a_call_that_was_refused_before_its_request_came_answers_where_no_other_does() {
    let mut method = Method::default();
    let (mut asked, none) = (Requests::default(), Requests::default());
    asked.take(1);
    for (at, requests, early) in [
        (0, &none, Early::Refused),
        (1, &asked, Early::No),
        (2, &none, Early::No),
    ] {
        method.add(&Known {
            place: (0, at),
            requests,
            marks: &[mark(at as u64, after(0))],
            metadata: &Metadata::default(),
            connection: 0,
            length: std::time::Duration::ZERO,
            early,
        });
    }
    method.finish();
    for (request, call) in [(1, 1), (2, 0)] {
        let mut matcher = Matcher::new(Vec::new());
        matcher.request(&method, request);
        matcher.half_close(&method);
        assert_eq!(
            choose(&mut matcher, &method, 0, false),
            Choice::Call((0, call)),
            "request {request}"
        );
    }
}

#[test]
fn a_call_whose_deadline_passed_means_others_of_such_a_deadline_and_no_other() {
    let timeout = |value: &str| {
        let mut metadata = Metadata::default();
        metadata.push("grpc-timeout", value);
        metadata
    };
    let mut method = Method::default();
    method.add(&Known {
        place: (0, 0),
        requests: &Requests::default(),
        marks: &[mark(1, after(0))],
        metadata: &timeout("1m"),
        connection: 0,
        length: std::time::Duration::ZERO,
        early: Early::Deadline,
    });
    method.finish();
    for (asked, means) in [
        ("995u", true),
        ("180u", true),
        ("4m", true),
        ("40m", false),
        ("5S", false),
    ] {
        let mut matcher = Matcher::new(super::super::facets(&timeout(asked)));
        // Its client had no time to say it.
        matcher.request(&method, 10);
        matcher.half_close(&method);
        let choice = choose(&mut matcher, &method, 0, true);
        assert_eq!(choice == Choice::Call((0, 0)), means, "{asked}: {choice:?}");
        assert_eq!(matcher.is_over(), !means, "{asked}");
    }
}
