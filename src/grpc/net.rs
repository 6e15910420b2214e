//! Sockets: byte streams, filters for incoming bytes, and listening ports.

mod accept;
mod filter;
mod merging;
mod prefixed;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use accept::{accept_each, listen, secure, tls_acceptor};
pub(crate) use filter::{Filtered, ReadFilter};
pub(crate) use merging::Merging;
pub(crate) use prefixed::Prefixed;

/// A byte stream: plain text or TLS, over TCP or a Unix socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Time limit for a client's first bytes: TLS and HTTP/2 clients speak at once.
pub(crate) const FIRST_WORD: Duration = Duration::from_secs(30);
