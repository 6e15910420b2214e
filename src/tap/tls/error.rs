//! TLS options that cannot be used.

use std::{io, path::PathBuf};

/// TLS options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("could not read the {what} {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A file is no proper PEM.
    #[error("could not read the {what} {path} as PEM: {problem}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A file holds no certificate.
    #[error(
        "no PEM certificate in the {what} {path}; make one of a DER file with `openssl x509 -inform der -in FILE`",
        path = path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A file holds no private key.
    #[error(
        "no PEM private key in {path}; name its file, and decrypt an encrypted one with `openssl pkey -in FILE`",
        path = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be used.
    #[error("could not use the certificate {path}: {problem}", path = path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Our certificate belongs to another key.
    #[error(
        "the key {key} does not belong to the certificate {cert}; give the pair that was issued together",
        key = key.display(), cert = cert.display()
    )]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A key was given, and no certificate.
    #[error("the key {key} was given without its certificate; name that, too", key = key.display())]
    KeyWithoutCertificate {
        /// The key's file.
        key: PathBuf,
    },
    /// The cryptography refuses.
    #[error("could not set up TLS: {0}")]
    Provider(String),
}
