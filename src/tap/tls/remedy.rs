//! What helps when TLS fails: by what failed, and by what was asked for already.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, pki_types::ServerName};

use super::{PinMismatch, TlsMode, TlsOptions};

/// What an address is written in, which the remedies speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// A target, whose certificate may be for another name: `--authority`.
    Target,
    /// A URL, which names the host that the certificate is for.
    Url,
}

/// The TLS error among an error and its causes; no repetition cures one.
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

/// What the error says, in fewer words than the library where it wraps another.
#[must_use]
pub(crate) fn reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.to_string(),
        error => error.to_string(),
    }
}

/// What to do about a handshake that failed.
#[must_use]
pub(crate) fn remedy(error: &rustls::Error, tls: &TlsOptions, address: Address) -> String {
    match error {
        rustls::Error::InvalidCertificate(what) => certificate(what, tls, address),
        rustls::Error::InvalidMessage(_) => match address {
            Address::Target => "the server speaks plain text: add --plaintext".to_owned(),
            Address::Url => "the server does not speak TLS there; try http://".to_owned(),
        },
        rustls::Error::AlertReceived(alert) => of_alert(*alert, tls),
        _ => "check the server's TLS settings".to_owned(),
    }
}

/// What to do about an alert of the server's.
pub(in crate::tap) fn of_alert(alert: AlertDescription, tls: &TlsOptions) -> String {
    match (alert, &tls.cert) {
        (AlertDescription::NoApplicationProtocol, _) => {
            "the server speaks neither of our protocols there; is it the right port?".to_owned()
        }
        (AlertDescription::UnrecognisedName, _) => "the server has no certificate for that name".to_owned(),
        (AlertDescription::ProtocolVersion, _) => {
            "the server speaks TLS older than 1.2, which is not spoken here".to_owned()
        }
        (AlertDescription::CertificateExpired, Some(cert)) => {
            format!(
                "the client certificate {} has expired: ask for a new one",
                cert.display()
            )
        }
        (_, Some(cert)) => format!(
            "it does not accept the client certificate {}: is it valid, made for clients, and signed by an authority that \
             the server trusts?",
            cert.display()
        ),
        (_, None) => {
            "it seems to ask for a client certificate it accepts; give one with --cert FILE --key FILE".to_owned()
        }
    }
}

fn certificate(what: &CertificateError, tls: &TlsOptions, address: Address) -> String {
    // Who pinned a certificate wants no other, and who verifies nothing has nothing left to give up.
    let give_up = if tls.pin_sha256.is_some() || tls.mode == TlsMode::Insecure {
        ""
    } else {
        ", or encrypt without verification with --insecure"
    };
    match what {
        CertificateError::Other(other) if other.0.downcast_ref::<PinMismatch>().is_some() => {
            "if its operator says that it was renewed, give the new SHA-256 with --pin-sha256; else somebody stands between"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the server needs a new certificate; or is this machine's clock wrong?{give_up}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("is this machine's clock right? The certificate is for later{give_up}")
        }
        CertificateError::NotValidForName => other_name(&[], address, give_up),
        CertificateError::NotValidForNameContext { presented, .. } => other_name(presented, address, give_up),
        CertificateError::Revoked => "the certificate was revoked: ask the server's operator".to_owned(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => match &tls.cacert {
            Some(cacert) => format!(
                "--cacert {} holds another authority than the one that signed it: name that one's file{give_up}",
                cacert.display()
            ),
            None => format!("name its certificate authority with --cacert FILE{give_up}"),
        },
        _ => match &tls.cacert {
            Some(_) => format!("the server needs another certificate{give_up}"),
            None => format!("name the certificate itself with --cacert FILE{give_up}"),
        },
    }
}

fn other_name(presented: &[String], address: Address, give_up: &str) -> String {
    let names: Vec<_> = presented.iter().filter_map(|name| plain_name(name)).collect();
    let name = names.first().copied().unwrap_or("NAME");
    match address {
        Address::Target => {
            format!("verify it by a name that it has, with --authority {name}, or dial the server by that{give_up}")
        }
        Address::Url => format!("write the address with a name that the certificate has, such as {name}{give_up}"),
    }
}

/// A name that can be dialled, out of the library's `DnsName("a.example")`.
fn plain_name(told: &str) -> Option<&str> {
    let name = match told.split_once('(') {
        Some((_, inner)) => inner.trim_end_matches(')').trim_matches('"'),
        None => told,
    };
    ServerName::try_from(name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{OtherError, pki_types::UnixTime};

    use super::*;

    fn invalid(what: CertificateError) -> rustls::Error {
        rustls::Error::InvalidCertificate(what)
    }

    /// What failed, what was given, what is advised, and what would not help.
    #[test]
    fn each_failure_has_a_remedy_that_was_not_taken_and_helps() {
        let plain = TlsOptions::default();
        let cacert = TlsOptions {
            cacert: Some("ca.pem".into()),
            ..plain.clone()
        };
        let cert = TlsOptions {
            cert: Some("me.pem".into()),
            ..plain.clone()
        };
        let pin = TlsOptions {
            pin_sha256: Some([0; 32]),
            ..plain.clone()
        };
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let name = || CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("127.0.0.1").unwrap(),
            presented: vec!["DnsName(\"job.example\")".to_owned()],
        };
        let expired = || CertificateError::ExpiredContext {
            time: now,
            not_after: now,
        };
        let mismatch = CertificateError::Other(OtherError(Arc::new(PinMismatch { seen: "ab".to_owned() })));
        let alert = rustls::Error::AlertReceived;
        for (error, tls, says, not) in [
            (
                invalid(CertificateError::UnknownIssuer),
                &plain,
                &["--cacert", "--insecure"][..],
                &[][..],
            ),
            (
                invalid(CertificateError::UnknownIssuer),
                &cacert,
                &["ca.pem", "--insecure"],
                &["--cacert FILE"],
            ),
            (
                invalid(name()),
                &cacert,
                &["--authority job.example", "--insecure"],
                &["--cacert"],
            ),
            (invalid(name()), &plain, &["--authority job.example"], &["--cacert"]),
            (
                invalid(expired()),
                &cacert,
                &["new certificate", "clock"],
                &["--cacert"],
            ),
            (invalid(expired()), &plain, &["new certificate"], &["--cacert"]),
            (
                invalid(CertificateError::NotValidYet),
                &plain,
                &["clock"],
                &["--cacert"],
            ),
            (
                invalid(CertificateError::Revoked),
                &plain,
                &["revoked"],
                &["--cacert", "--insecure"],
            ),
            (invalid(mismatch), &pin, &["--pin-sha256"], &["--insecure", "--cacert"]),
            (
                alert(AlertDescription::CertificateRequired),
                &plain,
                &["--cert FILE --key FILE"],
                &[],
            ),
            (alert(AlertDescription::UnknownCA), &cert, &["me.pem"], &["--cert FILE"]),
            (
                alert(AlertDescription::CertificateExpired),
                &cert,
                &["me.pem has expired"],
                &["--cert FILE"],
            ),
            (
                alert(AlertDescription::NoApplicationProtocol),
                &plain,
                &["right port"],
                &["--cert"],
            ),
        ] {
            let told = remedy(&error, tls, Address::Target);
            for part in says {
                assert!(told.contains(part), "{error:?}: {told}");
            }
            for part in not {
                assert!(!told.contains(part), "{error:?}: {told}");
            }
        }
        let told = remedy(&invalid(name()), &plain, Address::Url);
        assert!(told.contains("job.example") && !told.contains("--authority"), "{told}");
    }
}
