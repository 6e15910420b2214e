//! The client certificate and its key.

use std::{path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, Error, InconsistentKeys,
    client::WantsClientCert,
    pki_types::{
        PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    TlsError,
    pem::{certificates, of_pem},
};
use crate::grpc::server_tls::pem_bytes;

/// The configuration with the certificate in `cert` and the key in `key`.
pub(super) fn present(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    cert: &Path,
    key: &Path,
) -> Result<ClientConfig, TlsError> {
    let chain = certificates(cert, "client certificate")?;
    let private = pem_bytes(key).and_then(|pem| PrivateKeyDer::from_pem_slice(&pem));
    let private = private.map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: key.to_owned() },
        error => of_pem(error, key, "private key"),
    })?;
    let bad = |error: &Error| TlsError::BadCertificate {
        path: cert.to_owned(),
        problem: error.to_string(),
    };
    let mismatch = || TlsError::KeyMismatch {
        cert: cert.to_owned(),
        key: key.to_owned(),
    };
    let provider = builder.crypto_provider().key_provider;
    let private = provider.load_private_key(private).map_err(|error| bad(&error))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => return Err(mismatch()),
        // A certificate of X.509 version 1 is not looked into by the TLS library. Its server takes it or not.
        Err(Error::InvalidCertificate(CertificateError::Other(_))) if is_version_1(&certified) => {
            if !holds_public_key(&certified) {
                return Err(mismatch());
            }
        }
        Err(error) => return Err(bad(&error)),
    }
    Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
}

/// True for a certificate that names no version, which is version 1: its content begins with a serial number (RFC 5280,
/// 4.1), and not with `[0]`.
fn is_version_1(certified: &CertifiedKey) -> bool {
    let content = |der: &[u8]| {
        let (tag, rest) = der.split_first()?;
        let (length, rest) = rest.split_first()?;
        // The long form says in how many bytes the length follows.
        let skip = usize::from(length.checked_sub(0x80).unwrap_or_default());
        (*tag == SEQUENCE).then(|| rest.get(skip..).map(<[u8]>::to_vec))?
    };
    let certificate = certified.cert.first().and_then(|der| content(der));
    let signed = certificate.and_then(|certificate| content(&certificate));
    signed.is_some_and(|signed| signed.first() == Some(&INTEGER))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// True when the certificate contains the public key of the key, compared by bytes.
fn holds_public_key(certified: &CertifiedKey) -> bool {
    let (Some(certificate), Some(public)) = (certified.cert.first(), certified.key.public_key()) else {
        return true;
    };
    certificate
        .windows(public.len())
        .any(|window| window == public.as_ref())
}
