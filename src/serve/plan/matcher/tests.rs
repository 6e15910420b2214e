use super::*;
use crate::{
    model::event::Metadata,
    serve::plan::{Early, RecordedCall, facets},
};

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
        method.add(&RecordedCall {
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
        method.add(&RecordedCall {
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
    method.add(&RecordedCall {
        place: (0, 0),
        requests: &Requests::default(),
        marks: &[mark(1, after(0))],
        metadata: &timeout("1m"),
        connection: 0,
        length: std::time::Duration::ZERO,
        early: Early::GaveUp,
    });
    method.finish();
    for (asked, means) in [
        ("995u", true),
        ("180u", true),
        ("4m", true),
        ("40m", false),
        ("5S", false),
    ] {
        let mut matcher = Matcher::new(facets(&timeout(asked)));
        // Its client had no time to say it.
        matcher.request(&method, 10);
        matcher.half_close(&method);
        let choice = choose(&mut matcher, &method, 0, true);
        assert_eq!(choice == Choice::Call((0, 0)), means, "{asked}: {choice:?}");
        assert_eq!(matcher.is_over(), !means, "{asked}");
    }
}

/// Two calls: one that the server refused before it read the request, and one with that request.
fn refused_and_asked() -> Method {
    let mut method = Method::default();
    for (at, requests, early, encoding) in [(0, &[][..], Early::Refused, "foo"), (1, &[1][..], Early::No, "gzip")] {
        let mut sent = Requests::default();
        for request in requests {
            sent.take(*request);
        }
        method.add(&RecordedCall {
            place: (0, at),
            requests: &sent,
            marks: &[mark(at as u64, after(requests.len() as u64))],
            metadata: &encoded(encoding),
            connection: 0,
            length: std::time::Duration::ZERO,
            early,
        });
    }
    method.finish();
    method
}

fn encoded(encoding: &str) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.push("grpc-encoding", encoding);
    metadata
}

#[test]
fn a_call_that_was_refused_for_its_metadata_answers_calls_with_this_metadata() {
    let method = refused_and_asked();
    for (encoding, call) in [("foo", 0), ("gzip", 1), ("br", 1)] {
        let mut matcher = Matcher::new(facets(&encoded(encoding)));
        matcher.request(&method, 1);
        matcher.half_close(&method);
        assert_eq!(
            choose(&mut matcher, &method, 0, false),
            Choice::Call((0, call)),
            "{encoding}"
        );
    }
}

#[test]
fn a_refused_call_that_was_chosen_and_not_sent_yields_to_one_with_the_request_that_came() {
    let method = refused_and_asked();
    for (encoding, call) in [("foo", 0), ("br", 1)] {
        let mut matcher = Matcher::new(facets(&encoded(encoding)));
        assert_eq!(choose(&mut matcher, &method, 0, true), Choice::Call((0, 0)));
        matcher.request(&method, 1);
        assert_eq!(
            choose(&mut matcher, &method, 0, false),
            Choice::Call((0, call)),
            "{encoding}"
        );
    }
}

fn and_end(requests: u64) -> Cause {
    Cause {
        requests,
        half_close: true,
    }
}

/// A call that its client may have given up: how, its requests, its deadline, and what the server sent.
type Told<'a> = (Early, &'a [u64], &'a str, &'a [Mark]);

fn recorded(calls: &[Told<'_>]) -> Method {
    let mut method = Method::default();
    for (at, (early, sent, deadline, marks)) in calls.iter().enumerate() {
        let mut requests = Requests::default();
        for request in *sent {
            requests.take(*request);
        }
        method.add(&RecordedCall {
            place: (0, at),
            requests: &requests,
            marks,
            metadata: &limited(deadline),
            connection: 0,
            length: std::time::Duration::ZERO,
            early: *early,
        });
    }
    method.finish();
    method
}

fn limited(deadline: &str) -> Metadata {
    let mut metadata = Metadata::default();
    if !deadline.is_empty() {
        metadata.push("grpc-timeout", deadline);
    }
    metadata
}

/// What is chosen for a client of this deadline that sends these requests and says, or does not, that it has no more.
fn choice(method: &Method, deadline: &str, sent: &[u64], half_close: bool) -> (Choice, bool) {
    let mut matcher = Matcher::new(facets(&limited(deadline)));
    for request in sent {
        matcher.request(method, *request);
    }
    if half_close {
        matcher.half_close(method);
    }
    (choose(&mut matcher, method, 0, true), matcher.is_beyond(method))
}

#[test]
fn a_call_that_was_given_up_is_meant_by_those_that_say_more_and_not_by_those_that_say_otherwise() {
    let method = recorded(&[(Early::GaveUp, &[1, 2], "", &[])]);
    let call = Choice::Call((0, 0));
    assert_eq!(choice(&method, "", &[1, 2], false), (call, false));
    assert_eq!(choice(&method, "", &[1, 2], true), (call, true));
    assert_eq!(choice(&method, "", &[1, 2, 3], false), (call, true));
    assert_eq!(choice(&method, "", &[1], true).0, Choice::None);
    assert_eq!(choice(&method, "", &[2, 1], false).0, Choice::None);
    // One that has a deadline would end by itself, and no other would.
    assert_eq!(choice(&method, "1S", &[1, 2, 3], false).0, Choice::None);
    // What its client did not give up is meant by nothing else.
    let ended = recorded(&[(Early::No, &[1, 2], "", &[mark(1, after(2))])]);
    assert_eq!(choice(&ended, "", &[1, 2, 3], false).0, Choice::None);
}

#[test]
fn a_call_that_was_given_up_answers_only_where_no_other_fits_and_the_longest_before_shorter_ones() {
    let answer = [mark(1, and_end(1))];
    let method = recorded(&[
        (Early::GaveUp, &[], "", &[]),
        (Early::GaveUp, &[1], "", &[]),
        (Early::GaveUp, &[1], "1m", &[mark(2, after(1))]),
        (Early::No, &[1], "5S", &answer),
    ]);
    for deadline in ["", "5S", "20S"] {
        assert_eq!(
            choice(&method, deadline, &[1], true).0,
            Choice::Call((0, 3)),
            "{deadline}"
        );
    }
    assert_eq!(choice(&method, "", &[1, 2], false).0, Choice::Call((0, 1)));
    assert_eq!(choice(&method, "900u", &[1, 2], false).0, Choice::Call((0, 2)));
    assert_eq!(choice(&method, "", &[2], false).0, Choice::Call((0, 0)));
    assert_eq!(choice(&method, "5S", &[2], false).0, Choice::None);
}

#[test]
fn a_client_that_takes_long_to_say_more_is_not_left_in_the_silence_of_another() {
    let (hello, talk) = (mark(1, after(1)), [mark(1, after(1)), mark(2, after(2))]);
    for (given_up_first, talked) in [(true, 1), (false, 0)] {
        let mut calls: Vec<Told<'_>> = vec![(Early::No, &[1, 2], "", &talk)];
        calls.insert(
            usize::from(!given_up_first),
            (Early::GaveUp, &[1], "", std::slice::from_ref(&hello)),
        );
        let method = recorded(&calls);
        let mut matcher = Matcher::new(facets(&Metadata::default()));
        assert_eq!(choose(&mut matcher, &method, 0, true), Choice::Wait);
        matcher.request(&method, 1);
        assert_eq!(matcher.agreed(&method, 0), Some(&hello));
        matcher.went_on();
        // Silence agrees with what the other sent next, and is not chosen however long it lasts.
        assert_eq!(matcher.agreed(&method, 1), Some(&talk[1]));
        assert_eq!(matcher.representative(&method, 1), Some((0, talked)));
        assert_eq!(choose(&mut matcher, &method, 1, true), Choice::Wait);
        matcher.request(&method, 2);
        assert_eq!(choose(&mut matcher, &method, 1, true), Choice::Call((0, talked)));
    }
}

#[test]
fn what_was_chosen_and_not_sent_yields_to_what_fits_better_and_what_was_sent_stays() {
    let (asked, end) = ([mark(1, after(1))], [mark(2, and_end(1))]);
    let method = recorded(&[(Early::GaveUp, &[1], "", &asked), (Early::No, &[1], "", &end)]);
    for (sent, chosen) in [(false, (0, 1)), (true, (0, 0))] {
        let mut matcher = Matcher::new(facets(&Metadata::default()));
        matcher.request(&method, 1);
        assert_eq!(choose(&mut matcher, &method, 0, true), Choice::Call((0, 0)));
        if sent {
            matcher.went_on();
        }
        matcher.half_close(&method);
        assert_eq!(
            choose(&mut matcher, &method, 0, true),
            Choice::Call(chosen),
            "sent: {sent}"
        );
        assert_eq!(matcher.is_beyond(&method), sent);
    }
}

#[test]
fn what_fits_as_well_after_more_was_said_keeps_its_turn() {
    let answer = [mark(1, after(1))];
    let other = [mark(2, after(1))];
    let method = recorded(&[(Early::GaveUp, &[1], "", &answer), (Early::GaveUp, &[1], "", &other)]);
    let mut matcher = Matcher::new(facets(&Metadata::default()));
    matcher.request(&method, 1);
    assert_eq!(matcher.choose(&method, 0, true, |_| 0), Choice::Call((0, 0)));
    matcher.request(&method, 2);
    assert_eq!(matcher.choose(&method, 0, true, |_| 1), Choice::Call((0, 0)));
}
