//! Tests of the expectations about methods.

use crate::das::expect::{Expectations, methods::allowed};

const FILE: &str = "[method.\"*\"]\nstatuses = ['OK']\n\n[method.\"/etcdserverpb.KV/*\"]\n\
    statuses = ['ok', 'NOT_FOUND', 77]\nminimum_calls = 10\nminimum_messages = 5\n\
    latency_s = { p50 = 0.1, p95 = 0.5, p99 = 1 }\nfirst_message_s = 2\nmessage_gap_s = { max = 30.0 }\n";

fn parsed(text: &str) -> Expectations {
    Expectations::parse_toml(text, &[]).unwrap()
}

#[test]
fn every_key_of_a_method_is_read_listed_and_written() {
    let expect = parsed(FILE);
    let [all, kv] = expect.methods.as_slice() else {
        panic!("two patterns: {:?}", expect.methods)
    };
    assert_eq!((all.pattern.text(), all.minimum_calls), ("*", 1));
    assert_eq!(kv.statuses, Some(vec![0, 5, 77]));
    assert_eq!((kv.minimum_calls, kv.minimum_messages), (10, Some(5)));
    let limits: Vec<_> = kv.limits().iter().flat_map(|(_, limits)| limits.iter()).collect();
    assert_eq!(
        limits,
        [("p50", 0.1), ("p95", 0.5), ("p99", 1.0), ("max", 2.0), ("max", 30.0)]
    );
    let item = expect.list().pop().unwrap();
    assert_eq!(item.key, "method");
    assert!(
        item.value
            .starts_with("/etcdserverpb.KV/*: statuses = [\"OK\", \"NOT_FOUND\", 77], minimum_calls = 10"),
        "{}",
        item.value
    );
    assert_eq!(parsed(&expect.to_toml()), expect, "{}", expect.to_toml());
}

#[test]
fn the_most_precise_pattern_that_gives_statuses_counts() {
    let expect = parsed(
        "[method.'*']\nstatuses = ['OK']\n[method.'/a.B/*']\nstatuses = [5]\n[method.'/a.B/C']\nminimum_calls = 0",
    );
    let of = |method| allowed(&expect.methods, method).map(<[u32]>::to_vec);
    assert_eq!(of("/a.B/C"), Some(vec![5]));
    assert_eq!(of("/x.Y/Z"), Some(vec![0]));
    assert_eq!(allowed(&[], "/a.B/C"), None);
}

#[test]
fn slips_name_the_key_and_what_was_meant() {
    for (text, said) in [
        ("[method.'*']\nstatus = ['OK']", "did you mean `statuses`?"),
        ("[method.'*']\nstatuses = ['OKAY']", "`statuses`"),
        ("[method.'*']\nstatuses = []", "`statuses`"),
        ("[method.'*']\nlatency_s = { p90 = 1 }", "did you mean `p50`?"),
        ("[method.'*']\nlatency_s = -1", "`latency_s`"),
        ("[method.'*']\nlatency_s = { p99 = 'x' }", "`latency_s`"),
        ("[method.'*']\nminimum_calls = -1", "`minimum_calls`"),
        ("method = 3", "`method`"),
        ("[method]\n'*' = 3", "`*`"),
    ] {
        let error = Expectations::parse_toml(text, &[]).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_pattern_with_odd_characters_is_written_as_it_was_read() {
    for pattern in ["/a.B/*", "a\"b", "a\\b", "a\nb", "a\u{7f}\u{1}é", ""] {
        let mut expect = Expectations::default();
        expect.methods.push(super::MethodExpectation::new(pattern));
        assert_eq!(parsed(&expect.to_toml()), expect, "{pattern:?}");
    }
}

#[test]
fn a_later_source_replaces_what_is_said_of_the_same_pattern() {
    let over = parsed("[method.'*']\nstatuses = [5]");
    let merged = parsed(FILE).merge(over);
    assert_eq!(merged.methods.len(), 2);
    assert_eq!(allowed(&merged.methods, "/x.Y/Z"), Some(&[5][..]));
}
