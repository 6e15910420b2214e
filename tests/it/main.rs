//! Tests of the whole: the built binary, the shipped captures, and servers to record from.

mod captures;
mod crash;
mod demo;
mod files;
mod record;
mod serve;
mod support;
