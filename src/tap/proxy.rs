//! The proxy tap: stands between clients and a gRPC server, passes everything on, and records each call as it runs.
//!
//! It works at the level of HTTP/2 streams: no gRPC library looks at a call, so statuses, metadata, compressed messages
//! and resets reach the other side as they were. Every client connection has one connection to the target of its own, and
//! flow control is end to end: a client that does not read slows its server, not us.

mod call;
mod connection;
mod ending;
mod filter;
mod greeting;
mod hub;
mod log;
mod outlet;
mod piece;
mod socket;
mod tape;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

pub use filter::MethodFilter;
pub use hub::{CallEnd, ProxyOutcome};

use super::{
    client::Stop,
    dial::{DialError, DialOptions, Dialer, Target},
    recorder::RecorderHandle,
};
use crate::wire::DEFAULT_MAX_MESSAGE_BYTES;
use hub::Hub;

/// Rest after a failed accept, so that a machine out of descriptors is not kept busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to close once their calls were recorded to their ends.
const CLOSING: Duration = Duration::from_secs(2);

/// What to stand between.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where clients connect; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where their calls go.
    pub target: Target,
    /// How the target is dialled. `authority` replaces the one that clients ask for, when it is given; `metadata` is
    /// not used, for nothing is added to a call.
    pub dial: DialOptions,
    /// Largest message that is recorded, in bytes; larger ones are passed on, and are a gap in the capture. Default
    /// [`DEFAULT_MAX_MESSAGE_BYTES`].
    pub max_message_bytes: usize,
    /// Payload bytes to record before the proxy stops. Default: no limit.
    pub max_bytes: Option<u64>,
    /// Calls that are recorded; the others are only passed on. Default: all.
    pub methods: MethodFilter,
}

impl ProxyOptions {
    /// A proxy in front of `target`, on any free port of the loopback interface.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            target,
            dial: DialOptions::default(),
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_bytes: None,
            methods: MethodFilter::default(),
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
    /// The target cannot be dialled as the options say.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// A proxy whose port is open; [`run`](Self::run) serves it.
pub struct Proxy {
    listener: TcpListener,
    addr: SocketAddr,
    dialer: Dialer,
    max_message_bytes: usize,
    max_bytes: Option<u64>,
    methods: MethodFilter,
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
        Ok(Self {
            listener,
            addr,
            dialer,
            max_message_bytes: options.max_message_bytes,
            max_bytes: options.max_bytes,
            methods: options.methods,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `stop` is given; calls that run then are recorded as cancelled by us, and reset. Calls are recorded
    /// with `recorder`; without one they are only passed on.
    pub async fn run(self, recorder: Option<RecorderHandle>, stop: Stop) -> ProxyOutcome {
        let listener = self.listener;
        let (size, bytes) = (self.max_message_bytes, self.max_bytes);
        let hub = Hub::new(self.dialer, recorder, size, bytes, self.methods, stop);
        let hub = Arc::new(hub);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = hub.stop.stopped() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        hub.outcome().connections += 1;
                        connection::prepare(&stream);
                        connections.spawn(connection::serve(Arc::clone(&hub), Box::new(stream), from));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        let _ = timeout(CLOSING, async { while connections.join_next().await.is_some() {} }).await;
        connections.shutdown().await;
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
