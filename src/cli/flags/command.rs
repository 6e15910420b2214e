//! The command that runs while another serves or records.

use std::ffi::OsString;

use clap::Args;

/// The command that runs meanwhile.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommandArgs {
    /// Command to run meanwhile. It finds the addresses in `CAPTURE_GRPC` and `CAPTURE_REST`; we stop when it ends, and
    /// exit with its code
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}
