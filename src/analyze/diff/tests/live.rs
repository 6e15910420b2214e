//! Recordings of a live service, which differ by nature.

use super::*;

const LIVE: &str = r#"syntax = "proto3";
    package live;
    service Live { rpc Get(Query) returns (Answer); rpc Talk(stream Query) returns (stream Answer); }
    message Query { string name = 1; string request_id = 2; Clock clock = 3; }
    message Clock { int64 at = 1; }
    message Answer {
      string name = 1; Clock clock = 2; map<string, int32> counts = 3; double load = 4; int32 total = 5;
      repeated Part parts = 6; optional bool sure = 7;
    }
    message Part { string id = 1; int32 size = 2; }"#;

/// A capture of calls, with the schema above.
fn live(calls: &[Vec<EventKind>]) -> Memory {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.proto");
    std::fs::write(&path, LIVE).unwrap();
    let set = protox::compile(["live.proto"], [folder.path()]).unwrap();
    let mut header = Header::new(0);
    header.set_descriptor_set(&set.encode_to_vec());
    capture_with(&header, calls)
}

fn text(number: u8, text: &str) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn inner(number: u8, message: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(message.len()).unwrap()], message].concat()
}

fn query(name: &str, id: &str, at: u8) -> Vec<u8> {
    [text(1, name), text(2, id), inner(3, &[1 << 3, at])].concat()
}

fn answer(name: &str, at: u8, counts: [(&str, u8); 2], load: f64, total: u8) -> Vec<u8> {
    let count = |(key, value): (&str, u8)| inner(3, &[text(1, key), vec![2 << 3, value]].concat());
    let load = [&[4 << 3 | 1][..], &load.to_le_bytes()].concat();
    let part = inner(6, &[text(1, name), vec![2 << 3, total]].concat());
    [
        text(1, name),
        inner(2, &[1 << 3, at]),
        count(counts[0]),
        count(counts[1]),
        load,
        vec![5 << 3, total],
        part,
    ]
    .concat()
}

fn unary(sent_data: Vec<u8>, received_data: Vec<u8>) -> Vec<EventKind> {
    vec![start("/live.Live/Get"), sent(sent_data), received(received_data), ok()]
}

fn ignoring(a: &[Vec<EventKind>], b: &[Vec<EventKind>], patterns: &str, options: DiffOptions) -> CaptureDiff {
    let ignore = if patterns.is_empty() {
        FieldPatterns::default()
    } else {
        FieldPatterns::parse(patterns).unwrap()
    };
    diff_with_map(&mut live(a), &mut live(b), options, ignore).unwrap().0
}

fn texts(diff: &CaptureDiff) -> Vec<String> {
    let differences = diff.calls.iter().flat_map(|call| &call.differences);
    differences.map(|difference| difference.text.clone()).collect()
}

#[test]
fn two_runs_of_one_service_are_equal_but_for_what_differs_by_nature() {
    let of = |name: &str, id: &str, at: u8, counts| unary(query(name, id, at), answer(name, at, counts, 0.5, 7));
    let a = [
        of("x", "id-1", 1, [("k", 1), ("l", 2)]),
        of("y", "id-2", 2, [("k", 3), ("l", 4)]),
    ];
    // Another order of the calls and of the map's entries, other ids, another clock.
    let b = [
        of("y", "id-8", 9, [("l", 4), ("k", 3)]),
        of("x", "id-9", 8, [("l", 2), ("k", 1)]),
    ];
    let same = ignoring(&a, &b, "*.request_id,*.clock", DiffOptions::default());
    assert!(!same.differs, "{:?}", texts(&same));
    let paired: Vec<_> = same.calls.iter().map(|call| (call.a, call.b)).collect();
    assert_eq!(paired, [(Some(1), Some(2)), (Some(2), Some(1))]);
    // A pattern for one of both fields is not enough.
    assert!(ignoring(&a, &b, "*.request_id", DiffOptions::default()).differs);
    // The order of a map's entries is no difference without any pattern.
    let b = [
        of("x", "id-1", 1, [("l", 2), ("k", 1)]),
        of("y", "id-2", 2, [("k", 3), ("l", 4)]),
    ];
    let same = ignoring(&a, &b, "", DiffOptions::default());
    assert!(!same.differs && same.totals.messages_changed == 0, "{:?}", texts(&same));
}

