//! The handle of a running replay server: ports, tasks, and their end.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    builder::Builder,
    catalog::Catalog,
    control::Control,
    error::ReplayError,
    faults::{Admission, FaultCount, Gate, Running},
    fidelity::Fidelity,
    grpc::{self, Port},
    open::Opened,
    quirks::Quirks,
    ready::Readiness,
    request_log::RequestLog,
    rest::{self, sessions::RestSessions},
    served::Served,
    share::Deliveries,
    standard::StandardServices,
    state::ServerState,
};
use crate::{
    file::CaptureState,
    grpc::net::{self, Stream},
    model::event::Event,
};

impl Builder {
    /// Scans the captures and starts to listen; when it returns, clients can connect.
    ///
    /// # Errors
    /// When a capture cannot be read or holds no call, when two hold the same job, when an address is taken, or when TLS
    /// cannot be set up.
    pub async fn start(self) -> Result<ReplayServer, ReplayError> {
        start(self).await
    }
}

/// See [`Builder::start`].
async fn start(builder: Builder) -> Result<ReplayServer, ReplayError> {
    let Builder {
        sources,
        shapes,
        playback,
        start,
        delivery,
        startup_delay,
        quirks,
        wire,
        faults,
        tls,
        grpc_addr,
        rest_addr,
        rules,
        recording,
    } = builder;
    let ips = [grpc_addr.ip(), rest_addr.ip()];
    let blocking = move || -> Result<_, ReplayError> {
        let opened = Opened::read(&sources, &shapes, rules)?;
        let prepared = tls.map(|tls| tls.prepare(&ips)).transpose()?;
        Ok((opened, prepared))
    };
    let (opened, prepared) = tokio::task::spawn_blocking(blocking)
        .await
        .map_err(|_| ReplayError::Scan)??;
    let tls = prepared.as_ref();
    let acceptor = || tls.map(|tls| net::tls_acceptor(&tls.config, &["h2", "http/1.1"]));
    let (grpc_tls, rest_tls) = (acceptor(), acceptor());
    let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
    let ids = opened.entries.iter().map(|entry| entry.job.job_id.as_str());
    let state = Arc::new(ServerState {
        playback: Arc::new(playback),
        control: Control::new(start),
        deliveries: Deliveries::new(delivery, stop.clone()),
        readiness: Readiness::new(startup_delay, ids),
        sessions: Arc::default(),
        counters: Arc::default(),
        meter: Arc::default(),
        wire,
        faults: Running::new(faults),
        reducers: Arc::clone(&opened.reducers),
        schemas: Arc::clone(&opened.schemas),
        log: Arc::new(RequestLog::new(recording)),
        connections: AtomicU32::default(),
    });
    let gate = Arc::new(Gate::new(state.faults.clone()));
    let services = StandardServices::new(&opened.services(), &opened.descriptor_sets).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(until(drain.clone(), Arc::clone(&services).follow(Arc::clone(&state))));
    let (mut job_addrs, mut addrs, catalogs) = (HashMap::new(), Vec::new(), opened.ports());
    for catalog in &catalogs {
        let port = if addrs.is_empty() { grpc_addr.port() } else { 0 };
        let (listener, addr) = listen(SocketAddr::new(grpc_addr.ip(), port)).await?;
        addrs.push(addr);
        job_addrs.extend(catalog.entries.iter().map(|entry| (entry.job.job_id.clone(), addr)));
        let port = Arc::new(Port {
            catalog: Arc::clone(catalog),
            services: Arc::clone(&services),
            state: Arc::clone(&state),
        });
        let serve = move |stream, drain| grpc::serve(Arc::clone(&port), stream, drain);
        tasks.spawn(until(
            stop.clone(),
            accept(
                listener,
                Some(Arc::clone(&gate)),
                grpc_tls.clone(),
                drain.clone(),
                serve,
            ),
        ));
    }
    let (listener, rest_addr) = listen(rest_addr).await?;
    let scheme = if rest_tls.is_some() { "https" } else { "http" };
    let sessions = RestSessions::new(
        &opened.entries,
        &job_addrs,
        (scheme, rest_addr),
        Quirks(quirks),
        Arc::clone(&state),
    );
    let router = rest::router(sessions);
    let serve = move |stream, drain| rest::serve(router.clone(), stream, drain);
    let accepting = accept(listener, None, rest_tls, drain.clone(), serve);
    tasks.spawn(until(stop.clone(), accepting));
    Ok(ReplayServer {
        grpc_addr: addrs.first().copied().unwrap_or(grpc_addr),
        rest_addr,
        scheme,
        job_ids: opened.entries.iter().map(|entry| entry.job.job_id.clone()).collect(),
        job_addrs,
        states: opened.states,
        catalogs,
        state,
        drain,
        tasks,
        _stop: stop.drop_guard(),
    })
}

