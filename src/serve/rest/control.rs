//! `/replay/…`: how a player is told to pause, to go on and to go elsewhere.

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

use super::{Desk, Shared, refusal};
use crate::serve::server::Stage;

/// The routes, none of which a Focus Server has.
pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/replay/status", get(answer_status))
        .route("/replay/pause", post(pause))
        .route("/replay/resume", post(resume))
        .route("/replay/seek", post(seek))
}

/// What is being played, and how well.
pub(in crate::serve) fn status(stage: &Stage) -> Value {
    let mut status = stage.control.status();
    if let Some(body) = status.as_object_mut() {
        body.insert("rate".to_owned(), json!(stage.playback.rate.to_string()));
        body.insert("served".to_owned(), json!(stage.counters.served()));
        body.insert("fidelity".to_owned(), json!(stage.meter.read()));
    }
    status
}

async fn answer_status(State(desk): Shared) -> Response {
    Json(status(&desk.stage)).into_response()
}

async fn pause(State(desk): Shared) -> Response {
    desk.stage.control.pause();
    Json(status(&desk.stage)).into_response()
}

async fn resume(State(desk): Shared) -> Response {
    desk.stage.control.resume();
    Json(status(&desk.stage)).into_response()
}

/// Takes `{"offset_s": SECONDS}`, or `?offset_s=SECONDS`.
async fn seek(State(desk): Shared, RawQuery(query): RawQuery, body: Bytes) -> Response {
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
    desk.stage.control.seek(position);
    Json(status(&desk.stage)).into_response()
}
