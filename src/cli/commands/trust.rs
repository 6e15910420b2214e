//! TLS flags towards a server.

use crate::tap::tls::{TlsMode, TlsOptions, parse_pin};

use super::Failure;
use crate::cli::flags::trust::TrustArgs;

/// The TLS options; a command with a flag for plaintext overrides the mode.
pub(crate) fn tls(args: &TrustArgs) -> Result<TlsOptions, Failure> {
    let pin = args.pin_sha256.as_deref().map(parse_pin).transpose();
    Ok(TlsOptions {
        mode: if args.insecure {
            TlsMode::Insecure
        } else if args.cacert.is_some() || args.cert.is_some() || args.pin_sha256.is_some() {
            TlsMode::Verify
        } else {
            TlsMode::Auto
        },
        cacert: args.cacert.clone(),
        cert: args.cert.clone(),
        key: args.key.clone(),
        pin_sha256: pin.map_err(|error| Failure::Usage(error.to_string()))?,
    })
}
