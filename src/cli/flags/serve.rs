//! Flags of `capture serve`.

use std::{net::SocketAddr, path::PathBuf};

use crate::serve::{End, Quirk, Rate};
use clap::{ArgGroup, Args};

use super::value::{Size, Span, listener};

#[derive(Debug, Args)]
#[command(
    after_help = "REST also takes POST /replay/pause, /replay/resume and /replay/seek {\"offset_s\": SECONDS}, \
                        and answers GET /replay/status."
)]
pub(crate) struct ServeArgs {
    /// Captures to serve, one job each; the built-in scene without any
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,

    /// Address for gRPC; production jobs after the first get ports of their own
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) grpc: SocketAddr,

    /// Address for REST
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) rest: SocketAddr,

    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    #[command(flatten)]
    pub(crate) behaviour: BehaviourArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) faults: super::fault::FaultArgs,
}

/// What is played, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// How fast to play: a factor (0.1 … 1000), or `max`
    #[arg(long, default_value = "1")]
    pub(crate) rate: Rate,

    /// Play N times within one call; without N until the client leaves
    #[arg(long = "loop", value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub(crate) loops: Option<u64>,

    /// Begin so long after the opening of each recorded call
    #[arg(long, value_name = "TIME")]
    pub(crate) start_offset: Option<Span>,

    /// Play no more than so much of the recording
    #[arg(long, value_name = "TIME")]
    pub(crate) playback_duration: Option<Span>,

    /// Let no pause last longer than this
    #[arg(long, value_name = "TIME")]
    pub(crate) max_wait: Option<Span>,

    /// Wait for POST /replay/resume before playing
    #[arg(long)]
    pub(crate) start_paused: bool,

    /// Move the timestamps of rows to now; distances, and every other byte, are kept
    #[arg(long)]
    pub(crate) restamp: bool,
}

/// How the server behaves.
#[derive(Debug, Args)]
#[command(next_help_heading = "Behaviour")]
#[command(group = ArgGroup::new("delivery").args(["compete", "once"]))]
pub(crate) struct BehaviourArgs {
    /// How calls end: recorded, ok, hold (not at all) or unavailable
    #[arg(long, value_name = "HOW", default_value = "recorded")]
    pub(crate) end: End,

    /// Jobs are ready only so long after the start, and after each configure
    #[arg(long, value_name = "TIME")]
    pub(crate) startup_delay: Option<Span>,

    /// Clients compete, as in production: each message goes to one of them, once
    #[arg(long)]
    pub(crate) compete: bool,

    /// The first client of a call gets its messages; the next gets none
    #[arg(long)]
    pub(crate) once: bool,

    /// Close a call that is silent for so long, as production does: GOAWAY
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(crate) idle_goaway: Option<Span>,

    /// A quirk of real Focus Servers (repeatable, or with commas)
    #[arg(long, value_name = "QUIRK", value_delimiter = ',', value_parser = quirk)]
    pub(crate) quirks: Vec<Quirk>,
}

/// How gRPC is spoken.
#[derive(Debug, Args)]
#[command(next_help_heading = "Wire")]
pub(crate) struct WireArgs {
    /// Compress plain messages for clients that accept gzip; they are then not byte for byte as recorded
    #[arg(long)]
    pub(crate) gzip: bool,

    /// Ping clients so often, and drop those that do not answer within 20 s
    #[arg(long, value_name = "TIME")]
    pub(crate) keepalive: Option<Span>,

    /// Largest request to read
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,
}

/// TLS of both ports.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Certificate of the server, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate, and write its authority for clients to trust
    #[arg(
        long,
        value_name = "CA_FILE",
        conflicts_with = "cert",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "capture-ca.pem"
    )]
    pub(crate) self_signed: Option<PathBuf>,

    /// Replace an existing CA file
    #[arg(long, requires = "self_signed")]
    pub(crate) force: bool,

    /// Let in only clients with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,
}

/// A quirk by its name; the error lists all of them.
fn quirk(text: &str) -> Result<Quirk, String> {
    text.parse()
        .map_err(|error: crate::serve::UnknownWord| error.to_string())
}
