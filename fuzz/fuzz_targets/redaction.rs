//! Puts a value into fields that redaction rules name. The value is nowhere in the result of the redaction: not as
//! plain text, and not in base64, hexadecimal digits or percent encoding. No input causes a panic.

#![no_main]

use std::sync::LazyLock;

use grpc_capture::{model::{CallStart, Direction, Event, EventKind, Message}, file::Header, transform::{Redactor, Rules, SecretValues}};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

const SECRET: &[u8] = b"hunter2-hunter2-4711";

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
        extensions 100 to 199;
    }
    extend M { optional M more = 100; optional string hidden = 101; }
    service S { rpc Call(M) returns (M); }
"#;

struct Schema;

impl FileResolver for Schema {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "t.proto" => File::from_source(name, SCHEMA),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

static HEADER: LazyLock<Header> = LazyLock::new(|| {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Schema);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("t.proto").unwrap();
    let mut header = Header::new(0);
    header.set_descriptor_set(&compiler.file_descriptor_set().encode_to_vec());
    header
});

fuzz_target!(|input: &[u8]| {
    let rules = "[fields]\n't.M.password' = 'mask'\n't.M.Pair.secret' = 'hash'\n't.hidden' = 'drop'";
    let mut redactor = Redactor::new(&Rules::parse(rules).unwrap(), &HEADER).unwrap();
    let event = |seq, kind| Event {
        call: 1,
        seq,
        offset_ns: seq,
        kind,
    };
    let start = CallStart {
        method: "/t.S/Call".to_owned(),
        ..CallStart::default()
    };
    let _ = redactor.event(event(1, EventKind::CallStart(start)));
    let message = |data: Vec<u8>| event(2, EventKind::Message(Message::plain(Direction::Sent, data)));
    let _ = redactor.event(message(input.to_vec()));
    let mut searched = SecretValues::default();
    searched.add(SECRET);
    if searched.occurs_in(input).is_some() {
        return;
    }
    if let EventKind::Message(clean) = redactor.event(message(planted(input))).kind {
        assert_eq!(searched.occurs_in(&clean.data), None, "{:x?}", clean.data);
    }
});

/// A message with the secret in its hidden fields, built as the input says.
fn planted(input: &[u8]) -> Vec<u8> {
    let mut message = field(1, SECRET);
    let mut rest = input;
    while let [how, len, after @ ..] = rest {
        let (own, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        message = match how % 16 {
            0 => field(2, &message),
            1 => field(3, &message),
            2 => field(4, &[field(1, own), field(2, &message)].concat()),
            3 => group(5, &field(2, &message)),
            4 => field(6, &message),
            5 => field(8, &any(b"type.googleapis.com/t.M", &message)),
            6 => field(9, &any(b"/google.protobuf.Any", &any(b"/t.M", &message))),
            7 => field(100, &message),
            8 => field(10, &message),
            9 => field(77, &message),
            10 => group(2, &message),
            11 => field(9, &any(own, &message)),
            12 => [message, field(101, SECRET), field(1, SECRET)].concat(),
            13 => [group(5, &field(1, SECRET)), message].concat(),
            14 => [field(200 + u32::from(*how), own), message, field(11, own)].concat(),
            _ => [field(8, own), field(2, own), message].concat(),
        };
        if message.len() > 1 << 14 {
            break;
        }
    }
    message
}

fn any(name: &[u8], value: &[u8]) -> Vec<u8> {
    [field(2, value), field(1, name)].concat()
}

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(u64::from(number) << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend(bytes);
    out
}

fn group(number: u32, bytes: &[u8]) -> Vec<u8> {
    let key = u64::from(number) << 3;
    [varint(key | 3), bytes.to_vec(), varint(key | 4)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
