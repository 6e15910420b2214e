//! The messages of any service as `cat` shows them, and schemas that are given after the recording.

use grpc_capture::{
    file::{Header, Writer, WriterOptions},
    model::{CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
    tap::load_schemas,
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Dir, Serve, command, events, raw_job::RawJob, run};

const SHOP: &str = r#"syntax = "proto3";
package shop;
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
service Orders {
  rpc Get(GetRequest) returns (Order);
  rpc Watch(stream GetRequest) returns (stream Order);
}
message GetRequest { string id = 1; }
message Order {
  string id = 1;
  uint32 count = 2;
  repeated string labels = 3;
  google.protobuf.Timestamp at = 4;
  google.protobuf.Any extra = 5;
}
"#;

/// Words that a service without spectrograms never reads.
const FOREIGN: [&str; 8] = ["frame", "row", "sensor", " db", "spectro", "canvas", "fibre", "job"];

#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(uint32, tag = "2")]
    count: u32,
    #[prost(string, repeated, tag = "3")]
    labels: Vec<String>,
    #[prost(message, optional, tag = "4")]
    at: Option<Time>,
    #[prost(message, optional, tag = "5")]
    extra: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

fn order(id: &str) -> Order {
    Order {
        id: id.to_owned(),
        count: 2,
        labels: vec!["new".to_owned(), "gift".to_owned()],
        at: Some(Time {
            seconds: 1_700_000_000,
            nanos: 500_000_000,
        }),
        extra: None,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn status(code: u32, message: &str, details: &str) -> EventKind {
    let mut trailers = Metadata::default();
    if !details.is_empty() {
        trailers.push("grpc-status-details-bin", details);
    }
    EventKind::End(Ending::Status(Status {
        code,
        message: message.to_owned(),
        trailers,
        trailers_only: false,
    }))
}

/// A capture of the shop: two unary calls, of which one fails, a bidirectional stream with a compressed message,
/// reflection and health. A call begins at each second, and its events follow each other by a millisecond.
fn shop(dir: &Dir, name: &str, schema: Option<&[u8]>) -> String {
    let path = dir.file(name);
    let mut header = Header::new(1_700_000_000_000_000_000);
    if let Some(schema) = schema {
        header.set_descriptor_set(schema);
    }
    let sent = |bytes: &[u8]| EventKind::Message(Message::plain(Direction::Sent, bytes.to_vec()));
    let received = |bytes: &[u8]| EventKind::Message(Message::plain(Direction::Received, bytes.to_vec()));
    let small = EventKind::Message(Message {
        compressed: true,
        ..Message::plain(Direction::Received, gzip(&order("W2").encode_to_vec()))
    });
    // A google.rpc.Status with a google.rpc.ErrorInfo.
    let info = Any {
        type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
        value: b"\x0a\x08DISK_OFF".to_vec(),
    };
    let details = [&b"\x08\x0d\x1a"[..], &[info.encoded_len() as u8], &info.encode_to_vec()].concat();
    let details = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, details);
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let calls = [
        (
            "/shop.Orders/Get",
            vec![
                sent(b"\x0a\x02A1"),
                received(&order("A1").encode_to_vec()),
                status(0, "", ""),
            ],
        ),
        (
            "/shop.Orders/Watch",
            vec![
                sent(b"\x0a\x02W1"),
                received(&order("W1").encode_to_vec()),
                sent(b"\x0a\x02W2"),
                small,
                received(&order("W3").encode_to_vec()),
                status(0, "", ""),
            ],
        ),
        (
            "/shop.Orders/Get",
            vec![sent(b"\x0a\x02A3"), status(13, "no disk", &details)],
        ),
        (
            reflection,
            vec![
                sent(b"\x3a\x01*"),
                received(b"\x32\x0d\x0a\x0b\x0a\x09shop.Shop"),
                status(0, "", ""),
            ],
        ),
        (
            "/grpc.health.v1.Health/Check",
            vec![sent(b"\x0a\x04shop"), received(b"\x08\x01"), status(0, "", "")],
        ),
    ];
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    for (call, (method, kinds)) in (1..).zip(calls) {
        let mut metadata = Metadata::default();
        metadata.push("grpc-encoding", "gzip");
        let start = EventKind::CallStart(CallStart {
            method: method.to_owned(),
            authority: "shop:1".to_owned(),
            ..CallStart::default()
        });
        let headers = EventKind::Headers(Headers { metadata });
        for (seq, kind) in (1..).zip([start, headers].into_iter().chain(kinds)) {
            let offset_ns = u64::from(call) * 1_000_000_000 + seq * 1_000_000;
            let event = Event {
                call,
                seq,
                offset_ns,
                kind,
            };
            writer.write(&event).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

fn schema(dir: &Dir) -> Vec<u8> {
    let proto = dir.write("shop.proto", SHOP);
    load_schemas(&[proto.into()], &[], &[]).unwrap().unwrap()
}

/// The lines of messages that `cat` prints as text.
fn lines(args: &[&str]) -> Vec<String> {
    let shown = run(&[&["cat"], args].concat()).expect(0);
    let lines = shown.text().lines().filter(|line| line.contains(" message "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_message_is_one_line_with_its_number_and_its_fields() {
    let dir = Dir::new();
    let path = shop(&dir, "shop.gcap", Some(&schema(&dir)));
    let size = order("A1").encoded_len();
    let order = "count: 2 labels: [\"new\", \"gift\"] at: 2023-11-14T22:13:20.500Z";
    let expected = [
        "    1.003000 s  1.3     -> message 1, 4 B: id: \"A1\"".to_owned(),
        format!("    1.004000 s  1.4     <- message 1, {size} B: id: \"A1\" {order}"),
        "    2.003000 s  2.3     -> message 1, 4 B: id: \"W1\"".to_owned(),
        format!("    2.004000 s  2.4     <- message 1, {size} B: id: \"W1\" {order}"),
    ];
    let found = lines(&[&path]);
    assert_eq!(found[..4], expected);
    // Inflated, and health and reflection without a word about them in the schema.
    assert!(
        found[5].contains(&format!("B gzip of {size} B: id: \"W2\" count: 2")),
        "{}",
        found[5]
    );
    assert!(found[8].ends_with("list_services: \"*\""), "{}", found[8]);
    assert!(
        found[9].ends_with("list_services_response { service: [{ name: \"shop.Shop\" }] }"),
        "{}",
        found[9]
    );
    assert!(found[10].ends_with("service: \"shop\"") && found[11].ends_with("status: SERVING"));
    assert!(found.iter().all(|line| line.chars().count() <= 120));
    let shown = run(&["cat", &path]).expect(0);
    assert_eq!(shown.stderr, "");
    let end = shown.text().lines().find(|line| line.contains("INTERNAL")).unwrap();
    let details = "end: INTERNAL: no disk: details: [[type.googleapis.com/google.rpc.ErrorInfo] { reason: \"DISK_";
    assert!(end.contains(details), "{end}");
    let text = shown.text().to_lowercase();
    for word in FOREIGN {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn in_full_a_message_has_a_line_for_each_field() {
    let dir = Dir::new();
    let path = shop(&dir, "shop.gcap", Some(&schema(&dir)));
    let args = [
        "cat",
        &path,
        "--full",
        "--call",
        "1",
        "--message",
        "1",
        "--direction",
        "received",
    ];
    let size = order("A1").encoded_len();
    assert_eq!(
        run(&args).expect(0).text(),
        format!(
            "    1.004000 s  1.4     <- message 1, {size} B, shop.Order\n      id: \"A1\"\n      count: 2\n      \
             labels: [\"new\", \"gift\"]\n      at: 2023-11-14T22:13:20.500Z\n"
        )
    );
    let long = Message::plain(Direction::Sent, [&b"\x0a\xc8\x01"[..], &[b'x'; 200]].concat());
    let path = one_call(&dir, "/shop.Orders/Get", Some(&schema(&dir)), &[long]);
    assert!(
        run(&["cat", &path, "--full"])
            .expect(0)
            .text()
            .contains(&"x".repeat(200))
    );
    let line = lines(&[&path]).remove(0);
    assert!(
        line.ends_with("xxx…\" (200 b…") && line.chars().count() == 120,
        "{line}"
    );
    for flags in [["--full", "--raw"], ["--full", "--format=json"]] {
        run(&[&["cat", &path], &flags[..]].concat()).expect(2);
    }
}

/// A capture of one call with these messages.
fn one_call(dir: &Dir, method: &str, schema: Option<&[u8]>, messages: &[Message]) -> String {
    let path = dir.file("one.gcap");
    let _ = std::fs::remove_file(&path);
    let mut header = Header::new(0);
    if let Some(schema) = schema {
        header.set_descriptor_set(schema);
    }
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    let start = EventKind::CallStart(CallStart {
        method: method.to_owned(),
        ..CallStart::default()
    });
    let kinds = [start]
        .into_iter()
        .chain(messages.iter().cloned().map(EventKind::Message));
    for (seq, kind) in (1..).zip(kinds.chain([status(0, "", "")])) {
        let event = Event {
            call: 1,
            seq,
            offset_ns: seq,
            kind,
        };
        writer.write(&event).unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn filters_select_calls_messages_and_times() {
    let dir = Dir::new();
    let path = shop(&dir, "shop.gcap", Some(&schema(&dir)));
    let shown = |flags: &[&str]| -> Vec<(u64, u64)> {
        let args = [&["cat", &path, "--format", "json"], flags].concat();
        let lines = run(&args).expect(0).json_lines();
        let place = |line: &Value| (line["call"].as_u64().unwrap(), line["seq"].as_u64().unwrap());
        lines.iter().map(place).collect()
    };
    let call = |call: u64, events: u64| (1..=events).map(move |seq| (call, seq)).collect::<Vec<_>>();
    assert_eq!(shown(&["--method", "*Get"]), [call(1, 5), call(3, 4)].concat());
    assert_eq!(shown(&["--method", "shop.Orders.Watch"]), call(2, 8));
    let both = ["--method", "*Get", "--method", "grpc.health*"];
    assert_eq!(shown(&both), [call(1, 5), call(3, 4), call(5, 5)].concat());
    for status in ["INTERNAL", "internal", "13", "NOT_FOUND,13"] {
        assert_eq!(shown(&["--status", status]), call(3, 4), "{status}");
    }
    assert_eq!(shown(&["--status", "OK", "--method", "*Get"]), call(1, 5));
    assert_eq!(shown(&["--call", "1,3"]), [call(1, 5), call(3, 4)].concat());
    assert_eq!(shown(&["--call", "2", "--message", "2"]), [(2, 5), (2, 6)]);
    assert_eq!(
        shown(&["--call", "2", "--message", "1,3", "--direction", "received"]),
        [(2, 4), (2, 7)]
    );
    // 5 seconds after the start, in both notations; both ends are included.
    for (since, until) in [
        ("5.002s", "5.003s"),
        ("2023-11-14T22:13:25.002Z", "2023-11-14T23:13:25.003+01:00"),
        ("2023-11-14 22:13:25.002", "5.003"),
    ] {
        assert_eq!(
            shown(&["--since", since, "--until", until]),
            [(5, 2), (5, 3)],
            "{since}"
        );
    }
    assert_eq!(shown(&["--until", "2023-01-01"]), []);
    assert_eq!(shown(&["--start-offset", "5.005s"]), [(5, 5)]);
    // Bytes are selected as events are.
    let raw = run(&["cat", &path, "--raw", "--status", "INTERNAL", "--direction", "sent"]).expect(0);
    assert_eq!(raw.stdout, b"\x04\x0a\x02A3");
}

#[test]
fn what_no_event_fits_is_said_with_what_there_is() {
    let dir = Dir::new();
    let path = shop(&dir, "shop.gcap", Some(&schema(&dir)));
    let cat = |flags: &[&str]| run(&[&["cat", &path], flags].concat());
    cat(&["--method", "shop.Order/*"]).expect(4).says(&[
        "no call that fits --method shop.Order/*",
        "/shop.Orders/Get",
        "/shop.Orders/Watch",
    ]);
    cat(&["--status", "NOT_FOUND"])
        .expect(0)
        .says(&["no call ended with NOT_FOUND", "4 OK, 1 INTERNAL"]);
    cat(&["--call", "9"])
        .expect(4)
        .says(&["there is no call 9", "5 calls, 1 to 5"]);
    cat(&["--call", "1", "--message", "2"])
        .expect(1)
        .says(&["there is no message 2", "capture info"]);
    cat(&["--since", "1h"])
        .expect(0)
        .says(&["nothing after --since", "5.005 s"]);
    cat(&["--since", "5s", "--until", "2s"])
        .expect(2)
        .says(&["--until is 3.000 s before --since"]);
    for (flags, said) in [
        (["--status", "INTERNL"], "INTERNAL"),
        (["--since", "soon"], "2026-12-01T09:30:00Z"),
        (["--message", "0"], "1.."),
        (["--start-offset", "2023-11-14T22:13:25Z"], "length of time"),
    ] {
        cat(&flags).expect(2).says(&[said]);
    }
    cat(&["--follow", "--status", "OK"]).expect(2).says(&["--follow"]);
    // A capture that has no clock.
    let none = one_call(&dir, "/a.B/C", None, &[]);
    run(&["cat", &none, "--since", "2023-11-14"])
        .expect(2)
        .says(&["--since", "does not say when it began"]);
}

#[test]
fn a_schema_can_be_given_after_the_recording() {
    let dir = Dir::new();
    let set = schema(&dir);
    let (bare, proto) = (shop(&dir, "bare.gcap", None), dir.file("shop.proto"));
    let protoset = dir.write("shop.binpb", &set);
    // Health and reflection need none.
    let info = run(&["info", &bare]).expect(0);
    assert!(info.text().contains("none for shop.Orders\n"), "{}", info.text());
    // Without one, fields go by their numbers, and the remedy is said once.
    let shown = run(&["cat", &bare]).expect(0);
    assert!(shown.text().contains("message 1, 4 B: 1: \"A1\"\n"), "{}", shown.text());
    let shown = shown.says(&["there is no schema of /shop.Orders/Get, /shop.Orders/Watch:", "--proto"]);
    assert_eq!(shown.stderr.lines().count(), 1);
    let with = lines(&[&shop(&dir, "with.gcap", Some(&set))]);
    // A server that tells it: what is served from a capture with a schema.
    let serve = Serve::start(&[&dir.file("with.gcap")]);
    for given in [
        ["--proto", &proto],
        ["--protoset", &protoset],
        ["--reflect", serve.grpc()],
    ] {
        assert_eq!(lines(&[&[&bare[..]], &given[..]].concat()), with, "{given:?}");
    }
    let imports = dir.file("imports");
    std::fs::create_dir(&imports).unwrap();
    std::fs::write(format!("{imports}/part.proto"), SHOP).unwrap();
    dir.write("main.proto", "syntax = \"proto3\"; import public \"part.proto\";");
    let main = dir.file("main.proto");
    let folder = std::path::Path::new(&main)
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    for flag in ["-I", "--import-path", "--proto-path"] {
        let args = [&bare[..], "--proto", &main, flag, &imports, flag, &folder];
        assert_eq!(lines(&args), with, "{flag}");
    }
}

#[test]
fn a_given_schema_counts_before_the_recorded_one() {
    let dir = Dir::new();
    let path = shop(&dir, "shop.gcap", Some(&schema(&dir)));
    let newer = dir.write("newer.proto", SHOP.replace("string id = 1", "string name = 1"));
    let shown = lines(&[&path, "--proto", &newer, "--call", "1"]);
    assert!(shown[0].ends_with("name: \"A1\""), "{shown:?}");
    // One of another service stands beside it.
    let other = dir.write(
        "other.proto",
        "syntax = \"proto3\"; package o; service S { rpc R(M) returns (M); } message M {}",
    );
    let shown = run(&["cat", &path, "--proto", &other]).expect(0);
    assert!(shown.text().contains("id: \"A1\""));
    shown.says(&[
        "calls of /shop.Orders/Get, /shop.Orders/Watch, which the given schema does not have",
        "o.S",
    ]);
}

#[test]
fn note_embeds_a_schema_in_a_copy_and_changes_no_event() {
    let dir = Dir::new();
    let set = schema(&dir);
    let (bare, proto, out) = (
        shop(&dir, "bare.gcap", None),
        dir.file("shop.proto"),
        dir.file("out.gcap"),
    );
    let note = ["note", &bare, "--schema", "--proto", &proto, "-o", &out];
    let report = run(&[&note[..], &["--format", "json"]].concat()).expect(0).json();
    assert_eq!(report["schema_methods"], 2);
    assert_eq!(report["digest"], report["digest_before"]);
    assert_eq!(events(&out), events(&bare));
    assert_eq!(lines(&[&out]), lines(&[&shop(&dir, "with.gcap", Some(&set))]));
    run(&["verify", &out]).expect(0);
    assert!(run(&["info", &out]).expect(0).text().contains("shop.Orders"));
    // In place of another, and with a note.
    let newer = dir.write("newer.proto", SHOP.replace("string id = 1", "string name = 1"));
    let again = dir.file("again.gcap");
    let note = ["note", &out, "renamed", "--schema", "--proto", &newer, "-o", &again];
    run(&note).expect(0);
    assert_eq!(events(&again).len(), events(&bare).len() + 1);
    assert!(lines(&[&again])[0].ends_with("name: \"A1\""));
    // Nothing is written of a schema that is of no use, or that lacks.
    let other = dir.write(
        "other.proto",
        "syntax = \"proto3\"; package o; service S { rpc R(M) returns (M); } message M {}",
    );
    let none = dir.file("none.gcap");
    run(&["note", &bare, "--schema", "--proto", &other, "-o", &none])
        .expect(4)
        .says(&[
            "which the given schema does not have",
            "it has the service o.S",
            "nothing was written",
        ]);
    for args in [
        &["note", &bare, "--schema", "-o", &none][..],
        &["note", &bare, "text", "--proto", &proto, "-o", &none],
        &["note", &bare, "-o", &none],
    ] {
        run(args).expect(2);
    }
    assert!(!dir.names().contains(&"none.gcap".to_owned()));
}

#[test]
fn diff_redact_report_and_replay_read_messages_by_a_given_schema() {
    let dir = Dir::new();
    schema(&dir);
    let (bare, proto) = (shop(&dir, "bare.gcap", None), dir.file("shop.proto"));
    let given = ["--proto", &proto];
    let (a, b) = (
        order("A1"),
        Order {
            count: 3,
            ..order("A1")
        },
    );
    let capture = |name: &str, order: &Order| {
        let answer = Message::plain(Direction::Received, order.encode_to_vec());
        let request = Message::plain(Direction::Sent, &b"\x0a\x02A1"[..]);
        let path = one_call(&dir, "/shop.Orders/Get", None, &[request, answer]);
        let kept = dir.file(name);
        std::fs::rename(path, &kept).unwrap();
        kept
    };
    let (a, b) = (capture("a.gcap", &a), capture("b.gcap", &b));
    let told = run(&[&["diff", &a, &b], &given[..]].concat()).expect(1);
    assert!(told.text().contains("count: 2 and 3"), "{}", told.text());
    assert!(!run(&["diff", &a, &b]).expect(1).text().contains("count"));

    let clean = dir.file("clean.gcap");
    let redact = ["redact", &bare, "-o", &clean, "--field", "shop.Order.id=mask"];
    run(&redact).expect(4).says(&["no schema", "--proto"]);
    let done = run(&[&redact[..], &given[..], &["--format", "json"]].concat())
        .expect(0)
        .json();
    assert_eq!(done["withheld"], 0, "{done}");
    let shown = lines(&[&clean, "--proto", &proto]);
    assert!(
        shown[1].contains("count: 2") && !shown[1].contains("A1"),
        "{}",
        shown[1]
    );
    // The schema was used, and is no part of what is given away.
    assert!(run(&["cat", &clean]).expect(0).stderr.contains("no schema"));

    let page = dir.file("page.md");
    run(&[&["report", &bare, "-o", &page], &given[..]].concat()).expect(1);
    assert!(!std::fs::read_to_string(&page).unwrap().contains("not-decoded"));
    run(&["report", &bare, "-o", &page, "--force"]).expect(1);
    assert!(std::fs::read_to_string(&page).unwrap().contains("not-decoded"));

    let serve = Serve::start(&[&b]);
    let replay = ["replay", &a, "-t", serve.grpc(), "--plaintext"];
    let told = run(&[&replay[..], &given[..]].concat()).expect(1);
    assert!(told.text().contains("count"), "{}", told.text());
    let ignoring = [&replay[..], &given[..], &["--ignore", "count"]].concat();
    run(&ignoring).expect(0);
}

#[test]
fn a_schema_that_cannot_be_used_is_refused_with_its_place_and_the_way_out() {
    let dir = Dir::new();
    let bare = shop(&dir, "bare.gcap", None);
    let bad = dir.write("bad.proto", "syntax = \"proto3\";\nmessage A {\n  strin x = ;\n}\n");
    let unknown = dir.write("unknown.proto", "syntax = \"proto3\";\nmessage A {\n  Nope x = 1;\n}\n");
    let lacking = dir.write("lacking.proto", "syntax = \"proto3\";\nimport \"gone.proto\";\n");
    let circular = dir.write("circular.proto", "syntax = \"proto3\";\nimport \"circular.proto\";\n");
    let deep = format!(
        "syntax = \"proto3\";\n{}{}",
        "message A {".repeat(5000),
        "}".repeat(5000)
    );
    let deep = dir.write("deep.proto", deep);
    let missing = dir.file("missing.proto");
    for (proto, said) in [
        (&bad, &["bad.proto:3:13:", "--protoset"][..]),
        (&unknown, &["unknown.proto:3:3:", "Nope"]),
        (&lacking, &["gone.proto", "--import-path"]),
        (&circular, &["cycle", "circular.proto"]),
        (&deep, &["recursion"]),
        (&missing, &["missing.proto", "--import-path"]),
    ] {
        run(&["cat", &bare, "--proto", proto]).expect(2).says(said);
    }
    // No set, one of nothing, one that is nested without end, and two files that import each other.
    let nested = (0..3000).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut message = b"\x0a\x01A\x1a".to_vec();
        prost::encoding::encode_varint(inner.len() as u64, &mut message);
        [message, inner].concat()
    });
    let mut file = b"\x0a\x01d\x22".to_vec();
    prost::encoding::encode_varint(nested.len() as u64, &mut file);
    file.extend(nested);
    let mut set = vec![0x0a];
    prost::encoding::encode_varint(file.len() as u64, &mut set);
    set.extend(file);
    let circle = b"\x0a\x06\x0a\x01a\x1a\x01b\x0a\x06\x0a\x01b\x1a\x01a";
    let protosets = [
        (
            dir.write("text.pb", "no set"),
            2,
            "text.pb: it is not a FileDescriptorSet",
        ),
        (dir.write("empty.pb", ""), 2, "it holds no file"),
        (dir.write("nested.pb", set), 2, "nests deeper"),
        (dir.write("circle.pb", circle), 0, "it has no service"),
    ];
    for (protoset, code, said) in &protosets {
        run(&["cat", &bare, "--protoset", protoset]).expect(*code).says(&[said]);
    }
    // Servers that are not there, and that do not tell.
    let silent = RawJob::builder().job_id("x").start();
    let addr = silent.addr.to_string();
    run(&["cat", &bare, "--reflect", &addr])
        .expect(4)
        .says(&["could not get the schema of", "--proto or --protoset"]);
    run(&["cat", &bare, "--reflect", "nowhere"])
        .expect(2)
        .says(&["the port is missing"]);
    run(&["cat", &bare, "--reflect", "unix:/nowhere.sock"])
        .expect(4)
        .says(&["could not connect"]);
}

#[test]
fn one_field_that_cannot_be_shown_hides_only_itself() {
    let dir = Dir::new();
    let set = schema(&dir);
    let foreign = Any {
        type_url: "type.googleapis.com/who.Knows".to_owned(),
        value: vec![1, 2],
    };
    let unknown_any = Order {
        extra: Some(foreign),
        ..order("A1")
    };
    let late = Order {
        at: Some(Time {
            seconds: i64::MAX,
            nanos: 0,
        }),
        ..order("A1")
    };
    let bad_text = [&b"\x0a\x02\xff\xfe"[..], &order("").encode_to_vec()[..]].concat();
    let cut = [&order("A1").encode_to_vec()[..], b"\x1a\x09ab"].concat();
    let bytes = [unknown_any.encode_to_vec(), late.encode_to_vec(), bad_text, cut];
    let messages = bytes.clone().map(|bytes| Message::plain(Direction::Received, bytes));
    let path = one_call(&dir, "/shop.Orders/Get", Some(&set), &messages);
    let shown = lines(&[&path]);
    let json = run(&["cat", &path, "--format", "json"]).expect(0).json_lines();
    let json: Vec<_> = json.iter().filter(|line| line["event"] == "message").collect();
    for (at, (field, reason)) in [
        ("extra", "the schema does not have the type who.Knows"),
        ("at", "a time outside the years 1 to 9999"),
        ("id", "not UTF-8"),
        ("", "past the end"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(
            shown[at].contains("count: 2 labels: [\"new\", \"gift\"]"),
            "{}",
            shown[at]
        );
        let message = &json[at]["message"];
        assert_eq!(
            (&message["count"], &message["labels"]),
            (&json!(2), &json!(["new", "gift"]))
        );
        let error = json[at]["decode_error"].as_str().unwrap();
        assert!(
            error.starts_with(field) && (field.is_empty() || error.contains(reason)),
            "{error}"
        );
        let place = if field.is_empty() { message } else { &message[field] };
        assert!(place["@decode_error"].is_string(), "{message}");
        // The whole message is there as bytes too, so that nothing is lost.
        let whole = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes[at]);
        assert_eq!(json[at]["data"], whole);
    }
}

#[test]
fn damaged_captures_and_schemas_never_end_cat_in_a_panic() {
    let dir = Dir::new();
    let set = schema(&dir);
    let whole = std::fs::read(shop(&dir, "shop.gcap", Some(&set))).unwrap();
    let (path, protoset) = (dir.file("damaged.gcap"), dir.file("damaged.pb"));
    let good = dir.write("good.gcap", &whole);
    let step = |len: usize| (len / 12).max(1);
    for at in (0..whole.len()).step_by(step(whole.len())) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, damaged).unwrap();
        let code = run(&["cat", &path, "--full"]).code.unwrap();
        assert!([0, 3, 4].contains(&code), "byte {at}: {code}");
    }
    for at in (0..set.len()).step_by(step(set.len())) {
        let mut damaged = set.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&protoset, damaged).unwrap();
        let code = run(&["cat", &good, "--protoset", &protoset]).code.unwrap();
        assert!([0, 2].contains(&code), "byte {at}: {code}");
    }
}

#[test]
fn follow_shows_the_calls_of_a_method_as_they_begin_until_a_time() {
    use std::{
        io::{BufRead as _, BufReader},
        process::Stdio,
    };
    let dir = Dir::new();
    let all = events(shop(&dir, "shop.gcap", None));
    let path = dir.file("growing.gcap");
    let mut header = Header::new(0);
    header.set_descriptor_set(&schema(&dir));
    let mut writer = Writer::create(&path, &header, WriterOptions::default()).unwrap();
    let (first, rest) = all.split_at(6);
    for event in first {
        writer.write(event).unwrap();
    }
    writer.flush().unwrap();
    let args = [
        "cat",
        &path,
        "--follow",
        "--method",
        "*Get",
        "--message",
        "1",
        "--until",
        "3.5s",
    ];
    let mut cat = command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(cat.stdout.take().unwrap()).lines();
    let mut next = || lines.next().map(Result::unwrap);
    assert!(next().unwrap().ends_with("id: \"A1\""));
    assert!(next().unwrap().contains("<- message 1"));
    for event in rest {
        writer.write(event).unwrap();
    }
    writer.flush().unwrap();
    // Not those of the other method; and the capture goes on, but not the time.
    assert!(next().unwrap().ends_with("id: \"A3\""));
    assert_eq!(next(), None);
    drop(writer);
    assert_eq!(cat.wait().unwrap().code(), Some(3));
}
