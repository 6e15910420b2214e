//! Verification of server certificates without the system's verifier.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// The marker that verification was turned off on purpose.
#[derive(Debug)]
pub(super) struct Unverified;

/// What to trust.
#[derive(Debug)]
pub(super) enum Trust {
    /// Any certificate.
    Anybody(Unverified),
    /// The certificate with this SHA-256.
    Pin([u8; 32]),
    /// The given roots, and certificates that are trusted directly.
    Roots {
        roots: Arc<WebPkiServerVerifier>,
        named: Vec<CertificateDer<'static>>,
    },
}

/// The error that a server's certificate is not the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not the pinned one: its SHA-256 is {seen}")]
pub(crate) struct PinMismatch {
    /// SHA-256 of the server's certificate, hexadecimal.
    pub seen: String,
}

/// A verifier by [`Trust`]; the handshake's signature is checked in every case, so the server holds the certificate's
/// key.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) trust: Trust,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anybody(Unverified) => Ok(ServerCertVerified::assertion()),
            Trust::Pin(pin) if sha256(leaf)?.as_ref() == pin => Ok(ServerCertVerified::assertion()),
            Trust::Pin(_) => {
                let seen = sha256(leaf)?
                    .as_ref()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let mismatch = OtherError(Arc::new(PinMismatch { seen }));
                Err(CertificateError::Other(mismatch).into())
            }
            Trust::Roots { roots, named } => match roots.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                // What `openssl req -x509` makes is marked as a CA, which a server certificate must not be. Every other
                // property has been checked by then, the dates among them; the file that was given names this very one.
                Err(Error::InvalidCertificate(CertificateError::Other(_))) if named.contains(leaf) => {
                    verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
                    Ok(ServerCertVerified::assertion())
                }
                verdict => verdict,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// SHA-256, computed by the TLS 1.3 cipher suite's hash.
pub(in crate::tap) fn sha256(bytes: &[u8]) -> Result<crypto::hash::Output, Error> {
    let suite = crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite.map(|suite| suite.common.hash_provider.hash(bytes));
    hash.ok_or_else(|| Error::General("no SHA-256".to_owned()))
}