#[test]
fn a_real_difference_is_named_beside_ignored_ones() {
    let of = |at: u8, total: u8, count: u8| {
        let counts = [("k", count), ("l", 2)];
        unary(query("x", "id", at), answer("x", at, counts, 0.5, total))
    };
    let found = ignoring(&[of(1, 7, 1)], &[of(2, 8, 3)], "*.clock", DiffOptions::default());
    assert_eq!(
        texts(&found),
        ["counts[k]: 1 and 3; total: 7 and 8; parts[0].size: 7 and 8"]
    );
    let places = &found.calls[0].differences[0];
    assert_eq!((places.a.unwrap().call, places.a.unwrap().message), (Some(1), Some(1)));
    // A key of a map and all places of a list.
    let found = ignoring(
        &[of(1, 7, 1)],
        &[of(2, 8, 3)],
        "*.clock,counts.k,parts.size",
        DiffOptions::default(),
    );
    assert_eq!(texts(&found), ["total: 7 and 8"]);
}

#[test]
fn answers_tell_calls_with_the_same_request_apart() {
    let of = |total: u8| unary(query("x", "id", 1), answer("x", 1, [("k", 1), ("l", 2)], 0.5, total));
    let same = ignoring(
        &[of(1), of(2), of(3)],
        &[of(3), of(1), of(2)],
        "",
        DiffOptions::default(),
    );
    assert!(!same.differs, "{:?}", texts(&same));
    let found = ignoring(&[of(1), of(2)], &[of(2), of(4)], "", DiffOptions::default());
    assert_eq!(texts(&found), ["total: 1 and 4; parts[0].size: 1 and 4"]);
}

#[test]
fn numbers_of_messages_may_differ_within_the_tolerances() {
    let of = |loads: &[f64]| {
        let answers = loads
            .iter()
            .map(|load| received(answer("x", 1, [("k", 1), ("l", 2)], *load, 9)));
        let mut call = vec![start("/live.Live/Talk"), sent(query("x", "id", 1))];
        call.extend(answers);
        call.push(ok());
        call
    };
    let with = |abs, rel| DiffOptions {
        abs,
        rel,
        ..DiffOptions::default()
    };
    let (a, b) = ([of(&[3.0, 4.0, 5.0])], [of(&[4.0, 4.0, 6.0])]);
    assert!(!ignoring(&a, &b, "", with(1.0, 0.0)).differs);
    assert!(!ignoring(&a, &b, "", with(0.0, 0.25)).differs);
    let found = ignoring(&[of(&[3.0])], &[of(&[4.0])], "", with(0.5, 0.1));
    assert_eq!(texts(&found)[0], "load: 3 and 4");
}

#[test]
fn a_later_request_of_a_stream_is_named_with_its_number() {
    let of = |second: &str, id: &str| {
        let mut call = vec![
            start("/live.Live/Talk"),
            sent(query("x", id, 1)),
            sent(query(second, id, 1)),
        ];
        call.push(ok());
        call
    };
    let found = ignoring(&[of("y", "1")], &[of("z", "2")], "request_id", DiffOptions::default());
    assert_eq!(texts(&found), ["name: `y` and `z`"]);
    assert_eq!(found.calls[0].differences[0].a.unwrap().message, Some(2));
    assert!(!ignoring(&[of("y", "1")], &[of("y", "2")], "request_id", DiffOptions::default()).differs);
}

#[test]
fn presence_is_a_difference_of_its_own() {
    let bare = unary(query("x", "id", 1), text(1, "x"));
    let sure = unary(query("x", "id", 1), [text(1, "x"), vec![7 << 3, 0]].concat());
    let found = ignoring(&[bare], &[sure], "", DiffOptions::default());
    assert_eq!(texts(&found), ["sure: only in the second, where it is false"]);
}
