use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

use super::*;
use crate::grpc::descriptors::{self, Descriptors};

const PROTO: &str = r#"syntax = "proto3";
package t;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Colour { RED = 0; GREEN = 1; }
message All {
  string text = 1;
  bytes blob = 2;
  int32 i32 = 3;
  sint64 s64 = 4;
  fixed64 f64 = 5;
  float fl = 6;
  double db = 7;
  bool yes = 8;
  Colour colour = 9;
  repeated int32 numbers = 10;
  repeated float floats = 11;
  repeated string names = 12;
  map<string, All> by_name = 13;
  map<int32, string> by_number = 14;
  All inner = 15;
  repeated All more = 16;
  oneof choice { string left = 17; All right = 18; int64 middle = 19; }
  optional uint32 maybe = 20;
  google.protobuf.Any any = 21;
  google.protobuf.Timestamp at = 22;
  google.protobuf.Duration takes = 23;
  google.protobuf.Struct object = 24;
  google.protobuf.Value value = 25;
  google.protobuf.FieldMask mask = 26;
  google.protobuf.StringValue word = 27;
  google.protobuf.Int64Value count = 28;
  google.protobuf.Empty nothing = 29;
  google.protobuf.ListValue list = 30;
  repeated Colour colours = 31;
  repeated google.protobuf.Any anys = 32;
}
"#;

fn pool() -> DescriptorPool {
    use prost::Message as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t.proto"), PROTO).unwrap();
    let set = protox::compile(["t.proto"], [dir.path()]).unwrap();
    let read = Descriptors::read(&set.encode_to_vec()).unwrap();
    assert_eq!(read.warning(), None);
    read.pool
}

fn all(pool: &DescriptorPool) -> MessageDescriptor {
    pool.get_message_by_name("t.All").unwrap()
}

/// The bytes of a message that JSON describes.
fn bytes(pool: &DescriptorPool, json: Value) -> Vec<u8> {
    use prost::Message as _;
    DynamicMessage::deserialize(all(pool), json).unwrap().encode_to_vec()
}

/// The JSON of a message, without defaults, and what could not be decoded.
fn shown(pool: &DescriptorPool, bytes: &[u8]) -> (Value, Option<String>) {
    let decoded = Decoded::new(pool, all(pool), bytes);
    (serde_json::to_value(&decoded).unwrap(), decoded.problem())
}

fn line(pool: &DescriptorPool, bytes: &[u8]) -> String {
    on_one_line(pool, Some(all(pool)), bytes, 1000)
}

/// Field `number` with these bytes.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::grpc::protobuf::put_bytes(&mut out, number, content);
    out
}

fn everything() -> Value {
    json!({
        "text": "a \"b\"\n\u{e9}", "blob": "AP8=", "i32": -7, "s64": "-9007199254740993", "f64": "7", "fl": 1.5,
        "db": "NaN", "yes": true, "colour": "GREEN", "numbers": [1, 2, 300], "floats": [0.5, "-Infinity"],
        "names": ["x", ""], "by_name": {"k": {"i32": 1}, "": {}}, "by_number": {"-3": "three"},
        "inner": {"inner": {"text": "deep"}}, "more": [{"i32": 2}, {}], "right": {"maybe": 0},
        "any": {"@type": "type.googleapis.com/t.All", "text": "packed"}, "at": "2026-12-01T09:30:00.250Z",
        "takes": "-1.5s", "object": {"a": [1, null, {"b": true}]}, "value": "v", "mask": "aB.c,d", "word": "",
        "count": "5", "nothing": {}, "list": [1, "x"], "colours": ["RED", 9],
        "anys": [{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "2s"}]
    })
}

/// What prost-reflect makes of the bytes; `None` when it cannot show them.
fn reference(pool: &DescriptorPool, bytes: &[u8]) -> Option<Value> {
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(true)
        .use_proto_field_name(true)
        .skip_default_fields(false);
    // It reads an entry of a map whatever the wire type says.
    descriptors::check(&all(pool), bytes).ok()?;
    let decoded = descriptors::decode(all(pool), bytes).ok()?;
    decoded
        .serialize_with_options(serde_json::value::Serializer, &options)
        .ok()
}

#[test]
fn every_kind_of_field_is_shown_as_the_proto3_mapping_says() {
    let pool = pool();
    let bytes = bytes(&pool, everything());
    let (found, problem) = shown(&pool, &bytes);
    assert_eq!(problem, None);
    assert_eq!(Some(&found), reference(&pool, &bytes).as_ref());
    assert_eq!(found["any"]["text"], "packed");
    assert_eq!(found["at"], "2026-12-01T09:30:00.250Z");
}

