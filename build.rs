//! Compiles protos/ without protoc: protox parses, tonic-prost-build generates, and the descriptor set that captures
//! embed and reflection serves is written beside the code, with another of gRPC's own services.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROTOS: [&str; 2] = ["protos/datastream.proto", "protos/pandadatastream.proto"];

/// The folder of the services that any server may offer, and what the trailers of any call may hold.
const STANDARD: &str = "protos/standard";
const STANDARD_PROTOS: [&str; 6] = [
    "grpc/channelz/v1/channelz.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=protos");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["protos"])?;
    fs::write(out.join("focus_descriptor.bin"), descriptors.encode_to_vec())?;
    let standard = protox::compile(STANDARD_PROTOS, [STANDARD])?;
    fs::write(out.join("standard_descriptor.bin"), standard.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
