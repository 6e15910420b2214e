//! Errors of uploads to Jira.

use std::{error::Error, io, path::PathBuf, time::Duration};

use crate::tap::tls::{TlsError, remedy::TlsAdvice};

/// Errors of uploads to Jira.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The address of Jira is invalid.
    #[error("`{url}` is not the address of a Jira: {problem}; write it like https://jira.example.com")]
    Url {
        /// The given address.
        url: String,
        /// The problem.
        problem: String,
    },
    /// The issue key is invalid.
    #[error("`{key}` is not an issue key; write it like DAS-123")]
    Key {
        /// The given key.
        key: String,
    },
    /// The TLS options cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client could not be built.
    #[error("could not set up the HTTP client: {0}")]
    Client(String),
    /// The file cannot be read.
    #[error("could not read {path} to attach it: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// Jira has attachments disabled.
    #[error("this Jira has attachments disabled; its administrator can enable them")]
    Disabled,
    /// The file is larger than Jira allows.
    #[error(
        "{path} is {size} bytes and Jira allows {}{}",
        limit.map_or_else(|| "less".to_owned(), |limit| format!("at most {limit}")),
        if said.is_empty() { String::new() } else { format!(" ({said})") }
    )]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
        /// Size in bytes.
        size: u64,
        /// Jira's limit, where it is known.
        limit: Option<u64>,
        /// Jira's message.
        said: String,
    },
    /// No connection was made; nothing was sent.
    #[error("could not connect to {url} within {limit:?}: {reason}; is the address right?")]
    NotConnected {
        /// URL of the server.
        url: String,
        /// Time limit of the attempts.
        limit: Duration,
        /// Error of the last attempt.
        reason: String,
    },
    /// The TLS handshake failed; nothing was sent.
    #[error("could not agree on TLS with {url}: {reason}; {remedy}")]
    Handshake {
        /// URL of the server.
        url: String,
        /// The error.
        reason: String,
        /// The remedy.
        remedy: TlsAdvice,
    },
    /// The request was sent, or may have been, and no complete answer came.
    #[error("{method} {url} was sent, but no complete answer came: {reason}; look at the issue before you repeat it")]
    NoAnswer {
        /// GET or POST.
        method: String,
        /// URL of the request.
        url: String,
        /// The error.
        reason: String,
    },
    /// Jira shows the issue but refuses the file.
    #[error(
        "{url} answered {status} though the issue is there{}{reason}; may this account attach files to it, and does Jira allow {size} bytes?",
        if reason.is_empty() { "" } else { ": " }
    )]
    NotTaken {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// Jira's message.
        reason: String,
        /// Size of the file in bytes.
        size: u64,
    },
    /// Jira refuses the request.
    #[error("{url} answered {status}{}{reason}{}", if reason.is_empty() { "" } else { ": " }, remedy(*status, *by_account))]
    Refused {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// Jira's message.
        reason: String,
        /// True when an account was given with the token.
        by_account: bool,
    },
    /// An unexpected answer.
    #[error("{url} answered {status} without {wanted}: {body}; is this a Jira, and its path right?")]
    Odd {
        /// URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// The expected answer.
        wanted: &'static str,
        /// Beginning of the body.
        body: String,
    },
}

const fn remedy(status: u16, by_account: bool) -> &'static str {
    match status {
        300..=399 => "; it redirects to a login page: give a token that it accepts, or the right address",
        401 if by_account => {
            "; the account or its API token is wrong (Data Center needs a personal access token and no account)"
        }
        401 => "; the token is wrong or has expired (Jira Cloud needs an API token and its account)",
        403 => "; this account may not do that on the issue, or has to pass a captcha in the browser first",
        404 => "; no such issue, or this account may not see it; check the key and Jira's path",
        413 => "; the file is too large",
        429 => "; Jira limits the number of requests, try again later",
        500..=599 => "; see whether it arrived before you repeat it",
        _ => "",
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
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
