//! Flags of `capture replay`.

use std::path::PathBuf;

use crate::{replay::PathRule, serve::Rate};
use clap::Args;

use super::{FormatArg, record::DialArgs, schema::GivenSchemaArgs, value::Span};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1: an answer differs, is missing or is additional, or nothing could be compared.\n\n\
                  Examples:\n  \
                  capture replay job.gcap -t 127.0.0.1:50051 --plaintext\n  \
                  capture replay job.gcap -t host:50051 --ignore rows.startTimestamp --abs 0.01"
)]
#[command(mut_arg("no_health_check", |arg| arg.hide(true)))]
#[command(mut_arg("plaintext", |arg| arg.help("Connect to the server without TLS")))]
pub(crate) struct ReplayArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Server to send the requests to
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: String,

    /// Only this call; can be repeated
    #[arg(long = "call", value_name = "N")]
    pub(crate) calls: Vec<u32>,

    /// Speed of the requests: a factor (0.1 … 1000) of the recorded pace, or `max`
    #[arg(long, default_value = "max")]
    pub(crate) rate: Rate,

    /// Field that may differ, such as rows.startTimestamp or rows[0].sensors[*].id; can be repeated
    #[arg(long, value_name = "PATH", help_heading = "Comparison")]
    pub(crate) ignore: Vec<PathRule>,

    /// Largest absolute difference of floats
    #[arg(long, value_name = "X", default_value = "0", help_heading = "Comparison")]
    pub(crate) abs: f64,

    /// Largest relative difference of floats, as a part of the larger magnitude
    #[arg(long, value_name = "X", default_value = "0", help_heading = "Comparison")]
    pub(crate) rel: f64,

    /// Initial or trailing metadata to compare; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Comparison")]
    pub(crate) metadata: Vec<String>,

    #[command(flatten)]
    pub(crate) dial: DialArgs,

    /// Longest wait until the server is reachable, retries included
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Limits")]
    pub(crate) connect_timeout: Span,

    /// Longest wait for an answer
    #[arg(long, value_name = "TIME", default_value = "40s", help_heading = "Limits")]
    pub(crate) idle_timeout: Span,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,
}