#[test]
fn every_kind_of_field_is_shown_as_text() {
    let pool = pool();
    let bytes = bytes(&pool, everything());
    assert_eq!(
        line(&pool, &bytes),
        "text: \"a \\\"b\\\"\\né\" blob: 0x00ff i32: -7 s64: -9007199254740993 f64: 7 fl: 1.5 db: NaN yes: true \
         colour: GREEN numbers: [1, 2, 300] floats: [0.5, -inf] names: [\"x\", \"\"] by_name: {\"\": { }, \"k\": { i32: 1 }} \
         by_number: {-3: \"three\"} inner { inner { text: \"deep\" } } more: [{ i32: 2 }, { }] right { maybe: 0 } \
         any: [type.googleapis.com/t.All] { text: \"packed\" } at: 2026-12-01T09:30:00.250Z takes: -1.500s \
         object: {\"a\": [1, null, {\"b\": true}]} value: \"v\" mask: aB.c,d word: \"\" count: 5 nothing { } list: [1, \"x\"] \
         colours: [RED, 9] anys: [[type.googleapis.com/google.protobuf.Duration] 2s]"
    );
    let full = in_full(&pool, Some(all(&pool)), &bytes, 1);
    for part in [
        "\n  numbers: [1, 2, 300]\n",
        "\n  by_name: {\n    \"\": {}\n    \"k\": {\n      i32: 1\n    }\n  }\n",
        "\n  inner {\n    inner {\n      text: \"deep\"\n    }\n  }\n",
        "\n  more: [\n    {\n      i32: 2\n    }\n    {}\n  ]\n",
        "\n  nothing {}\n",
    ] {
        assert!(full.contains(part), "{part}\n{full}");
    }
    assert!(full.starts_with("  text: \"a"), "{full}");
}

#[test]
fn a_field_that_cannot_be_shown_hides_only_itself() {
    let pool = pool();
    let good = bytes(&pool, json!({ "i32": 5 }));
    let time = |seconds: u64, nanos: u64| {
        let mut time = vec![8];
        crate::model::varint::put(&mut time, seconds);
        time.push(16);
        crate::model::varint::put(&mut time, nanos);
        time
    };
    let any = [field(1, b"type.googleapis.com/who.Knows"), field(2, b"\x08\x01")].concat();
    let year = time(253_402_300_800, 0);
    let cases = [
        ("text", field(1, b"ab\xffc"), "(not UTF-8) 0x6162ff63", "not UTF-8"),
        (
            "text",
            vec![8, 1],
            "(wire type 0 instead of 2) 0x0801",
            "wire type 0 instead of 2",
        ),
        (
            "any",
            field(21, &any),
            "(the schema does not have the type who.Knows) {",
            "who.Knows",
        ),
        (
            "at",
            field(22, &year),
            "(a time outside the years 1 to 9999) { seconds: 253402300800 }",
            "years 1 to 9999",
        ),
        ("at", field(22, &time(1, 2_000_000_000)), "(nanos outside", "nanos"),
        ("takes", field(23, &time(1, u64::MAX)), "different signs", "signs"),
        ("inner", field(15, b"\x18\x07\xff"), "inner { i32: 7 (", "varint"),
        ("names", field(12, b"\xfe"), "names: [(not UTF-8) 0xfe]", "not UTF-8"),
        (
            "by_number",
            field(14, b"\x12\x01\xff"),
            "by_number: {0: (not UTF-8) 0xff}",
            "not UTF-8",
        ),
        (
            "by_name",
            field(13, b"\x0a\x01\xff"),
            "by_name: {(not UTF-8) 0x",
            "not UTF-8",
        ),
        (
            "floats",
            field(11, b"abc"),
            "floats: [(a packed list that ends within a number)",
            "packed list",
        ),
    ];
    for (name, odd, text, why) in cases {
        for bytes in [[&good[..], &odd].concat(), [&odd[..], &good].concat()] {
            let said = line(&pool, &bytes);
            assert!(said.contains("i32: 5") && said.contains(text), "{name}: {said}");
            let (json, problem) = shown(&pool, &bytes);
            let problem = problem.unwrap();
            assert_eq!(json["i32"], 5, "{name}: {json}");
            assert!(problem.starts_with(name) && problem.contains(why), "{name}: {problem}");
            assert!(json[name].to_string().contains("@decode_error"), "{json}");
        }
    }
    let (json, _) = shown(&pool, &field(1, b"ab\xffc"));
    assert_eq!(
        json["text"],
        json!({ "@decode_error": "not UTF-8", "@data": "YWL/Yw==" })
    );
    let (json, _) = shown(&pool, &field(21, &any));
    let raw = json!({ "type_url": "type.googleapis.com/who.Knows", "value": "CAE=",
        "@decode_error": "the schema does not have the type who.Knows" });
    assert_eq!(json["any"], raw);
    // What follows a broken end is kept as bytes.
    let (json, problem) = shown(&pool, &[&good[..], &[0x0a, 9, b'x']].concat());
    assert_eq!((&json["i32"], &json["@data"]), (&json!(5), &json!("Cgl4")));
    assert!(problem.unwrap().contains("9 bytes"));
}

