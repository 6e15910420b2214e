//! `capture diff`.

use std::path::PathBuf;

use clap::Args;

use super::{FormatArg, validate::LayoutArgs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture diff before.gcap after.gcap\n  \
                  capture diff before.gcap after.gcap --abs 0.01 --html diff.html")]
pub(crate) struct DiffArgs {
    /// First capture
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,

    /// Second capture
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,

    /// Largest absolute difference of values in dB
    #[arg(long, value_name = "DB", default_value_t = 0.0)]
    pub(crate) abs: f64,

    /// Largest relative difference of values, as a part of the larger magnitude
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub(crate) rel: f64,

    /// Do not compare metadata
    #[arg(long, conflicts_with = "all_metadata")]
    pub(crate) ignore_metadata: bool,

    /// Also compare metadata that differs from run to run (dates, user agents, addresses)
    #[arg(long)]
    pub(crate) all_metadata: bool,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,

    /// Also write an HTML page with a waterfall of the differences
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Replace an existing page
    #[arg(long, requires = "html")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
