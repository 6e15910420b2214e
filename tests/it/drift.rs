//! `capture drift`: the schema in a capture against that of files, a server or another capture.

use grpc_capture::{
    file::{Attribute, Header, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Message, Metadata, Status},
    tap::load_schemas,
};
use serde_json::Value;

use crate::support::{Dir, Run, Serve, run, shipped};

const SHOP: &str = r#"syntax = "proto3";
package shop;
import "google/protobuf/any.proto";
service Shop {
  rpc Get(Request) returns (Order);
  rpc Never(Unused) returns (Unused);
}
message Request { string id = 1; sint32 depth = 2; }
message Order {
  string id = 1;
  int64 total = 2;
  State state = 3;
  repeated Line lines = 4;
  bytes picture = 5;
  repeated int32 numbers = 6;
  google.protobuf.Any extra = 7;
  fixed32 check = 8;
  string note = 9;
}
message Line { string article = 1; uint32 count = 2; }
message Gift { string from = 1; }
enum State { UNKNOWN = 0; OPEN = 1; CLOSED = 2; }
message Unused { string any = 1; Never never = 2; }
message Never { int32 x = 1; }
"#;

const GET: &str = "/shop.Shop/Get";

/// A field with a length.
pub(crate) fn bytes(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[number << 3 | 2, length], payload].concat()
}

/// A field with a small number.
pub(crate) fn varint(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3], value].concat()
}

/// A whole order: an id, a total of 5,000,000,000, CLOSED, two lines, three numbers, a gift and a check.
fn order() -> Vec<u8> {
    let gift = [bytes(1, b"type.googleapis.com/shop.Gift"), bytes(2, &bytes(1, b"Ann"))].concat();
    [
        bytes(1, b"o-1"),
        varint(2, &[0x80, 0xe4, 0x97, 0xd0, 0x12]),
        varint(3, &[2]),
        bytes(4, &[bytes(1, b"nut"), varint(2, &[3])].concat()),
        bytes(4, &bytes(1, b"bolt")),
        bytes(5, &[0xff, 0xfe]),
        bytes(6, &[1, 2, 3]),
        bytes(7, &gift),
        vec![8 << 3 | 5, 0xff, 0xff, 0xff, 0xff],
    ]
    .concat()
}

fn request() -> Vec<u8> {
    [bytes(1, b"o-1"), varint(2, &[9])].concat()
}

/// A capture of calls that each sent and received one message, with the schema of `proto`.
pub(crate) fn capture(dir: &Dir, name: &str, proto: &str, calls: &[(&str, Vec<u8>, Vec<u8>)]) -> String {
    capture_with(dir, name, Some(proto), calls, &[], "application/grpc")
}

/// The same without a schema.
pub(crate) fn bare_capture(dir: &Dir, name: &str, calls: &[(&str, Vec<u8>, Vec<u8>)]) -> String {
    capture_with(dir, name, None, calls, &[], "application/grpc")
}