/// A local Focus Server that replays captures: a gRPC job and its REST side.
///
/// It runs until [`shutdown`](Self::shutdown) or until it is dropped, which breaks off every call.
///
/// ```
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grpc_capture::serve::{Rate, ReplayServer};
/// let server = ReplayServer::builder().capture("captures/zero-ids.gcap").rate(Rate::Max).start().await?;
/// let endpoint = format!("http://{}", server.grpc_addr()); // for the client under test
/// # assert!(endpoint.len() > 7 && server.job_ids() == ["zero-ids"]); Ok(()) }
/// ```
pub struct ReplayServer {
    grpc_addr: SocketAddr,
    rest_addr: SocketAddr,
    scheme: &'static str,
    job_ids: Vec<String>,
    job_addrs: HashMap<String, SocketAddr>,
    states: Vec<(String, CaptureState)>,
    catalogs: Vec<Arc<Catalog>>,
    state: Arc<ServerState>,
    drain: CancellationToken,
    tasks: JoinSet<()>,
    _stop: DropGuard,
}

impl fmt::Debug for ReplayServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayServer")
            .field("grpc_addr", &self.grpc_addr)
            .field("rest_addr", &self.rest_addr)
            .field("job_ids", &self.job_ids)
            .finish_non_exhaustive()
    }
}

impl ReplayServer {
    /// A builder without captures, with the recorded pace and free ports of the loopback interface.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address for gRPC.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// The address of a job; it differs from [`grpc_addr`](Self::grpc_addr) for the second production job and later.
    #[must_use]
    pub fn job_addr(&self, job_id: &str) -> Option<SocketAddr> {
        self.job_addrs.get(job_id).copied()
    }

