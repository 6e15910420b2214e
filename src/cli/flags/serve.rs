//! Flags of `capture serve`.

use std::{net::SocketAddr, path::PathBuf};

use crate::serve::{End, Quirk, Rate};
use clap::{ArgGroup, Args};

use super::{
    command::CommandArgs,
    value::{Size, Span, listener},
};

#[derive(Debug, Args)]
#[command(
    after_help = "To control a running server, send POST /replay/pause, /replay/resume or /replay/seek \
                  {\"offset_s\": SECONDS}, or GET /replay/status. GET /requests tells what clients sent.\n\n\
                  Examples:\n  \
                  capture serve\n  \
                  capture serve job.gcap --grpc 127.0.0.1:50051 --rest 127.0.0.1:8080 --rate 10\n  \
                  capture serve job.gcap --fault drop:every=10 --fault delay:at=1,by=6s\n  \
                  capture serve shop.gcap -- pytest tests\n  \
                  capture serve shop.gcap --match '*.local_time,request_id' --strict -o asked.gcap"
)]
pub(crate) struct ServeArgs {
    /// Captures to serve [default: the built-in earthquake]
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,

    /// Address for gRPC; each further production job gets a port of its own
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) grpc: SocketAddr,

    /// Address for REST
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = listener)]
    pub(crate) rest: SocketAddr,

    /// Replace an existing output file or CA file
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    #[command(flatten)]
    pub(crate) behaviour: BehaviourArgs,

    #[command(flatten)]
    pub(crate) matching: MatchArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    #[command(flatten)]
    pub(crate) wire: WireArgs,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    #[command(flatten)]
    pub(crate) faults: super::fault::FaultArgs,

    #[command(flatten)]
    pub(crate) wrapped: CommandArgs,
}

/// Flags of the playback.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Playback speed: a factor (0.1 … 1000), or `max`
    #[arg(long, default_value = "1")]
    pub(crate) rate: Rate,

    /// Play N times in one call; without N, endlessly
    #[arg(long = "loop", value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub(crate) loops: Option<u64>,

    /// Start at this time after the start of each recorded call
    #[arg(long, value_name = "TIME")]
    pub(crate) start_offset: Option<Span>,

    /// Play this much of the recording
    #[arg(long, value_name = "TIME")]
    pub(crate) playback_duration: Option<Span>,

    /// Longest pause between messages
    #[arg(long, value_name = "TIME")]
    pub(crate) max_wait: Option<Span>,

    /// Wait for POST /replay/resume before playing
    #[arg(long)]
    pub(crate) start_paused: bool,

    /// Shift the timestamps of rows to the present time; their distances stay
    #[arg(long)]
    pub(crate) restamp: bool,
}

/// Flags of the server's behaviour.
#[derive(Debug, Args)]
#[command(next_help_heading = "Behaviour")]
#[command(group = ArgGroup::new("delivery").args(["compete", "once"]))]
pub(crate) struct BehaviourArgs {
    /// Ending of calls: recorded, ok, unavailable, or hold (never)
    #[arg(long, value_name = "HOW", default_value = "recorded")]
    pub(crate) end: End,

    /// Time until jobs are ready, from the start and after each configure request
    #[arg(long, value_name = "TIME")]
    pub(crate) startup_delay: Option<Span>,

    /// Send each message to one of the competing clients only, as in production
    #[arg(long)]
    pub(crate) compete: bool,

    /// Send the messages of a call to its first client only
    #[arg(long)]
    pub(crate) once: bool,

    /// Close the connection of a call that is silent for this time with GOAWAY, as in production
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(crate) idle_goaway: Option<Span>,

    /// Quirk of real Focus Servers; can be repeated, or separated by commas
    #[arg(long, value_name = "QUIRK", value_delimiter = ',', value_parser = quirk)]
    pub(crate) quirks: Vec<Quirk>,
}

/// Flags of the matching of requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matching")]
pub(crate) struct MatchArgs {
    /// Leave out these fields where no recorded request is exactly equal: PATHS such as `header.local_time`,
    /// `*.local_time` (at any depth) or `metadata.*`, separated by commas, or a FILE.toml with rules for methods; can
    /// be repeated
    #[arg(long = "match", value_name = "PATHS|FILE.toml")]
    pub(crate) rules: Vec<String>,
}

/// Flags of what is kept of the clients' calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct RequestArgs {
    /// Record what clients send, and what they are answered, into a capture
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Exit with 1 when a recorded call was never asked for, and name these calls
    #[arg(long)]
    pub(crate) strict: bool,

    /// Record metadata that grants access, too, such as tokens and cookies; by default it is masked
    #[arg(long, requires = "output")]
    pub(crate) keep_metadata: bool,
}

/// Flags of gRPC and HTTP/2.
#[derive(Debug, Args)]
#[command(next_help_heading = "Wire")]
pub(crate) struct WireArgs {
    /// Compress plain messages for clients that accept gzip
    #[arg(long)]
    pub(crate) gzip: bool,

    /// Interval of pings; clients that do not answer within 20 s are disconnected
    #[arg(long, value_name = "TIME")]
    pub(crate) keepalive: Option<Span>,

    /// Largest request to accept
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    pub(crate) max_msg_sz: Size,
}

/// Flags of TLS, for both ports.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Certificate of the server (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate, and write its authority to a file
    #[arg(
        long,
        value_name = "CA_FILE",
        conflicts_with = "cert",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "capture-ca.pem"
    )]
    pub(crate) self_signed: Option<PathBuf>,

    /// Accept only clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,
}

/// Parses the name of a quirk; the error lists all of them.
fn quirk(text: &str) -> Result<Quirk, String> {
    text.parse()
        .map_err(|error: crate::serve::UnknownWord| error.to_string())
}
