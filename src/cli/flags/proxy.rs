//! Flags of `capture proxy`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{
    FormatArg,
    record::RecorderArgs,
    schema::SchemaArgs,
    series::SeriesArgs,
    trust::TrustArgs,
    value::{Size, Span, Tag, listener},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Point clients at ADDR instead of HOST:PORT. Nothing is changed on the way: messages, metadata, \
                        statuses, resets and flow control are the two sides' own."
)]
pub(crate) struct ProxyArgs {
    /// Address for clients; port 0 is any free one. Jobs that --rest-target answers get ports of their own on it
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) listen: SocketAddr,

    /// Where calls go, HOST:PORT; not needed with --rest-target
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,

    /// The Focus Server whose REST side to forward; each job that it answers is found through a port of ours
    #[arg(long, value_name = "URL")]
    pub(crate) rest_target: Option<String>,

    /// Address for clients of REST; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", requires = "rest_target", value_parser = listener)]
    pub(crate) rest_listen: SocketAddr,

    /// The capture to write; proxy-TIME.gcap by default
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Replace an existing capture, and an existing CA file
    #[arg(long)]
    pub(crate) force: bool,

    /// A remark that travels with the capture
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    pub(crate) tags: Vec<Tag>,

    /// Record only calls of these methods and pass the others on untouched: /package.Service/Method, with * for any
    /// characters and ? for one; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = method_glob)]
    pub(crate) method: Vec<String>,

    /// Record only calls that do not end with OK; what is open for over a minute, or is beyond the 32 MiB that are held
    /// back until then, is recorded in any case
    #[arg(long, conflicts_with = "ring")]
    pub(crate) only_errors: bool,

    /// End well although no call came
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
}

/// A pattern that some method can fit.
fn method_glob(text: &str) -> Result<String, String> {
    if text.contains(['*', '?']) {
        return Ok(text.to_owned());
    }
    let how = "no method fits this; write /package.Service/Method, with * for any characters";
    crate::grpc::method_path(text).ok_or_else(|| how.to_owned())
}

/// How to connect to the target, which is the server that is spoken of; grpcurl's names.
#[derive(Debug, Args)]
#[command(next_help_heading = "Towards the target")]
pub(crate) struct TargetArgs {
    /// No TLS towards the target
    #[arg(long, conflicts_with_all = ["insecure", "cacert", "cert", "pin_sha256"])]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Value of the :authority header in place of the client's, and the name that TLS verifies
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,

    /// How long a connection to the target may take to open
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) connect_timeout: Span,
}

/// Who we are to clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "Towards clients")]
pub(crate) struct ClientArgs {
    /// TLS towards clients: our certificate, PEM (--cert is what the target is shown)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// TLS towards clients: make a certificate, and write its authority for clients to trust
    #[arg(
        long,
        value_name = "CA_FILE",
        conflicts_with = "tls_cert",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "capture-ca.pem"
    )]
    pub(crate) self_signed: Option<PathBuf>,

    /// Let in only clients with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,
}

/// When to stop.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct ProxyLimitArgs {
    /// Stop after this time; a success
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Span>,

    /// Stop after this many bytes of messages; a success
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<Size>,

    /// Largest message to record; a larger one is passed on, and is a gap in the capture
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,
}
