//! The routes under `/replay/…`: pause, resume, seek and status of the playback; and `/requests`: what clients sent.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::sessions::{RestSessions, Shared, refusal};
use crate::grpc::{MethodPattern, status::percent_decode};

/// The control routes, which no Focus Server has.
pub(super) fn routes() -> Router<Arc<RestSessions>> {
    Router::new()
        .route("/replay/status", get(answer_status))
        .route("/replay/pause", post(pause))
        .route("/replay/resume", post(resume))
        .route("/replay/seek", post(seek))
        .route("/requests", get(requests).delete(forget_requests))
}

async fn answer_status(State(sessions): Shared) -> Response {
    Json(sessions.state.status()).into_response()
}

async fn pause(State(sessions): Shared) -> Response {
    sessions.state.control.pause();
    Json(sessions.state.status()).into_response()
}

async fn resume(State(sessions): Shared) -> Response {
    sessions.state.control.resume();
    Json(sessions.state.status()).into_response()
}

/// Answers what clients sent: all calls that are kept, `?after=N` those after a number, `?method=GLOB` those of a method.
async fn requests(State(sessions): Shared, RawQuery(query): RawQuery) -> Response {
    let (mut after, mut methods) = (0, None);
    for pair in query
        .iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = match (name, value.parse::<u64>()) {
            ("after", Ok(number)) => {
                after = number;
                true
            }
            ("method", _) => {
                methods = Some(MethodPattern::new(percent_decode(value.as_bytes())));
                true
            }
            _ => false,
        };
        if !known {
            let problem = format!("{name}: expected after=N or method=GLOB");
            return refusal(
                StatusCode::UNPROCESSABLE_ENTITY,
                &json!({"detail": problem, "field": name}),
            );
        }
    }
    let state = Arc::clone(&sessions.state);
    let answer = move || state.log.json(&state.schemas, after, methods.as_ref());
    match tokio::task::spawn_blocking(answer).await {
        Ok(answer) => Json(answer).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Forgets what clients sent so far, such as between two tests.
async fn forget_requests(State(sessions): Shared) -> Response {
    sessions.state.log.clear();
    StatusCode::NO_CONTENT.into_response()
}

/// Handles `{"offset_s": SECONDS}`, or `?offset_s=SECONDS`.
async fn seek(State(sessions): Shared, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let in_query = query.iter().flat_map(|query| query.split('&'));
    let mut in_query = in_query.filter_map(|pair| pair.strip_prefix("offset_s=")?.parse::<f64>().ok());
    let in_body = || serde_json::from_slice::<Value>(&body).ok()?.get("offset_s")?.as_f64();
    let offset_s = in_query.next_back().or_else(in_body);
    let Some(position) = offset_s.and_then(|offset_s| Duration::try_from_secs_f64(offset_s).ok()) else {
        let problem = "offset_s: expected seconds after the opening of the calls, 0 or more";
        return refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!({"detail": problem, "field": "offset_s"}),
        );
    };
    sessions.state.control.seek(position);
    Json(sessions.state.status()).into_response()
}
