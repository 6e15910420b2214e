//! Compiles protos/ without protoc: protox parses, tonic-prost-build generates, and the descriptor set that captures
//! embed and reflection serves is written beside the code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROTOS: [&str; 2] = ["protos/datastream.proto", "protos/pandadatastream.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=protos");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["protos"])?;
    fs::write(out.join("focus_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(descriptors)?;
    raw_job();
    Ok(())
}

/// The raw-bytes side of the job's service: a plain tonic server that the tests and benches record from, so that the
/// recorder is measured against code that shares nothing with the replay server.
fn raw_job() {
    let method = |name: &str, route: &str| {
        tonic_build::manual::Method::builder()
            .name(name)
            .route_name(route)
            .input_type("bytes::Bytes")
            .output_type("bytes::Bytes")
            .codec_path("super::RawCodec")
    };
    let job = tonic_build::manual::Service::builder()
        .name("DataStreamService")
        .package("datastream")
        .method(
            method("stream_spectrograms", "StreamSpectrograms")
                .server_streaming()
                .build(),
        )
        .method(method("check_health", "CheckHealth").build())
        .build();
    tonic_build::manual::Builder::new()
        .build_transport(false)
        .compile(&[job]);
}
