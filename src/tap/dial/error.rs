//! Errors of dialling, and whether waiting may help.

use std::{error::Error as StdError, fmt, time::Duration};

use rustls::AlertDescription;

use super::{
    DialOptions,
    advice::DialAdvice,
    target::{Scheme, Target},
};
use crate::tap::tls::{
    TlsError, TlsMode, TlsOptions,
    remedy::{self, Address, TlsAdvice},
};

/// Errors of a job that could not be reached.
#[derive(Debug)]
pub enum DialError {
    /// The time limit was reached.
    Limit {
        /// The dialled target.
        target: Target,
        /// The limit of all attempts together.
        limit: Duration,
        /// Number of attempts.
        attempts: u32,
        /// Error of the last attempt.
        last: String,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// A single attempt failed; trying again may help.
    Unreachable {
        /// The dialled target.
        target: Target,
        /// The error.
        last: String,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// The server's certificate was not accepted.
    Certificate {
        /// The dialled target.
        target: Target,
        /// The verifier's error.
        reason: String,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// The server requires a client certificate.
    ClientCertificate {
        /// The dialled target.
        target: Target,
        /// The TLS alert.
        alert: String,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// TLS was attempted with a plain-text server.
    NeedsPlaintext {
        /// The dialled target.
        target: Target,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// Plain text was attempted with a TLS server.
    NeedsTls {
        /// The dialled target.
        target: Target,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// The port answers, but not with HTTP/2.
    NotHttp2 {
        /// The dialled target.
        target: Target,
        /// The protocol that answers.
        what: &'static str,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// TLS failed, and waiting does not help.
    Tls {
        /// The dialled target.
        target: Target,
        /// The error of the TLS library.
        reason: String,
        /// The remedy.
        remedy: DialAdvice,
    },
    /// The TLS options cannot be used.
    Options(TlsError),
    /// The authority is invalid.
    Authority {
        /// The given authority.
        authority: String,
    },
}

impl DialError {
    /// The error in one line, with the remedy as `words` formats it.
    pub(crate) fn told(&self, words: impl Fn(&DialAdvice) -> String) -> String {
        match self {
            Self::Limit {
                target,
                limit,
                attempts,
                last,
                remedy,
            } => {
                let remedy = words(remedy);
                format!("could not connect to {target} within {limit:?} ({attempts} attempts): {last}; {remedy}")
            }
            Self::Unreachable { target, last, remedy } => {
                format!("could not connect to {target}: {last}; {}", words(remedy))
            }
            Self::Certificate { target, reason, remedy } => {
                format!("could not trust {target}: {reason}; {}", words(remedy))
            }
            Self::ClientCertificate { target, alert, remedy } => {
                format!("{target} refused the TLS handshake ({alert}): {}", words(remedy))
            }
            Self::NeedsPlaintext { target, remedy } => {
                let remedy = words(remedy);
                format!("could not speak TLS to {target}: the server speaks plain text: {remedy}")
            }
            Self::NeedsTls { target, remedy } => {
                let remedy = words(remedy);
                format!("could not speak plain text to {target}: the server speaks TLS: {remedy}")
            }
            Self::NotHttp2 { target, what, remedy } => {
                let remedy = words(remedy);
                format!("could not speak gRPC to {target}: the server answers with {what}, not HTTP/2; {remedy}")
            }
            Self::Tls { target, reason, remedy } => {
                format!("could not agree on TLS with {target}: {reason}; {}", words(remedy))
            }
            Self::Options(error) => error.to_string(),
            Self::Authority { authority } => {
                format!("could not use {authority:?} as :authority; write HOST or HOST:PORT")
            }
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(ToString::to_string))
    }
}

impl StdError for DialError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Options(error) => error.source(),
            _ => None,
        }
    }
}

impl From<TlsError> for DialError {
    fn from(error: TlsError) -> Self {
        Self::Options(error)
    }
}

/// The failure of one attempt.
#[derive(Debug)]
pub(super) enum Fault {
    /// Waiting may help.
    Again(String, Lack),
    /// The server closed the connection before HTTP/2 began; waiting may cure it.
    Closed(String),
    /// TLS was requested, and the server speaks plain text.
    PlainText,
    /// Plain text was spoken, and the server speaks TLS.
    Tls,
    /// The port speaks another protocol than HTTP/2.
    NotHttp2(&'static str),
    /// TLS failed.
    Handshake(rustls::Error),
    /// Waiting does not help.
    Final(DialError),
}

/// What may be missing, where waiting may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// No name server knows the host.
    Name,
    /// The socket does not exist in the file system.
    Socket,
    /// The connection is refused, or nobody answers.
    Server,
}

/// What the dial does after a failed attempt.
pub(super) enum Next {
    /// It tries again; how this one failed, and what to do about it.
    Again(String, DialAdvice),
    /// It fails.
    Over(DialError),
}

impl Fault {
    /// Decides the next step and the error text, by the requested options.
    pub(super) fn judge(self, target: &Target, options: &DialOptions, is_tls: bool) -> Next {
        let tls = &options.tls;
        let target = target.clone();
        Next::Over(match self {
            Self::Again(last, lack) => {
                let remedy = match lack {
                    Lack::Name => DialAdvice::CheckName,
                    Lack::Socket => DialAdvice::CheckSocket,
                    Lack::Server => DialAdvice::Wait,
                };
                return Next::Again(last, remedy);
            }
            Self::Closed(text) => {
                let (last, remedy) = closed(&text, is_tls, &target, options);
                return Next::Again(last, remedy);
            }
            Self::PlainText => {
                let remedy = match target.scheme {
                    Some(_) => DialAdvice::WriteHttp,
                    None if tls.is_asked_for() => DialAdvice::DropTls,
                    None => DialAdvice::Plaintext,
                };
                DialError::NeedsPlaintext { target, remedy }
            }
            Self::Tls => {
                let remedy = needs_tls(&target, options);
                DialError::NeedsTls { target, remedy }
            }
            Self::NotHttp2(what) => DialError::NotHttp2 {
                target,
                what,
                remedy: if what == FOREIGN {
                    DialAdvice::CheckPort
                } else {
                    DialAdvice::DialGrpcPort
                },
            },
            Self::Handshake(error) => of_tls(&error, target, tls),
            Self::Final(error) => error,
        })
    }
}

/// Text for a server with an unknown protocol.
pub(super) const FOREIGN: &str = "something else";

fn needs_tls(target: &Target, options: &DialOptions) -> DialAdvice {
    match (target.scheme, options.tls.mode) {
        (Some(Scheme::Http), _) if options.answered => DialAdvice::DialHttps,
        _ if options.answered => DialAdvice::AskForTls,
        (Some(Scheme::Http), TlsMode::Plaintext) => DialAdvice::DropPlaintextAndWriteHttps,
        (Some(Scheme::Http), _) => DialAdvice::WriteHttps,
        _ => DialAdvice::DropPlaintext,
    }
}

/// Explains a server that closes a connection before HTTP/2 begins, with the remedy. Not every one sends the TLS alert
/// that says so.
fn closed(text: &str, is_tls: bool, target: &Target, options: &DialOptions) -> (String, DialAdvice) {
    if is_tls {
        // The TLS library's own text tells of a missing close_notify, which is the least of it.
        let (wants, remedy) = if options.tls.cert.is_some() {
            ("as a server does that refuses the client certificate", DialAdvice::Wait)
        } else {
            (
                "as a server does that requires a client certificate",
                DialAdvice::GiveCertificateOrWait,
            )
        };
        return (
            format!("the server closed the connection after the TLS handshake, {wants}"),
            remedy,
        );
    }
    let (by, remedy) = match target.scheme {
        Some(_) => ("when http:// is written", DialAdvice::Wait),
        None if options.answered => ("when a client speaks plain text", DialAdvice::Wait),
        None => ("when a client speaks plain text", DialAdvice::DropPlaintextOrWait),
    };
    (format!("{text}, as a TLS server does {by}"), remedy)
}

/// Classifies an error of the TLS library.
fn of_tls(error: &rustls::Error, target: Target, tls: &TlsOptions) -> DialError {
    let remedy = DialAdvice::Tls(Box::new(TlsAdvice::of(error, tls, Address::Target)));
    let reason = remedy::reason(error);
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            DialError::Certificate { target, reason, remedy }
        }
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure),
        ) => DialError::ClientCertificate {
            target,
            alert: format!("{alert:?}"),
            remedy,
        },
        _ => DialError::Tls { target, reason, remedy },
    }
}

/// The failure for a TLS error.
pub(super) fn fault(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidMessage(_) => Fault::PlainText,
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            Fault::NotHttp2("TLS without the protocol h2")
        }
        error => Fault::Handshake(error.clone()),
    }
}

/// An error and its causes in one line, without repetitions.
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
