//! The proxy tap: passes on everything between clients and a gRPC server, and records each call as it runs.
//!
//! Every client connection has its own connection to the target, and the bytes of HTTP/2 are forwarded unchanged
//! (`relay`): settings, windows, pings, resets and GOAWAYs are those of the two sides. The recorded events are read
//! from the forwarded frames (`fields`, `session`). A client that does not read slows its server, not the proxy.
//! Requests of HTTP/1.1 are forwarded one by one (`http1`). A call may be one of gRPC, gRPC-Web or Connect (`call`).

mod allowance;
mod answer;
mod call;
mod connection;
mod ending;
mod fields;
mod filter;
mod front;
mod greeting;
mod http1;
mod hub;
mod jobs;
mod log;
mod relay;
mod rest;
mod session;
mod tape;
mod upstream;
mod web;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
};

use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_rustls::TlsAcceptor;

pub use filter::MethodFilter;
pub(crate) use hub::CallEnd;
pub use hub::ProxyOutcome;

use super::{
    client::Stop,
    dial::{DialError, DialOptions, Dialer, Target},
    rest::RestError,
    tls::sha256,
};
use crate::{
    grpc::{
        DEFAULT_MAX_MESSAGE_BYTES, net,
        server_tls::{ServerTls, ServerTlsError},
    },
    record::RecordingHandle,
};
use front::Front;
use hub::Hub;
use jobs::Jobs;
use rest::Rest;
use upstream::Upstream;

/// Options of a proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Address for clients; port 0 is any free one.
    pub listen: SocketAddr,
    /// Server to which calls are forwarded; `None` when there are only the jobs that the REST side answers.
    pub target: Option<Target>,
    /// Options of the REST side. Default: none.
    pub rest: Option<RestOptions>,
    /// TLS towards clients. Default: none.
    pub tls: Option<ServerTls>,
    /// Options of dialling the target. `authority` replaces the one that clients ask for, when it is given; `metadata`
    /// is not used, for nothing is added to a call.
    pub dial: DialOptions,
    /// Largest message to record, in bytes; larger ones are passed on, and are a gap in the capture. Default
    /// `DEFAULT_MAX_MESSAGE_BYTES`.
    pub max_message_bytes: usize,
    /// Number of payload bytes after which the proxy stops. Default: no limit.
    pub max_bytes: Option<u64>,
    /// Filter of the calls to record; the others are only passed on. Default: all.
    pub methods: MethodFilter,
    /// Whether [`ProxyOutcome::endings`] lists calls that ended with OK. Default: true.
    pub list_ok: bool,
}

impl ProxyOptions {
    /// A proxy in front of `target`, on any free port of the loopback interface.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            target: Some(target),
            rest: None,
            tls: None,
            dial: DialOptions::default(),
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_bytes: None,
            methods: MethodFilter::default(),
            list_ok: true,
        }
    }
}

/// Options of a proxy in front of a Focus Server's REST side: jobs that it answers get a port of ours each, on the
/// address of [`ProxyOptions::listen`], and the answers tell that port.
#[derive(Debug, Clone)]
pub struct RestOptions {
    /// Address for REST clients; port 0 is any free one.
    pub listen: SocketAddr,
    /// Address of the Focus Server: `http://host:port`, and a path where it has one.
    pub target: String,
}

