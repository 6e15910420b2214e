//! The REST side: axum around the pure answers of `configure`.
//!
//! Every route is there with and without `/focus-server` in front, and a slash at the end is tolerated.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::HOST},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    catalog::Entry,
    configure::{self, Endpoint},
    served::Counters,
};

/// What REST knows: the jobs, and where each is served.
#[derive(Debug)]
pub(super) struct Desk {
    jobs: Vec<(Arc<Entry>, SocketAddr)>,
    next: AtomicUsize,
    counters: Arc<Counters>,
}

type Shared = State<Arc<Desk>>;

impl Desk {
    pub(super) fn new(
        entries: &[Arc<Entry>],
        addrs: &HashMap<String, SocketAddr>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let jobs = entries.iter().filter_map(|entry| {
            let addr = addrs.get(&entry.job.job_id)?;
            Some((Arc::clone(entry), *addr))
        });
        Arc::new(Self {
            jobs: jobs.collect(),
            next: AtomicUsize::new(0),
            counters,
        })
    }

    fn job(&self, job_id: &str) -> Option<&(Arc<Entry>, SocketAddr)> {
        self.jobs.iter().find(|(entry, _)| entry.job.job_id == job_id)
    }

    /// The job that answers a configure request: the one that was recorded for the very same request, else each job in
    /// turn.
    fn assign(&self, request: &Value) -> Option<&(Arc<Entry>, SocketAddr)> {
        let recorded = self
            .jobs
            .iter()
            .find(|(entry, _)| entry.configure_request.as_ref() == Some(request));
        recorded.or_else(|| {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            self.jobs.get(turn % self.jobs.len().max(1))
        })
    }
}

/// All routes.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let mut router = Router::new();
    for prefix in ["", "/focus-server"] {
        for slash in ["", "/"] {
            let at = |path: &str| format!("{prefix}{path}{slash}");
            router = router
                .route(&at("/configure"), post(configure_job))
                .route(&at("/config/{task_id}"), post(configure_task))
                .route(&at("/metadata/{job_id}"), get(metadata))
                .route(&at("/channels"), get(channels))
                .route(&at("/live_metadata"), get(live_metadata))
                .route(&at("/ack"), get(ack));
        }
    }
    let counted = Arc::clone(&desk);
    router
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, &json!({"error": "Not Found"})) })
        .method_not_allowed_fallback(|| async {
            refusal(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "Method Not Allowed"}))
        })
        .layer(axum::middleware::from_fn(
            move |request, next: axum::middleware::Next| {
                counted.counters.rest_request();
                next.run(request)
            },
        ))
        .with_state(desk)
}

/// Serves one connection until it ends; `drain` ends it after the request in hand.
pub(super) async fn serve(router: Router, stream: TcpStream, drain: CancellationToken) {
    let builder = auto::Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    let result = tokio::select! {
        result = &mut serving => result,
        () = drain.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(error, "a REST connection ended");
    }
}

async fn configure_job(State(desk): Shared, headers: HeaderMap, body: Bytes) -> Response {
    answer_configure(&desk, &headers, &body, None)
}

/// The older form: a task id that is a job's name chooses that job.
async fn configure_task(State(desk): Shared, Path(task_id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    answer_configure(&desk, &headers, &body, Some(&task_id))
}

fn answer_configure(desk: &Desk, headers: &HeaderMap, body: &[u8], task_id: Option<&str>) -> Response {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                &json!({"detail": format!("the body is not JSON: {error}")}),
            );
        }
    };
    if let Err(problem) = configure::check(&request) {
        return refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!({"detail": problem.to_string()}),
        );
    }
    match task_id.and_then(|id| desk.job(id)).or_else(|| desk.assign(&request)) {
        Some((entry, addr)) => {
            Json(configure::response(entry, &endpoint(headers, *addr), Some(&request))).into_response()
        }
        None => unknown_job(),
    }
}

async fn metadata(State(desk): Shared, Path(job_id): Path<String>, headers: HeaderMap) -> Response {
    match desk.job(&job_id) {
        Some((entry, addr)) => Json(configure::response(entry, &endpoint(&headers, *addr), None)).into_response(),
        None => unknown_job(),
    }
}

async fn channels(State(desk): Shared) -> Response {
    let ranges = desk
        .jobs
        .iter()
        .filter_map(|(entry, _)| configure::channel_range(entry));
    match ranges.reduce(|(low, high), (lowest, highest)| (low.min(lowest), high.max(highest))) {
        Some((lowest, highest)) => Json(json!({"lowest_channel": lowest, "highest_channel": highest})).into_response(),
        None => refusal(
            StatusCode::NOT_FOUND,
            &json!({"error": "the captures do not tell their channels"}),
        ),
    }
}

async fn live_metadata(State(desk): Shared) -> Response {
    let first = desk.jobs.iter().find_map(|(entry, _)| configure::live_metadata(entry));
    Json(first.unwrap_or_else(|| json!({}))).into_response()
}

async fn ack() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

fn unknown_job() -> Response {
    refusal(StatusCode::NOT_FOUND, &json!({"error": "Invalid job_id"}))
}

fn refusal(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

/// Where the client finds the job: on the host by which it found us.
fn endpoint(headers: &HeaderMap, addr: SocketAddr) -> Endpoint {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(configure::host_of);
    let host = host.map_or_else(|| SocketAddr::new(addr.ip(), 0).to_string(), ToOwned::to_owned);
    Endpoint {
        host: host.trim_end_matches(":0").to_owned(),
        port: addr.port(),
    }
}
