//! TLS towards a Focus Server and its jobs: trust, and the client certificate.
//!
//! The cryptography (ring) is handed over with every configuration; no process-wide default is needed or set.

mod error;
mod identity;
mod pem;
mod pin;
pub(crate) mod remedy;
mod verifier;

pub(crate) use error::TlsError;
pub(crate) use pin::parse_pin;

use std::{path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore, client::WebPkiServerVerifier, crypto::CryptoProvider};
pub(crate) use verifier::PinMismatch;
pub(in crate::tap) use verifier::sha256;
use verifier::{Given, Trust, Unverified};

/// TLS mode of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TlsMode {
    /// By the scheme of the address, or by the server's protocol. Where it is TLS, it is verified. The default.
    #[default]
    Auto,
    /// No TLS.
    Plaintext,
    /// TLS; the certificate must be trusted.
    Verify,
    /// TLS; the certificate is not verified. Encrypted, but a man in the middle is not noticed.
    Insecure,
}

/// TLS options: trust and client identity. Nothing is read before [`Self::client_config`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// TLS mode of connections.
    pub mode: TlsMode,
    /// PEM file of certificates to trust in addition to the system's; a self-signed server certificate may be named
    /// itself.
    pub cacert: Option<PathBuf>,
    /// PEM file of the client certificate and its chain.
    pub cert: Option<PathBuf>,
    /// PEM file of the client's private key; [`Self::cert`]'s file when it is not given.
    pub key: Option<PathBuf>,
    /// SHA-256 of the server's certificate (DER). It alone is trusted then, whoever signed it and in every mode.
    pub pin_sha256: Option<[u8; 32]>,
}

impl TlsOptions {
    /// True when an option requests TLS explicitly.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self.mode, TlsMode::Verify | TlsMode::Insecure)
            || self.cacert.is_some()
            || self.cert.is_some()
            || self.pin_sha256.is_some()
    }

    /// Builds the configuration of a client that offers the protocols `alpn` (`h2`, `http/1.1`).
    ///
    /// [`TlsMode::Auto`] and [`TlsMode::Plaintext`] verify like [`TlsMode::Verify`]: whether TLS is spoken at all is
    /// the caller's choice. A machine without system roots is not an error here; the handshake then finds nobody to
    /// trust.
    pub fn client_config(&self, alpn: &[&[u8]]) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Provider(error.to_string()))?;
        let builder = match self.trust(&provider)? {
            None => builder.with_root_certificates(system_roots()),
            Some(trust) => {
                let verifier = Given { trust, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let mut config = match self.identity()? {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => identity::present(builder, &cert, &key)?,
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// The verifier; `None` when only the system's roots are trusted.
    fn trust(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Trust>, TlsError> {
        if let Some(pin) = self.pin_sha256 {
            return Ok(Some(Trust::Pin(pin)));
        }
        if self.mode == TlsMode::Insecure {
            return Ok(Some(Trust::Anybody(Unverified)));
        }
        let Some(path) = &self.cacert else { return Ok(None) };
        let named = pem::certificates(path, "CA certificate")?;
        let mut roots = system_roots();
        for certificate in &named {
            let added = roots.add(certificate.clone());
            added.map_err(|error| TlsError::BadCertificate {
                path: path.clone(),
                problem: error.to_string(),
            })?;
        }
        let roots = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        let roots = roots.map_err(|error| TlsError::Provider(error.to_string()))?;
        Ok(Some(Trust::Roots { roots, named }))
    }

    fn identity(&self) -> Result<Option<(PathBuf, PathBuf)>, TlsError> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (None, Some(key)) => Err(TlsError::KeyWithoutCertificate { key: key.clone() }),
            (Some(cert), key) => Ok(Some((cert.clone(), key.as_ref().unwrap_or(cert).clone()))),
        }
    }
}

fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a system certificate could not be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, unusable) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, unusable, "system root certificates");
    roots
}

#[cfg(test)]
mod tests;
