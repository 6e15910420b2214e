use super::*;
use crate::{
    model::event::Metadata,
    serve::plan::{Requests, facets},
};

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
        method.add(&RecordedCall {
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

fn best(class: &Class, facets: &[u64]) -> (usize, Vec<usize>) {
    let best = class.best(facets, Cause::default(), None).unwrap();
    let members = (0..).map_while(|at| best.members.get(at)).collect();
    (best.votes, members)
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
    let best = |said: &Metadata| best(class, &facets(said));
    assert_eq!(best(&said("b")), (1, vec![1]));
    assert_eq!(best(&said("c")), (0, vec![0, 1]));
    let asked = facets(&metadata(&[("grpc-timeout", "5000m")]));
    assert_eq!(asked, facets(&metadata(&[("grpc-timeout", "4999m")])));
}

#[test]
fn the_order_goes_on_across_connections_where_it_was_recorded_so() {
    let calls =
        |connections: [u32; 3]| connections.map(|connection| (&[][..], &[][..], Metadata::default(), connection));
    let polled = method(&calls([1, 2, 3]));
    let class = polled.class(0).unwrap();
    let all = class.best(&[], Cause::default(), None).unwrap();
    let places: Vec<_> = (0..4).map(|_| class.next(&all, None, |_| 0).1).collect();
    assert_eq!(places, [0, 1, 2, 2]);
    let kept = method(&calls([1, 1, 1]));
    let class = kept.class(0).unwrap();
    let places: Vec<_> = [0, 1, 0].map(|asked| class.next(&all, None, |_| asked).1).into();
    assert_eq!(places, [0, 1, 0]);
}
