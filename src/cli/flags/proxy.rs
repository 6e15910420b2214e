//! Flags of `capture proxy`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{
    FormatArg,
    command::CommandArgs,
    record::RecorderArgs,
    schema::SchemaArgs,
    series::SeriesArgs,
    trust::TrustArgs,
    value::{Size, Span, Tag, listener},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Clients connect to ADDR instead of HOST:PORT. The proxy passes on messages, metadata, statuses, resets and \
                  flow control unchanged.\n\n\
                  Examples:\n  \
                  capture proxy -l 127.0.0.1:50052 -t 127.0.0.1:50051 --plaintext -o seen.gcap\n  \
                  capture proxy --rest-target http://focus:5000 --rest-listen 0.0.0.0:5000 -l 0.0.0.0:0\n  \
                  capture proxy -l :50052 -t job.host:50051 --ring 5m -o incident.gcap\n  \
                  capture proxy -t 127.0.0.1:50051 --plaintext -o seen.gcap -- sh -c './client $CAPTURE_GRPC'"
)]
pub(crate) struct ProxyArgs {
    /// Address for clients; port 0 means any free port. With --rest-target, each job gets a port on this address
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) listen: SocketAddr,

    /// Server that calls are passed on to; optional with --rest-target
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,

    /// Focus Server whose REST requests are passed on too; its jobs are then reached through the proxy
    #[arg(long, value_name = "URL")]
    pub(crate) rest_target: Option<String>,

    /// Address for REST clients; port 0 means any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", requires = "rest_target", value_parser = listener)]
    pub(crate) rest_listen: SocketAddr,

    /// Capture to write [default: proxy-TIME.gcap]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing capture, and an existing CA file
    #[arg(long)]
    pub(crate) force: bool,

    /// Tag to store in the capture; can be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<Tag>,

    /// Record only calls to these methods: /package.Service/Method, with * for any characters and ? for one; can be
    /// repeated
    #[arg(long, value_name = "GLOB", value_parser = method_glob)]
    pub(crate) method: Vec<String>,

    /// Record only calls that do not end with OK. Calls that are open for over a minute, or that do not fit into the
    /// buffer of 32 MiB, are recorded too
    #[arg(long, conflicts_with = "ring")]
    pub(crate) only_errors: bool,

    /// Exit with 0 even if no call came
    #[arg(long)]
    pub(crate) allow_empty: bool,

    #[command(flatten)]
    pub(crate) format: FormatArg,

    #[command(flatten)]
    pub(crate) clients: ClientArgs,

    #[command(flatten)]
    pub(crate) dial: TargetArgs,

    #[command(flatten)]
    pub(crate) limits: ProxyLimitArgs,

    #[command(flatten)]
    pub(crate) recorder: RecorderArgs,

    #[command(flatten)]
    pub(crate) series: SeriesArgs,

    #[command(flatten)]
    pub(crate) schema: SchemaArgs,

    #[command(flatten)]
    pub(crate) wrapped: CommandArgs,
}

/// Parses a method pattern, and refuses one that fits no method.
fn method_glob(text: &str) -> Result<String, String> {
    if text.contains(['*', '?']) {
        return Ok(text.to_owned());
    }
    let how = "no method matches this pattern; write /package.Service/Method, with * for any characters";
    crate::grpc::method_path(text).ok_or_else(|| how.to_owned())
}

/// Flags of the connection to the target; grpcurl's names.
#[derive(Debug, Args)]
#[command(next_help_heading = "Towards the target")]
pub(crate) struct TargetArgs {
    /// Connect to the target without TLS
    #[arg(long, conflicts_with_all = ["insecure", "cacert", "cert", "pin_sha256"])]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Value of the :authority header instead of the client's, and name that TLS verifies
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,

    /// Longest wait for a connection to the target
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) connect_timeout: Span,
}

/// Flags of TLS towards clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "Towards clients")]
pub(crate) struct ClientArgs {
    /// Certificate of the proxy for TLS towards clients (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Make a certificate for TLS towards clients, and write its authority to a file
    #[arg(
        long,
        value_name = "CA_FILE",
        conflicts_with = "tls_cert",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "capture-ca.pem"
    )]
    pub(crate) self_signed: Option<PathBuf>,

    /// Accept only clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,
}

/// Flags of limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct ProxyLimitArgs {
    /// Stop after this time (exit code 0)
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Span>,

    /// Stop after this many bytes of messages (exit code 0)
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<Size>,

    /// Largest message to record; a larger one is passed on and becomes a gap
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,
}
