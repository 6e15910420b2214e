//! The REST server: axum around the pure answers of `configure`.
//!
//! Every route of a Focus Server is there with and without `/focus-server` in front, and a slash at the end is tolerated.

mod control;
pub(super) mod sessions;
mod visitor;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::SERVER},
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

use self::sessions::{RestSessions, Shared, refusal};
use super::{
    configure,
    prompt::{PREFACE_BYTES, Prompt},
    quirks::Quirk,
};

/// All routes.
pub(super) fn router(sessions: Arc<RestSessions>) -> Router {
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
    let counted = Arc::clone(&sessions);
    router
        .merge(control::routes())
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, &json!({"error": "Not Found"})) })
        .method_not_allowed_fallback(|| async {
            refusal(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "Method Not Allowed"}))
        })
        .layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                counted.state.counters.rest_request();
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
        .with_state(sessions)
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

async fn configure_job(State(sessions): Shared, headers: HeaderMap, body: Bytes) -> Response {
    answer_configure(&sessions, &headers, &body, None)
}

/// Handles the older form of configure: a task id that is a job's name chooses that job.
async fn configure_task(
    State(sessions): Shared,
    Path(task_id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer_configure(&sessions, &headers, &body, Some(&task_id))
}

fn answer_configure(sessions: &RestSessions, headers: &HeaderMap, body: &[u8], task_id: Option<&str>) -> Response {
    let request: Value = match parse_body(body) {
        Ok(request) => request,
        Err(error) => {
            return sessions.wrong(
                StatusCode::BAD_REQUEST,
                "body",
                &format!("the body is not JSON: {error}"),
            );
        }
    };
    if let Err(problem) = configure::check(&request) {
        return sessions.wrong(StatusCode::UNPROCESSABLE_ENTITY, problem.field(), &problem.to_string());
    }
    let is_live = request.get("start_time").is_none_or(Value::is_null);
    if is_live && sessions.quirks.has(Quirk::WaitingForFiber) {
        return sessions.refuse(StatusCode::SERVICE_UNAVAILABLE, "waiting for fiber");
    }
    if !is_live && sessions.quirks.has(Quirk::NoRecording) {
        return sessions.refuse(StatusCode::NOT_FOUND, "No recording found in given time range");
    }
    match task_id
        .and_then(|id| sessions.job(id))
        .or_else(|| sessions.assign(&request))
    {
        Some((entry, addr)) => {
            let job_id = &entry.job.job_id;
            // A new job, as far as the client can tell: it has yet to start, and its frames are all there.
            sessions.state.readiness.starts(job_id);
            sessions.state.deliveries.reset(job_id);
            sessions.describe(entry, headers, *addr, Some(&request))
        }
        None => sessions.unknown_job(),
    }
}

async fn metadata(State(sessions): Shared, Path(job_id): Path<String>, headers: HeaderMap) -> Response {
    match sessions.job(&job_id) {
        Some((entry, addr)) => sessions.describe(entry, &headers, *addr, None),
        None => sessions.unknown_job(),
    }
}

async fn channels(State(sessions): Shared) -> Response {
    let ranges = sessions
        .jobs
        .iter()
        .filter_map(|(entry, _)| configure::channel_range(entry));
    match ranges.reduce(|(low, high), (lowest, highest)| (low.min(lowest), high.max(highest))) {
        Some((lowest, highest)) => Json(json!({"lowest_channel": lowest, "highest_channel": highest})).into_response(),
        None => sessions.refuse(StatusCode::NOT_FOUND, "the captures do not contain their channels"),
    }
}

async fn live_metadata(State(sessions): Shared) -> Response {
    let first = sessions
        .jobs
        .iter()
        .find_map(|(entry, _)| configure::live_metadata(entry));
    Json(first.unwrap_or_else(|| json!({}))).into_response()
}

async fn ack() -> Response {
    Json(json!({"status": "ok"})).into_response()
}
