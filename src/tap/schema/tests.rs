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

/// A server that compresses everything, whatever its client accepts, as grpcio does when it is told to compress. It knows
/// the file `b.proto` with the service `b.B`.
async fn compressing_server(file: Vec<u8>) -> std::net::SocketAddr {
    use tonic_reflection::pb::v1::{
        FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse,
        ServiceResponse, server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let answer = move |request: &[u8]| {
        let asked = ServerReflectionRequest::decode(request.get(5..).unwrap_or_default()).unwrap();
        let answer = match asked.message_request.unwrap() {
            MessageRequest::ListServices(_) => MessageResponse::ListServicesResponse(ListServiceResponse {
                service: vec![ServiceResponse { name: "b.B".to_owned() }],
            }),
            _ => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto: vec![file.clone()],
            }),
        };
        let answer = ServerReflectionResponse {
            message_response: Some(answer),
            ..ServerReflectionResponse::default()
        };
        let small = crate::grpc::deflate("gzip", &answer.encode_to_vec()).unwrap();
        [&[1][..], &u32::try_from(small.len()).unwrap().to_be_bytes(), &small].concat()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let answer = answer.clone();
                    tokio::spawn(async move {
                        let (mut body, mut asked) = (request.into_body(), Vec::new());
                        while let Some(Ok(data)) = body.data().await {
                            asked.extend_from_slice(&data);
                        }
                        let head = http::Response::builder()
                            .header("content-type", "application/grpc")
                            .header("grpc-encoding", "gzip");
                        let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                        stream.send_data(answer(&asked).into(), false).unwrap();
                        let end = [("grpc-status", "0")].map(|(name, value)| {
                            let name = http::HeaderName::from_static(name);
                            (name, http::HeaderValue::from_static(value))
                        });
                        stream.send_trailers(end.into_iter().collect()).unwrap();
                    });
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn a_server_that_compresses_its_schema_is_understood() {
    use crate::tap::dial::{DialOptions, Target};
    let file = protox::file::File::from_source("b.proto", "syntax = \"proto3\"; package b; service B {}");
    let addr = compressing_server(file.unwrap().file_descriptor_proto().encode_to_vec()).await;
    let target: Target = format!("http://{addr}").parse().unwrap();
    let set = reflect(&target, &DialOptions::default(), std::time::Duration::from_secs(10)).await;
    assert_eq!(services(&set.unwrap()), ["b.B"]);
}
