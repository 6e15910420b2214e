//! Errors of TLS options.

use std::{io, path::PathBuf};

/// Errors of TLS options.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("could not read the {what} {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Content of the file.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
    /// A file is not valid PEM.
    #[error("could not read the {what} {path} as PEM: {problem}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Content of the file.
        what: &'static str,
        /// The problem.
        problem: String,
    },
    /// A file contains no certificate.
    #[error(
        "no PEM certificate in the {what} {path}; make one of a DER file with `openssl x509 -inform der -in FILE`",
        path = path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Expected content of the file.
        what: &'static str,
    },
    /// A file contains no private key.
    #[error(
        "no PEM private key in {path}; name its file, and decrypt an encrypted one with `openssl pkey -in FILE`",
        path = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate is invalid.
    #[error("could not use the certificate {path}: {problem}", path = path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// The client certificate does not match its key.
    #[error(
        "the key {key} does not belong to the certificate {cert}; give the pair that was issued together",
        key = key.display(), cert = cert.display()
    )]
    KeyMismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A key was given without a certificate.
    #[error("the key {key} was given without its certificate; name that, too", key = key.display())]
    KeyWithoutCertificate {
        /// The file of the key.
        key: PathBuf,
    },
    /// The cryptography provider failed.
    #[error("could not set up TLS: {0}")]
    Provider(String),
}
