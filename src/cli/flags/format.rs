//! The output format.

use clap::{Args, ValueEnum};

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    #[default]
    Text,
    /// JSON for programs; its keys stay stable
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FormatArg {
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
