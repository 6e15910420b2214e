//! Flags of `capture report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::validate::{ExpectArgs, LayoutArgs};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The capture
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// The report; `NAME.report.html` (or `.md`) beside the capture by default, `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// How to write it; by the ending of the output by default, and HTML otherwise
    #[arg(long, value_enum)]
    pub(crate) format: Option<PageFormat>,

    /// Replace an existing report
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    /// One page with pictures, for a browser
    Html,
    /// Text for a ticket
    Markdown,
}
