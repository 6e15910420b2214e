//! Flags that say how to read messages; grpcurl's names where it has them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where the schema comes from. It is embedded in the capture; the bytes are recorded with or without it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Schema")]
pub(crate) struct SchemaArgs {
    /// .proto file with the services to record
    #[arg(long, value_name = "FILE")]
    pub(crate) proto: Vec<PathBuf>,

    /// Folder that imports of --proto are looked for in
    #[arg(long, value_name = "DIR", requires = "proto")]
    pub(crate) import_path: Vec<PathBuf>,

    /// Descriptor set with the services to record, as protoc or buf write it
    #[arg(long, value_name = "FILE")]
    pub(crate) protoset: Vec<PathBuf>,

    /// Ask the target for its schema: insist on it, or only where it answers and nothing else is given, or not at all
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "always"
    )]
    pub(crate) reflect: Reflect,
}

/// When to ask a server for its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reflect {
    /// Where the schema is not known, and without insisting
    Auto,
    /// And fail when it does not tell
    Always,
    /// Do not ask
    Never,
}
