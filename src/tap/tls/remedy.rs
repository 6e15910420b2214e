//! Advice for TLS failures: by the failure, and by the options that were given.

use std::{error::Error, fmt, io, path::PathBuf};

use rustls::{AlertDescription, CertificateError, pki_types::ServerName};

use super::{PinMismatch, TlsMode, TlsOptions};

/// The kind of address to which the advice refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// A target, whose certificate may be verified against another name.
    Target,
    /// A URL, which contains the host name of the certificate.
    Url,
}

/// Finds the TLS error among an error and its causes; no repetition cures one.
#[must_use]
pub(crate) fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // An I/O error names the source of what it wraps, and so passes over what it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped));
    }
    None
}

/// The text of the error, shortened where the library wraps another one.
#[must_use]
pub(crate) fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.to_string(),
        error => error.to_string(),
    }
}

/// Advice for a TLS failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsAdvice {
    /// Dial the target in plain text, since it speaks nothing else.
    Plaintext,
    /// Write the URL with `http://`.
    WriteHttp,
    /// Check the port.
    CheckPort,
    /// The server has no certificate for the name.
    UnknownName,
    /// The server speaks a version of TLS that is too old.
    OldTls,
    /// Get a new client certificate, since this one expired.
    ClientCertificateExpired(PathBuf),
    /// Use another client certificate, since the server refused this one.
    ClientCertificateRefused(PathBuf),
    /// Give a client certificate.
    GiveClientCertificate,
    /// Check the server's settings.
    CheckSettings,
    /// Ask the operator, and pin the new certificate.
    NewPin,
    /// The certificate was revoked.
    Revoked,
    /// Trust the server's certificate in another way.
    Trust {
        /// The way to trust it.
        way: TrustAdvice,
        /// True when turning verification off is an option.
        may_give_up: bool,
    },
}

/// Ways to trust a certificate that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustAdvice {
    /// Get a new certificate, or correct this machine's clock.
    NewCertificate,
    /// Correct this machine's clock: the certificate is not valid yet.
    CheckClock,
    /// Use the authority that signed the certificate, instead of the one in this file.
    OtherAuthority(PathBuf),
    /// Use the authority that signed the certificate.
    NameAuthority,
    /// Install another certificate on the server.
    OtherCertificate,
    /// Trust the certificate itself.
    NameCertificate,
    /// Verify the certificate against this name, for which it is valid.
    OtherName(String),
    /// Write the URL with this name, for which the certificate is valid.
    NameInUrl(String),
}

impl TlsAdvice {
    /// The advice for a failed handshake.
    #[must_use]
    pub(crate) fn of(error: &rustls::Error, tls: &TlsOptions, address: Address) -> Self {
        match error {
            rustls::Error::InvalidCertificate(what) => Self::of_certificate(what, tls, address),
            rustls::Error::InvalidMessage(_) => match address {
                Address::Target => Self::Plaintext,
                Address::Url => Self::WriteHttp,
            },
            rustls::Error::AlertReceived(alert) => Self::of_alert(*alert, tls),
            _ => Self::CheckSettings,
        }
    }

    /// The advice for a TLS alert of the server.
    fn of_alert(alert: AlertDescription, tls: &TlsOptions) -> Self {
        match (alert, &tls.cert) {
            (AlertDescription::NoApplicationProtocol, _) => Self::CheckPort,
            (AlertDescription::UnrecognisedName, _) => Self::UnknownName,
            (AlertDescription::ProtocolVersion, _) => Self::OldTls,
            (AlertDescription::CertificateExpired, Some(cert)) => Self::ClientCertificateExpired(cert.clone()),
            (_, Some(cert)) => Self::ClientCertificateRefused(cert.clone()),
            (_, None) => Self::GiveClientCertificate,
        }
    }

