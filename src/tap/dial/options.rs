//! Options of dialling.

use std::time::Duration;

use http::HeaderMap;

use crate::tap::tls::TlsOptions;

/// Default time limit for a job to become reachable: jobs of the field were ready after 7 to 21 seconds.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP/2 window of a stream, 8 MiB: several frames of the field in flight, and the gain is flat beyond it.
pub(crate) const STREAM_WINDOW: u32 = 8 * 1024 * 1024;

/// Options of dialling.
#[derive(Debug, Clone)]
pub struct DialOptions {
    /// TLS options. Default: by the target's scheme; without one, TLS, and plain text when a loopback server speaks no
    /// TLS.
    pub tls: TlsOptions,
    /// Value of `:authority`, and name that the certificate must be valid for. Default: the target's.
    pub authority: Option<String>,
    /// Time limit of all attempts together. Default `CONNECT_TIMEOUT`.
    pub connect_timeout: Duration,
    /// Metadata sent with every call, from `-H` (`metadata::parse`).
    pub metadata: HeaderMap,
    /// When a connection may fall back from TLS to plain text. Default: only on this machine.
    pub fallback: Fallback,
    /// True when the target and the use of plain text come from a Focus Server's response and not from a flag. Default:
    /// false.
    pub answered: bool,
    /// HTTP/2 window of a stream in bytes. It bounds what a stream whose recorder is
    /// busy may hold in memory. Default `STREAM_WINDOW`.
    pub stream_window: u32,
}

/// When a dial that begins with TLS may fall back to plain text, because the server speaks nothing else.
///
/// A target whose scheme is `https` never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fallback {
    /// When TLS was not requested explicitly and the server is on this machine.
    #[default]
    Loopback,
    /// When the certificate is not verified anyway: the address came without a scheme from a server that may have meant
    /// plain text.
    Unverified,
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            tls: TlsOptions::default(),
            authority: None,
            connect_timeout: CONNECT_TIMEOUT,
            metadata: HeaderMap::new(),
            fallback: Fallback::default(),
            answered: false,
            stream_window: STREAM_WINDOW,
        }
    }
}