/// Errors of setting up a proxy.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// The proxy cannot listen on an address.
    #[error("could not listen on {addr}: {source}; choose another address")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The error.
        source: io::Error,
    },
    /// The Focus Server's address cannot be used.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// TLS towards clients cannot be set up.
    #[error("{0}")]
    Tls(#[from] ServerTlsError),
    /// The options of dialling the target are invalid.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// A proxy with open ports; [`run`](Self::run) serves them.
pub struct Proxy {
    front: Option<Front>,
    rest: Option<RestSide>,
    addr: Option<SocketAddr>,
    certificate: Option<CertificateDer<'static>>,
    max_message_bytes: usize,
    max_bytes: Option<u64>,
    methods: MethodFilter,
    list_ok: bool,
    open: Arc<AtomicU64>,
}

/// The REST side before it runs.
struct RestSide {
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    server: Upstream,
    jobs: Jobs,
    opened: mpsc::UnboundedReceiver<Front>,
}

impl Proxy {
    /// Opens the ports.
    ///
    /// # Errors
    /// When an address is taken, or when the TLS options or the Focus Server's address cannot be used.
    pub async fn bind(options: ProxyOptions) -> Result<Self, ProxyError> {
        let target = options.target;
        let dialer = target
            .map(|target| Dialer::new(target, options.dial.clone()))
            .transpose()?;
        let server = options
            .rest
            .as_ref()
            .map(|rest| Upstream::new(&rest.target, &options.dial))
            .transpose()?;
        let main = match dialer {
            Some(dialer) => Some((listen(options.listen).await?, Arc::new(dialer))),
            None => None,
        };
        let web = match &options.rest {
            Some(rest) => Some(listen(rest.listen).await?),
            None => None,
        };
        let (mut certificate, mut grpc_tls, mut rest_tls) = (None, None, None);
        if let Some(tls) = options.tls {
            let ips: Vec<_> = [Some(options.listen.ip()), options.rest.map(|rest| rest.listen.ip())]
                .into_iter()
                .flatten()
                .collect();
            let prepared = tls.prepare(&ips)?;
            certificate = prepared.leaf;
            grpc_tls = Some(net::tls_acceptor(&prepared.config, &["h2", "http/1.1"]));
            rest_tls = Some(net::tls_acceptor(&prepared.config, &["http/1.1"]));
        }
        let rest = web.zip(server).map(|((listener, addr), server)| {
            let (sender, opened) = mpsc::unbounded_channel();
            let jobs = Jobs::new(options.listen.ip(), options.dial, grpc_tls.clone(), sender);
            RestSide {
                listener,
                addr,
                tls: rest_tls,
                server,
                jobs,
                opened,
            }
        });
        Ok(Self {
            addr: main.as_ref().map(|((_, addr), _)| *addr),
            front: main.map(|((listener, _), dialer)| Front {
                listener,
                dialer,
                tls: grpc_tls,
            }),
            rest,
            certificate,
            max_message_bytes: options.max_message_bytes,
            max_bytes: options.max_bytes,
            methods: options.methods,
            list_ok: options.list_ok,
            open: Arc::default(),
        })
    }

    /// Address of the port for calls to the target; `None` without one.
    #[must_use]
    pub const fn addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// URL of the REST side for clients; `None` without one.
    #[must_use]
    pub fn rest_url(&self) -> Option<String> {
        let rest = self.rest.as_ref()?;
        let scheme = if rest.tls.is_some() { "https" } else { "http" };
        Some(format!("{scheme}://{}", rest.addr))
    }

    /// SHA-256 of the certificate for clients (DER): what they may pin; `None` without TLS.
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<[u8; 32]> {
        let digest = sha256(self.certificate.as_ref()?).ok()?;
        digest.as_ref().try_into().ok()
    }

    /// Number of client connections that are open; it changes while the proxy runs.
    #[must_use]
    pub fn open_connections(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.open)
    }

    /// Runs the proxy until `stop` is given; calls that run then are recorded as cancelled by us, and reset. Calls are
    /// recorded with `recorder`; without one they are only passed on.
    pub async fn run(self, recorder: Option<RecordingHandle>, stop: Stop) -> ProxyOutcome {
        let (size, bytes) = (self.max_message_bytes, self.max_bytes);
        let mut hub = Hub::new(recorder, size, bytes, (self.methods, self.list_ok), stop);
        hub.open = self.open;
        let hub = Arc::new(hub);
        let mut fronts = JoinSet::new();
        if let Some(front) = self.front {
            fronts.spawn(front.serve(Arc::clone(&hub)));
        }
        if let Some(side) = self.rest {
            let rest = Arc::new(Rest {
                hub: Arc::clone(&hub),
                server: side.server,
                jobs: side.jobs,
            });
            let web = web::serve(rest, side.listener, side.tls);
            let mut opened = side.opened;
            let jobs = async {
                let mut jobs = JoinSet::new();
                loop {
                    let front = tokio::select! {
                        front = opened.recv() => front,
                        _ = hub.stop.stopped() => None,
                    };
                    let Some(front) = front else { break };
                    jobs.spawn(front.serve(Arc::clone(&hub)));
                }
                while jobs.join_next().await.is_some() {}
            };
            tokio::join!(web, jobs);
        }
        while fronts.join_next().await.is_some() {}
        hub.outcome().clone()
    }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ProxyError> {
    let opened = net::listen(addr).await;
    opened.map_err(|source| ProxyError::Listen { addr, source })
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
