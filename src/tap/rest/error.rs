//! Errors of REST requests to a Focus Server.

use std::{error::Error, fmt, time::Duration};

use crate::tap::tls::{TlsError, remedy::TlsAdvice};

/// Errors of REST requests to a Focus Server.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The server's address is invalid.
    #[error("`{url}` is not a server address: {problem}; write it like https://host/focus-server/")]
    Url {
        /// The given address.
        url: String,
        /// The problem.
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
        /// URL of the server.
        url: String,
        /// Time limit of the attempts.
        limit: Duration,
        /// Error of the last attempt.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("could not agree on TLS with {url}: {reason}; {remedy}")]
    Handshake {
        /// URL of the server.
        url: String,
        /// The error.
        reason: String,
        /// The remedy.
        remedy: TlsAdvice,
    },
    /// The port speaks another protocol; no job was created.
    #[error("{url} speaks {what}; no job was created: {remedy}")]
    OtherProtocol {
        /// URL of the server.
        url: String,
        /// The protocol of the port.
        what: &'static str,
        /// The remedy.
        remedy: RestAdvice,
    },
    /// The request was sent, or may have been, and no complete response came.
    #[error("{method} {url} was sent, but no complete answer came: {reason}; {remedy}")]
    NoAnswer {
        /// GET or POST.
        method: String,
        /// URL of the request.
        url: String,
        /// The error.
        reason: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The server is not ready for live jobs; none was created.
    #[error("{url} answered 503: {reason}; no job was created, try again when the interrogator delivers data")]
    WaitingForFiber {
        /// URL of the request.
        url: String,
        /// The server's message.
        reason: String,
    },
    /// The server refused the request, with a reason; the status is 200 when it said so inside a success.
    #[error("{url} answered {status}: {reason}{}", remedy(*status, reason))]
    Refused {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// The server's message.
        reason: String,
    },
    /// The route exists neither under the address nor under the usual prefix.
    #[error("neither {first} nor {second} exists (404); is this a Focus Server, and its path prefix right?")]
    NoRoute {
        /// The URL that was tried first.
        first: String,
        /// The URL that was tried second.
        second: String,
    },
    /// The server redirects; requests that create jobs do not follow.
    #[error("{url} answered {status} and redirects to `{location}`; give that server's address instead")]
    Redirected {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// Target of the redirect.
        location: String,
    },
    /// The body of a success is not a JSON object.
    #[error("{url} answered {status} with a body that is not a JSON object: {body}; is this a Focus Server?")]
    NotJson {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// Beginning of the body.
        body: String,
    },
}

/// Advice when a port does not speak REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestAdvice {
    /// Dial the port as gRPC in plain text.
    DialPlaintext,
    /// Dial the port as gRPC.
    Dial,
    /// Write the URL with `https://`.
    WriteHttps,
}

impl fmt::Display for RestAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DialPlaintext => "dial the job there in plain text, and give the server's REST address here",
            Self::Dial => "dial the job there, and give the server's REST address here",
            Self::WriteHttps => "write https:// instead of http://",
        })
    }
}

fn remedy(status: u16, reason: &str) -> &'static str {
    match status {
        // As Go, nginx and others say it.
        400 if reason.contains("HTTPS") => "; write https:// instead of http://",
        413 => "; the job description is too large for the server",
        401 => "; the server requires credentials",
        403 => "; these credentials may not do this",
        404 => "; check the time range and the ids",
        400 | 422 => "; correct the job description",
        500..=599 => "; see the server's own log",
        _ => "",
    }
}

/// An error with its causes, in one line.
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
