//! `capture proxy` as a process, between clients and servers that no gRPC library had a hand in.

mod blocks;
mod conformance;
mod endings;
mod rest;
mod schema;
mod series;
mod session;
mod tls;
mod tonic_table;
mod wire;