    fn of_certificate(what: &CertificateError, tls: &TlsOptions, address: Address) -> Self {
        let way = match what {
            CertificateError::Other(other) if other.0.downcast_ref::<PinMismatch>().is_some() => return Self::NewPin,
            CertificateError::Revoked => return Self::Revoked,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TrustAdvice::NewCertificate,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TrustAdvice::CheckClock,
            CertificateError::NotValidForName => other_name(&[], address),
            CertificateError::NotValidForNameContext { presented, .. } => other_name(presented, address),
            CertificateError::UnknownIssuer | CertificateError::BadSignature => match &tls.cacert {
                Some(cacert) => TrustAdvice::OtherAuthority(cacert.clone()),
                None => TrustAdvice::NameAuthority,
            },
            _ => match &tls.cacert {
                Some(_) => TrustAdvice::OtherCertificate,
                None => TrustAdvice::NameCertificate,
            },
        };
        Self::Trust {
            way,
            // Who pinned a certificate wants no other, and who verifies nothing has nothing left to give up.
            may_give_up: tls.pin_sha256.is_none() && tls.mode != TlsMode::Insecure,
        }
    }
}

impl fmt::Display for TlsAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => f.write_str("the server speaks plain text: dial it without TLS"),
            Self::WriteHttp => f.write_str("the server does not speak TLS there; try http://"),
            Self::CheckPort => f.write_str("the server speaks neither of our protocols there; is it the right port?"),
            Self::UnknownName => f.write_str("the server has no certificate for that name"),
            Self::OldTls => f.write_str("the server speaks TLS older than 1.2, which is not spoken here"),
            Self::ClientCertificateExpired(cert) => write!(
                f,
                "the client certificate {} has expired: ask for a new one",
                cert.display()
            ),
            Self::ClientCertificateRefused(cert) => write!(
                f,
                "the server does not accept the client certificate {}: is it valid, made for clients, and signed by an authority that the server trusts?",
                cert.display()
            ),
            Self::GiveClientCertificate => {
                f.write_str("it seems to require a client certificate; give one with its key")
            }
            Self::CheckSettings => f.write_str("check the server's TLS settings"),
            Self::NewPin => f.write_str(
                "if its operator says that it was renewed, pin the new certificate; otherwise somebody may intercept the connection",
            ),
            Self::Revoked => f.write_str("the certificate was revoked: ask the server's operator"),
            Self::Trust { way, may_give_up } => {
                let give_up = if *may_give_up {
                    ", or encrypt without verification"
                } else {
                    ""
                };
                write!(f, "{way}{give_up}")
            }
        }
    }
}

impl fmt::Display for TrustAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewCertificate => {
                f.write_str("the server needs a new certificate; or is this machine's clock wrong?")
            }
            Self::CheckClock => f.write_str("is this machine's clock right? The certificate is not valid yet"),
            Self::OtherAuthority(cacert) => write!(
                f,
                "{} holds another authority than the one that signed it: name that one's file",
                cacert.display()
            ),
            Self::NameAuthority => f.write_str("name the file of its certificate authority"),
            Self::OtherCertificate => f.write_str("the server needs another certificate"),
            Self::NameCertificate => f.write_str("name the file of the certificate itself"),
            Self::OtherName(name) => {
                write!(
                    f,
                    "verify it against a name that it has, {name}, or dial the server by that name"
                )
            }
            Self::NameInUrl(name) => {
                write!(
                    f,
                    "write the address with a name that the certificate has, such as {name}"
                )
            }
        }
    }
}

fn other_name(presented: &[String], address: Address) -> TrustAdvice {
    let mut names = presented.iter().filter_map(|name| plain_name(name));
    let name = names.next().unwrap_or("NAME").to_owned();
    match address {
        Address::Target => TrustAdvice::OtherName(name),
        Address::Url => TrustAdvice::NameInUrl(name),
    }
}

/// The name in the library's text `DnsName("a.example")`.
fn plain_name(told: &str) -> Option<&str> {
    let name = match told.split_once('(') {
        Some((_, inner)) => inner.trim_end_matches(')').trim_matches('"'),
        None => told,
    };
    ServerName::try_from(name).is_ok().then_some(name)
}
