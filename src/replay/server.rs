//! The server as one handle: ports, tasks, and their end.

use std::{
    collections::HashMap,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    error::ReplayError,
    faults::{Admission, Fault, FaultCount, FaultPlan, Gate, Running},
    furniture::Furniture,
    grpc::{self, Port},
    open::Opened,
    pace::Rate,
    rest::{self, Desk},
    served::{Counters, Served},
    shape::JobShape,
    source::Source,
};

/// Any free port on this machine only.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What is to be served, and where. Made by [`ReplayServer::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    sources: Vec<Source>,
    shapes: HashMap<String, JobShape>,
    rate: Rate,
    faults: FaultPlan,
    grpc_addr: SocketAddr,
    rest_addr: SocketAddr,
}

impl Builder {
    /// Adds a capture file.
    pub fn capture(self, path: impl Into<PathBuf>) -> Self {
        self.source(Source::file(path))
    }

    /// Adds a capture.
    pub fn source(mut self, source: Source) -> Self {
        self.sources.push(source);
        self
    }

    /// Sets the pace; the default is the recorded one.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }

    /// Lets something go wrong on purpose; faults work in the order in which they are added.
    ///
    /// ```
    /// # fn example() -> Result<(), grpc_capture::replay::FaultError> {
    /// # use grpc_capture::replay::ReplayServer;
    /// let builder = ReplayServer::builder().fault("drop:every=10".parse()?).seed(7);
    /// # Ok(()) }
    /// ```
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults = self.faults.fault(fault);
        self
    }

    /// Sets all that is to go wrong at once.
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = plan;
        self
    }

    /// Sets the seed of the faults' chances; the default is 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.faults = self.faults.seed(seed);
        self
    }

    /// Sets where gRPC listens; the default is any free port of the loopback interface.
    ///
    /// Each job of the production dialect after the first gets a port of its own on the same interface.
    pub fn grpc_addr(mut self, addr: SocketAddr) -> Self {
        self.grpc_addr = addr;
        self
    }

    /// Sets where REST listens; the default is any free port of the loopback interface.
    pub fn rest_addr(mut self, addr: SocketAddr) -> Self {
        self.rest_addr = addr;
        self
    }

    /// Tells what a job's frames look like; the default is read out of the first frame.
    pub fn shape(mut self, job_id: impl Into<String>, shape: JobShape) -> Self {
        self.shapes.insert(job_id.into(), shape);
        self
    }

    /// Looks through the captures and starts to listen; when it returns, clients can connect.
    ///
    /// # Errors
    /// When a capture cannot be read or holds no call, when two hold the same job, or when an address is taken.
    pub async fn start(self) -> Result<ReplayServer, ReplayError> {
        let (sources, shapes) = (self.sources, self.shapes);
        let opened = tokio::task::spawn_blocking(move || Opened::read(&sources, &shapes))
            .await
            .map_err(|_| ReplayError::Scan)??;
        let furniture = Furniture::new(&opened.services(), &opened.descriptor_sets).await?;
        let counters = Arc::new(Counters::default());
        let faults = Running::new(self.faults);
        let gate = Arc::new(Gate::new(faults.clone()));
        let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let mut job_addrs = HashMap::new();
        let mut addrs = Vec::new();
        for catalog in opened.ports() {
            let port = if addrs.is_empty() { self.grpc_addr.port() } else { 0 };
            let (listener, addr) = listen(SocketAddr::new(self.grpc_addr.ip(), port)).await?;
            addrs.push(addr);
            job_addrs.extend(catalog.entries.iter().map(|entry| (entry.job.job_id.clone(), addr)));
            let port = Arc::new(Port {
                catalog,
                furniture: Arc::clone(&furniture),
                rate: self.rate,
                faults: faults.clone(),
                counters: Arc::clone(&counters),
            });
            let serve = move |stream, drain| grpc::serve(Arc::clone(&port), stream, drain);
            let gate = Some(Arc::clone(&gate));
            tasks.spawn(until(stop.clone(), accept(listener, gate, drain.clone(), serve)));
        }
        let (listener, rest_addr) = listen(self.rest_addr).await?;
        let desk = Desk::new(&opened.entries, &job_addrs, Arc::clone(&counters));
        let router = rest::router(desk);
        let serve = move |stream, drain| rest::serve(router.clone(), stream, drain);
        tasks.spawn(until(stop.clone(), accept(listener, None, drain.clone(), serve)));
        Ok(ReplayServer {
            grpc_addr: addrs.first().copied().unwrap_or(self.grpc_addr),
            rest_addr,
            job_ids: opened.entries.iter().map(|entry| entry.job.job_id.clone()).collect(),
            job_addrs,
            counters,
            faults,
            drain,
            tasks,
            _stop: stop.drop_guard(),
        })
    }
}

