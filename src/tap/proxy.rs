//! The proxy tap: stands between clients and a gRPC server, passes everything on, and records each call as it runs.
//!
//! It works at the level of HTTP/2 streams: no gRPC library looks at a call, so statuses, metadata, compressed messages
//! and resets reach the other side as they were. Every client connection has one connection to the target of its own, and
//! flow control is end to end: a client that does not read slows its server, not us.

mod call;
mod connection;
mod ending;
mod front;
mod greeting;
mod hub;
mod log;
mod outlet;
mod piece;
mod socket;
mod tape;

use std::{io, net::SocketAddr, sync::Arc};

use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use hub::{CallEnd, ProxyOutcome};

use super::{
    client::Stop,
    dial::{DialError, DialOptions, Dialer, Target},
    recorder::RecorderHandle,
    tls::sha256,
};
use crate::{
    server_tls::{ServerTls, ServerTlsError},
    wire::DEFAULT_MAX_MESSAGE_BYTES,
};
use front::Front;
use hub::Hub;

/// What to stand between.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where clients connect; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where their calls go.
    pub target: Target,
    /// TLS towards clients. Default: none.
    pub tls: Option<ServerTls>,
    /// How the target is dialled. `authority` replaces the one that clients ask for, when it is given; `metadata` is
    /// not used, for nothing is added to a call.
    pub dial: DialOptions,
    /// Largest message that is recorded, in bytes; larger ones are passed on, and are a gap in the capture. Default
    /// [`DEFAULT_MAX_MESSAGE_BYTES`].
    pub max_message_bytes: usize,
    /// Payload bytes to record before the proxy stops. Default: no limit.
    pub max_bytes: Option<u64>,
}

impl ProxyOptions {
    /// A proxy in front of `target`, on any free port of the loopback interface.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            target,
            tls: None,
            dial: DialOptions::default(),
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_bytes: None,
        }
    }
}

/// A proxy that could not be set up.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// The address cannot be listened on.
    #[error("could not listen on {addr}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS towards clients cannot be set up.
    #[error(transparent)]
    Tls(#[from] ServerTlsError),
    /// The target cannot be dialled as the options say.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// A proxy whose port is open; [`run`](Self::run) serves it.
pub struct Proxy {
    front: Front,
    addr: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
    max_message_bytes: usize,
    max_bytes: Option<u64>,
}

impl Proxy {
    /// Opens the port.
    ///
    /// # Errors
    /// When the address is taken, or when the TLS options cannot be used.
    pub async fn bind(options: ProxyOptions) -> Result<Self, ProxyError> {
        let dialer = Dialer::new(options.target, options.dial)?;
        let addr = options.listen;
        let failed = |source| ProxyError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let mut certificate = None;
        let mut acceptor = None;
        if let Some(tls) = options.tls {
            let mut prepared = tls.prepare(&[addr.ip()])?;
            prepared.config.alpn_protocols = vec![b"h2".to_vec()];
            certificate = prepared.leaf;
            acceptor = Some(TlsAcceptor::from(Arc::new(prepared.config)));
        }
        Ok(Self {
            front: Front {
                listener,
                dialer: Arc::new(dialer),
                tls: acceptor,
            },
            addr,
            certificate,
            max_message_bytes: options.max_message_bytes,
            max_bytes: options.max_bytes,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// SHA-256 of the certificate that clients are shown (DER): what they may pin; `None` without TLS.
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<[u8; 32]> {
        let digest = sha256(self.certificate.as_ref()?).ok()?;
        digest.as_ref().try_into().ok()
    }

    /// Serves until `stop` is given; calls that run then are recorded as cancelled by us, and reset. Calls are recorded
    /// with `recorder`; without one they are only passed on.
    pub async fn run(self, recorder: Option<RecorderHandle>, stop: Stop) -> ProxyOutcome {
        let hub = Arc::new(Hub::new(recorder, self.max_message_bytes, self.max_bytes, stop));
        self.front.serve(Arc::clone(&hub)).await;
        hub.outcome().clone()
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
