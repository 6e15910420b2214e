//! Any service: its schema from files, from a descriptor set or from the server, and its messages as JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use grpc_capture::{
    das::FOCUS_DESCRIPTOR_SET,
    file::{Header, Writer, WriterOptions},
    model::{CallStart, Direction, Event, EventKind, Headers, Message, Metadata},
    tap::{join_schemas, load_schemas},
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Dir, Serve, run, shipped, verify};

const GUIDE: &str = r#"syntax = "proto3";
package guide;
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";

service Guide {
  rpc GetFeature(Point) returns (Feature);
  rpc ListFeatures(Area) returns (stream Feature);
  rpc RecordRoute(stream Point) returns (Area);
  rpc Chat(stream Feature) returns (stream Feature);
}
message Point { sint32 latitude = 1; sint32 longitude = 2; }
message Area { Point low = 1; Point high = 2; }
message Feature {
  string name = 1;
  Point place = 2;
  google.protobuf.Timestamp seen = 3;
  google.protobuf.Struct more = 4;
  map<string, Point> near = 5;
  google.protobuf.Any extra = 6;
  bytes picture = 7;
}
"#;

/// What the recorded messages were encoded with: another build of the same schema, with a field more.
#[derive(Clone, PartialEq, prost::Message)]
struct Point {
    #[prost(sint32, tag = "1")]
    latitude: i32,
    #[prost(sint32, tag = "2")]
    longitude: i32,
    #[prost(uint32, tag = "9")]
    altitude: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Feature {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    place: Option<Point>,
    #[prost(message, optional, tag = "6")]
    extra: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

fn guide(dir: &Dir) -> Vec<u8> {
    let proto = dir.write("guide.proto", GUIDE);
    load_schemas(&[proto.into()], &[], &[]).unwrap().unwrap()
}

/// A capture of these messages on one method, and what `cat` says of each.
fn shown(dir: &Dir, set: &[u8], method: &str, messages: &[Message]) -> Vec<Value> {
    shown_beside(dir, set, method, messages, &[])
}

/// The same of a capture in which other methods are called as well, without messages.
fn shown_beside(dir: &Dir, set: &[u8], method: &str, messages: &[Message], others: &[&str]) -> Vec<Value> {
    let path = dir.file("any.gcap");
    let _ = std::fs::remove_file(&path);
    let mut header = Header::new(0);
    header.set_descriptor_set(set);
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    let mut metadata = Metadata::default();
    metadata.push("grpc-encoding", "gzip");
    let start = CallStart {
        method: method.to_owned(),
        metadata: metadata.clone(),
        ..CallStart::default()
    };
    let kinds = [EventKind::CallStart(start), EventKind::Headers(Headers { metadata })];
    let kinds = kinds
        .into_iter()
        .chain(messages.iter().cloned().map(EventKind::Message));
    for (seq, kind) in (1..).zip(kinds) {
        let event = Event {
            call: 1,
            seq,
            offset_ns: seq,
            kind,
        };
        writer.write(&event).unwrap();
    }
    for (call, method) in (2..).zip(others) {
        let kind = EventKind::CallStart(CallStart {
            method: (*method).to_owned(),
            ..CallStart::default()
        });
        let (seq, offset_ns) = (1, 100);
        let event = Event {
            call,
            seq,
            offset_ns,
            kind,
        };
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
    let lines = run(&["cat", "--format", "json", &path]).expect(0).json_lines();
    lines.into_iter().filter(|line| line["event"] == "message").collect()
}

fn gzip(bytes: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap().into()
}

#[test]
fn requests_and_responses_of_any_service_are_decoded_and_unknown_fields_told() {
    let dir = Dir::new();
    let set = guide(&dir);
    let place = Point {
        latitude: -7,
        longitude: 400,
        altitude: 0,
    };
    let high = Point { altitude: 70, ..place };
    let feature = Feature {
        name: "pier".to_owned(),
        place: Some(high),
        extra: Some(Any {
            type_url: "type.googleapis.com/guide.Point".to_owned(),
            value: place.encode_to_vec(),
        }),
    };
    let bytes = feature.encode_to_vec();
    let messages = [
        Message::plain(Direction::Sent, bytes.clone()),
        Message::plain(Direction::Received, bytes.clone()),
        Message {
            compressed: true,
            ..Message::plain(Direction::Received, gzip(&bytes))
        },
    ];
    let lines = shown(&dir, &set, "/guide.Guide/Chat", &messages);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert_eq!(line["type"], "guide.Feature", "{line}");
        assert_eq!(line["message"]["name"], "pier");
        assert_eq!(line["message"]["place"], json!({"latitude": -7, "longitude": 400}));
        let extra = json!({"@type": "type.googleapis.com/guide.Point", "latitude": -7, "longitude": 400});
        assert_eq!(line["message"]["extra"], extra);
        let unknown = json!([{"in": "place", "number": 9, "data": BASE64.encode([0x48, 70])}]);
        assert_eq!(line["unknown_fields"], unknown);
    }
    assert_eq!(lines[2]["compressed"], true);
}

#[test]
fn what_cannot_be_shown_is_there_as_bytes_with_the_reason() {
    let dir = Dir::new();
    let set = guide(&dir);
    let foreign = Feature {
        extra: Some(Any {
            type_url: "type.googleapis.com/who.Knows".to_owned(),
            value: vec![1, 2, 3],
        }),
        ..Feature::default()
    };
    let foreign = foreign.encode_to_vec();
    let broken = b"\x0a\xff".to_vec();
    let messages = [
        Message::plain(Direction::Received, foreign.clone()),
        Message::plain(Direction::Received, broken.clone()),
    ];
    let lines = shown(&dir, &set, "/guide.Guide/GetFeature", &messages);
    for (line, bytes) in lines.iter().zip([foreign, broken]) {
        assert_eq!(line["data"], BASE64.encode(bytes), "{line}");
        assert!(!line["decode_error"].as_str().unwrap().is_empty());
    }
    // A method that the schema does not have is no error.
    let lines = shown(
        &dir,
        &set,
        "/guide.Guide/Unheard",
        &[Message::plain(Direction::Sent, &b"x"[..])],
    );
    assert_eq!(
        (&lines[0]["data"], &lines[0]["decode_error"]),
        (&json!("eA=="), &Value::Null)
    );
}

#[test]
fn any_method_is_recorded_with_a_request_in_json_by_the_servers_own_schema() {
    let dir = Dir::new();
    let out = dir.file("any.gcap");
    let serve = Serve::start(&[&shipped("optodas-quake.gcap"), "--rate", "max"]);
    let method = "/datastream.DataStreamService/StreamSpectrograms";
    let target = [
        "record",
        "-o",
        &out,
        "--target",
        serve.grpc(),
        "--plaintext",
        "--method",
        method,
    ];
    let job_id = &serve.ready["job_ids"][0];
    let data = json!({ "job_id": job_id }).to_string();
    let data = ["-d", &data];
    let report = run(&[&target[..], &data, &["--format", "json"]].concat())
        .expect(0)
        .json();
    assert_eq!(report["messages"], 73);
    assert!(verify(&out).is_whole());
    let lines = run(&["cat", "--format", "json", &out]).expect(0).json_lines();
    let request = lines.iter().find(|line| line["event"] == "message").unwrap();
    assert_eq!(request["message"]["job_id"], *job_id);
    let info = run(&["info", &out]).expect(0);
    assert!(info.text().contains("datastream.DataStreamService"), "{}", info.text());
    // Without a schema, and with one that lacks the method or the field.
    let again = [&target[..], &["--force"]].concat();
    run(&[&again[..], &data, &["--reflect=never"]].concat())
        .expect(2)
        .says(&["--protoset"]);
    run(&[&again[..], &["-d", r#"{"job": 1}"#]].concat())
        .expect(2)
        .says(&["not a request of"]);
    let proto = dir.write("guide.proto", GUIDE);
    let lacking = [&again[..], &data, &["--proto", &proto]].concat();
    run(&lacking).expect(2).says(&["is not in the one that was found"]);
}

#[test]
fn a_raw_request_needs_no_schema() {
    let dir = Dir::new();
    let out = dir.file("raw.gcap");
    let serve = Serve::start(&[&shipped("zero-ids.gcap"), "--rate", "max"]);
    let job_id = serve.ready["job_ids"][0].as_str().unwrap();
    let encoded = [&[0x0a, u8::try_from(job_id.len()).unwrap()], job_id.as_bytes()].concat();
    let request = dir.write("request.bin", encoded);
    let method = "/datastream.DataStreamService/StreamSpectrograms";
    let target = [
        "record",
        "-o",
        &out,
        "--target",
        serve.grpc(),
        "--plaintext",
        "--method",
        method,
    ];
    run(&[&target[..], &["--request-file", &request, "--reflect=never"]].concat()).expect(0);
    let lines = run(&["cat", "--format", "json", &out]).expect(0).json_lines();
    let messages = lines.iter().filter(|line| line["event"] == "message");
    assert_eq!(messages.filter(|line| line["data"].is_string()).count(), 6);
}

/// `protoc` of `edition = "2023"; package e1; message M { int32 a = 1; } service S { rpc U(M) returns (M); }`.
const EDITION: &[u8] = b"\x0a\x46\x0a\x08e1.proto\x12\x02e1\"\x11\x0a\x01M\x12\x0c\x0a\x01a\x18\x01 \x01(\x05R\x01a2\x16\x0a\x01S\x12\x11\x0a\x01U\x12\x05.e1.M\x1a\x05.e1.Mb\x08editions\x70\xe8\x07";

#[test]
fn a_schema_of_an_edition_is_read_by_every_command() {
    let dir = Dir::new();
    let message = Message::plain(Direction::Received, &b"\x08\x00"[..]);
    let shown = shown(&dir, EDITION, "/e1.S/U", std::slice::from_ref(&message));
    assert_eq!(shown[0]["message"], json!({ "a": 0 }));
    let path = dir.file("any.gcap");
    let info = run(&["info", &path]).expect(0);
    assert!(info.text().contains("e1.S"), "{}", info.text());
    run(&["diff", &path, &path]).expect(0);
    let out = dir.file("out.gcap");
    let (mcap, html) = (dir.file("out.mcap"), dir.file("out.html"));
    for command in [
        &["redact", &path, "-o", &out, "--field", "e1.M.a=mask"][..],
        &["export", &path, "--mcap", &mcap],
        &["report", &path, "-o", &html],
        &["replay", &path, "-t", "127.0.0.1:1", "--plaintext"],
    ] {
        let done = run(command);
        assert!(
            done.code.is_some_and(|code| code < 101) && !done.stderr.contains("panicked"),
            "{command:?}: {}",
            done.stderr
        );
    }
    // Embedded as it came, and one that no build knows is named once.
    let set = join_schemas(None, EDITION).unwrap();
    assert_eq!(set, EDITION);
    let future = [&EDITION[..EDITION.len() - 2], b"\xe8\x17"].concat();
    let future = [&future[..], &guide(&dir)].concat();
    shown_beside(&dir, &future, "/e1.S/U", &[message], &["/guide.Guide/Chat"]);
    let told = run(&["info", &path]).expect(0);
    assert!(told.text().contains("guide.Guide"), "{}", told.text());
    assert_eq!(
        told.stderr
            .matches("left out of the schema: e1.proto (edition 3048")
            .count(),
        1
    );
}

#[test]
fn a_proto_file_of_an_edition_is_refused_with_the_way_that_works() {
    let dir = Dir::new();
    let text = "// A comment.\n/* and\nanother */ edition = \"2023\";\nmessage M {}\n";
    let proto = dir.write("e.proto", text);
    let error = load_schemas(&[proto.clone().into()], &[], &[]).unwrap_err().to_string();
    assert!(
        error.contains("give the descriptor set") && error.contains("edition"),
        "{error}"
    );
    let out = dir.file("a.gcap");
    run(&[
        "record",
        "-t",
        "127.0.0.1:1",
        "--job-id",
        "a",
        "--proto",
        &proto,
        "-o",
        &out,
    ])
    .expect(2)
    .says(&["--protoset FILE", "edition"]);
    let set = dir.write("e.binpb", EDITION);
    assert_eq!(load_schemas(&[], &[], &[set.into()]).unwrap().unwrap(), EDITION);
}

#[test]
fn integers_of_64_bits_are_strings_wherever_they_stand_in_a_decoded_message() {
    const WIDE: &str = r#"syntax = "proto3";
package wide;
import "google/protobuf/wrappers.proto";
service Wide { rpc Get(Numbers) returns (Numbers); }
message Numbers {
  int64 a = 1; uint64 b = 2; sint64 c = 3; fixed64 d = 4; sfixed64 e = 5;
  repeated int64 f = 6; map<uint64, int64> g = 7; google.protobuf.Int64Value h = 8; Numbers inner = 9;
  int32 i = 10; fixed32 j = 11; double k = 12;
}
"#;
    // The greatest int64, as a varint; it is no double.
    const GREATEST: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    const ONES: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff";
    let dir = Dir::new();
    let proto = dir.write("wide.proto", WIDE);
    let set = load_schemas(&[proto.into()], &[], &[]).unwrap().unwrap();
    for (bytes, field, wanted) in [
        ([b"\x08", GREATEST].concat(), "a", json!("9223372036854775807")),
        (
            [b"\x10", &ONES[..8], b"\xff\x01"].concat(),
            "b",
            json!("18446744073709551615"),
        ),
        (
            [b"\x18", &ONES[..8], b"\xff\x01"].concat(),
            "c",
            json!("-9223372036854775808"),
        ),
        ([b"\x21", ONES].concat(), "d", json!("18446744073709551615")),
        ([b"\x29", ONES].concat(), "e", json!("-1")),
        ([b"\x32\x09", GREATEST].concat(), "f", json!(["9223372036854775807"])),
        (
            [b"\x3a\x0c\x08\x05\x10", GREATEST].concat(),
            "g",
            json!({"5": "9223372036854775807"}),
        ),
        ([b"\x42\x0a\x08", GREATEST].concat(), "h", json!("9223372036854775807")),
        (b"\x50\x07".to_vec(), "i", json!(7)),
        (b"\x5d\x07\0\0\0".to_vec(), "j", json!(7)),
        (b"".to_vec(), "a", json!("0")),
    ] {
        let message = Message::plain(Direction::Received, bytes);
        let lines = shown(&dir, &set, "/wide.Wide/Get", &[message]);
        assert_eq!(lines[0]["message"][field], wanted, "{}", lines[0]);
    }
    let inner = Message::plain(Direction::Received, [b"\x4a\x0a\x08", GREATEST].concat());
    let lines = shown(&dir, &set, "/wide.Wide/Get", &[inner]);
    assert_eq!(lines[0]["message"]["inner"]["a"], "9223372036854775807", "{}", lines[0]);
}

#[test]
fn info_names_the_schema_of_the_calls_and_not_what_is_embedded_for_others() {
    let dir = Dir::new();
    let guide = guide(&dir);
    let both = join_schemas(Some(&guide), FOCUS_DESCRIPTOR_SET).unwrap();
    let two = "syntax = \"proto3\"; package two; message M {} service A { rpc Get (M) returns (M); }
        service B { rpc Get (M) returns (M); }";
    let two = dir.write("two.proto", two);
    let two = load_schemas(&[two.into()], &[], &[]).unwrap().unwrap();
    let message = Message::plain(Direction::Sent, &b""[..]);
    for (set, method, line, described, undescribed) in [
        (
            FOCUS_DESCRIPTOR_SET,
            "/other.Service/Get",
            "none for other.Service".to_owned(),
            json!([]),
            json!(["other.Service"]),
        ),
        (
            FOCUS_DESCRIPTOR_SET,
            "/datastream.DataStreamService/StreamSpectrograms",
            "datastream.DataStreamService".to_owned(),
            json!(["datastream.DataStreamService"]),
            json!([]),
        ),
        (
            &guide,
            "/guide.Guide/Chat",
            "guide.Guide".to_owned(),
            json!(["guide.Guide"]),
            json!([]),
        ),
        (
            // Nothing of it was called.
            &both,
            "/other.Service/Get",
            "none for other.Service".to_owned(),
            json!([]),
            json!(["other.Service"]),
        ),
        (
            &both,
            "/guide.Guide/Chat",
            "guide.Guide".to_owned(),
            json!(["guide.Guide"]),
            json!([]),
        ),
        (
            // One file declares both.
            &two,
            "/two.A/Get",
            "two.A; embedded, and not called: two.B".to_owned(),
            json!(["two.A"]),
            json!([]),
        ),
        (
            b"",
            "/guide.Guide/Chat",
            "none for guide.Guide".to_owned(),
            json!([]),
            json!(["guide.Guide"]),
        ),
    ] {
        shown(&dir, set, method, std::slice::from_ref(&message));
        let path = dir.file("any.gcap");
        let info = run(&["info", &path]).expect(0);
        let schema = info.text().lines().find_map(|text| text.strip_prefix("schema "));
        assert_eq!(schema.map(str::trim), Some(line.as_str()), "{}", info.text());
        let info = run(&["info", "--format", "json", &path]).expect(0).json();
        assert_eq!(
            (&info["described_services"], &info["undescribed_services"]),
            (&described, &undescribed)
        );
    }
}
