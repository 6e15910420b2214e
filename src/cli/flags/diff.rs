//! `capture diff`.

use std::path::PathBuf;

use clap::Args;

use super::{FormatArg, validate::LayoutArgs};

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The first capture
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,

    /// The second one
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,

    /// Values differ when by more than this, dB
    #[arg(long, value_name = "DB", default_value_t = 0.0)]
    pub(crate) abs: f64,

    /// And by more than this part of the larger magnitude
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub(crate) rel: f64,

    /// Leave metadata out
    #[arg(long, conflicts_with = "all_metadata")]
    pub(crate) ignore_metadata: bool,

    /// Compare dates, user agents, addresses and the like, too
    #[arg(long)]
    pub(crate) all_metadata: bool,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,

    /// Write a page with a waterfall of the differences
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Replace an existing page
    #[arg(long, requires = "html")]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
