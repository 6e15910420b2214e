//! What the server answers itself, and to whom.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use prost::Message as _;

use crate::{
    das::proto::datastream::HealthResponse,
    grpc::{encode_message, is_grpc},
    model::event::{Metadata, Status},
    serve::{answer, body::Answer, catalog::Catalog, state::ServerState},
};

/// A body of these bytes.
pub(super) fn once(body: Bytes) -> Answer {
    Answer::Once((!body.is_empty()).then_some(body), None)
}

/// True for a request of gRPC.
pub(super) fn speaks_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    request.method() == Method::POST && content_type.is_some_and(|value| value.to_str().is_ok_and(is_grpc))
}

/// The answer to a request that is no call.
pub(super) fn not_a_call() -> Response<Answer> {
    let text = "this port speaks gRPC (content-type application/grpc), gRPC-Web and Connect, and nothing else\n";
    let mut response = Response::new(once(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The health of the port's jobs: a job that is replayed is ready, whatever was recorded before it was, unless it was to
/// be slow to start.
pub(super) fn health(catalog: &Catalog, state: &ServerState) -> Response<Answer> {
    let mut jobs = catalog.entries.iter().map(|entry| &entry.job.job_id);
    let health = HealthResponse {
        healthy: jobs.all(|job_id| state.readiness.left(job_id).is_none()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let message = Bytes::from(encode_message(false, &health.encode_to_vec()));
    let trailers = answer::trailers(&Status::default());
    answer::head(&Metadata::default()).map(|()| Answer::Once(Some(message), Some(trailers)))
}
