//! `capture merge` and `capture note`.

use std::path::PathBuf;

use clap::Args;

use super::{FormatArg, value::Span};

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The captures; they are not changed
    #[arg(value_name = "CAPTURE", num_args = 2.., required = true)]
    pub(crate) captures: Vec<PathBuf>,

    /// The new capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct NoteArgs {
    /// The capture; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// The remark
    #[arg(value_name = "TEXT")]
    pub(crate) text: String,

    /// The new capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Where it stands: time after the capture's start; its end by default
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Span>,

    /// Who says it
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub(crate) author: String,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