/// A local Focus Server that replays captures: a gRPC job and its REST side.
///
/// It runs until [`shutdown`](Self::shutdown) or until it is dropped, which breaks off every call. Every client gets the
/// whole of a job, however often and however many ask.
#[derive(Debug)]
pub struct ReplayServer {
    grpc_addr: SocketAddr,
    rest_addr: SocketAddr,
    job_ids: Vec<String>,
    job_addrs: HashMap<String, SocketAddr>,
    counters: Arc<Counters>,
    faults: Running,
    drain: CancellationToken,
    tasks: JoinSet<()>,
    _stop: DropGuard,
}

impl ReplayServer {
    /// A server of no capture yet, at the recorded pace, on free ports of the loopback interface.
    pub fn builder() -> Builder {
        Builder {
            sources: Vec::new(),
            shapes: HashMap::new(),
            rate: Rate::default(),
            faults: FaultPlan::default(),
            grpc_addr: LOOPBACK,
            rest_addr: LOOPBACK,
        }
    }

    /// Where gRPC listens.
    #[must_use]
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where a job is served; it differs from [`grpc_addr`](Self::grpc_addr) for the second production job and later.
    #[must_use]
    pub fn job_addr(&self, job_id: &str) -> Option<SocketAddr> {
        self.job_addrs.get(job_id).copied()
    }

    /// Where REST listens, `http://HOST:PORT` without a slash at the end.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.rest_addr)
    }

    /// The jobs, in the order of the captures.
    #[must_use]
    pub fn job_ids(&self) -> &[String] {
        &self.job_ids
    }

    /// The line that `capture serve` prints when clients can connect.
    #[must_use]
    pub fn ready_line(&self) -> Value {
        json!({
            "event": "ready",
            "grpc": self.grpc_addr.to_string(),
            "rest": self.rest_url(),
            "job_ids": self.job_ids,
        })
    }

    /// What has been sent so far.
    #[must_use]
    pub fn served(&self) -> Served {
        self.counters.served()
    }

    /// How often each fault has struck so far, in their order.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultCount> {
        self.faults.counts()
    }

    /// Takes no new calls, and returns when those that run have come to their endings.
    ///
    /// A call at the recorded pace may take hours: drop the future, after a time limit of yours, to break them off.
    pub async fn shutdown(mut self) -> Served {
        self.drain.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.counters.served()
    }
}

async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ReplayError> {
    let failed = |source| ReplayError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Runs `work` to its end or to `stop`, whichever comes first.
async fn until(stop: CancellationToken, work: impl Future<Output = ()> + Send) {
    stop.run_until_cancelled(work).await;
}

/// Accepts connections until `drain`, then waits for those that are open. Dropping the future closes them all.
async fn accept<F>(
    listener: TcpListener,
    gate: Option<Arc<Gate>>,
    drain: CancellationToken,
    serve: impl Fn(TcpStream, CancellationToken) -> F + Send,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = drain.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if gate.as_ref().is_some_and(|gate| gate.admit() == Admission::Refused) {
                        // Closed with a reset, as a machine answers for a port that nobody listens on.
                        if let Err(error) = stream.set_zero_linger() {
                            tracing::debug!(%error, "a refused connection is closed instead of reset");
                        }
                        continue;
                    }
                    // Without it, the last frame of a burst waits for the client's delayed acknowledgement.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY could not be set");
                    }
                    connections.spawn(serve(stream, drain.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file descriptors: let connections end before the next try.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Rest after a failed accept, so that a machine out of descriptors is not kept busy.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

#[cfg(test)]
mod tests;
