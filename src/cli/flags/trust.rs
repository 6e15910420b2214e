//! Flags of TLS towards a server.

use std::path::PathBuf;

use clap::Args;

/// TLS towards a server; grpcurl's names.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrustArgs {
    /// Do not verify the certificate of the server
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Trusted root certificates (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Accept only the server certificate with this SHA-256 (hexadecimal)
    #[arg(long, value_name = "HEX", conflicts_with = "insecure")]
    pub(crate) pin_sha256: Option<String>,
}