#[test]
fn messages_are_decoded_as_others_decode_them_whatever_the_bytes() {
    let pool = pool();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % below
    };
    let whole = bytes(&pool, everything());
    let (mut same, mut odd) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let piece: Vec<_> = bytes[at..bytes.len().min(at + random(30))].to_vec();
                    let to = random(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
        }
        let (found, problem) = shown(&pool, &bytes);
        match (reference(&pool, &bytes), problem) {
            (Some(expected), None) => {
                assert_eq!(found, expected, "{bytes:?}");
                same += 1;
            }
            (None, Some(_)) => odd += 1,
            // It refuses numbers and paths that JSON has no notation for, and shows them in another.
            (None, None) => {}
            // What is in an Any was not checked before; nanos out of range are added to the seconds by it.
            (Some(_), Some(problem)) => assert!(
                problem.starts_with("any") || problem.contains("different signs") || problem.contains("nanos outside"),
                "{problem}: {bytes:?}"
            ),
        }
        let text = line(&pool, &bytes);
        assert!(!text.contains('\n'), "{text}");
        let _ = in_full(&pool, Some(all(&pool)), &bytes, 1);
        let _ = on_one_line(&pool, None, &bytes, 80);
    }
    assert!(same > 500 && odd > 500, "{same} the same, {odd} odd");
}

#[test]
fn a_line_is_cut_and_long_values_leave_room_for_others() {
    let pool = pool();
    let many: Vec<_> = (0..1000).collect();
    let long = json!({ "text": "x".repeat(5000), "blob": "AAAA".repeat(100), "i32": 5, "numbers": many });
    let bytes = bytes(&pool, long);
    let whole = line(&pool, &bytes);
    let sixty = "x".repeat(60);
    assert!(
        whole.starts_with(&format!("text: \"{sixty}…\" (5,000 bytes) blob: 0x0000")),
        "{whole}"
    );
    assert!(
        whole.contains("… (300 bytes) i32: 5 numbers: [0, 1, 2, 3, 4, 5, 6, 7, … 1,000 in all]"),
        "{whole}"
    );
    for columns in [0, 1, 2, 24, 80] {
        let cut = on_one_line(&pool, Some(all(&pool)), &bytes, columns);
        assert_eq!(cut.chars().count(), columns, "{cut}");
    }
    let full = in_full(&pool, Some(all(&pool)), &bytes, 0);
    assert!(full.contains(&"x".repeat(5000)) && full.contains("998, 999]"));
}

#[test]
fn fields_without_a_schema_go_by_their_numbers() {
    let pool = pool();
    let bytes = bytes(
        &pool,
        json!({ "text": "hello", "i32": 7, "inner": { "text": "x", "fl": 1 }, "blob": "AP8=" }),
    );
    let raw = |bytes: &[u8]| on_one_line(&pool, None, bytes, 200);
    assert_eq!(raw(&bytes), "1: \"hello\" 2: 0x00ff 3: 7 15 { 1: \"x\" 6: 0x3f800000 }");
    assert_eq!(raw(b"not protobuf"), "\"not protobuf\"");
    assert_eq!(raw(b"\xff\xff"), "0xffff");
    assert_eq!(raw(b""), "");
    assert_eq!(in_full(&pool, None, b"\xff\xff", 2), "    0xffff");
    // A terminal is not steered by what a message holds.
    assert_eq!(
        line(&pool, &field(1, b"\x1b[2Jx\xe2\x80\xae")),
        "text: \"\\u{1b}[2Jx\\u{202e}\""
    );
}

#[test]
fn hostile_messages_take_neither_the_stack_nor_the_memory() {
    let pool = pool();
    // Any in Any in Any …, each decoded when it is shown, and messages in messages.
    let mut any = field(1, b"t.All");
    let mut inner = vec![0x18, 1];
    for _ in 0..300 {
        let content = field(21, &any);
        any = [field(1, b"type.googleapis.com/t.All"), field(2, &content)].concat();
        inner = field(15, &inner);
    }
    for bytes in [field(21, &any), inner] {
        let (json, problem) = shown(&pool, &bytes);
        assert!(problem.unwrap().contains("nested"), "{json}");
        assert!(on_one_line(&pool, Some(all(&pool)), &bytes, 1 << 20).contains("nested"));
        let _ = in_full(&pool, Some(all(&pool)), &bytes, 0);
        let _ = on_one_line(&pool, None, &bytes, 80);
    }
    // Three bytes each, and a kilobyte of memory.
    let empty = [0x82, 0x01, 0x00].repeat(1 << 20);
    let (_, problem) = shown(&pool, &empty);
    assert!(problem.unwrap().contains("128 MiB"));
    let unknown = [0xa8, 0x06, 0x01].repeat(2 << 20);
    let (_, problem) = shown(&pool, &unknown);
    assert!(problem.unwrap().contains("128 MiB"));
}
