//! The command that runs while another serves or records.

use std::ffi::OsString;

use clap::Args;

/// The command that runs meanwhile.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommandArgs {
    /// Command to run meanwhile: it finds the addresses in CAPTURE_GRPC and CAPTURE_REST, all ends with it, and its
    /// exit code is handed on
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}
