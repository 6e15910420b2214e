use proptest::prelude::*;
use prost_reflect::prost::Message as _;

use super::*;
use crate::{
    grpc::protobuf::{GROUP, GROUP_END, put_delimited, put_key},
    transform::redact::SecretValues,
};

/// Planted where a rule names its field.
const SECRET: &str = "hunter2-hunter2";

const SCHEMA: &str = r#"
    syntax = "proto2";
    package t;
    import "google/protobuf/any.proto";
    message M {
        optional string password = 1;
        optional M inner = 2;
        repeated M list = 3;
        map<string, M> by_name = 4;
        optional group Pair = 5 { optional string secret = 1; optional M m = 2; }
        oneof one { M left = 6; string right = 7; }
        optional google.protobuf.Any any = 8;
        repeated google.protobuf.Any anys = 9;
        optional bytes blob = 10;
        repeated int32 numbers = 11;
        map<string, string> tags = 12;
        optional sint32 signed = 13;
        extensions 100 to 199;
    }
    extend M { optional M more = 100; optional string hidden = 101; }
    message Open { optional string text = 15; optional int32 number = 14; optional bytes blob = 16; }
    service S { rpc Call(M) returns (Open); }
"#;

fn descriptors() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t.proto"), SCHEMA).unwrap();
    protox::compile(["t.proto"], [dir.path()]).unwrap().encode_to_vec()
}

fn rules(fields: &[(&str, Action)]) -> FieldRules {
    let fields = fields
        .iter()
        .map(|(field, action)| ((*field).to_owned(), action.clone()));
    FieldRules::new(&descriptors(), &fields.collect()).unwrap()
}

fn all() -> FieldRules {
    rules(&[
        ("t.M.password", Action::Mask),
        ("t.M.Pair.secret", Action::Hash),
        ("t.hidden", Action::Drop),
    ])
}

fn redact(rules: &FieldRules, method: &str, bytes: &[u8]) -> Result<Vec<u8>, Opaque> {
    let kind = rules.message(method, Direction::Sent).unwrap();
    let clean = rules.redact(kind, bytes, &mut Ledger::default())?;
    Ok(clean.unwrap_or_else(|| bytes.to_vec()))
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_delimited(&mut out, number, bytes);
    out
}

fn group(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_key(&mut out, number, GROUP);
    out.extend(bytes);
    put_key(&mut out, number, GROUP_END);
    out
}

fn packed(name: &str, value: &[u8]) -> Vec<u8> {
    [
        field(1, format!("type.googleapis.com/{name}").as_bytes()),
        field(2, value),
    ]
    .concat()
}

fn holds(bytes: &[u8], value: &[u8]) -> bool {
    bytes.windows(value.len()).any(|window| window == value)
}

fn secret() -> Vec<u8> {
    field(1, SECRET.as_bytes())
}

#[test]
fn every_message_that_the_schema_tells_of_is_looked_into() {
    let beside = [field(11, &[1, 2, 3]), field(7, b"right")].concat();
    let entry = |value: &[u8]| [field(1, b"key"), field(2, value)].concat();
    let deep = (0..90).fold(secret(), |inner, _| field(2, &inner));
    for (name, hidden) in [
        ("itself", secret()),
        ("a singular field twice", [secret(), secret()].concat()),
        ("a message", field(2, &secret())),
        ("a list", [field(3, &secret()), field(3, &secret())].concat()),
        ("a map", field(4, &entry(&secret()))),
        (
            "a map's value before its key",
            field(4, &[field(2, &secret()), field(1, b"k")].concat()),
        ),
        ("a group", group(5, &secret())),
        ("a group's message", group(5, &field(2, &secret()))),
        ("a group where a message is due", group(2, &secret())),
        ("a message where a group is due", field(5, &secret())),
        ("a oneof", field(6, &secret())),
        ("an Any", field(8, &packed("t.M", &secret()))),
        (
            "an Any, its value first",
            field(8, &[field(2, &secret()), field(1, b"/t.M")].concat()),
        ),
        (
            "an Any in an Any",
            field(9, &packed("google.protobuf.Any", &packed("t.M", &secret()))),
        ),
        ("an extension", field(100, &secret())),
        ("a hidden extension", field(101, SECRET.as_bytes())),
        ("deep", deep),
        (
            "not as short as it could be",
            [&[0x8a, 0x80, 0][..], &[0x8f, 0x80, 0x80, 0], SECRET.as_bytes()].concat(),
        ),
        ("a group where text is due", group(1, &field(1, SECRET.as_bytes()))),
    ] {
        let message = [&beside[..], &hidden, &beside].concat();
        let clean = redact(&all(), "/t.S/Call", &message).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(!holds(&clean, SECRET.as_bytes()), "{name}");
        assert!(clean.starts_with(&beside) && clean.ends_with(&beside), "{name}");
        assert_eq!(
            redact(&all(), "/t.S/Call", &clean).unwrap(),
            clean,
            "{name}: twice is as good as once"
        );
    }
}

