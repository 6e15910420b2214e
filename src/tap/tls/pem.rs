//! Reading of certificates from PEM files.

use std::path::Path;

use rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject as _},
};

use super::error::TlsError;
use crate::grpc::server_tls::pem_bytes;

/// Reads the certificates of a PEM file; at least one.
pub(super) fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates =
        pem_bytes(path).and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>());
    let certificates = certificates.map_err(|error| of_pem(error, path, what))?;
    if certificates.is_empty() {
        let path = path.to_owned();
        return Err(TlsError::NoCertificate { path, what });
    }
    Ok(certificates)
}

/// Adds the file to the error.
pub(super) fn of_pem(error: pem::Error, path: &Path, what: &'static str) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Read { path, what, source },
        error => TlsError::Pem {
            path,
            what,
            problem: error.to_string(),
        },
    }
}
