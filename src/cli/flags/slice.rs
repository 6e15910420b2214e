//! `capture slice`.

use std::path::PathBuf;

use crate::das::focus::{self, SensorSet};
use clap::Args;

use super::{FormatArg, value::Span, value::list};

#[derive(Debug, Args)]
#[command(
    after_help = "Messages of each call are counted from 1 and rows from 0, as in findings. Both ends of a range are included.\n\n\
                  Examples:\n  \
                  capture slice job.gcap -o part.gcap --start-offset 10s --playback-duration 30s\n  \
                  capture slice job.gcap -o part.gcap --around missing-rows --margin 2s"
)]
pub(crate) struct SliceArgs {
    /// Capture file; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// New capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Start at this time after the start of the capture
    #[arg(long, value_name = "TIME", help_heading = "What to keep")]
    pub(crate) start_offset: Option<Span>,

    /// Length of the part
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "end_offset",
        help_heading = "What to keep"
    )]
    pub(crate) playback_duration: Option<Span>,

    /// End at this time after the start of the capture
    #[arg(long, value_name = "TIME", help_heading = "What to keep")]
    pub(crate) end_offset: Option<Span>,

    /// Rows of each call, such as 100..200
    #[arg(long, value_name = "A..B", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) rows: Option<focus::Span<u64>>,

    /// Received messages of each call, such as 10..20
    #[arg(long, value_name = "A..B", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) frames: Option<focus::Span<u64>>,

    /// First place of a finding: a rule such as missing-rows, or missing-rows#2 for the second finding of the rule
    #[arg(long, value_name = "FINDING", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) around: Option<String>,

    /// Time before and after the finding
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        requires = "around",
        help_heading = "What to keep"
    )]
    pub(crate) margin: Span,

    /// Only this call; several are separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = "What to keep")]
    pub(crate) call: Vec<u32>,

    /// Only these sensors, such as 10..20,40; messages are encoded again
    #[arg(long, value_name = "IDS", value_parser = list::<SensorSet>, help_heading = "What to keep")]
    pub(crate) sensors: Option<SensorSet>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

const TIMES: [&str; 3] = ["start_offset", "end_offset", "playback_duration"];
