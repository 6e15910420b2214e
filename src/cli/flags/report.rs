//! Flags of `capture report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    schema::GivenSchemaArgs,
    validate::{ExpectArgs, LayoutArgs},
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture report job.gcap\n  \
                  capture report job.gcap --expect job.toml -o ticket.md")]
pub(crate) struct ReportArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Report to write [default: NAME.report.html or .md]; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Format of the report [default: by the name of the output, else HTML]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PageFormat>,

    /// Replace an existing report
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,
}

/// Format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    /// One page with pictures, for a browser
    Html,
    /// Text for a ticket
    Markdown,
}
