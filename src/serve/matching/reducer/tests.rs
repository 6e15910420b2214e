use super::{
    super::{rules::MatchRules, testing},
    *,
};
use crate::grpc::protobuf::{put_bytes, put_varint};

fn reducer(rules: &str, schema: Option<&MethodDescriptor>) -> Reducer {
    let rules = MatchRules::parse(rules).unwrap();
    Reducer::new(rules.of("/t.S/Do").unwrap(), schema)
}

fn ignoring(paths: &str) -> String {
    let paths: Vec<_> = paths.split(',').map(|path| format!("{path:?}")).collect();
    format!("ignore = [{}]", paths.join(","))
}

/// Paths to leave out, two requests, and whether they are equal then.
type Case<'a> = (&'a str, &'a str, &'a str, bool);

fn compare(cases: &[Case<'_>]) {
    let method = testing::method();
    for (paths, one, other, equal) in cases {
        let reducer = reducer(&ignoring(paths), Some(&method));
        let hash = |json: &str| reducer.reduce(&testing::ask(&method, json)).hash;
        assert_eq!(hash(one) == hash(other), *equal, "{paths}: {one} {other}");
    }
}

#[test]
fn what_is_ignored_makes_no_difference_and_everything_else_does() {
    compare(&[
        (
            "request_id",
            r#"{"requestId": "a", "name": "n"}"#,
            r#"{"requestId": "b", "name": "n"}"#,
            true,
        ),
        (
            "request_id",
            r#"{"requestId": "a", "name": "n"}"#,
            r#"{"name": "n"}"#,
            true,
        ),
        (
            "request_id",
            r#"{"requestId": "a", "name": "n"}"#,
            r#"{"requestId": "a", "name": "m"}"#,
            false,
        ),
        ("requestId", r#"{"requestId": "a"}"#, r#"{"requestId": "b"}"#, true),
        ("3", r#"{"requestId": "a"}"#, r#"{"requestId": "b"}"#, true),
        (
            "*.local_time",
            r#"{"header": {"localTime": 1}}"#,
            r#"{"header": {"localTime": 2}}"#,
            true,
        ),
        (
            "*.local_time",
            r#"{"header": {"localTime": 1}}"#,
            r#"{"header": {}}"#,
            true,
        ),
        (
            "*.local_time",
            r#"{"header": {"trace": "1"}}"#,
            r#"{"header": {"trace": "2"}}"#,
            false,
        ),
        ("*.local_time", r#"{"header": {}}"#, "{}", false),
        ("header", r#"{"header": {"trace": "2"}}"#, "{}", true),
        (
            "header.*",
            r#"{"header": {"trace": "2"}}"#,
            r#"{"header": {"localTime": 3}}"#,
            true,
        ),
        (
            "items.header.local_time",
            r#"{"items": [{"header": {"localTime": 1}}]}"#,
            r#"{"items": [{"header": {"localTime": 2}}]}"#,
            true,
        ),
        (
            "items.header.local_time",
            r#"{"items": [{"name": "a"}, {"name": "b"}]}"#,
            r#"{"items": [{"name": "b"}, {"name": "a"}]}"#,
            false,
        ),
    ]);
}

#[test]
fn a_path_goes_through_maps_oneofs_and_messages_of_any_type() {
    let any = |time: u32, name: &str| {
        format!(
            r#"{{"detail": {{"@type": "type.googleapis.com/t.Item", "name": {name:?}, "header": {{"localTime": {time}}}}}}}"#
        )
    };
    compare(&[
        // A map's key is a part of the path.
        (
            "metadata.*",
            r#"{"metadata": {"a": "1"}}"#,
            r#"{"metadata": {"b": "2", "c": "3"}}"#,
            true,
        ),
        ("metadata.*", r#"{"metadata": {"a": "1"}}"#, "{}", true),
        (
            "metadata.id",
            r#"{"metadata": {"id": "1", "b": "2"}}"#,
            r#"{"metadata": {"b": "2", "id": "3"}}"#,
            true,
        ),
        (
            "metadata.id",
            r#"{"metadata": {"id": "1", "b": "2"}}"#,
            r#"{"metadata": {"b": "3", "id": "1"}}"#,
            false,
        ),
        (
            "by_number.7.header",
            r#"{"byNumber": {"7": {"header": {"trace": "a"}}}}"#,
            r#"{"byNumber": {"7": {}}}"#,
            true,
        ),
        (
            "by_number.-7.header",
            r#"{"byNumber": {"-7": {"header": {"trace": "a"}}}}"#,
            r#"{"byNumber": {"-7": {}}}"#,
            true,
        ),
        (
            "by_number.7.header",
            r#"{"byNumber": {"8": {"header": {"trace": "a"}}}}"#,
            r#"{"byNumber": {"8": {}}}"#,
            false,
        ),
        // What stands in a message of any type.
        ("detail.header.local_time", &any(1, "a"), &any(2, "a"), true),
        ("detail.header.local_time", &any(1, "a"), &any(1, "b"), false),
        // Which of a oneof is set tells, whatever is in it.
        (
            "one.*,other.*",
            r#"{"one": {"trace": "a"}}"#,
            r#"{"other": {"trace": "a"}}"#,
            false,
        ),
    ]);
}

#[test]
fn only_what_identifies_is_compared() {
    let method = testing::method();
    let reducer = reducer(
        r#"identify = ["name", "items.header", "metadata.key"]
           ignore = ["*.local_time"]"#,
        Some(&method),
    );
    let hash = |json: &str| reducer.reduce(&testing::ask(&method, json)).hash;
    let one = hash(
        r#"{"name": "n", "items": [{"name": "x", "header": {"trace": "t", "localTime": 1}}], "metadata": {"key": "k"}}"#,
    );
    let same = hash(
        r#"{"name": "n", "requestId": "r", "ticks": 7, "items": [{"name": "y", "header": {"trace": "t"}}],
            "metadata": {"a": "b", "key": "k"}, "one": {}}"#,
    );
    assert_eq!(one, same);
    for other in [
        r#"{"name": "m", "items": [{"header": {"trace": "t"}}], "metadata": {"key": "k"}}"#,
        r#"{"name": "n", "items": [{"header": {"trace": "u"}}], "metadata": {"key": "k"}}"#,
        r#"{"name": "n", "items": [{"header": {"trace": "t"}}], "metadata": {"key": "l"}}"#,
        r#"{"name": "n", "items": [{"header": {"trace": "t"}}]}"#,
        "{}",
    ] {
        assert_ne!(one, hash(other), "{other}");
    }
}

#[test]
fn the_order_of_fields_and_of_a_maps_entries_makes_no_difference() {
    let method = testing::method();
    let reducer = reducer("ignore = ['request_id']", Some(&method));
    let entry = |key: &str| {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put_bytes(&mut entry, 2, b"v");
        entry
    };
    let message = |parts: &[(u32, Vec<u8>)]| {
        let mut message = Vec::new();
        for (number, part) in parts {
            put_bytes(&mut message, *number, part);
        }
        reducer.reduce(&message).hash
    };
    let name = || (1, b"n".to_vec());
    let one = message(&[name(), (4, entry("a")), (4, entry("b"))]);
    assert_eq!(
        one,
        message(&[(4, entry("b")), (3, b"id".to_vec()), (4, entry("a")), name()])
    );
    assert_ne!(one, message(&[name(), (4, entry("a"))]));
    assert_ne!(one, message(&[name(), (4, entry("a")), (4, entry("a"))]));
}

#[test]
fn without_a_schema_fields_are_known_by_their_numbers() {
    let reducer = reducer("ignore = ['4.2', '9']", None);
    assert!(!reducer.needs_schema());
    let message = |inner: u64, kept: u64, id: u64| {
        let (mut nested, mut message) = (Vec::new(), Vec::new());
        put_varint(&mut nested, 1, kept);
        put_varint(&mut nested, 2, inner);
        put_bytes(&mut message, 4, &nested);
        put_varint(&mut message, 9, id);
        put_bytes(&mut message, 5, b"no message");
        reducer.reduce(&message)
    };
    let one = message(1, 1, 1);
    assert_eq!(one.ignored, ["4.2", "9"]);
    assert_eq!(one.hash, message(2, 1, 3).hash);
    assert_ne!(one.hash, message(1, 2, 1).hash);
    assert!(super::tests::reducer("ignore = ['*.local_time']", None).needs_schema());
}

#[test]
fn the_names_of_what_was_left_out_are_told() {
    let method = testing::method();
    let reducer = reducer(&ignoring("*.local_time,metadata.*,request_id"), Some(&method));
    let request = r#"{"requestId": "r", "items": [{"header": {"localTime": 4}}, {"header": {"localTime": 5}}], "metadata": {"k": "v"}}"#;
    let mut ignored = reducer.reduce(&testing::ask(&method, request)).ignored;
    ignored.sort();
    assert_eq!(ignored, ["items.header.local_time", "metadata.k", "request_id"]);
}

#[test]
fn what_is_no_message_or_has_too_many_fields_is_compared_as_a_whole() {
    let reducer = reducer("ignore = ['1']", None);
    let hash = |bytes: &[u8]| reducer.reduce(bytes).hash;
    assert_eq!(hash(b"\x08\x01\xff"), hash(b"\x08\x01\xff"));
    assert_ne!(hash(b"\x08\x01\xff"), hash(b"\x08\x02\xff"));
    let mut many = [0x10, 0x01].repeat(MAX_FIELDS + 1);
    let before = hash(&many);
    many.extend([0x08, 0x01]);
    assert_ne!(before, hash(&many));
    let few = [0x10, 0x01].repeat(3);
    assert_eq!(hash(&few), hash(&[&few[..], &[0x08, 0x01]].concat()));
    // Messages in messages, deeper than any reader goes.
    let mut deep = Vec::new();
    for _ in 0..1000 {
        let inside = std::mem::take(&mut deep);
        put_bytes(&mut deep, 2, &inside);
        put_varint(&mut deep, 3, 1);
    }
    assert_eq!(
        super::tests::reducer("ignore = ['*.1']", None).reduce(&deep).ignored,
        Vec::<String>::new()
    );
}

#[test]
fn an_answer_gets_the_values_of_the_request_that_came() {
    let method = testing::method();
    let reducer = reducer(
        r#"ignore = ["request_id", "header.local_time", "ticks"]
           [answer]
           "echo.request_id" = "request_id"
           "echo.header" = "header"
           "echo.ticks" = "ticks"
           "id" = "metadata.id"
           "ids" = "items.name"
           "echo.metadata.*" = "request_id""#,
        Some(&method),
    );
    assert!(reducer.stands_in());
    let values = |json: &str| reducer.values(&testing::ask(&method, json));
    let recorded = values(
        r#"{"requestId": "r1", "header": {"localTime": 5}, "ticks": 9, "metadata": {"id": "m1"}, "items": [{"name": "a"}, {"name": "b"}]}"#,
    );
    let live = values(
        r#"{"requestId": "longer r2", "header": {"localTime": 600}, "metadata": {"id": "m2"}, "items": [{"name": "c"}, {"name": "d"}]}"#,
    );
    let mut stand_ins = StandIns::default();
    stand_ins.add(&recorded, &live);
    let changed = |json: &str| reducer.answer(&testing::answer(&method, json), &stand_ins);
    let expected = |json: &str| Some(testing::answer(&method, json));
    for (answer, with_live_values) in [
        (
            r#"{"echo": {"requestId": "r1"}}"#,
            r#"{"echo": {"requestId": "longer r2"}}"#,
        ),
        (
            r#"{"echo": {"header": {"localTime": 5}}}"#,
            r#"{"echo": {"header": {"localTime": 600}}}"#,
        ),
        // The live request leaves it out.
        (r#"{"echo": {"name": "n", "ticks": 9}}"#, r#"{"echo": {"name": "n"}}"#),
        (
            r#"{"id": "m1", "ids": ["b", "a", "x"]}"#,
            r#"{"id": "m2", "ids": ["d", "c", "x"]}"#,
        ),
        (
            r#"{"echo": {"metadata": {"k": "r1"}}}"#,
            r#"{"echo": {"metadata": {"k": "longer r2"}}}"#,
        ),
    ] {
        assert_eq!(changed(answer), expected(with_live_values), "{answer}");
    }
    // What holds another value, or is another field, stays.
    for answer in [
        r#"{"echo": {"requestId": "r3", "name": "r1"}}"#,
        r#"{"id": "r1"}"#,
        "{}",
    ] {
        assert_eq!(changed(answer), None, "{answer}");
    }
    assert_eq!(reducer.answer(b"\xff", &stand_ins), None);
    let mut same = StandIns::default();
    same.add(&recorded, &recorded);
    assert_eq!(
        reducer.answer(&testing::answer(&method, r#"{"id": "m1"}"#), &same),
        None
    );
}
