//! A schema for tests, compiled from text, and messages of it from JSON.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};

/// A service whose requests hold a clock, an id, a map, a list, and a message of any type.
const PROTO: &str = r#"
    syntax = "proto3";
    package t;
    import "google/protobuf/any.proto";
    message Header { int64 local_time = 1; string trace = 2; }
    message Item { string name = 1; Header header = 2; }
    message Ask {
        string name = 1;
        Header header = 2;
        string request_id = 3;
        map<string, string> metadata = 4;
        map<int32, Item> by_number = 5;
        repeated Item items = 6;
        google.protobuf.Any detail = 7;
        fixed64 ticks = 8;
        oneof choice { Header one = 9; Header other = 10; }
    }
    message Answer { Ask echo = 1; string id = 2; repeated string ids = 3; }
    service S { rpc Do(Ask) returns (Answer); }
"#;

/// The method of the test's service.
pub(super) fn method() -> MethodDescriptor {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.proto");
    std::fs::write(&file, PROTO).unwrap();
    let set = crate::tap::schema::load(&[file], &[dir.path().to_owned()], &[])
        .unwrap()
        .unwrap();
    let pool = DescriptorPool::decode(&*set).unwrap();
    pool.get_service_by_name("t.S").unwrap().methods().next().unwrap()
}

/// A request from JSON.
pub(super) fn ask(method: &MethodDescriptor, json: &str) -> Vec<u8> {
    of(method.input(), json)
}

/// An answer from JSON.
pub(super) fn answer(method: &MethodDescriptor, json: &str) -> Vec<u8> {
    of(method.output(), json)
}

fn of(descriptor: prost_reflect::MessageDescriptor, json: &str) -> Vec<u8> {
    let mut json = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(descriptor, &mut json)
        .unwrap()
        .encode_to_vec()
}
