//! `capture proxy` as a process, between clients and servers that use no gRPC library.

mod blocks;
mod conformance;
mod endings;
mod http1;
mod rest;
mod schema;
mod series;
mod session;
mod tls;
mod tonic_table;
mod wire;
