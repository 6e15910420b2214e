//! Flags of `capture bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    FormatArg,
    redact::RuleArgs,
    validate::{ExpectArgs, LayoutArgs},
    value::Size,
};

#[derive(Debug, Args)]
#[command(
    after_help = "A bundle holds the capture (redacted, and cut around the worst finding if it is too large), the report, \
                  the validation, the expectations, and the command that reproduces the result.\n\n\
                  Examples:\n  \
                  capture bundle job.gcap -o ticket.zip\n  \
                  capture bundle job.gcap --max-size 5MB --configure customer=drop\n  \
                  capture bundle --open ticket.zip -o ticket"
)]
pub(crate) struct BundleArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE", required_unless_present = "open")]
    pub(crate) capture: Option<PathBuf>,

    /// Bundle to write [default: NAME.zip]; with --open, folder to unpack into
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Largest size of the bundle
    #[arg(long, value_name = "SIZE", default_value = "10MB")]
    pub(crate) max_size: Size,

    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) force: bool,

    /// Verify and unpack this bundle
    #[arg(long, value_name = "FILE", conflicts_with = "capture", help_heading = "Opening")]
    pub(crate) open: Option<PathBuf>,

    /// Largest size of the unpacked bundle
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "4GB",
        requires = "open",
        help_heading = "Opening"
    )]
    pub(crate) max_unpacked: Size,

    #[command(flatten)]
    pub(crate) xray: XrayArgs,

    #[command(flatten)]
    pub(crate) expect: ExpectArgs,

    #[command(flatten)]
    pub(crate) layout: LayoutArgs,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}

/// Flags for the result for Xray, the test management of Jira.
#[derive(Debug, Args)]
#[command(next_help_heading = "Xray")]
pub(crate) struct XrayArgs {
    /// Also write the result, with the bundle as evidence, as JSON that Xray imports
    #[arg(long, value_name = "FILE", requires = "xray_test")]
    pub(crate) xray: Option<PathBuf>,

    /// Key of the test, such as DAS-45
    #[arg(long, value_name = "KEY", requires = "xray")]
    pub(crate) xray_test: Option<String>,

    /// Key of the test execution [default: a new one]
    #[arg(long, value_name = "KEY", requires = "xray")]
    pub(crate) xray_execution: Option<String>,

    /// Edition of Xray
    #[arg(long, value_enum, default_value_t)]
    pub(crate) xray_edition: XrayEdition,
}

/// The edition of Xray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum XrayEdition {
    /// Xray Cloud
    #[default]
    Cloud,
    /// Xray Server and Data Center
    Server,
}
