//! Credentials for Jira.

use std::fmt;

/// Credentials for Jira. The token is never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A personal access token (Server and Data Center): `Authorization: Bearer`.
    Token(String),
    /// An account and its API token (Cloud), or its password: basic authentication.
    Basic {
        /// Name of the account: an e-mail address on Cloud.
        user: String,
        /// Its API token or password.
        token: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(…)"),
            Self::Basic { user, .. } => write!(f, "Basic {{ user: {user:?}, … }}"),
        }
    }
}
