//! Our own certificate and key.

use std::path::Path;

use rustls::{
    ClientConfig, ConfigBuilder,
    client::WantsClientCert,
    pki_types::{
        PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use super::{TlsError, certificates, of_pem};

/// The configuration that presents the certificate in `cert` with the key in `key`.
pub(super) fn present(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    cert: &Path,
    key: &Path,
) -> Result<ClientConfig, TlsError> {
    let chain = certificates(cert, "client certificate")?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: key.to_owned() },
        error => of_pem(error, key, "private key"),
    })?;
    builder
        .with_client_auth_cert(chain, private)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch {
                cert: cert.to_owned(),
                key: key.to_owned(),
            },
            error => TlsError::BadCertificate {
                path: cert.to_owned(),
                problem: error.to_string(),
            },
        })
}