    /// The URL of REST, `http://HOST:PORT` (`https` with TLS), without a slash at the end.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("{}://{}", self.scheme, self.rest_addr)
    }

    /// The jobs, in the order of the captures.
    #[must_use]
    pub fn job_ids(&self) -> &[String] {
        &self.job_ids
    }

    /// The names of the captures, and whether each is finished: the calls of an unfinished one end with `DATA_LOSS`
    /// where their recording was cut off.
    pub fn captures(&self) -> &[(String, CaptureState)] {
        &self.states
    }

    /// The ready line that `capture serve` prints when clients can connect.
    #[must_use]
    pub fn ready_line(&self) -> Value {
        let mut line = json!({
            "event": "ready",
            "grpc": self.grpc_addr.to_string(),
            "rest": self.rest_url(),
            "job_ids": self.job_ids,
        });
        let mut unfinished = self.states.iter().filter(|(_, state)| !state.is_finished()).peekable();
        if unfinished.peek().is_some() {
            line["unfinished"] = unfinished.map(|(name, _)| name.as_str()).collect();
        }
        line
    }

    /// Counts of what has been sent so far.
    #[must_use]
    pub fn served(&self) -> Served {
        self.state.counters.served()
    }

    /// What the clients sent: the start of each call, its requests, its half-close, and its ending once it has one. The
    /// latest calls are kept, 10,000 at most and 16 MiB of them; a request over 1 MiB is a gap.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use grpc_capture::{model::EventKind, serve::ReplayServer};
    /// let server = ReplayServer::builder().capture("captures/zero-ids.gcap").start().await?;
    /// // … the client under test calls …
    /// let calls = server.requests().into_iter().filter(|event| matches!(event.kind, EventKind::CallStart(_)));
    /// # assert_eq!(calls.count(), 0); Ok(()) }
    /// ```
    #[must_use]
    pub fn requests(&self) -> Vec<Event> {
        self.state.log.events()
    }

    /// The recorded calls that no client has asked for: the name of the capture, the number of the call, and its
    /// method. Of recorded calls with the same requests, each call of a client counts for one.
    #[must_use]
    pub fn never_asked(&self) -> Vec<(String, u32, String)> {
        let calls = self.catalogs.iter().flat_map(|catalog| catalog.never_asked());
        calls.collect()
    }

    /// How often each fault was applied so far, in the order of the plan.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultCount> {
        self.state.faults.counts()
    }

    /// How well the schedule has been kept so far.
    #[must_use]
    pub fn fidelity(&self) -> Fidelity {
        self.state.meter.read()
    }

    /// Pauses the clock of all calls. False when it is paused already.
    #[expect(clippy::must_use_candidate, reason = "most callers know")]
    pub fn pause(&self) -> bool {
        self.state.control.pause()
    }

    /// Resumes the clock. False when it runs already.
    #[expect(clippy::must_use_candidate, reason = "most callers know")]
    pub fn resume(&self) -> bool {
        self.state.control.resume()
    }

    /// Moves every running call to `position` after its opening; what lies there is sent, whatever was sent before.
    pub fn seek(&self, position: Duration) {
        self.state.control.seek(position);
    }

    /// The state, the playing time, and the position of each running call: what `GET /replay/status` answers.
    #[must_use]
    pub fn status(&self) -> Value {
        self.state.status()
    }

    /// Refuses new calls, resumes a paused server, and returns when the running calls have ended; those that are held
    /// open end with UNAVAILABLE.
    ///
    /// A call at the recorded pace may take hours, and one that is repeated without end never does: drop the future,
    /// after a time limit of yours, to break them off.
    pub async fn shutdown(mut self) -> Served {
        self.drain.cancel();
        self.resume();
        while self.tasks.join_next().await.is_some() {}
        self.state.counters.served()
    }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ReplayError> {
    let opened = net::listen(addr).await;
    opened.map_err(|source| ReplayError::Listen { addr, source })
}

/// Runs `work` to its end or to `stop`, whichever comes first.
async fn until(stop: CancellationToken, work: impl Future<Output = ()> + Send) {
    stop.run_until_cancelled(work).await;
}

/// Accepts connections until `drain`, then waits for the open ones. Dropping the future closes them all.
async fn accept<F>(
    listener: TcpListener,
    gate: Option<Arc<Gate>>,
    tls: Option<TlsAcceptor>,
    drain: CancellationToken,
    serve: impl Fn(Box<dyn Stream>, CancellationToken) -> F + Send + Clone + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let connections = net::accept_each(listener, drain.cancelled(), |stream, from| {
        if gate.as_ref().is_some_and(|gate| gate.admit() == Admission::Refused) {
            // Closed with a reset, as a machine answers for a port that nobody listens on.
            if let Err(error) = stream.set_zero_linger() {
                tracing::debug!(%error, "a refused connection is closed instead of reset");
            }
            return None;
        }
        let (tls, drain, serve) = (tls.clone(), drain.clone(), serve.clone());
        Some(async move {
            if let Some(stream) = net::secure(tls, stream, from).await {
                serve(stream, drain).await;
            }
        })
    });
    connections.await.join_all().await;
}

#[cfg(test)]
mod tests;
