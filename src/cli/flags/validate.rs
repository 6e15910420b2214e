//! Flags of `capture validate`, `stats` and `snapshot`.

use std::path::PathBuf;

use crate::das::{
    dialect::{Axis, Element},
    focus,
};
use clap::{Args, ValueEnum};

use super::{FormatArg, value::Span};

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The captures
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Write a JUnit report, one test case per rule
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Compare throughput and latencies with a baseline (`capture stats --save-baseline`)
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// How much worse than the baseline is still good, in percent; 10 for a baseline of three captures or more, else 20
    #[arg(long, value_name = "PERCENT", requires = "baseline")]
    pub(crate) tolerance: Option<f64>,

    /// Print an expectation file made from this capture, which must be good
    #[arg(long, conflicts_with_all = ["junit", "baseline"])]
    pub(crate) init: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// What is expected of a stream, over what the capture itself says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct ExpectArgs {
    /// Expectation file, TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,

    /// Warnings fail too
    #[arg(long)]
    pub(crate) strict: bool,

    /// A stream without frames is right too
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// Do not judge by this rule
    #[arg(long = "allow", value_name = "RULE")]
    pub(crate) allowed: Vec<String>,

    /// Change how bad a rule is: RULE=error|warning|info|off
    #[arg(long = "severity", value_name = "RULE=SEVERITY")]
    pub(crate) severities: Vec<String>,

    /// Sensors that the stream must have
    #[arg(long, value_name = "RANGE")]
    pub(crate) expect_sensors: Option<focus::Span<i64>>,

    /// Frequency bins of each sensor
    #[arg(long, value_name = "N")]
    pub(crate) expect_bins: Option<u64>,

    /// Bounds of every finite intensity in dB
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) amplitude: Option<focus::Span<f64>>,

    /// Time of a row, such as 50ms or 0.05
    #[arg(long, value_name = "TIME")]
    pub(crate) lines_dt: Option<Span>,

    /// Frames per second, at least
    #[arg(long, value_name = "FPS")]
    pub(crate) min_fps: Option<f64>,

    /// Latest arrival of the first frame
    #[arg(long, value_name = "TIME")]
    pub(crate) first_frame: Option<Span>,

    /// Longest silence between two frames
    #[arg(long, value_name = "TIME")]
    pub(crate) max_gap: Option<Span>,
}

/// How the payload of a pandadatastream frame is read, which its wire does not say.
#[derive(Debug, Args)]
#[command(next_help_heading = "Production payload")]
pub(crate) struct LayoutArgs {
    /// Element type of a pandadatastream payload; f32 is guessed
    #[arg(long, value_name = "TYPE")]
    pub(crate) element: Option<Element>,

    /// Axis order of a pandadatastream payload; channel-major is guessed
    #[arg(long, value_name = "ORDER")]
    pub(crate) axis: Option<Axis>,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// The captures
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Write throughput and latencies for later comparison (`capture validate --baseline`); several captures of one job
    /// tell how much they vary by themselves
    #[arg(long, value_name = "FILE")]
    pub(crate) save_baseline: Option<PathBuf>,

    /// Replace an existing baseline
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// The captures
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    /// Compare with the goldens in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) check: Option<PathBuf>,

    /// Write the goldens instead of comparing
    #[arg(long, requires = "check")]
    pub(crate) update: bool,

    /// Measured numbers may differ by this much; digests are not compared then
    #[arg(long, value_name = "X", requires = "check")]
    pub(crate) abs: Option<f64>,

    /// Measured numbers may differ by this fraction; digests are not compared then (0: only they are not)
    #[arg(long, value_name = "X", requires = "check")]
    pub(crate) rel: Option<f64>,

    /// Include delivery times, which differ from run to run
    #[arg(long)]
    pub(crate) timing: bool,

    /// Colour the differences
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: ColorArg,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorArg {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
