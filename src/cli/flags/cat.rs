//! Flags of `capture cat`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    FormatArg,
    schema::GivenSchemaArgs,
    value::{Moment, Span, StatusCode},
};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(
    after_help = "A message is shown on one line, cut at the width of the terminal, or at 120 columns in a \
                  pipe; --full shows all of it. Messages are counted from 1 in their call and direction, as in findings.\n\n\
                  Examples:\n  \
                  capture cat calls.gcap\n  \
                  capture cat calls.gcap --status INTERNAL\n  \
                  capture cat calls.gcap --call 7 --message 3 --full\n  \
                  capture cat calls.gcap --method 'shop.Orders/*' --proto shop.proto --format json\n  \
                  capture cat calls.gcap --raw -o messages.bin"
)]
pub(crate) struct CatArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Show all of each message, one field per line
    #[arg(long, conflicts_with_all = ["format", "raw"])]
    pub(crate) full: bool,

    /// Write only the messages, each preceded by its length as a varint
    #[arg(long, conflicts_with = "format")]
    pub(crate) raw: bool,

    /// With --raw, do not inflate compressed messages
    #[arg(long)]
    pub(crate) as_recorded: bool,

    /// Wait for more while the capture is being recorded
    #[arg(long)]
    pub(crate) follow: bool,

    /// Output file [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) select: SelectArgs,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,
}

/// Flags that select events. An event is shown if it fits all of them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What to show")]
pub(crate) struct SelectArgs {
    /// Only this call; several are separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) call: Vec<u32>,

    /// Only the message with this number in its call and direction; several are separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) message: Vec<u64>,

    /// Only calls of these methods; `*` stands for any text, such as 'shop.Orders/*'; can be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) method: Vec<String>,

    /// Only calls that ended with this status, such as INTERNAL or 13; several are separated by commas
    #[arg(long, value_name = "CODE", value_delimiter = ',', conflicts_with = "follow")]
    pub(crate) status: Vec<StatusCode>,

    /// Direction of messages [default: both; with --raw: received]
    #[arg(long, value_enum)]
    pub(crate) direction: Option<DirectionArg>,

    /// Start at this time after the start of the capture
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) start_offset: Option<Span>,

    /// Start at this time: after the start of the capture, such as 90s, or on the clock, such as 2026-12-01T09:30:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,

    /// End at this time, written like that of --since
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirectionArg {
    /// From the server
    Received,
    /// From the client
    Sent,
    /// In both directions
    Both,
}
