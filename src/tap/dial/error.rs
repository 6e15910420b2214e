//! What can go wrong while dialling, and which of it waiting cures.

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

/// A job that could not be reached.
#[derive(Debug)]
pub enum DialError {
    /// The limit ran out.
    Limit {
        /// What was dialled.
        target: Target,
        /// The limit of all attempts together.
        limit: Duration,
        /// How many there were.
        attempts: u32,
        /// How the last one failed.
        last: String,
        /// What to do.
        remedy: DialAdvice,
    },
    /// A single attempt failed; trying again may help.
    Unreachable {
        /// What was dialled.
        target: Target,
        /// How it failed.
        last: String,
        /// What to do.
        remedy: DialAdvice,
    },
    /// The server's certificate was not accepted.
    Certificate {
        /// What was dialled.
        target: Target,
        /// What the verifier says.
        reason: String,
        /// What to do.
        remedy: DialAdvice,
    },
    /// The server wants to know who we are.
    ClientCertificate {
        /// What was dialled.
        target: Target,
        /// The TLS alert that came.
        alert: String,
        /// What to do.
        remedy: DialAdvice,
    },
    /// TLS was spoken to a server of plain text.
    NeedsPlaintext {
        /// What was dialled.
        target: Target,
        /// What to do.
        remedy: DialAdvice,
    },
    /// Plain text was spoken to a TLS server.
    NeedsTls {
        /// What was dialled.
        target: Target,
        /// What to do.
        remedy: DialAdvice,
    },
    /// The port answers, but not with HTTP/2.
    NotHttp2 {
        /// What was dialled.
        target: Target,
        /// What it answers with.
        what: &'static str,
        /// What to do.
        remedy: DialAdvice,
    },
    /// TLS failed in a way that waiting does not cure.
    Tls {
        /// What was dialled.
        target: Target,
        /// What the TLS library says.
        reason: String,
        /// What to do.
        remedy: DialAdvice,
    },
    /// The TLS options cannot be used.
    Options(TlsError),
    /// The authority is not one.
    Authority {
        /// As it was given.
        authority: String,
    },
}

impl DialError {
    /// The error in one line, with what helps as `words` says it.
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

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// Waiting may cure it.
    Again(String, Lack),
    /// The server closed the connection before HTTP/2 began; waiting may cure it.
    Closed(String),
    /// TLS was asked for, and the server speaks plain text.
    PlainText,
    /// Plain text was spoken, and the server speaks TLS.
    Tls,
    /// The port answers with something else than HTTP/2.
    NotHttp2(&'static str),
    /// TLS failed.
    Handshake(rustls::Error),
    /// Nothing cures it.
    Final(DialError),
}

/// What may be missing where waiting may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// No name server knows the host.
    Name,
    /// There is no such socket in the file system.
    Socket,
    /// Nobody takes the connection, or nobody answers.
    Server,
}

/// An attempt that failed, as the dial goes on from it.
pub(super) enum Next {
    /// It is tried again; how this one failed, and what to do about it.
    Again(String, DialAdvice),
    /// It is over.
    Over(DialError),
}

impl Fault {
    /// What is done next, and what is said, by what was asked for.
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

/// What answers with bytes that no protocol of ours begins with.
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

/// What a server means that closes a connection before HTTP/2 begins, and what helps. Not every one sends the TLS alert
/// that says so.
fn closed(text: &str, is_tls: bool, target: &Target, options: &DialOptions) -> (String, DialAdvice) {
    if is_tls {
        // The TLS library's own text tells of a missing close_notify, which is the least of it.
        let (wants, remedy) = if options.tls.cert.is_some() {
            (
                "as one does that does not accept the client certificate",
                DialAdvice::Wait,
            )
        } else {
            (
                "as one does that wants a client certificate it knows",
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
        None if options.answered => ("when it is spoken to in plain text", DialAdvice::Wait),
        None => ("when it is spoken to in plain text", DialAdvice::DropPlaintextOrWait),
    };
    (format!("{text}, as a server of TLS does {by}"), remedy)
}

/// What an error of the TLS library means.
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

/// How a TLS error is met.
pub(super) fn fault(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidMessage(_) => Fault::PlainText,
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            Fault::NotHttp2("TLS without the protocol h2")
        }
        error => Fault::Handshake(error.clone()),
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
