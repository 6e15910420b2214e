//! The gRPC job: HTTP/2 requests in, recorded calls out.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    answer,
    body::{Answer, Cut, Replay, Steps},
    catalog::{Catalog, Chosen},
    connection::{Break, Connection, Guard},
    faults::{Drip, Running, Stage},
    furniture::Furniture,
    pace::{Rate, Schedule},
    player::{Act, Finale, Player, Step},
    reader,
    script::Request as FirstMessage,
    served::Counters,
};
use crate::{
    dialect::datastream::HEALTH_METHOD,
    event::{Metadata, Status},
    proto::datastream::HealthResponse,
    wire::{Deframer, encode_message, status::INTERNAL},
};

/// gRPC status code of a request that is too large.
const RESOURCE_EXHAUSTED: u32 = 8;

/// A job's request is a few bytes; this leaves room for any recorded method and bounds what a client can make us hold.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that may wait in one stream's send buffer: four of the 64 KiB pieces and a frame of usual size fit.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
/// Largest HTTP/2 frame that a client may send us: the largest is the fewest frames.
const MAX_FRAME_BYTES: u32 = 1024 * 1024;
/// Calls on one connection: several front ends may share one, with all streams of a production job each.
const MAX_STREAMS: u32 = 4096;

/// What every connection to one gRPC port needs.
pub(super) struct Port {
    pub(super) catalog: Catalog,
    pub(super) furniture: Arc<Furniture>,
    pub(super) rate: Rate,
    pub(super) faults: Running,
    pub(super) counters: Arc<Counters>,
}

/// A client whose connection was closed has so long to take what was sent before and to close its side.
const LINGER: std::time::Duration = std::time::Duration::from_secs(10);

type Reply = Result<Response<Answer>, Cut>;

