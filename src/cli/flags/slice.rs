//! `capture slice`.

use std::path::PathBuf;

use crate::das::focus::{self, SensorSet};
use clap::Args;

use super::{FormatArg, value::Span, value::list};

#[derive(Debug, Args)]
#[command(after_help = "Numbers count as in findings: messages of each call from 1, rows from 0; both ends are kept.")]
pub(crate) struct SliceArgs {
    /// The capture; it is not changed
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// The new capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Begin at this time after the capture's start
    #[arg(long, value_name = "TIME", help_heading = "What to keep")]
    pub(crate) start_offset: Option<Span>,

    /// Keep so much time from there
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "end_offset",
        help_heading = "What to keep"
    )]
    pub(crate) playback_duration: Option<Span>,

    /// End at this time after the capture's start
    #[arg(long, value_name = "TIME", help_heading = "What to keep")]
    pub(crate) end_offset: Option<Span>,

    /// The messages that hold these rows of each call, such as `100..200`
    #[arg(long, value_name = "A..B", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) rows: Option<focus::Span<u64>>,

    /// These received messages of each call, such as `10..20`
    #[arg(long, value_name = "A..B", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) frames: Option<focus::Span<u64>>,

    /// Around the first place of a finding: a rule such as `missing-rows`, or `missing-rows#2` for the second of that rule
    #[arg(long, value_name = "FINDING", group = "range", conflicts_with_all = TIMES, help_heading = "What to keep")]
    pub(crate) around: Option<String>,

    /// How much time to keep before and after the finding
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        requires = "around",
        help_heading = "What to keep"
    )]
    pub(crate) margin: Span,

    /// Only this call; several with commas
    #[arg(long, value_name = "N", value_delimiter = ',', help_heading = "What to keep")]
    pub(crate) call: Vec<u32>,

    /// Only these sensors, such as `10..20,40`; messages are encoded anew, and the slice says so
    #[arg(long, value_name = "IDS", value_parser = list::<SensorSet>, help_heading = "What to keep")]
    pub(crate) sensors: Option<SensorSet>,

    /// Replace an existing output file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

const TIMES: [&str; 3] = ["start_offset", "end_offset", "playback_duration"];
