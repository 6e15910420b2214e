//! Flags of `capture validate`, `stats` and `snapshot`.

use std::path::PathBuf;

use crate::das::{
    dialect::{Axis, Element},
    focus,
};
use clap::{Args, ValueEnum};

use super::{FormatArg, value::Span};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture validate job.gcap\n  \
                  capture validate job.gcap --expect job.toml --strict\n  \
                  capture validate good.gcap --init > job.toml")]
pub(crate) struct ValidateArgs {
    /// Capture files
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Also write a JUnit report, one test case per rule
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Compare throughput and latencies with a baseline from `capture stats --save-baseline`
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Percentage by which a metric may be worse than the baseline [default: 10 for a baseline of three or more
    /// captures, else 20]
    #[arg(long, value_name = "PERCENT", requires = "baseline")]
    pub(crate) tolerance: Option<f64>,

    /// Print an expectation file made from this capture, which must be a good one
    #[arg(long, conflicts_with_all = ["junit", "baseline"])]
    pub(crate) init: bool,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// Flags of expectations, which override those in the capture.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct ExpectArgs {
    /// Expectation file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,

    /// Fail on warnings
    #[arg(long)]
    pub(crate) strict: bool,

    /// Accept a capture without frames or messages
    #[arg(long)]
    pub(crate) allow_empty: bool,

    /// Turn a rule off; can be repeated
    #[arg(long = "allow", value_name = "RULE")]
    pub(crate) allowed: Vec<String>,

    /// Change the severity of a rule: RULE=error|warning|info|off; can be repeated
    #[arg(long = "severity", value_name = "RULE=SEVERITY")]
    pub(crate) severities: Vec<String>,

    /// Sensors that the stream must contain, such as 1..50
    #[arg(long, value_name = "RANGE")]
    pub(crate) expect_sensors: Option<focus::Span<i64>>,

    /// Number of frequency bins per sensor
    #[arg(long, value_name = "N")]
    pub(crate) expect_bins: Option<u64>,

    /// Range of every finite intensity in dB, such as -220..0
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) amplitude: Option<focus::Span<f64>>,

    /// Duration of a row, such as 50ms
    #[arg(long, value_name = "TIME")]
    pub(crate) lines_dt: Option<Span>,

    /// Minimum frames per second
    #[arg(long, value_name = "FPS")]
    pub(crate) min_fps: Option<f64>,

    /// Longest time to the first frame
    #[arg(long, value_name = "TIME")]
    pub(crate) first_frame: Option<Span>,

    /// Longest time between two frames
    #[arg(long, value_name = "TIME")]
    pub(crate) max_gap: Option<Span>,
}

/// Flags of the payload layout of pandadatastream frames, which the wire does not state.
#[derive(Debug, Args)]
#[command(next_help_heading = "Production payload")]
pub(crate) struct LayoutArgs {
    /// Element type of a pandadatastream payload [default: f32 is assumed]
    #[arg(long, value_name = "TYPE")]
    pub(crate) element: Option<Element>,

    /// Axis order of a pandadatastream payload [default: channel-major is assumed]
    #[arg(long, value_name = "ORDER")]
    pub(crate) axis: Option<Axis>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture stats job.gcap\n  \
                  capture stats a.gcap b.gcap c.gcap --save-baseline job.baseline")]
pub(crate) struct StatsArgs {
    /// Capture files
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    /// Write throughput and latencies for `capture validate --baseline`; several captures of one job also give their
    /// variation
    #[arg(long, value_name = "FILE")]
    pub(crate) save_baseline: Option<PathBuf>,

    /// Replace an existing baseline
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  capture snapshot job.gcap\n  \
                  capture snapshot job.gcap --check goldens --update\n  \
                  capture snapshot job.gcap --check goldens --rel 0.01")]
pub(crate) struct SnapshotArgs {
    /// Capture files
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,

    /// Compare with the golden files in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) check: Option<PathBuf>,

    /// Write the golden files instead of comparing
    #[arg(long, requires = "check")]
    pub(crate) update: bool,

    /// Largest absolute difference of measured numbers; digests are then not compared
    #[arg(long, value_name = "X", requires = "check")]
    pub(crate) abs: Option<f64>,

    /// Largest relative difference of measured numbers; digests are then not compared
    #[arg(long, value_name = "X", requires = "check")]
    pub(crate) rel: Option<f64>,

    /// Include delivery times, which differ from run to run
    #[arg(long)]
    pub(crate) timing: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: ColorArg,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// When to use colours.
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
