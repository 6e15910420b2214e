//! The gRPC server: HTTP/2 requests in, recorded calls out.

mod feeding;
mod own;
mod request;

use std::{future::poll_fn, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use feeding::feed;
use own::{health, not_a_call, once, speaks_grpc};
use request::{call_start, plain, sent_in, was_asked};

use super::{
    answer,
    asked::{self, ClientItems, Reading},
    body::{Answer, Cut, Replay},
    catalog::Catalog,
    connection::{Break, Connection, Guard},
    encoding::{Encoding, Gzip},
    exchange::{Access, Decided, Exchange},
    faults::Drip,
    feed::Feed,
    http1,
    kept_answer::KeptAnswer,
    peek::Peeked,
    plan::{CallMatcher, facets},
    player::{Act, PlayedEnding, Step},
    request_log::{How, LoggedCall, Matched},
    standard::StandardServices,
    state::ServerState,
    timeline::is_job,
    wire::Wire,
};
use crate::{
    das::dialect::datastream::HEALTH_METHOD,
    grpc::{
        metadata,
        net::{Prefixed, Stream},
        status::{INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE},
    },
    model::event::{Ending, Metadata, Status},
};

/// Largest number of bytes in one stream's send buffer: four of the 64 KiB pieces and a frame of usual size fit.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
/// Largest HTTP/2 frame that is accepted: the largest is the fewest frames.
const MAX_FRAME_BYTES: u32 = 1024 * 1024;
/// Largest number of concurrent calls on one connection: several front ends may share one, with all streams of a
/// production job each.
const MAX_STREAMS: u32 = 4096;
/// HTTP/2 window of a connection: the largest there is, for its streams' windows are the bound. The HTTP/2 library also
/// bounds by it how many small frames may wait to be read.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Largest list of header fields, 16 MiB: what the proxy records can be asked again.
const MAX_METADATA: u32 = 16 * 1024 * 1024;
/// Largest number of calls that a client may cancel before they are handled: a client that gives up a thousand at once
/// is not an attacker.
const MAX_PENDING_RESETS: usize = 4096;

/// State that every connection to one gRPC port shares.
pub(super) struct Port {
    pub(super) catalog: Arc<Catalog>,
    pub(super) services: Arc<StandardServices>,
    pub(super) state: Arc<ServerState>,
}

/// Time for a client whose connection was closed to read the rest and to close its side.
const LINGER: Duration = Duration::from_secs(10);
/// Time within which a request of a call that is refused in any case comes with it.
const TOGETHER: Duration = Duration::from_millis(50);
/// Number of bytes read of a request that is no call.
const MOST_UNREAD: usize = 64 * 1024;
/// Time limit for the answer to a keepalive ping: gRPC's own default.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(20);

/// Time after which a connection without a call is closed with a GOAWAY: a client that is there opens another when it
/// needs one, and one that is gone, or says its calls byte by byte, does not keep it.
const IDLE_LIMIT: Duration = Duration::from_secs(5 * 60);

type Reply = Result<Response<Answer>, Cut>;

/// Serves one connection until it ends; `drain` lets its calls end and takes no new ones.
pub(super) async fn serve(port: Arc<Port>, stream: Box<dyn Stream>, drain: CancellationToken) {
    let connection = Arc::new(Connection::numbered(port.state.next_connection()));
    let Some(stream) = Prefixed::read(stream).await else {
        return;
    };
    let keepalive = port.state.wire.keepalive;
    let service = {
        let (connection, drain) = (Arc::clone(&connection), drain.clone());
        hyper::service::service_fn(move |request| {
            let (port, connection, drain) = (Arc::clone(&port), Arc::clone(&connection), drain.clone());
            async move { answer(&port, &connection, drain, request).await }
        })
    };
    if stream.is_http1() {
        let idle = connection.idle(IDLE_LIMIT);
        return http1::serve(Arc::clone(&connection), Box::new(stream), service, drain, idle).await;
    }
    let socket = TokioIo::new(connection.socket(Box::new(stream)));
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(KEEPALIVE_LIMIT)
        .auto_date_header(false)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_METADATA)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(None)
        .serve_connection(socket, service);
    let mut serving = std::pin::pin!(serving);
    let (mut drained, mut leaving) = (false, false);
    let mut idle = std::pin::pin!(connection.idle(IDLE_LIMIT));
    let goaway = loop {
        tokio::select! {
            result = &mut serving => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            goaway = connection.broken() => break goaway,
            () = &mut idle, if !leaving => {
                leaving = true;
                serving.as_mut().graceful_shutdown();
            }
            // A client that takes no leave is not there any more.
            () = async { tokio::time::sleep(LINGER).await; connection.idle(LINGER).await }, if leaving => break true,
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

async fn answer(
    port: &Arc<Port>,
    connection: &Arc<Connection>,
    drain: CancellationToken,
    request: Request<Incoming>,
) -> Reply {
    let start = Instant::now();
    let guard = Guard::unrecorded(connection);
    if !speaks_grpc(&request) {
        return other(port, connection, drain, request, start).await;
    }
    let peer = connection.number();
    let (parts, body) = request.into_parts();
    let method = parts.uri.path();
    let logged = || port.state.log.call(call_start(&parts, peer));
    if let Some(service) = port.services.service(method) {
        // What was recorded wins over what we add; what was not recorded we know ourselves.
        let (first, body) = Peeked::read(body, port.state.wire.max_request_bytes).await;
        if was_asked(&port.catalog, &port.state, &parts, first) {
            let logged = logged();
            return exchange(port, connection, drain, parts, body, (start, logged, None)).await;
        }
        let Ok(response) = service.answer(Request::from_parts(parts, body)).await;
        return Ok(response.map(|body| Answer::Tonic { body, _running: guard }));
    }
    if method == HEALTH_METHOD {
        return Ok(health(&port.catalog, &port.state));
    }
    if !port.catalog.knows(method) {
        // The answer does not depend on the request; what came with it is kept.
        let logged = logged();
        let first = Peeked::read(body, port.state.wire.max_request_bytes);
        if let Ok((Ok(Some(first)), _)) = tokio::time::timeout(TOGETHER, first).await {
            logged.request(first.compressed, &first.data).await;
        }
        let refusal = port.catalog.unknown_method(method);
        return Ok(refuse(port, &logged, refusal.code, &refusal.message));
    }
    let logged = logged();
    if !is_job(method) {
        return exchange(port, connection, drain, parts, body, (start, logged, None)).await;
    }
    let (first, body) = Peeked::read(body, port.state.wire.max_request_bytes).await;
    if let Ok(Some(first)) = &first {
        logged.request(first.compressed, &first.data).await;
    }
    let first = match first {
        Ok(first) => first.map(|first| plain(first, sent_in(&parts.headers), port.state.wire.max_request_bytes)),
        Err(error) => return Ok(refuse(port, &logged, RESOURCE_EXHAUSTED, &error.to_string())),
    };
    let mut body = body.into_rest();
    let chosen = match port.catalog.choose(method, first.as_ref()) {
        Ok(chosen) => chosen,
        Err(refusal) => return Ok(refuse(port, &logged, refusal.code, &refusal.message)),
    };
    if let Some(left) = port.state.readiness.left(&chosen.entry.job.job_id) {
        let job_id = &chosen.entry.job.job_id;
        let message = format!(
            "job {job_id:?} is still starting; ask again in {} s",
            left.as_secs_f64().ceil()
        );
        return Ok(refuse(port, &logged, UNAVAILABLE, &message));
    }
    if let Some(place) = port.catalog.place(&chosen) {
        port.catalog.ask(place, false);
    }
    logged.matched(Matched {
        capture: chosen.entry.source.name().to_owned(),
        call: chosen.call.call,
        how: How::ByJob,
        ignored: Vec::new(),
    });
    // Whatever else the client has to say is taken, so that it can say it; the recorded answer does not depend on it.
    let mut rest = JoinSet::new();
    if body.is_end_stream() {
        logged.half_close();
    } else {
        let logged = Arc::clone(&logged);
        rest.spawn(async move {
            while let Some(Ok(_)) = body.frame().await {}
            logged.half_close();
        });
    }
    let encoding = Encoding::of(port.state.wire.gzip, &parts.headers);
    let feed = match feed(&port.state, &chosen, encoding, start) {
        Ok(feed) => feed,
        Err(error) => {
            let message = format!("could not start to read {}: {error}", chosen.entry.source.name());
            return Ok(refuse(port, &logged, INTERNAL, &message));
        }
    };
    let guard = Guard::new(connection, chosen.entry.source_at);
    let drip = Drip::of(&port.state.faults, chosen.call.call);
    let replay = Replay::new(
        Feed::of_call(feed, KeptAnswer::new(logged)),
        drip,
        guard,
        Arc::clone(&port.state.counters),
        drain,
        rest,
    );
    replay_call(Box::new(replay), encoding).await
}

/// Answers a client that does not speak gRPC, in gRPC-Web or Connect.
async fn other(
    port: &Arc<Port>,
    connection: &Arc<Connection>,
    drain: CancellationToken,
    request: Request<Incoming>,
    start: Instant,
) -> Reply {
    let (mut parts, body) = request.into_parts();
    let Some(wire) = Wire::of(&parts) else {
        // What comes with it is read, so that its client can read the answer.
        let read = Limited::new(body, MOST_UNREAD).collect();
        let _ = tokio::time::timeout(TOGETHER, read).await;
        return Ok(not_a_call());
    };
    let logged = port.state.log.call(call_start(&parts, connection.number()));
    wire.name_encodings(&mut parts);
    let body = wire.requests(&parts, body, port.state.wire.max_request_bytes);
    let answered = (start, logged, Some(wire.clone()));
    let response = exchange(port, connection, drain, parts, body, answered).await?;
    let refusal = wire.refusal(response.headers());
    Ok(refusal.map_or(response, |refusal| refusal.map(once)))
}

/// Answers a call of any service.
async fn exchange<B>(
    port: &Arc<Port>,
    connection: &Arc<Connection>,
    drain: CancellationToken,
    parts: http::request::Parts,
    body: B,
    (start, logged, wire): (Instant, Arc<LoggedCall>, Option<Wire>),
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    let state = &port.state;
    let method = parts.uri.path().to_owned();
    let known = port.catalog.method(&method);
    let Some((known, first)) = known.and_then(|known| Some((known, known.first()?))) else {
        let refusal = port.catalog.unknown_method(&method);
        return Ok(refuse(port, &logged, refusal.code, &refusal.message));
    };
    let Some(chosen) = port.catalog.at(first) else {
        return Ok(refuse(
            port,
            &logged,
            INTERNAL,
            "the recorded call is not there any more",
        ));
    };
    if let Some(left) = state.readiness.left(&chosen.entry.job.job_id) {
        let message = format!(
            "this server is still starting; ask again in {} s",
            left.as_secs_f64().ceil()
        );
        return Ok(refuse(port, &logged, UNAVAILABLE, &message));
    }
    let guard = Guard::new(connection, chosen.entry.source_at);
    // Compression is offered to clients of gRPC.
    let gzip = if wire.is_some() { Gzip::Off } else { state.wire.gzip };
    let encoding = Encoding::of(gzip, &parts.headers);
    let asked = Arc::<ClientItems>::default();
    let mut rest = JoinSet::new();
    let reducer = state.reducers.of(&method);
    let reading = Reading {
        encoding: sent_in(&parts.headers).to_owned(),
        limit: state.wire.max_request_bytes,
        reducer: reducer.clone(),
        logged: Arc::clone(&logged),
    };
    rest.spawn(asked::read(body, Arc::clone(&asked), reading));
    let open = {
        let port = Arc::clone(port);
        move |place| {
            let chosen = port.catalog.at(place).ok_or(io::ErrorKind::NotFound)?;
            let decided = Decided {
                source: chosen.entry.source_at,
                drip: Drip::of(&port.state.faults, chosen.call.call),
            };
            Ok((feed(&port.state, &chosen, encoding, start)?, decided))
        }
    };
    let turns = {
        let (port, connection) = (Arc::clone(port), Arc::clone(connection));
        move |place| {
            let chosen = port.catalog.at(place);
            chosen.map_or(0, |chosen| connection.turn(chosen.entry.source_at, chosen.call.call))
        }
    };
    let exchange = Exchange::new(
        Arc::clone(&port.catalog),
        method,
        asked,
        CallMatcher::new(known, facets(&metadata(&parts.headers))),
        Access {
            open: Box::new(open),
            turns: Box::new(turns),
            reducer,
            logged: Arc::clone(&logged),
        },
        Arc::clone(&state.counters),
        state.playback.is_plain() && state.deliveries.is_broadcast() && state.faults.is_empty(),
    );
    let feed = Feed::of_exchange(Box::new(exchange), KeptAnswer::new(logged));
    let replay = Replay::new(feed, None, guard, Arc::clone(&state.counters), drain, rest);
    replay_call(Box::new(replay.written(wire)), encoding).await
}

async fn replay_call(mut replay: Box<Replay>, encoding: Encoding) -> Reply {
    let step = poll_fn(|cx| replay.poll_step(cx)).await;
    let mut head = match step.act {
        Act::Headers(metadata) => match replay.wire() {
            None => answer::head(&metadata),
            Some(wire) if wire.waits(&metadata) => return whole(replay, metadata).await,
            Some(wire) => wire.head(&metadata),
        },
        Act::End(PlayedEnding::Status(status)) if status.trailers_only => {
            replay.finish();
            return Ok(answer::trailers_only(&status).map(|()| Answer::empty()));
        }
        Act::End(
            ending @ (PlayedEnding::Cancel
            | PlayedEnding::Break { .. }
            | PlayedEnding::Reset { .. }
            | PlayedEnding::Sever { .. }),
        ) => {
            return replay.break_off(&ending).await;
        }
        act @ (Act::Message { .. }
        | Act::End(PlayedEnding::Status(_) | PlayedEnding::NoStatus | PlayedEnding::Hold)) => {
            replay.put_back(Step { act, ..step });
            let none = Metadata::default();
            replay
                .wire()
                .map_or_else(|| answer::head(&none), |wire| wire.head(&none))
        }
    };
    encoding.name_in(head.headers_mut());
    Ok(head.map(|()| Answer::Replay(replay)))
}

/// Answers a unary client with a call that was recorded in gRPC, once its ending is known.
async fn whole(mut replay: Box<Replay>, head: Metadata) -> Reply {
    let mut message = None;
    loop {
        let step = poll_fn(|cx| replay.poll_step(cx)).await;
        match step.act {
            Act::Headers(_) => {}
            Act::Message { compressed, data } => message = Some((compressed, data)),
            Act::End(ending) => {
                replay.finish();
                let wire = replay.wire();
                let answer = wire.map(|wire| wire.unary(&head, message.take(), &ending));
                return Ok(answer.map_or_else(not_a_call, |answer| answer.map(once)));
            }
        }
    }
}

impl Replay {
    /// Ends the call before any answer and without a status.
    async fn break_off(mut self: Box<Self>, ending: &PlayedEnding) -> Reply {
        match poll_fn(|cx| self.poll_end(cx, ending)).await {
            Break::Stream(reason) => {
                self.finish();
                Err(Cut::reset(reason))
            }
            Break::Connection => std::future::pending().await,
        }
    }
}

fn refuse(port: &Port, logged: &LoggedCall, code: u32, message: &str) -> Response<Answer> {
    tracing::info!(code, message, "a call was refused");
    port.state.counters.refused();
    logged.end(Ending::Status(Status {
        code,
        message: message.to_owned(),
        trailers_only: true,
        ..Status::default()
    }));
    answer::refusal(code, message).map(|()| Answer::empty())
}