/// Serves one connection until it ends; `drain` lets its calls end and takes no new ones.
pub(super) async fn serve(port: Arc<Port>, stream: TcpStream, drain: CancellationToken) {
    let connection = Arc::new(Connection::default());
    let socket = TokioIo::new(connection.socket(stream));
    let service = {
        let connection = Arc::clone(&connection);
        hyper::service::service_fn(move |request| {
            let (port, connection) = (Arc::clone(&port), Arc::clone(&connection));
            async move { answer(&port, &connection, request).await }
        })
    };
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .auto_date_header(false)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(socket, service);
    let mut serving = std::pin::pin!(serving);
    let mut drained = false;
    let goaway = loop {
        tokio::select! {
            result = &mut serving => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            goaway = connection.broken() => break goaway,
            () = drain.cancelled(), if !drained => {
                drained = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    };
    if goaway {
        serving.as_mut().graceful_shutdown();
    }
    // What is queued is written, the announcement included; then the connection is closed.
    connection.cut();
    if tokio::time::timeout(LINGER, serving).await.is_err() {
        tracing::debug!("a client did not close its side of a broken connection");
    }
}

async fn answer(port: &Port, connection: &Arc<Connection>, request: Request<Incoming>) -> Reply {
    let start = Instant::now();
    if !is_grpc(&request) {
        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Ok(response);
    }
    if let Some(service) = port.furniture.service(request.uri().path()) {
        let Ok(response) = service.answer(request).await;
        return Ok(response.map(Answer::Tonic));
    }
    let (parts, mut body) = request.into_parts();
    let method = parts.uri.path();
    if method == HEALTH_METHOD {
        return Ok(healthy());
    }
    if !port.catalog.knows(method) {
        // Asked before the request is read: the answer does not depend on it.
        let refusal = port.catalog.unknown_method(method);
        return Ok(refuse(port, refusal.code, &refusal.message));
    }
    let first = if port.catalog.needs_request(method) {
        match first_message(&mut body).await {
            Ok(first) => first,
            Err(message) => return Ok(refuse(port, RESOURCE_EXHAUSTED, &message)),
        }
    } else {
        None
    };
    let chosen = match port.catalog.choose(method, first.as_ref()) {
        Ok(chosen) => chosen,
        Err(refusal) => return Ok(refuse(port, refusal.code, &refusal.message)),
    };
    // Whatever else the client has to say is taken, so that it can say it; the recorded answer does not depend on it.
    let mut rest = JoinSet::new();
    if !body.is_end_stream() {
        rest.spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
    }
    replay(port, connection, &chosen, start, rest).await
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    request.method() == Method::POST
        && content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The first message of a request; `None` when the client sent none.
async fn first_message(body: &mut Incoming) -> Result<Option<FirstMessage>, String> {
    let mut deframer = Deframer::new(MAX_REQUEST_BYTES);
    loop {
        if let Some(frame) = deframer.next_frame().map_err(|error| error.to_string())? {
            let (compressed, data) = (frame.compressed, frame.data);
            return Ok(Some(FirstMessage { compressed, data }));
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    deframer.push(data);
                }
            }
            Some(Err(_)) | None => return Ok(None),
        }
    }
}

async fn replay(
    port: &Port,
    connection: &Arc<Connection>,
    chosen: &Chosen<'_>,
    start: Instant,
    rest: JoinSet<()>,
) -> Reply {
    let Chosen {
        entry,
        call,
        max_frames,
    } = chosen;
    let player = Player::new(call.call, *max_frames);
    let limit = reader::read_ahead(port.counters.active() + 1);
    let stage = Stage::new(&port.faults, call.call, &call.method, 0);
    let queue = match reader::spawn(entry.source.clone(), call.start_ns, player, stage, limit) {
        Ok(queue) => queue,
        Err(error) => {
            let message = format!("could not start to read {}: {error}", entry.source.name());
            return Ok(refuse(port, INTERNAL, &message));
        }
    };
    let steps = Steps::new(queue, Schedule::new(port.rate, call.start_ns), start);
    let guard = Guard::new(connection, entry.source_at);
    let drip = Drip::of(&port.faults, call.call);
    let mut replay = Box::new(Replay::new(steps, drip, guard, Arc::clone(&port.counters), rest));
    let step = poll_fn(|cx| replay.steps.poll_due(cx)).await;
    let head = match step.act {
        Act::Headers(metadata) => answer::head(&metadata),
        Act::End(Finale::Status(status)) if status.trailers_only => {
            replay.finish();
            return Ok(answer::trailers_only(&status).map(|()| Answer::empty()));
        }
        Act::End(finale @ (Finale::Cancel | Finale::Break { .. } | Finale::Reset { .. } | Finale::Sever { .. })) => {
            return replay.break_off(&finale).await;
        }
        act @ (Act::Message { .. } | Act::End(Finale::Status(_))) => {
            replay.steps.put_back(Step { act, ..step });
            answer::head(&Metadata::default())
        }
    };
    Ok(head.map(|()| Answer::Replay(replay)))
}

impl Replay {
    /// The call ends before any answer, and without a status.
    async fn break_off(mut self: Box<Self>, finale: &Finale) -> Reply {
        match poll_fn(|cx| self.poll_finale(cx, finale)).await {
            Break::Stream(reason) => {
                self.finish();
                Err(Cut::reset(reason))
            }
            Break::Connection => std::future::pending().await,
        }
    }
}

fn refuse(port: &Port, code: u32, message: &str) -> Response<Answer> {
    tracing::info!(code, message, "a call was refused");
    port.counters.refused();
    answer::refusal(code, message).map(|()| Answer::empty())
}

/// The job's health: a job that is replayed is ready, whatever was recorded before it was.
fn healthy() -> Response<Answer> {
    let health = HealthResponse {
        healthy: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let message = Bytes::from(encode_message(false, &health.encode_to_vec()));
    let trailers = answer::trailers(&Status::default());
    answer::head(&Metadata::default()).map(|()| Answer::Once(Some(message), Some(trailers)))
}
