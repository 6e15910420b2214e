//! Why something could not be put on a ticket.

use std::{error::Error, io, path::PathBuf, time::Duration};

use crate::tap::tls::{TlsError, remedy::TlsAdvice};

/// Why a file or a comment did not get onto the issue.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The address of Jira cannot be used.
    #[error("`{url}` is no address of a Jira: {problem}; write it like https://jira.example.com")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The key cannot be one.
    #[error("`{key}` is no issue key; write it like DAS-123")]
    Key {
        /// What was given.
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
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Jira takes no attachments at all.
    #[error("this Jira takes no attachments; its administrator can allow them")]
    Disabled,
    /// The file is larger than Jira takes.
    #[error(
        "{path} is {size} bytes and Jira takes {}{}",
        limit.map_or_else(|| "less".to_owned(), |limit| format!("at most {limit}")),
        if said.is_empty() { String::new() } else { format!(" ({said})") }
    )]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// What Jira takes, where it says so.
        limit: Option<u64>,
        /// What Jira says of it.
        said: String,
    },
    /// No connection was made; nothing was sent.
    #[error("could not connect to {url} within {limit:?}: {reason}; is the address right?")]
    NotConnected {
        /// Where to.
        url: String,
        /// How long it was tried.
        limit: Duration,
        /// What the last attempt said.
        reason: String,
    },
    /// The TLS handshake failed; nothing was sent.
    #[error("could not agree on TLS with {url}: {reason}; {remedy}")]
    Handshake {
        /// With whom.
        url: String,
        /// What failed.
        reason: String,
        /// What to do.
        remedy: TlsAdvice,
    },
    /// The request was sent, or may have been, and no whole answer came.
    #[error("{method} {url} was sent and no whole answer came: {reason}; look at the issue before you repeat it")]
    NoAnswer {
        /// GET or POST.
        method: String,
        /// Where to.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Jira shows the issue and takes no file on it.
    #[error(
        "{url} answered {status} though the issue is there{}{reason}; may this account attach files to it, and does \
         Jira take {size} bytes?",
        if reason.is_empty() { "" } else { ": " }
    )]
    NotTaken {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// What Jira says.
        reason: String,
        /// The file's bytes.
        size: u64,
    },
    /// Jira refuses.
    #[error("{url} answered {status}{}{reason}{}", if reason.is_empty() { "" } else { ": " }, remedy(*status, *by_account))]
    Refused {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// What Jira says.
        reason: String,
        /// An account was named with the token.
        by_account: bool,
    },
    /// An answer that Jira does not give.
    #[error("{url} answered {status} without {wanted}: {body}; is this a Jira, and its path right?")]
    Odd {
        /// Who answered.
        url: String,
        /// HTTP status.
        status: u16,
        /// What was expected.
        wanted: &'static str,
        /// The body's beginning.
        body: String,
    },
}

const fn remedy(status: u16, by_account: bool) -> &'static str {
    match status {
        300..=399 => "; it sends to a login page: give a token it takes, or the right address",
        401 if by_account => {
            "; the account or its API token is wrong (Data Center wants a personal access token and no account)"
        }
        401 => "; the token is wrong or has run out (Jira Cloud wants an API token and its account)",
        403 => "; this account may not do that on the issue, or has to pass a captcha in the browser first",
        404 => "; no such issue, or this account may not see it; check the key and Jira's path",
        413 => "; the file is too large",
        429 => "; Jira is asked too much, try again later",
        500..=599 => "; see whether it arrived before you repeat it",
        _ => "",
    }
}

/// An error and what caused it, in one line.
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
