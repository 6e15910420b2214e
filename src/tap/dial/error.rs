//! What can go wrong while dialling, and which of it waiting cures.

use std::{error::Error as StdError, time::Duration};

use rustls::AlertDescription;
use thiserror::Error;

use super::{
    DialOptions,
    target::{Scheme, Target},
};
use crate::tap::tls::{
    TlsError, TlsMode, TlsOptions,
    remedy::{self, Address},
};

/// A job that could not be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The limit ran out.
    #[error("could not connect to {target} within {limit:?} ({attempts} attempts): {last}; {remedy}")]
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
        remedy: &'static str,
    },
    /// A single attempt failed; trying again may help.
    #[error("could not connect to {target}: {last}; {remedy}")]
    Unreachable {
        /// What was dialled.
        target: Target,
        /// How it failed.
        last: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The server's certificate was not accepted.
    #[error("could not trust {target}: {reason}; {remedy}")]
    Certificate {
        /// What was dialled.
        target: Target,
        /// What the verifier says.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The server wants to know who we are.
    #[error("{target} refused the TLS handshake ({alert}): {remedy}")]
    ClientCertificate {
        /// What was dialled.
        target: Target,
        /// The TLS alert that came.
        alert: String,
        /// What to do.
        remedy: String,
    },
    /// TLS was spoken to a server of plain text.
    #[error("could not speak TLS to {target}: the server speaks plain text: {remedy}")]
    NeedsPlaintext {
        /// What was dialled.
        target: Target,
        /// What to do.
        remedy: &'static str,
    },
    /// Plain text was spoken to a TLS server.
    #[error("could not speak plain text to {target}: the server speaks TLS: {remedy}")]
    NeedsTls {
        /// What was dialled.
        target: Target,
        /// What to do.
        remedy: &'static str,
    },
    /// The port answers, but not with HTTP/2.
    #[error("could not speak gRPC to {target}: the server answers with {what}, not HTTP/2; {remedy}")]
    NotHttp2 {
        /// What was dialled.
        target: Target,
        /// What it answers with.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// TLS failed in a way that waiting does not cure.
    #[error("could not agree on TLS with {target}: {reason}; {remedy}")]
    Tls {
        /// What was dialled.
        target: Target,
        /// What the TLS library says.
        reason: String,
        /// What to do.
        remedy: String,
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
    Again(String, &'static str),
    /// It is over.
    Over(DialError),
}

impl Fault {
    /// What is done next, and what is said, by what was asked for.
    pub(super) fn judge(self, target: &Target, options: &DialOptions, is_tls: bool) -> Next {
        const WAIT: &str = "is the job running, and is the port right? --connect-timeout waits longer";
        let tls = &options.tls;
        let target = target.clone();
        Next::Over(match self {
            Self::Again(last, lack) => {
                let remedy = match lack {
                    Lack::Name => "is the host's name right, and does this machine's name server know it?",
                    Lack::Socket => "is the path right, and does a server listen there?",
                    Lack::Server => WAIT,
                };
                return Next::Again(last, remedy);
            }
            Self::Closed(text) => return Next::Again(closed(&text, is_tls, &target, options), WAIT),
            Self::PlainText => {
                let remedy = match target.scheme {
                    Some(_) => "write http:// in place of https://, or leave the scheme out and add --plaintext",
                    None if tls.is_asked_for() => "drop the TLS flags, and add --plaintext",
                    None => "add --plaintext",
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
                    "is it the right port?"
                } else {
                    "this is a web server's port: dial the one of gRPC (the REST side of a Focus Server is given as URL, \
                     with `capture record --server`, or `proxy --rest-target`)"
                },
            },
            Self::Handshake(error) => of_tls(&error, target, tls),
            Self::Final(error) => error,
        })
    }
}

/// What answers with bytes that no protocol of ours begins with.
pub(super) const FOREIGN: &str = "something else";

fn needs_tls(target: &Target, options: &DialOptions) -> &'static str {
    match (target.scheme, options.tls.mode) {
        (Some(Scheme::Http), _) if options.answered => {
            "the Focus Server calls it http://; dial the job itself with --target https://HOST:PORT"
        }
        _ if options.answered => {
            "the Focus Server does not say so; add --cacert FILE, or --insecure if its certificate is self-signed"
        }
        (Some(Scheme::Http), TlsMode::Plaintext) => {
            "drop --plaintext and write https://, and add --cacert FILE or --insecure if its certificate is self-signed"
        }
        (Some(Scheme::Http), _) => {
            "write https://, and add --cacert FILE or --insecure if its certificate is self-signed"
        }
        _ => {
            "drop --plaintext (or use https://), and add --cacert FILE or --insecure if its certificate is self-signed"
        }
    }
}

/// What a server means that closes a connection before HTTP/2 begins. Not every one sends the TLS alert that says so.
fn closed(text: &str, is_tls: bool, target: &Target, options: &DialOptions) -> String {
    if is_tls {
        // The TLS library's own text tells of a missing close_notify, which is the least of it.
        let wants = if options.tls.cert.is_some() {
            "as one does that does not accept the client certificate"
        } else {
            "as one does that wants a client certificate it knows (--cert, --key)"
        };
        return format!("the server closed the connection after the TLS handshake, {wants}");
    }
    let by = match target.scheme {
        Some(_) => "when http:// is written",
        None if options.answered => "when it is spoken to in plain text",
        None => "when --plaintext is given",
    };
    format!("{text}, as a server of TLS does {by}")
}

/// What an error of the TLS library means.
fn of_tls(error: &rustls::Error, target: Target, tls: &TlsOptions) -> DialError {
    let remedy = remedy::remedy(error, tls, Address::Target);
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
