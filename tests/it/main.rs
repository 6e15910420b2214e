//! The integration tests, in one binary: what takes the whole product, the built command or the whole source tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod golden;
mod tidy;