fn capture_with(
    dir: &Dir,
    name: &str,
    proto: Option<&str>,
    calls: &[(&str, Vec<u8>, Vec<u8>)],
    attributes: &[(&str, &str)],
    content_type: &str,
) -> String {
    let mut header = Header::new(0);
    if let Some(proto) = proto {
        let file = dir.write("recorded.proto", proto);
        header.set_descriptor_set(&load_schemas(&[file.into()], &[], &[]).unwrap().unwrap());
    }
    for (name, value) in attributes {
        header.set(*name, *value);
    }
    let path = dir.file(name);
    let _ = std::fs::remove_file(&path);
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    for (call, (method, sent, received)) in (1..).zip(calls) {
        let mut metadata = Metadata::default();
        metadata.push("content-type", content_type);
        let start = CallStart {
            method: (*method).to_owned(),
            metadata,
            ..CallStart::default()
        };
        let message = |direction, data: &Vec<u8>| EventKind::Message(Message::plain(direction, data.clone()));
        let kinds = [
            EventKind::CallStart(start),
            message(Direction::Sent, sent),
            message(Direction::Received, received),
            EventKind::End(Ending::Status(Status::default())),
        ];
        for (seq, kind) in (1..).zip(kinds) {
            let event = Event {
                call,
                seq,
                offset_ns: u64::from(call) * 10 + seq,
                kind,
            };
            writer.write(&event).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

fn shop(dir: &Dir) -> String {
    capture(
        dir,
        "shop.gcap",
        SHOP,
        &[(GET, request(), order()), (GET, request(), order())],
    )
}

/// The comparison with a schema in which these texts are replaced.
fn changed(dir: &Dir, changes: &[(&str, &str)]) -> (Run, Value) {
    let recorded = shop(dir);
    let mut proto = SHOP.to_owned();
    for (old, new) in changes {
        assert!(proto.contains(old), "{old}");
        proto = proto.replace(old, new);
    }
    let proto = dir.write("today.proto", &proto);
    let run = run(&["drift", &recorded, "--proto", &proto, "--format", "json"]);
    let json = run.json();
    (run, json)
}

fn rules(drift: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = drift["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| (text(&finding["rule"]), text(&finding["path"])))
        .collect()
}

fn rule(rule: &str, path: &str) -> (String, String) {
    (rule.to_owned(), path.to_owned())
}

/// What became of the values of a field.
fn counts(drift: &Value, path: &str) -> Value {
    let fields = drift["evidence"]["fields"].as_array().unwrap();
    let of = |key: &str| {
        fields
            .iter()
            .find(|field| field["path"] == path)
            .map(|field| field[key].clone())
    };
    let names = [
        "values",
        "changed",
        "vanished",
        "unknown",
        "renamed",
        "became_known",
        "refused",
    ];
    names.iter().map(|name| of(name).unwrap_or_default()).collect()
}

#[test]
fn the_same_schema_is_identical_from_every_source() {
    let dir = Dir::new();
    let recorded = shop(&dir);
    let proto = dir.write("shop.proto", SHOP);
    let set = dir.file("shop.binpb");
    std::fs::write(&set, load_schemas(&[proto.clone().into()], &[], &[]).unwrap().unwrap()).unwrap();
    let serve = Serve::start(&[&recorded, "--rate", "max"]);
    let server = serve.grpc().to_owned();
    for (args, source) in [
        (["--proto", &proto], "proto"),
        (["--protoset", &set], "protoset"),
        (["--reflect", &server], "server"),
        (["--against", &proto], "proto"),
        (["--against", &set], "protoset"),
        (["--against", &recorded], "capture"),
        (["--against", &server], "server"),
    ] {
        let mut all = vec!["drift", &recorded, args[0], args[1], "--strict", "--format", "json"];
        if source == "server" {
            all.push("--plaintext");
        }
        let drift = run(&all).expect(0).json();
        assert_eq!(
            (&drift["verdict"], &drift["source"]),
            (&"identical".into(), &source.into()),
            "{drift}"
        );
        assert_eq!(drift["evidence"]["messages"], 4, "{drift}");
        assert_eq!(drift["compared"]["methods"], serde_json::json!([GET]));
    }
}

#[test]
fn only_what_the_recorded_methods_need_is_compared() {
    let dir = Dir::new();
    let (done, drift) = changed(
        &dir,
        &[("int32 x = 1;", ""), ("rpc Never(Unused) returns (Unused);", "")],
    );
    assert_eq!(drift["verdict"], "identical", "{drift}");
    done.expect(0);
    // The type in an Any was recorded, so it is needed.
    let (done, drift) = changed(&dir, &[("message Gift { string from = 1; }", "")]);
    assert_eq!(rules(&drift), [rule("MESSAGE_NO_DELETE", "shop.Gift")]);
    assert_eq!(counts(&drift, "google.protobuf.Any.value")["3"], Value::Null);
    assert_eq!(counts(&drift, "google.protobuf.Any.value")[3], 2, "{drift}");
    done.expect(1);
}

#[test]
fn additions_pass_unless_strict() {
    let dir = Dir::new();
    let changes = [
        ("string note = 9;", "string note = 9; string more = 10;"),
        ("CLOSED = 2;", "CLOSED = 2; LOST = 3;"),
    ];
    let (done, drift) = changed(&dir, &changes);
    assert_eq!(drift["verdict"], "additive");
    assert_eq!(
        rules(&drift),
        [
            rule("FIELD_ADDED", "shop.Order.more"),
            rule("ENUM_VALUE_ADDED", "shop.State.LOST")
        ]
    );
    assert_eq!(
        (&drift["requests"], &drift["answers"]),
        (&"identical".into(), &"additive".into())
    );
    done.expect(0);
    let (recorded, proto) = (dir.file("shop.gcap"), dir.file("today.proto"));
    let text = run(&["drift", &recorded, "--proto", &proto, "--strict"]).expect(1);
    assert!(text.text().starts_with("FAIL  ADDITIVE  "), "{}", text.text());
}

#[test]
fn breaking_changes_are_named_with_both_sides_and_the_direction() {
    let dir = Dir::new();
    let (done, drift) = changed(&dir, &[("sint32 depth = 2;", "int32 depth = 2;")]);
    let finding = &drift["findings"][0];
    assert_eq!(finding["rule"], "FIELD_WIRE_COMPATIBLE_TYPE");
    assert_eq!(finding["category"], "WIRE");
    assert_eq!(
        (&finding["recorded"], &finding["live"]),
        (&"sint32".into(), &"int32".into())
    );
    assert_eq!(
        (&finding["direction"], &finding["method"]),
        (&"requests".into(), &GET.into())
    );
    assert_eq!(
        (&drift["requests"], &drift["answers"]),
        (&"breaking".into(), &"identical".into())
    );
    assert_eq!(counts(&drift, "shop.Request.depth")[1], 2);
    let first = &drift["evidence"]["fields"][0]["first"];
    assert_eq!(
        (&first["recorded"], &first["live"]),
        (&"-5".into(), &"9".into()),
        "{first}"
    );
    assert_eq!(
        (&first["place"]["call"], &first["place"]["message"]),
        (&1.into(), &1.into())
    );
    done.expect(1);
}

#[test]
fn each_change_is_counted_by_what_becomes_of_the_values() {
    // A change, the field, and its values: all, changed, vanished, unknown, renamed, known only now, refused.
    for (old, new, path, expected) in [
        (
            "int64 total = 2;",
            "int32 total = 2;",
            "shop.Order.total",
            [2, 2, 0, 0, 0, 0, 0],
        ),
        (
            "int64 total = 2;",
            "string total = 2;",
            "shop.Order.total",
            [2, 0, 2, 0, 0, 0, 0],
        ),
        (
            "int64 total = 2;",
            "reserved 2;",
            "shop.Order.total",
            [2, 0, 0, 2, 0, 0, 0],
        ),
        (
            "bytes picture = 5;",
            "string picture = 5;",
            "shop.Order.picture",
            [2, 0, 0, 0, 0, 0, 2],
        ),
        (
            "repeated Line lines = 4;",
            "Line lines = 4;",
            "shop.Order.lines",
            [4, 0, 2, 0, 0, 0, 0],
        ),
        (
            "repeated int32 numbers",
            "repeated sint32 numbers",
            "shop.Order.numbers",
            [6, 6, 0, 0, 0, 0, 0],
        ),
        (
            "repeated int32 numbers",
            "int32 numbers",
            "shop.Order.numbers",
            [6, 0, 6, 0, 0, 0, 0],
        ),
        (
            "fixed32 check",
            "sfixed32 check",
            "shop.Order.check",
            [2, 2, 0, 0, 0, 0, 0],
        ),
        ("CLOSED = 2;", "SHUT = 2;", "shop.Order.state", [2, 0, 0, 0, 2, 0, 0]),
        ("CLOSED = 2;", "reserved 2;", "shop.Order.state", [2, 0, 0, 2, 0, 0, 0]),
        (
            "string article = 1;",
            "int32 article = 1;",
            "shop.Line.article",
            [4, 0, 4, 0, 0, 0, 0],
        ),
        (
            "string from = 1;",
            "reserved 1;",
            "shop.Gift.from",
            [2, 0, 0, 2, 0, 0, 0],
        ),
    ] {
        let dir = Dir::new();
        let (_, drift) = changed(&dir, &[(old, new)]);
        assert_eq!(
            counts(&drift, path),
            serde_json::json!(expected),
            "{old} → {new}: {}",
            drift["evidence"]
        );
        let breaks = expected[1] + expected[2] + expected[6] > 0;
        assert_eq!(drift["answers"] == "breaking", breaks, "{old} → {new}: {drift}");
    }
}

#[test]
fn a_oneof_around_recorded_fields_loses_all_but_the_last() {
    let dir = Dir::new();
    let change = (
        "string id = 1;\n  int64 total = 2;",
        "oneof one { string id = 1; int64 total = 2; }",
    );
    let (done, drift) = changed(&dir, &[change]);
    assert_eq!(
        rules(&drift)[..2],
        [
            rule("FIELD_SAME_ONEOF", "shop.Order.id"),
            rule("FIELD_SAME_ONEOF", "shop.Order.total")
        ]
    );
    assert_eq!(counts(&drift, "shop.Order.id")[2], 2, "{drift}");
    done.expect(1);
}

#[test]
fn fields_that_only_the_live_schema_knows_are_found_in_the_recorded_bytes() {
    let dir = Dir::new();
    let without = SHOP.replace("fixed32 check = 8;", "");
    let recorded = capture(&dir, "old.gcap", &without, &[(GET, request(), order())]);
    let proto = dir.write("today.proto", SHOP);
    let drift = run(&["drift", &recorded, "--proto", &proto, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(drift["verdict"], "additive");
    assert_eq!(
        counts(&drift, "shop.Order.check"),
        serde_json::json!([1, 0, 0, 0, 0, 1, 0])
    );
}

#[test]
fn required_fields_and_defaults_count_for_messages_without_them() {
    let dir = Dir::new();
    let proto = r#"syntax = "proto2"; package p;
        service S { rpc Get(M) returns (M); }
        message M { optional int32 a = 1 [default = 4]; optional int32 b = 2; }"#;
    let recorded = capture(
        &dir,
        "old.gcap",
        proto,
        &[("/p.S/Get", varint(2, &[1]), varint(1, &[1]))],
    );
    let today = dir.write(
        "today.proto",
        proto
            .replace("default = 4", "default = 5")
            .replace("optional int32 b", "required int32 b"),
    );
    let drift = run(&["drift", &recorded, "--proto", &today, "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(
        counts(&drift, "p.M.a"),
        serde_json::json!([1, 1, 0, 0, 0, 0, 0]),
        "{drift}"
    );
    assert_eq!(
        counts(&drift, "p.M.b"),
        serde_json::json!([1, 0, 0, 0, 0, 0, 1]),
        "{drift}"
    );
    assert_eq!(drift["evidence"]["refused"], 1);
    assert_eq!(
        rules(&drift),
        [
            rule("FIELD_SAME_DEFAULT", "p.M.a"),
            rule("FIELD_WIRE_COMPATIBLE_CARDINALITY", "p.M.b"),
            rule("MESSAGE_SAME_REQUIRED_FIELDS", "p.M.b")
        ]
    );
}

#[test]
fn a_method_that_is_gone_is_breaking() {
    let dir = Dir::new();
    let (done, drift) = changed(&dir, &[("rpc Get(Request) returns (Order);", "")]);
    assert_eq!(rules(&drift), [rule("RPC_NO_DELETE", GET)]);
    done.expect(1);
    let (done, drift) = changed(&dir, &[("service Shop", "service Store")]);
    assert_eq!(rules(&drift), [rule("SERVICE_NO_DELETE", GET)]);
    done.expect(1);
}

#[test]
fn the_text_names_the_verdict_first_and_fits_80_columns() {
    let dir = Dir::new();
    changed(
        &dir,
        &[
            ("sint32 depth = 2;", "int32 depth = 2;"),
            ("string note = 9;", ""),
            ("int64 total", "int32 total"),
        ],
    );
    let (recorded, proto) = (dir.file("shop.gcap"), dir.file("today.proto"));
    let done = run(&["drift", &recorded, "--proto", &proto]).expect(1);
    let text = done.text();
    assert!(text.starts_with("FAIL  BREAKING  "), "{text}");
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 80), "{text}");
    for part in [
        "the server reads the recorded requests: no",
        "FIELD_WIRE_COMPATIBLE_TYPE (requests of /shop.Shop/Get)",
        "recorded -5, now 9",
        "recorded 5000000000, now 705032704",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let words = ["frame", "sensor", "spectrogram", "Focus", "row"];
    assert!(words.iter().all(|word| !text.contains(word)), "{text}");
}

#[test]
fn what_cannot_be_compared_is_never_green() {
    let dir = Dir::new();
    let proto = dir.write("shop.proto", SHOP);
    let bare = bare_capture(&dir, "bare.gcap", &[(GET, request(), order())]);
    run(&["drift", &bare, "--proto", &proto])
        .expect(4)
        .says(&["holds no schema"]);
    let empty = capture(&dir, "empty.gcap", SHOP, &[]);
    run(&["drift", &empty, "--proto", &proto])
        .expect(4)
        .says(&["holds no call"]);
    let other = capture(&dir, "other.gcap", SHOP, &[("/a.B/C", request(), order())]);
    run(&["drift", &other, "--proto", &proto])
        .expect(4)
        .says(&["other.gcap", "holds no schema"]);
    let recorded = shop(&dir);
    run(&["drift", &recorded, "--against", &bare])
        .expect(4)
        .says(&["bare.gcap", "holds no schema"]);
    run(&["drift", &recorded, "--against", "missing.proto"])
        .expect(4)
        .says(&["missing.proto", "no such file"]);
    run(&["drift", &recorded, "--against", "no address"])
        .expect(2)
        .says(&["neither a file nor the address"]);
    run(&["drift", &recorded]).expect(2);
    let junk = dir.write("junk.binpb", "not a descriptor set");
    run(&["drift", &recorded, "--protoset", &junk])
        .expect(2)
        .says(&["junk.binpb"]);
    // One of two methods has no schema: the rest is compared, and it is said.
    let both = capture(
        &dir,
        "both.gcap",
        SHOP,
        &[(GET, request(), order()), ("/a.B/C", request(), order())],
    );
    let done = run(&["drift", &both, "--proto", &proto]).expect(3);
    assert!(done.text().contains("/a.B/C"), "{}", done.text());
}

#[test]
fn the_rest_answers_of_focus_jobs_are_compared_by_keys_and_types() {
    let dir = Dir::new();
    let answer = |text: &str| {
        [
            (Attribute::CONFIGURE_RESPONSE, text.to_owned()),
            (Attribute::JOB_ID, "j".to_owned()),
        ]
    };
    let of = |name: &str, text: &str| {
        let attributes = answer(text);
        let attributes: Vec<_> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        capture_with(
            &dir,
            name,
            Some(SHOP),
            &[(GET, request(), order())],
            &attributes,
            "application/grpc",
        )
    };
    let old = of("old.gcap", r#"{"job_id": "j", "stream_port": "80", "lines_dt": 0.1}"#);
    let new = of("new.gcap", r#"{"job_id": "k", "stream_port": 80, "more": []}"#);
    let drift = run(&["drift", &old, "--against", &new, "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(
        (&drift["verdict"], &drift["schema_verdict"]),
        (&"breaking".into(), &"identical".into())
    );
    let rest: Vec<_> = drift["rest"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].clone())
        .collect();
    assert_eq!(rest, ["REST_KEY_NO_DELETE", "REST_KEY_SAME_TYPE", "REST_KEY_ADDED"]);
    run(&["drift", &old, "--against", &old]).expect(0);
}

#[test]
fn a_server_is_asked_about_the_recorded_job_without_starting_one() {
    let recorded = shipped("production.gcap");
    let serve = Serve::start(&[&recorded, "--rate", "max"]);
    let args = [
        "drift",
        &recorded,
        "--reflect",
        serve.grpc(),
        "--server",
        serve.rest(),
        "--plaintext",
    ];
    let drift = run(&[&args[..], &["--format", "json"]].concat()).expect(0).json();
    assert_eq!(drift["verdict"], "identical", "{drift}");
    assert_eq!(drift["rest"]["verdict"], "identical", "{drift}");
    let done = run(&[&args[..], &["--job-id", "no-such-job"]].concat()).expect(4);
    done.says(&["no-such-job", "--job-id"]);
}

/// A schema in which every rule of buf's category WIRE can be broken.
const RULES: &str = r#"syntax = "proto2";
package r;
service S { rpc Get(A) returns (B); rpc Put(A) returns (B); }
message A {
  reserved 50 to 60;
  reserved "was";
  required int32 must = 1;
  optional int32 may = 2 [default = 4];
  optional string text = 3;
  oneof one { int32 left = 4; int32 right = 5; }
  repeated E all = 6;
  map<string, B> map = 7;
  optional group Inner = 8 { optional int32 x = 1; }
  extensions 100 to 200;
}
message B { optional int32 b = 1; optional A a = 2; }
enum E { reserved 9; reserved "GONE"; ZERO = 0; ONE = 1; TWO = 2; }
extend A { optional int32 hint = 100; }
"#;

#[test]
fn every_rule_of_the_wire_is_found_where_buf_finds_it() {
    for (old, new, name, path) in [
        ("ONE = 1;", "", "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "r.E.ONE"),
        (
            "optional string text = 3;",
            "",
            "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
            "r.A.text",
        ),
        ("default = 4", "default = 5", "FIELD_SAME_DEFAULT", "r.A.may"),
        ("oneof one {", "oneof two {", "FIELD_SAME_ONEOF", "r.A.left"),
        (
            "repeated E all",
            "optional E all",
            "FIELD_WIRE_COMPATIBLE_CARDINALITY",
            "r.A.all",
        ),
        (
            "optional string text",
            "optional bool text",
            "FIELD_WIRE_COMPATIBLE_TYPE",
            "r.A.text",
        ),
        (
            "optional int32 b",
            "optional sint32 b",
            "FIELD_WIRE_COMPATIBLE_TYPE",
            "r.B.b",
        ),
        (
            "map<string, B>",
            "map<string, A>",
            "FIELD_WIRE_COMPATIBLE_TYPE",
            "r.A.MapEntry.value",
        ),
        (
            "{ optional int32 x = 1; }",
            "{ optional float x = 1; }",
            "FIELD_WIRE_COMPATIBLE_TYPE",
            "r.A.Inner.x",
        ),
        (
            "optional int32 hint",
            "optional string hint",
            "FIELD_WIRE_COMPATIBLE_TYPE",
            "r.A.[r.hint]",
        ),
        (
            "required int32 must",
            "optional int32 must",
            "MESSAGE_SAME_REQUIRED_FIELDS",
            "r.A.must",
        ),
        (
            "optional int32 may",
            "required int32 may",
            "MESSAGE_SAME_REQUIRED_FIELDS",
            "r.A.may",
        ),
        ("50 to 60", "52 to 60", "RESERVED_MESSAGE_NO_DELETE", "r.A"),
        (r#"reserved "was";"#, "", "RESERVED_MESSAGE_NO_DELETE", "r.A"),
        ("reserved 9;", "", "RESERVED_ENUM_NO_DELETE", "r.E"),
        ("Get(A)", "Get(B)", "RPC_SAME_REQUEST_TYPE", "/r.S/Get"),
        (
            "Put(A) returns (B)",
            "Put(A) returns (A)",
            "RPC_SAME_RESPONSE_TYPE",
            "/r.S/Put",
        ),
        ("Get(A)", "Get(stream A)", "RPC_SAME_CLIENT_STREAMING", "/r.S/Get"),
        (
            "Get(A) returns (B)",
            "Get(A) returns (stream B)",
            "RPC_SAME_SERVER_STREAMING",
            "/r.S/Get",
        ),
        (
            "Get(A) returns (B);",
            "Get(A) returns (B) { option idempotency_level = IDEMPOTENT; }",
            "RPC_SAME_IDEMPOTENCY_LEVEL",
            "/r.S/Get",
        ),
    ] {
        let dir = Dir::new();
        let calls = [
            ("/r.S/Get", varint(1, &[1]), Vec::new()),
            ("/r.S/Put", varint(1, &[1]), Vec::new()),
        ];
        let recorded = capture(&dir, "r.gcap", RULES, &calls);
        assert!(RULES.contains(old), "{old}");
        let proto = dir.write("today.proto", RULES.replace(old, new));
        let drift = run(&["drift", &recorded, "--proto", &proto, "--format", "json"])
            .expect(1)
            .json();
        let found = rules(&drift);
        assert!(found.contains(&rule(name, path)), "{old} → {new}: {found:?}");
        assert_eq!(drift["schema_verdict"], "breaking");
    }
}

#[test]
fn the_types_of_another_package_have_other_names_as_well() {
    let dir = Dir::new();
    let recorded = capture(&dir, "r.gcap", RULES, &[("/r.S/Get", varint(1, &[1]), Vec::new())]);
    let proto = dir.write("recorded.proto", RULES.replace("package r;", "package q;"));
    let drift = run(&["drift", &recorded, "--proto", &proto, "--format", "json"])
        .expect(1)
        .json();
    assert_eq!(
        rules(&drift),
        [
            rule("SERVICE_NO_DELETE", "/r.S/Get"),
            rule("FILE_SAME_PACKAGE", "recorded.proto")
        ]
    );
}

#[test]
fn a_rule_is_silent_about_what_is_read_as_before() {
    for (old, new, name) in [
        ("ONE = 1;", "reserved 1; ONCE = 3;", "ENUM_VALUE_NO_DELETE"),
        ("ONE = 1;", "UNO = 1;", "ENUM_VALUE_SAME_NAME"),
        ("optional string text = 3;", "reserved 3;", "FIELD_NO_DELETE"),
        ("optional string text", "optional bytes text", "FIELD_SAME_TYPE"),
        ("optional int32 b", "optional uint64 b", "FIELD_SAME_TYPE"),
        ("optional int32 b", "optional int32 bee", "FIELD_SAME_NAME"),
        (
            "optional int32 b = 1;",
            r#"optional int32 b = 1 [json_name = "bee"];"#,
            "FIELD_SAME_JSON_NAME",
        ),
        ("50 to 60", "50 to 70", "RESERVED_MESSAGE_ADDED"),
        ("extend A { optional int32 hint = 100; }", "", "EXTENSION_NO_DELETE"),
        (
            "optional int32 hint = 100;",
            "optional int32 hint = 100; optional int32 more = 101;",
            "EXTENSION_ADDED",
        ),
    ] {
        let dir = Dir::new();
        let recorded = capture(&dir, "r.gcap", RULES, &[("/r.S/Get", varint(1, &[1]), Vec::new())]);
        let proto = dir.write("today.proto", RULES.replace(old, new));
        let drift = run(&["drift", &recorded, "--proto", &proto, "--format", "json"])
            .expect(0)
            .json();
        let found = rules(&drift);
        assert!(found.iter().any(|(found, _)| found == name), "{old} → {new}: {found:?}");
        assert_eq!(drift["verdict"], "additive", "{old} → {new}");
    }
}

#[test]
fn messages_in_json_are_counted_and_not_read() {
    let dir = Dir::new();
    let call = (GET, br#"{"id": "o-1"}"#.to_vec(), br#"{"total": "5"}"#.to_vec());
    let recorded = capture_with(&dir, "json.gcap", Some(SHOP), &[call], &[], "application/grpc+json");
    let proto = dir.write("today.proto", SHOP.replace("int64 total", "string total"));
    let drift = run(&["drift", &recorded, "--proto", &proto, "--format", "json"])
        .expect(1)
        .json();
    let evidence = &drift["evidence"];
    assert_eq!(
        (&evidence["json"], &evidence["unreadable"]),
        (&2.into(), &0.into()),
        "{evidence}"
    );
    let text = run(&["drift", &recorded, "--proto", &proto]).expect(1);
    assert!(text.text().contains("not read: 2 messages in JSON"), "{}", text.text());
}

#[test]
fn a_capture_whose_beginning_is_damaged_is_no_descriptor_set() {
    let dir = Dir::new();
    let damaged = dir.write("damaged.gcap", "not the beginning of a capture");
    run(&["drift", &shipped("trailers-only-error.gcap"), "--against", &damaged])
        .expect(4)
        .says(&["damaged.gcap", "it is not a capture file"]);
}
