//! TLS flags of `proxy` and `serve` towards clients.

use std::path::PathBuf;

use crate::grpc::server_tls::{ExistingCa, ServerIdentity, ServerTls};

use super::Failure;

/// The TLS flags, independent of their names.
pub(super) struct TlsFlags<'a> {
    pub(super) cert: Option<&'a PathBuf>,
    pub(super) key: Option<&'a PathBuf>,
    pub(super) self_signed: Option<&'a PathBuf>,
    pub(super) client_ca: Option<&'a PathBuf>,
    /// True when an existing CA file may be replaced.
    pub(super) force: bool,
    /// The names of the first two flags.
    pub(super) names: &'static str,
}

impl TlsFlags<'_> {
    /// The TLS options for the server; `None` for plain text.
    pub(super) fn server(&self) -> Result<Option<ServerTls>, Failure> {
        let identity = match (self.cert, self.key, self.self_signed) {
            (Some(cert), Some(key), _) => ServerIdentity::Files {
                cert: cert.clone(),
                key: key.clone(),
            },
            (_, _, Some(ca)) => ServerIdentity::SelfSigned {
                ca: ca.clone(),
                existing: if self.force {
                    ExistingCa::Replace
                } else {
                    ExistingCa::Keep
                },
            },
            _ if self.client_ca.is_some() => {
                let text = format!("--client-ca needs TLS: give {}, or --self-signed", self.names);
                return Err(Failure::Usage(text));
            }
            _ => return Ok(None),
        };
        Ok(Some(ServerTls {
            identity,
            client_ca: self.client_ca.cloned(),
        }))
    }
}
