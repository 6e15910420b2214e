//! `capture drift`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{FormatArg, record::DialArgs, schema::GivenSchemaArgs, value::Span};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1: something recorded is not read any more, or is read as something else.\n\n\
                  Examples:\n  \
                  capture drift shop.gcap --against host:50051\n  \
                  capture drift shop.gcap --proto shop.proto --strict\n  \
                  capture drift last-year.gcap --against today.gcap --format json"
)]
#[command(group = ArgGroup::new("other").required(true).multiple(true).args(["against", "reflect", "proto", "protoset"]))]
#[command(mut_arg("no_health_check", |arg| arg.hide(true)))]
#[command(mut_arg("max_msg_sz", |arg| arg.hide(true)))]
#[command(mut_arg("proto", |arg| arg.help(".proto file with the schema of today; can be repeated")))]
#[command(mut_arg("protoset", |arg| arg.help("Descriptor set with it, made by protoc or buf; can be repeated")))]
#[command(mut_arg("reflect", |arg| arg.help("Server of today, whose reflection tells its schema")))]
#[command(mut_arg("plaintext", |arg| arg.help("Connect to the server without TLS")))]
pub(crate) struct DriftArgs {
    /// Capture file
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,

    /// Exit with 1 for any difference
    #[arg(long)]
    pub(crate) strict: bool,

    /// What to compare with: a server with reflection, a .proto file, a descriptor set or a capture
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["reflect", "proto", "protoset"], help_heading = "Schema")]
    pub(crate) against: Option<String>,

    #[command(flatten)]
    pub(crate) schema: GivenSchemaArgs,

    /// Focus Server whose answer about a job is compared with the recorded one; it starts no job
    #[arg(long, value_name = "URL", help_heading = "Focus job")]
    pub(crate) server: Option<String>,

    /// Job on that server [default: the recorded one]
    #[arg(long, value_name = "ID", requires = "server", help_heading = "Focus job")]
    pub(crate) job_id: Option<String>,

    #[command(flatten)]
    pub(crate) dial: DialArgs,

    /// Longest wait until the server answers
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = "Limits")]
    pub(crate) connect_timeout: Span,

    #[command(flatten)]
    pub(crate) format: FormatArg,
}
