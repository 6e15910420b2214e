//! Flags of the message schema, with grpcurl's names where it has them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::tap::Target;

/// Sources of the schema. It is embedded in the capture; the bytes are recorded with or without it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Schema")]
pub(crate) struct SchemaArgs {
    /// .proto file with the schema; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) proto: Vec<PathBuf>,

    /// Folder for imports of --proto; can be repeated
    #[arg(
        short = 'I',
        long,
        visible_alias = "proto-path",
        value_name = "DIR",
        requires = "proto"
    )]
    pub(crate) import_path: Vec<PathBuf>,

    /// Descriptor set with the schema, made by protoc or buf; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) protoset: Vec<PathBuf>,

    /// Ask the target for its schema by reflection
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

/// Sources of a schema for captures that have none, or another one. It is put over theirs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Schema")]
pub(crate) struct GivenSchemaArgs {
    /// .proto file with the schema, when the capture has none or another; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) proto: Vec<PathBuf>,

    /// Folder for imports of --proto; can be repeated
    #[arg(
        short = 'I',
        long,
        visible_alias = "proto-path",
        value_name = "DIR",
        requires = "proto"
    )]
    pub(crate) import_path: Vec<PathBuf>,

    /// Descriptor set with the schema, made by protoc or buf; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) protoset: Vec<PathBuf>,

    /// Server whose reflection tells the schema; http://HOST:PORT is without TLS
    #[arg(long, value_name = "ADDR")]
    pub(crate) reflect: Option<Target>,
}

impl GivenSchemaArgs {
    /// True when a schema is given.
    pub(crate) fn is_given(&self) -> bool {
        !self.proto.is_empty() || !self.protoset.is_empty() || self.reflect.is_some()
    }
}

/// When to ask a server for its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reflect {
    /// Only when the schema is unknown; go on without an answer
    Auto,
    /// Always, and fail without an answer
    Always,
    /// Never
    Never,
}