#[test]
fn what_cannot_be_looked_into_is_said_with_its_reason() {
    let too_deep = (0..=MAX_DEPTH).fold(secret(), |inner, _| field(2, &inner));
    for (message, why) in [
        (field(8, &packed("t.Unknown", &secret())), Opaque::AnyType),
        (field(8, &field(2, &secret())), Opaque::AnyType),
        (
            field(8, &[packed("t.Open", b""), packed("t.M", &secret())].concat()),
            Opaque::Parts,
        ),
        (
            // Each part is harmless, and together they are an Any of M.
            [field(8, &packed("t.Open", &secret())), field(8, &field(1, b"/t.M"))].concat(),
            Opaque::Parts,
        ),
        (field(10, &secret()), Opaque::Unexplained),
        (field(10, &field(77, &secret())), Opaque::Unexplained),
        (field(77, &secret()), Opaque::Unexplained),
        (group(77, &secret()), Opaque::Unexplained),
        (field(13, &secret()), Opaque::Unexplained),
        (
            field(10, &(0..=MAX_DEPTH).fold(secret(), |inner, _| group(2, &inner))),
            Opaque::Unexplained,
        ),
        (
            field(10, &(0..=MAX_DEPTH).fold(secret(), |inner, _| field(2, &inner))),
            Opaque::Unexplained,
        ),
        (field(8, &packed("t.Open", &field(16, &secret()))), Opaque::Unexplained),
        (too_deep, Opaque::Deep),
        (field(2, &[0x0a, 0x7f]), Opaque::Undecodable),
        (vec![0xff; 20], Opaque::Undecodable),
        (field(8, &packed("t.M", &[0x0a, 0x7f])), Opaque::Undecodable),
    ] {
        assert_eq!(redact(&all(), "/t.S/Call", &message), Err(why), "{message:x?}");
    }
}

#[test]
fn what_no_rule_names_stays_byte_for_byte() {
    let floats: Vec<u8> = (0..100).flat_map(|at| (at as f32 * 1.5).to_le_bytes()).collect();
    for message in [
        field(10, &floats),
        field(10, b"plain text"),
        field(77, b"a text that the schema does not know"),
        field(77, &field(14, b"no rule names this number")),
        vec![0xe8, 0x04, 0x80, 0x00],
        field(12, &[field(1, b"a"), field(2, b"b")].concat()),
        field(8, &packed("t.Open", &field(15, b"open"))),
        field(8, b""),
    ] {
        assert_eq!(
            redact(&all(), "/t.S/Call", &message),
            Ok(message.clone()),
            "{message:x?}"
        );
    }
    assert_eq!(all().message("/t.S/Other", Direction::Sent), None);
    assert_eq!(all().message("t.S/Call", Direction::Sent), None);
}

#[test]
fn signed_numbers_get_the_constant_that_was_asked_for() {
    let rules = rules(&[("t.M.signed", Action::Constant("-3".to_owned()))]);
    assert_eq!(redact(&rules, "/t.S/Call", &[13 << 3, 9]), Ok(vec![13 << 3, 5]));
}

/// A random message of type `M`, with the secret in every hidden field, and now and then where it should not be.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(secret()),
        Just(field(101, SECRET.as_bytes())),
        Just(group(5, &field(1, SECRET.as_bytes()))),
        Just(group(1, &field(1, SECRET.as_bytes()))),
        proptest::collection::vec(proptest::num::u8::ANY, 0..8).prop_map(|bytes| field(11, &bytes)),
        Just(field(7, b"open")),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        let body = proptest::collection::vec(inner, 0..4).prop_map(|fields| fields.concat());
        (body, 0..14_u8).prop_map(|(body, how)| match how {
            0 => field(2, &body),
            1 => field(3, &body),
            2 => field(4, &[field(1, b"key"), field(2, &body)].concat()),
            3 => group(5, &field(2, &body)),
            4 => field(6, &body),
            5 => field(8, &packed("t.M", &body)),
            6 => field(9, &packed("google.protobuf.Any", &packed("t.M", &body))),
            7 => field(100, &body),
            8 => field(10, &body),
            9 => field(77, &body),
            10 => group(2, &body),
            11 => group(78, &body),
            12 => field(9, &packed("t.Nowhere", &body)),
            _ => body,
        })
    })
}

proptest! {
    #[test]
    fn a_random_message_comes_out_without_the_secret_or_not_at_all(message in message()) {
        let rules = all();
        let kind = rules.message("/t.S/Call", Direction::Sent).unwrap();
        let mut ledger = Ledger::default();
        let clean = rules.redact(kind, &message, &mut ledger);
        let left = match &clean {
            Ok(Some(clean)) => holds(clean, SECRET.as_bytes()),
            Ok(None) => holds(&message, SECRET.as_bytes()),
            Err(_) => false,
        };
        prop_assert!(!left, "{clean:x?}");
    }
}

#[test]
fn values_are_remembered_to_be_searched_for() {
    let rules = all();
    let mut ledger = Ledger::default();
    let kind = rules.message("/t.S/Call", Direction::Sent).unwrap();
    rules
        .redact(kind, &field(8, &packed("t.M", &secret())), &mut ledger)
        .unwrap();
    let mut expected = SecretValues::default();
    expected.add(SECRET.as_bytes());
    assert_eq!(ledger.values, expected);
}
