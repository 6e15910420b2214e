//! Flags of series of captures and of the flight recorder.

use crate::record::RingBound;
use clap::{Args, ValueEnum};

use super::value::{Size, Span};

/// Flags of series of captures and of the flight recorder.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Several captures")]
pub(crate) struct SeriesArgs {
    /// Begin a new file when one has this size: NAME.000001.gcap, NAME.000002.gcap, …
    #[arg(long, value_name = "SIZE")]
    pub(crate) rotate_size: Option<Size>,

    /// Begin a new file when one spans this time
    #[arg(long, value_name = "TIME")]
    pub(crate) rotate_interval: Option<Span>,

    /// Keep only the newest N files
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: Option<u32>,

    /// Flight recorder: keep the last TIME or SIZE, and write a capture only on a trigger
    #[arg(long, value_name = "TIME|SIZE", conflicts_with_all = ["rotate_size", "rotate_interval"])]
    pub(crate) ring: Option<RingBound>,

    /// Time to record after a trigger
    #[arg(long, value_name = "TIME", default_value = "10s", requires = "ring")]
    pub(crate) post_roll: Span,

    /// Triggers of the flight recorder; SIGUSR1 always is one
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        default_values_t = [TriggerArg::Finding, TriggerArg::Status],
        requires = "ring"
    )]
    pub(crate) trigger: Vec<TriggerArg>,

    /// Also trigger when no open call receives anything for this time
    #[arg(long, value_name = "TIME", requires = "ring")]
    pub(crate) trigger_stall: Option<Span>,
}

/// Triggers of a flight recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TriggerArg {
    /// A finding of severity error
    Finding,
    /// A call that ends with an error status, breaks, or passes its deadline
    Status,
    /// Only SIGUSR1
    Signal,
}

impl SeriesArgs {
    /// True when the recording writes numbered files.
    pub(crate) const fn is_numbered(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_interval.is_some() || self.ring.is_some()
    }
}
