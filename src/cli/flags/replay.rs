//! Flags of `capture replay`.

use std::path::PathBuf;

use crate::{replay::PathRule, serve::Rate};
use clap::Args;

use super::{FormatArg, record::DialArgs, value::Span};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1: something differs, never came, or came beyond what was recorded; or nothing \
                        could be compared."
)]
#[command(mut_arg("no_health_check", |arg| arg.hide(true)))]
pub(crate) struct ReplayArgs {
    /// The capture
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Server to send the recorded requests to
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: String,

    /// Only this call of the capture; may be repeated
    #[arg(long = "call", value_name = "N")]
    pub(crate) calls: Vec<u32>,

    /// How fast requests are sent: a factor (0.1 … 1000) of the recorded pace, or `max`
    #[arg(long, default_value = "max")]
    pub(crate) rate: Rate,

    /// Field that may differ, such as `rows.startTimestamp` or `rows[0].sensors[*].id`; may be repeated
    #[arg(long, value_name = "PATH", help_heading = "Comparison")]
    pub(crate) ignore: Vec<PathRule>,

    /// How far floats may lie apart, absolutely
    #[arg(long, value_name = "X", default_value = "0", help_heading = "Comparison")]
    pub(crate) abs: f64,

    /// How far floats may lie apart, as a part of the larger one
    #[arg(long, value_name = "X", default_value = "0", help_heading = "Comparison")]
    pub(crate) rel: f64,

    /// Initial or trailing metadata that must be as recorded; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Comparison")]
    pub(crate) metadata: Vec<String>,

    #[command(flatten)]
    pub(crate) dial: DialArgs,

    /// Until the server is reachable, retries included
    #[arg(long, value_name = "TIME", default_value = "30s", help_heading = "Limits")]
    pub(crate) connect_timeout: Span,

    /// Wait for the server no longer than this at any point
    #[arg(long, value_name = "TIME", default_value = "40s", help_heading = "Limits")]
    pub(crate) idle_timeout: Span,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
