//! The REST side: axum around the pure answers of `configure`.
//!
//! Every route of a Focus Server is there with and without `/focus-server` in front, and a slash at the end is tolerated.

mod control;
mod visitor;

pub(super) use self::control::status;

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
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{HOST, SERVER},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    das::focus::{REPLAY_SERVER, parse_body},
    grpc::net::{FIRST_WORD, Filtered, Stream},
};

use super::{
    catalog::Entry,
    configure::{self, Endpoint},
    prompt::{PREFACE_BYTES, Prompt},
    quirks::{Quirk, Quirks},
    server::Stage,
};

/// What REST knows: the jobs, and where each is served.
pub(super) struct Desk {
    jobs: Vec<(Arc<Entry>, SocketAddr)>,
    next: AtomicUsize,
    scheme: &'static str,
    /// Where REST listens.
    listens_on: SocketAddr,
    quirks: Quirks,
    stage: Arc<Stage>,
}

type Shared = State<Arc<Desk>>;

impl Desk {
    pub(super) fn new(
        entries: &[Arc<Entry>],
        addrs: &HashMap<String, SocketAddr>,
        (scheme, listens_on): (&'static str, SocketAddr),
        quirks: Quirks,
        stage: Arc<Stage>,
    ) -> Arc<Self> {
        let jobs = entries.iter().filter_map(|entry| {
            let addr = addrs.get(&entry.job.job_id)?;
            Some((Arc::clone(entry), *addr))
        });
        Arc::new(Self {
            jobs: jobs.collect(),
            next: AtomicUsize::new(0),
            scheme,
            listens_on,
            quirks,
            stage,
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
        .merge(control::routes())
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, &json!({"error": "Not Found"})) })
        .method_not_allowed_fallback(|| async {
            refusal(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "Method Not Allowed"}))
        })
        .layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                counted.stage.counters.rest_request();
                let refused = visitor::refusal(request.headers(), counted.listens_on);
                async move {
                    let mut answer = match refused {
                        Some(text) => refusal(StatusCode::FORBIDDEN, &json!({"error": text})),
                        None => next.run(request).await,
                    };
                    let name = HeaderValue::from_static(REPLAY_SERVER);
                    answer.headers_mut().insert(SERVER, name);
                    answer
                }
            },
        ))
        .with_state(desk)
}

/// Serves one connection until it ends; `drain` ends it after the request in hand.
pub(super) async fn serve(router: Router, stream: Box<dyn Stream>, drain: CancellationToken) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Also how long a connection may stay open without a request.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_WORD);
    let idle = Some(FIRST_WORD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(idle);
    let stream = Filtered::new(stream, Prompt::new(PREFACE_BYTES));
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
    let request: Value = match parse_body(body) {
        Ok(request) => request,
        Err(error) => {
            return desk.wrong(
                StatusCode::BAD_REQUEST,
                "body",
                &format!("the body is not JSON: {error}"),
            );
        }
    };
    if let Err(problem) = configure::check(&request) {
        return desk.wrong(StatusCode::UNPROCESSABLE_ENTITY, problem.field(), &problem.to_string());
    }
    let is_live = request.get("start_time").is_none_or(Value::is_null);
    if is_live && desk.quirks.has(Quirk::WaitingForFiber) {
        return desk.refuse(StatusCode::SERVICE_UNAVAILABLE, "waiting for fiber");
    }
    if !is_live && desk.quirks.has(Quirk::NoRecording) {
        return desk.refuse(StatusCode::NOT_FOUND, "No recording found in given time range");
    }
    match task_id.and_then(|id| desk.job(id)).or_else(|| desk.assign(&request)) {
        Some((entry, addr)) => {
            let job_id = &entry.job.job_id;
            // A new job, as far as the client can tell: it has yet to start, and its frames are all there.
            desk.stage.readiness.starts(job_id);
            desk.stage.deliveries.reset(job_id);
            desk.describe(entry, headers, *addr, Some(&request))
        }
        None => desk.unknown_job(),
    }
}

impl Desk {
    fn describe(&self, entry: &Entry, headers: &HeaderMap, addr: SocketAddr, request: Option<&Value>) -> Response {
        let mut body = configure::response(entry, &endpoint(headers, self.scheme, addr), request);
        self.quirks.bend(&mut body);
        Json(body).into_response()
    }

    /// A field of a request that is wrong.
    fn wrong(&self, status: StatusCode, field: &str, text: &str) -> Response {
        let key = self.quirks.error_key().unwrap_or("detail");
        refusal(status, &json!({key: text, "field": field}))
    }

    fn refuse(&self, status: StatusCode, text: &str) -> Response {
        refusal(status, &json!({self.quirks.error_key().unwrap_or("error"): text}))
    }

    fn unknown_job(&self) -> Response {
        let status = if self.quirks.has(Quirk::ErrorIn200) {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        self.refuse(status, "Invalid job_id")
    }
}

async fn metadata(State(desk): Shared, Path(job_id): Path<String>, headers: HeaderMap) -> Response {
    match desk.job(&job_id) {
        Some((entry, addr)) => desk.describe(entry, &headers, *addr, None),
        None => desk.unknown_job(),
    }
}

async fn channels(State(desk): Shared) -> Response {
    let ranges = desk
        .jobs
        .iter()
        .filter_map(|(entry, _)| configure::channel_range(entry));
    match ranges.reduce(|(low, high), (lowest, highest)| (low.min(lowest), high.max(highest))) {
        Some((lowest, highest)) => Json(json!({"lowest_channel": lowest, "highest_channel": highest})).into_response(),
        None => desk.refuse(StatusCode::NOT_FOUND, "the captures do not tell their channels"),
    }
}

async fn live_metadata(State(desk): Shared) -> Response {
    let first = desk.jobs.iter().find_map(|(entry, _)| configure::live_metadata(entry));
    Json(first.unwrap_or_else(|| json!({}))).into_response()
}

async fn ack() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

fn refusal(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

/// Where the client finds the job: on the host by which it found us.
fn endpoint(headers: &HeaderMap, scheme: &'static str, addr: SocketAddr) -> Endpoint {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(configure::host_of);
    let host = host.map_or_else(|| SocketAddr::new(addr.ip(), 0).to_string(), ToOwned::to_owned);
    Endpoint {
        scheme,
        host: host.trim_end_matches(":0").to_owned(),
        port: addr.port(),
    }
}
