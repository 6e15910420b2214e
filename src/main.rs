//! The `capture` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    grpc_capture::cli::run(std::env::args_os())
}
