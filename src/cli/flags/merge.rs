//! `capture merge` and `capture note`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{FormatArg, schema::GivenSchemaArgs, value::Span};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture merge north.gcap south.gcap -o both.gcap\n  \
                  capture merge run.000001.gcap run.000002.gcap run.000003.gcap -o run.gcap")]
pub(crate) struct MergeArgs {
    /// Captures to join; they are not changed
    #[arg(value_name = "CAPTURE", num_args = 2.., required = true)]
    pub(crate) captures: Vec<PathBuf>,

    /// New capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").args(["proto", "protoset", "reflect"]).multiple(true).requires("schema")))]
#[command(after_help = "Examples:\n  \
                  capture note job.gcap 'a truck passes' --at 3.2s -o noted.gcap\n  \
                  capture note job.gcap 'end of the survey' --author me -o noted.gcap\n  \
                  capture note calls.gcap --schema --proto shop.proto -o readable.gcap")]
pub(crate) struct NoteArgs {
    /// Capture file; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Text of the note
    #[arg(value_name = "TEXT", required_unless_present = "schema")]
    pub(crate) text: Option<String>,

    /// New capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Embed the schema of --proto, --protoset or --reflect in the new capture
    #[arg(long, requires = "source")]
    pub(crate) schema: bool,

    /// Time of the note after the start of the capture [default: the end]
    #[arg(long, value_name = "TIME", requires = "text")]
    pub(crate) at: Option<Span>,

    /// Author of the note
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub(crate) author: String,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) given: GivenSchemaArgs,
}
