//! Tests of the whole: the built binary, the shipped captures, and servers to record from.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows #[test] functions as tests, and not what they share"
)]

mod captures;
mod crash;
mod demo;
mod files;
mod record;
mod serve;
mod support;
