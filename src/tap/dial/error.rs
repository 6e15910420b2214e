//! What can go wrong while dialling, and which of it waiting cures.

use std::{error::Error as StdError, time::Duration};

use rustls::AlertDescription;
use thiserror::Error;

use super::target::Target;
use crate::tap::tls::TlsError;

/// A job that could not be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The limit ran out.
    #[error(
        "could not connect to {target} within {limit:?} ({attempts} attempts): {last}; is the job running, and is the \
         port right? --connect-timeout waits longer"
    )]
    Limit {
        /// What was dialled.
        target: Target,
        /// The limit of all attempts together.
        limit: Duration,
        /// How many there were.
        attempts: u32,
        /// How the last one failed.
        last: String,
    },
    /// A single attempt failed; trying again may help.
    #[error("could not connect to {target}: {last}; is it running, and is the port right?")]
    Unreachable {
        /// What was dialled.
        target: Target,
        /// How it failed.
        last: String,
    },
    /// The server's certificate was not accepted.
    #[error(
        "could not trust {target}: {reason}; name its certificate authority with --cacert FILE, or encrypt without \
         verification with --insecure"
    )]
    Certificate {
        /// What was dialled.
        target: Target,
        /// What the verifier says.
        reason: String,
    },
    /// The server wants to know who we are.
    #[error(
        "{target} refused the TLS handshake ({alert}): it seems to ask for a client certificate it accepts; give one \
         with --cert FILE --key FILE"
    )]
    ClientCertificate {
        /// What was dialled.
        target: Target,
        /// The TLS alert that came.
        alert: String,
    },
    /// TLS was spoken to a server of plain text.
    #[error("could not speak TLS to {target}: the server speaks plain text: add --plaintext")]
    NeedsPlaintext {
        /// What was dialled.
        target: Target,
    },
    /// Plain text was spoken to a TLS server.
    #[error(
        "could not speak plain text to {target}: the server speaks TLS: drop --plaintext (or use https://), and add \
         --cacert FILE or --insecure if its certificate is self-signed"
    )]
    NeedsTls {
        /// What was dialled.
        target: Target,
    },
    /// The port answers, but not with HTTP/2.
    #[error("could not speak gRPC to {target}: the server answers with {what}, not HTTP/2; is it the right port?")]
    NotHttp2 {
        /// What was dialled.
        target: Target,
        /// What it answers with.
        what: &'static str,
    },
    /// TLS failed in a way that waiting does not cure.
    #[error("could not agree on TLS with {target}: {reason}")]
    Tls {
        /// What was dialled.
        target: Target,
        /// What the TLS library says.
        reason: String,
    },
    /// The TLS options cannot be used.
    #[error(transparent)]
    Options(#[from] TlsError),
    /// The authority is not one.
    #[error("could not use {authority:?} as :authority; write HOST or HOST:PORT")]
    Authority {
        /// As it was given.
        authority: String,
    },
}

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Waiting may cure it.
    Again(String),
    /// TLS was asked for, and the server speaks plain text.
    PlainText,
    /// Nothing cures it.
    Final(DialError),
}

/// What an error of the TLS library means for the dial.
pub(super) fn of_tls(error: &rustls::Error, target: &Target) -> Fault {
    let target = target.clone();
    match error {
        rustls::Error::InvalidMessage(_) => Fault::PlainText,
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Fault::Final(DialError::Certificate {
                target,
                reason: error.to_string(),
            })
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Fault::Final(DialError::NotHttp2 {
            target,
            what: "TLS without the protocol h2",
        }),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure),
        ) => Fault::Final(DialError::ClientCertificate {
            target,
            alert: format!("{alert:?}"),
        }),
        other => Fault::Final(DialError::Tls {
            target,
            reason: other.to_string(),
        }),
    }
}

/// An error and its causes in one line, each said once.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
