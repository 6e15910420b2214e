use std::fs;

use prost_reflect::DescriptorPool;

use super::*;

fn services(set: &[u8]) -> Vec<String> {
    let pool = DescriptorPool::decode(set).unwrap();
    let services = pool.services().map(|service| service.full_name().to_owned());
    services.collect()
}

const A: &str = r#"syntax = "proto3";
package a;
import "google/protobuf/timestamp.proto";
import "shared/b.proto";
service A { rpc Do(b.B) returns (stream google.protobuf.Timestamp); }
"#;
const B: &str = "syntax = \"proto3\";\npackage b;\nmessage B { string text = 1; }\n";

#[test]
fn proto_files_are_compiled_with_their_imports() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("shared")).unwrap();
    fs::write(dir.path().join("a.proto"), A).unwrap();
    fs::write(dir.path().join("shared/b.proto"), B).unwrap();
    let proto = [dir.path().join("a.proto")];
    let set = load(&proto, &[], &[]).unwrap().unwrap();
    assert_eq!(services(&set), ["a.A"]);
    let pool = DescriptorPool::decode(&*set).unwrap();
    assert!(pool.get_message_by_name("google.protobuf.Timestamp").is_some());
    // The same by import path, and as a descriptor set.
    let by_path = load(&proto, &[dir.path().to_owned()], &[]).unwrap().unwrap();
    assert_eq!(services(&by_path), ["a.A"]);
    let file = dir.path().join("a.binpb");
    fs::write(&file, &set).unwrap();
    assert_eq!(
        services(&load(&[], &[], std::slice::from_ref(&file)).unwrap().unwrap()),
        ["a.A"]
    );
    // The same thing twice is not a contradiction.
    assert_eq!(services(&load(&proto, &[], &[file]).unwrap().unwrap()), ["a.A"]);
    assert_eq!(load(&[], &[], &[]).unwrap(), None);
}

#[test]
fn what_cannot_be_used_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let lacking = write("a.proto", A.as_bytes());
    let error = load(&[lacking], &[], &[]).unwrap_err().to_string();
    assert!(
        error.contains("shared/b.proto") && error.contains("folders for imports right"),
        "{error}"
    );
    for content in [&b"no descriptors"[..], b""] {
        let path = write("a.binpb", content);
        let error = load(&[], &[], &[path]).unwrap_err().to_string();
        assert!(
            error.contains("a.binpb") && error.contains("--include_imports"),
            "{error}"
        );
    }
    let absent = dir.path().join("absent.binpb");
    assert!(matches!(load(&[], &[], &[absent]), Err(SchemaError::Read { .. })));
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_proto_file_or_of_its_imports() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, format!("\u{feff}{text}")).unwrap();
        path
    };
    write("b.proto", "syntax = \"proto3\"; message B { int32 n = 1; }");
    let a = write(
        "a.proto",
        "syntax = \"proto3\"; import \"b.proto\"; message A { B b = 1; }",
    );
    let set = load(&[a], &[], &[]).unwrap().unwrap();
    let read = Descriptors::read(&set).unwrap();
    assert!(read.pool.get_message_by_name("A").is_some() && read.left_out.is_empty());
}
