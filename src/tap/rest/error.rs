//! Why a Focus Server could not be asked, or what it refused.

use std::{error::Error, fmt, time::Duration};

use crate::tap::tls::{TlsError, remedy::TlsAdvice};

/// A request that did not lead to an answer one can use.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The server's address cannot be read.
    #[error("`{url}` is no server address: {problem}; write it like https://host/focus-server/")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The TLS options cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client could not be built.
    #[error("could not set up the HTTP client: {0}")]
    Client(String),
    /// No connection was made within the limit; no request was sent.
    #[error("could not connect to {url} within {limit:?}: {reason}; is the server running, and the address right?")]
    NotConnected {
        /// Where to.
        url: String,
        /// How long it was tried.
        limit: Duration,
        /// What the last attempt said.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("could not agree on TLS with {url}: {reason}; {remedy}")]
    Handshake {
        /// With whom.
        url: String,
        /// What failed.
        reason: String,
        /// What to do.
        remedy: TlsAdvice,
    },
    /// The port speaks another protocol; no job was created.
    #[error("{url} speaks {what}; no job was created: {remedy}")]
    OtherProtocol {
        /// Who was asked.
        url: String,
        /// What it speaks.
        what: &'static str,
        /// What to do.
        remedy: RestAdvice,
    },
    /// The request was sent, or may have been, and no whole answer came.
    #[error("{method} {url} was sent and no whole answer came: {reason}; {remedy}")]
    NoAnswer {
        /// GET or POST.
        method: String,
        /// Where to.
        url: String,
        /// What happened.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The system is not ready for live jobs; none was created.
    #[error("{url} answered 503: {reason}; no job was created, try again when the interrogator delivers data")]
    WaitingForFiber {
        /// Who answered.
        url: String,
        /// What the server says.
        reason: String,
    },
    /// The server refuses, with a reason; the status is 200 when it said so inside a success.
    #[error("{url} answered {status}: {reason}{}", remedy(*status, reason))]
    Refused {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// The route is neither under the address nor under the usual prefix.
    #[error("neither {first} nor {second} is there (404); is this a Focus Server, and its path prefix right?")]
    NoRoute {
        /// Tried first.
        first: String,
        /// Tried then.
        second: String,
    },
    /// The server sends elsewhere; requests that create jobs do not follow.
    #[error("{url} answered {status} and sends to `{location}`; give that server's address instead")]
    Redirected {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// Where to.
        location: String,
    },
    /// A success whose body is no JSON object.
    #[error("{url} answered {status} with a body that is no JSON object: {body}; is this a Focus Server?")]
    NotJson {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// The body's beginning.
        body: String,
    },
}

/// What helps when a port speaks another protocol than REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestAdvice {
    /// Dial the port as one of gRPC in plain text.
    DialPlaintext,
    /// Dial the port as one of gRPC.
    Dial,
    /// Write the URL with `https://`.
    WriteHttps,
}

impl fmt::Display for RestAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DialPlaintext => "dial the job there in plain text, and give the server's REST address here",
            Self::Dial => "dial the job there, and give the server's REST address here",
            Self::WriteHttps => "write https:// in place of http://",
        })
    }
}

fn remedy(status: u16, reason: &str) -> &'static str {
    match status {
        // As Go, nginx and others say it.
        400 if reason.contains("HTTPS") => "; write https:// in place of http://",
        413 => "; the job description is too large for the server",
        401 => "; the server wants credentials",
        403 => "; these credentials may not do this",
        404 => "; check the time range and the ids",
        400 | 422 => "; correct the job description",
        500..=599 => "; see the server's own log",
        _ => "",
    }
}

/// An error and what caused it, in one line.
pub(in crate::tap) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}
