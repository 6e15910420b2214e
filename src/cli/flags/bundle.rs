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
    after_help = "A bundle holds the capture (redacted, and cut around the worst finding where it must be), the report, \
                  the validation, the expectations, and the command that reproduces it."
)]
pub(crate) struct BundleArgs {
    /// The capture
    #[arg(value_name = "CAPTURE", required_unless_present = "open")]
    pub(crate) capture: Option<PathBuf>,

    /// The bundle; `NAME.zip` beside the capture by default. With --open the folder to unpack into
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The bundle's largest size
    #[arg(long, value_name = "SIZE", default_value = "10MB")]
    pub(crate) max_size: Size,

    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) force: bool,

    /// Verify this bundle, and unpack it
    #[arg(long, value_name = "FILE", conflicts_with = "capture", help_heading = "Opening")]
    pub(crate) open: Option<PathBuf>,

    /// What a bundle may unpack to
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

/// The result for Xray, the test management of Jira.
#[derive(Debug, Args)]
#[command(next_help_heading = "Xray")]
pub(crate) struct XrayArgs {
    /// Write the result with the bundle as evidence, in the JSON that Xray imports
    #[arg(long, value_name = "FILE", requires = "xray_test")]
    pub(crate) xray: Option<PathBuf>,

    /// Key of the test, such as DAS-45
    #[arg(long, value_name = "KEY", requires = "xray")]
    pub(crate) xray_test: Option<String>,

    /// Key of the test execution; a new one without it
    #[arg(long, value_name = "KEY", requires = "xray")]
    pub(crate) xray_execution: Option<String>,

    /// Which Xray reads it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) xray_edition: XrayEdition,
}

/// Which Xray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum XrayEdition {
    /// Xray Cloud
    #[default]
    Cloud,
    /// Xray Server and Data Center
    Server,
}
