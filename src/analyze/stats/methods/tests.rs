//! Tests of the statistics of methods.

use super::*;
use crate::model::event::{Broken, Gap, Metadata, Status};

const MS: u64 = 1_000_000;

struct Script(Methods);

impl Script {
    fn new(source: TimingSource, cut: bool) -> Self {
        Self(Methods::new(source, cut))
    }

    fn at(&mut self, call: u32, ms: u64, kind: EventKind) -> &mut Self {
        self.0.event(&Event {
            call,
            seq: 1,
            offset_ns: ms * MS,
            kind,
        });
        self
    }

    fn start(&mut self, call: u32, ms: u64, method: &str) -> &mut Self {
        let method = method.to_owned();
        self.at(
            call,
            ms,
            EventKind::CallStart(CallStart {
                method,
                ..CallStart::default()
            }),
        )
    }

    fn message(&mut self, call: u32, ms: u64, direction: Direction, bytes: usize) -> &mut Self {
        self.at(call, ms, EventKind::Message(Message::plain(direction, vec![0; bytes])))
    }

    fn end(&mut self, call: u32, ms: u64, code: u32) -> &mut Self {
        let status = Status {
            code,
            ..Status::default()
        };
        self.at(call, ms, EventKind::End(Ending::Status(status)))
    }
}

#[test]
fn each_method_has_its_calls_statuses_times_and_sizes() {
    let mut script = Script::new(TimingSource::Delivery, false);
    script
        .start(1, 0, "/a.B/Get")
        .start(2, 10, "/a.B/Get")
        .start(3, 10, "/a.B/List");
    script
        .message(1, 0, Direction::Sent, 3)
        .message(2, 10, Direction::Sent, 5);
    script
        .message(1, 20, Direction::Received, 100)
        .end(1, 20, 0)
        .end(2, 50, 13);
    for ms in [20, 40, 80] {
        script.message(3, ms, Direction::Received, 10);
    }
    script.at(3, 90, EventKind::End(Ending::Broken(Broken::new("gone"))));
    let table = script.0.finish();
    let [get, list] = table.methods.as_slice() else {
        panic!("two methods: {table:?}")
    };
    assert_eq!((get.method.as_str(), get.calls, get.streams), ("/a.B/Get", 2, false));
    assert_eq!(
        get.statuses.iter().collect::<Vec<_>>(),
        [("OK".to_owned(), 1), ("INTERNAL".to_owned(), 1)]
    );
    assert_eq!(
        (get.sent_messages, get.sent_bytes, get.messages, get.message_bytes),
        (2, 8, 1, 100)
    );
    let duration = get.duration_ns.unwrap();
    assert_eq!((duration.count, duration.min, duration.max), (2, 20 * MS, 40 * MS));
    assert_eq!(get.first_message_ns.unwrap().max, 20 * MS);
    assert_eq!((get.most_open, table.most_open_calls), (2, 3));
    assert_eq!(get.mean_open, Some(60.0 / 50.0));
    assert_eq!(get.calls_per_s, Some(40.0));
    assert_eq!((list.broken, list.streams, list.duration_ns), (1, true, None));
    let gap = list.message_gap_ns.unwrap();
    assert_eq!((gap.count, gap.min, gap.max), (2, 20 * MS, 40 * MS));
    assert_eq!(list.message_size_bytes.unwrap().p50, 10);
}

#[test]
fn what_is_open_lost_or_repeated_is_counted() {
    let mut script = Script::new(TimingSource::Delivery, false);
    let mut metadata = Metadata::default();
    metadata.push("grpc-previous-rpc-attempts", "1");
    let start = CallStart {
        method: "/a.B/Get".to_owned(),
        metadata,
        ..CallStart::default()
    };
    script.at(1, 0, EventKind::CallStart(start));
    let gap = Gap {
        direction: Direction::Received,
        messages: 3,
        reason: String::new(),
    };
    script.at(1, 5, EventKind::Gap(gap));
    let table = script.0.finish();
    let [get] = table.methods.as_slice() else {
        panic!("one method: {table:?}")
    };
    assert_eq!(
        (get.unended, get.retries, get.lost_messages, table.retries),
        (1, 1, 3, 1)
    );
    assert_eq!((get.mean_open, get.duration_ns), (None, None));
}

#[test]
fn times_that_are_not_known_are_not_measured() {
    let mut imported = Script::new(TimingSource::Rows, false);
    let mut cut = Script::new(TimingSource::Delivery, true);
    for script in [&mut imported, &mut cut] {
        script
            .start(1, 0, "/a.B/Get")
            .message(1, 9, Direction::Received, 1)
            .end(1, 9, 0);
        let get = script.0.finish().methods.remove(0);
        assert_eq!((get.first_message_ns, get.duration_ns, get.messages), (None, None, 1));
    }
}

#[test]
fn methods_beyond_the_limit_are_counted_together() {
    let mut script = Script::new(TimingSource::Delivery, false);
    let calls = MAX_METHODS as u32 + 9;
    for call in 1..=calls {
        script.start(call, 0, &format!("/a.B/M{call}")).end(call, 1, 99);
    }
    let table = script.0.finish();
    assert_eq!((table.methods.len(), table.calls_of_unlisted_methods), (MAX_METHODS, 9));
    assert_eq!(
        table.methods[0].statuses.iter().collect::<Vec<_>>(),
        [("other".to_owned(), 1)]
    );
}

#[test]
fn statuses_are_an_object_without_those_that_did_not_occur() {
    let mut counts = StatusCounts::default();
    for code in [0, 0, 5, 4_000_000_000] {
        counts.add(code);
    }
    let json = serde_json::to_string(&counts).unwrap();
    assert_eq!(json, r#"{"OK":2,"NOT_FOUND":1,"other":1}"#);
}
