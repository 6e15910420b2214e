//! The `capture` command.

fn main() {}
