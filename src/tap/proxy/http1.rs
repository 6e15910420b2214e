//! Forwards the requests of an HTTP/1.1 client, and records those that are calls.
//!
//! Every client connection has its own connection to the target. What a side sent is recorded before it is forwarded,
//! and a side that breaks off breaks off the other.

use std::{
    error::Error as StdError,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{self as client, SendRequest},
    server::conn::http1 as server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt as _,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    call::Call,
    ending::{Cut, Leaving},
    fields::Fields,
    hub::Hub,
    upstream::end_to_end,
};
use crate::{
    grpc::net::Stream,
    model::event::Direction,
    tap::{
        dial::{Dialer, TargetPeer, Version},
        rest::chain,
    },
};

/// Largest number of fields of a request or an answer: metadata of calls may be more than a web page's.
const MOST_FIELDS: usize = 4096;
/// Time for calls to be recorded to their ends after their connection has ended.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A client connection.
struct Http1 {
    hub: Arc<Hub>,
    dialer: Arc<Dialer>,
    /// Number of the connection, counted from 1.
    number: u32,
    /// The connection to the target, while no request uses it.
    idle: tokio::sync::Mutex<Option<Server>>,
    exchanges: Mutex<JoinSet<()>>,
}

/// A connection to the target.
struct Server {
    sender: SendRequest<Piped>,
    peer: TargetPeer,
}

type Reply = Result<Response<Piped>, io::Error>;

/// Serves a client until it disconnects. `first` was read from it already.
pub(super) async fn serve(
    hub: Arc<Hub>,
    dialer: Arc<Dialer>,
    stream: Box<dyn Stream>,
    first: Bytes,
    (from, number): (SocketAddr, u32),
) {
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(io::Cursor::new(first).chain(reader), writer);
    let side = Arc::new(Http1 {
        hub: Arc::clone(&hub),
        dialer,
        number,
        idle: tokio::sync::Mutex::default(),
        exchanges: Mutex::default(),
    });
    let service = service_fn(|request| Arc::clone(&side).answer(request));
    let connection = server::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(MOST_FIELDS)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let ended = {
        // It is dropped here: what is still being answered on it learns that its client is gone.
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            _ = hub.stop.stopped() => {
                connection.as_mut().graceful_shutdown();
                timeout(LAST_WORD, connection).await.unwrap_or(Ok(()))
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "the HTTP/1 connection of {from} ended");
    }
    let mut exchanges = std::mem::take(&mut *side.exchanges.lock().unwrap_or_else(PoisonError::into_inner));
    let _ = timeout(LAST_WORD, async { while exchanges.join_next().await.is_some() {} }).await;
}

impl Http1 {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        let (sender, answer) = oneshot::channel();
        let gone = CancellationToken::new();
        // Cancelled with this future, or with the answer's body.
        let guard = gone.clone().drop_guard();
        {
            let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
            while exchanges.try_join_next().is_some() {}
            exchanges.spawn(Arc::clone(&self).exchange(request, sender, gone));
        }
        let answer = answer.await.map_err(|_| broken_off())??;
        Ok(answer.map(|mut body: Piped| {
            body.guard = Some(guard);
            body
        }))
    }

    /// Forwards one request and its answer. `gone` says that the client is gone.
    async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        answer: oneshot::Sender<Reply>,
        gone: CancellationToken,
    ) {
        let (parts, body) = request.into_parts();
        let fields = Fields::of_request(&parts);
        let server = tokio::select! {
            server = self.connect() => server,
            () = gone.cancelled() => return,
            _ = self.hub.stop.stopped() => return,
        };
        let server = match server {
            Ok(server) => server,
            Err(error) => {
                let peer = TargetPeer {
                    address: self.dialer.target().authority(),
                    ..TargetPeer::default()
                };
                if let Some(call) = Call::open(&self.hub, fields, &peer, self.number).await {
                    call.cut(&Cut::Target(Leaving::Unreached(error.clone())), None).await;
                }
                // The connection ends without an answer, as the target's would.
                let _ = answer.send(Err(io::Error::other(error)));
                return;
            }
        };
        let call = Call::open(&self.hub, fields, &server.peer, self.number).await;
        let call = call.as_deref();
        let (piped, pipe) = Piped::of(body.size_hint());
        let mut upload = pin!(upload(body, pipe, call));
        let mut download = pin!(self.download(server, self.request(parts, piped), call, answer));
        let mut uploaded = false;
        let cut = loop {
            tokio::select! {
                biased;
                reason = self.hub.stop.stopped() => break Cut::Us(reason),
                result = &mut upload, if !uploaded => match result {
                    Ok(()) => uploaded = true,
                    Err(cut) => break cut,
                },
                result = &mut download => match result {
                    Ok(()) => return,
                    Err(cut) => break cut,
                },
                () = gone.cancelled() => break Cut::Client(Leaving::Gone("end of file".to_owned())),
            }
        };
        if let Some(call) = call {
            call.cut(&cut, None).await;
        }
    }

    /// The request as the target gets it.
    fn request(&self, mut parts: http::request::Parts, body: Piped) -> Request<Piped> {
        let mut headers = forwarded(&parts.headers);
        let host = self
            .dialer
            .authority()
            .or(parts.uri.authority().map(http::uri::Authority::as_str));
        if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok())
            && (self.dialer.authority().is_some() || !headers.contains_key(header::HOST))
        {
            headers.insert(header::HOST, host);
        }
        parts.headers = headers;
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        parts.version = http::Version::HTTP_11;
        Request::from_parts(parts, body)
    }

    /// A connection to the target: the one of the last request, if it is still there.
    async fn connect(&self) -> Result<Server, String> {
        if let Some(mut server) = self.idle.lock().await.take()
            && server.sender.ready().await.is_ok()
        {
            return Ok(server);
        }
        self.dial().await
    }

    async fn dial(&self) -> Result<Server, String> {
        let opened = self.dialer.open(Version::Http1).await;
        let wire = opened.map_err(|error| {
            let error = error.to_string();
            self.hub.unreachable(&error);
            error
        })?;
        let (sender, connection) = client::Builder::new()
            .preserve_header_case(true)
            .max_headers(MOST_FIELDS)
            .handshake(TokioIo::new(wire.stream))
            .await
            .map_err(|error| chain(&error))?;
        // It ends with its answer, which says what went wrong.
        tokio::spawn(connection);
        Ok(Server {
            sender,
            peer: wire.peer,
        })
    }

    /// Sends the request, and forwards the answer to its end.
    async fn download(
        &self,
        mut server: Server,
        request: Request<Piped>,
        call: Option<&Call>,
        answer: oneshot::Sender<Reply>,
    ) -> Result<(), Cut> {
        let broken =
            |error: &hyper::Error| Cut::Target(Leaving::Gone(format!("the connection was lost: {}", chain(error))));
        let sent = match server.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut failed) => match failed.take_message() {
                // The target closed the connection before it could see any of the request.
                Some(request) => match self.dial().await {
                    Ok(again) => {
                        server = again;
                        server.sender.send_request(request).await
                    }
                    Err(error) => return Err(Cut::Target(Leaving::Unreached(error))),
                },
                None => Err(failed.into_error()),
            },
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                let text = chain(&error);
                // What is no call may be meant for another port.
                if error.is_parse() || call.is_none() {
                    let _ = answer.send(Ok(not_http1(&text)));
                }
                return Err(broken(&error));
            }
        };
        self.hub.reached();
        let (mut parts, mut body) = response.into_parts();
        let ended = body.is_end_stream();
        if let Some(call) = call {
            call.answer(Fields::of_answer(&parts), ended, None).await;
        }
        parts.headers = forwarded(&parts.headers);
        parts.version = http::Version::HTTP_11;
        let (piped, pipe) = Piped::of(body.size_hint());
        let mut server = Some(server);
        if ended {
            *self.idle.lock().await = server.take();
        }
        let taken = answer.send(Ok(Response::from_parts(parts, piped)));
        taken.map_err(|_| Cut::Client(Leaving::Gone("end of file".to_owned())))?;
        while !body.is_end_stream() {
            let frame = match body.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(broken(&error)),
                None => break,
            };
            if let Some(call) = call {
                if let Some(data) = frame.data_ref() {
                    call.data(Direction::Received, data).await;
                }
                if let Some(trailers) = frame.trailers_ref() {
                    call.answer(Fields::of_trailers(trailers), true, None).await;
                }
                // Who has counted the bytes does not wait for the end.
                if body.is_end_stream() {
                    call.finish(None).await;
                }
            }
            if pipe.send(Ok(frame)).await.is_err() {
                return Err(Cut::Client(Leaving::Gone("end of file".to_owned())));
            }
        }
        if let Some(call) = call {
            call.finish(None).await;
        }
        if server.is_some() {
            *self.idle.lock().await = server;
        }
        let _ = pipe.send(Err(Whole)).await;
        Ok(())
    }
}

/// The fields that are forwarded, in their order: not those of the connection, and those that tell of trailers.
fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let kept = end_to_end(headers);
    let passes =
        |name: &HeaderName| kept.contains_key(name) || [header::HOST, header::TE, header::TRAILER].contains(name);
    let fields = headers.iter().filter(|(name, _)| passes(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Forwards the body of a request.
async fn upload(mut body: Incoming, pipe: Pipe, call: Option<&Call>) -> Result<(), Cut> {
    while !body.is_end_stream() {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Err(Cut::Client(Leaving::Gone(chain(&error)))),
            None => break,
        };
        if let Some(call) = call {
            if let Some(data) = frame.data_ref() {
                call.data(Direction::Sent, data).await;
            }
            if body.is_end_stream() {
                call.half_close().await;
            }
        }
        if pipe.send(Ok(frame)).await.is_err() {
            // The target takes no more: its answer says why.
            return Ok(());
        }
    }
    if let Some(call) = call {
        call.half_close().await;
    }
    let _ = pipe.send(Err(Whole)).await;
    Ok(())
}

/// The answer for a target that does not speak HTTP/1.
fn not_http1(error: &str) -> Response<Piped> {
    let text = format!(
        "This is the gRPC port of a recording proxy. Its target gave no answer in HTTP/1.1 ({error}): most gRPC servers take \
         HTTP/2 only. For the REST side of a Focus Server use the proxy's REST address.\n"
    );
    let (piped, pipe) = Piped::of(SizeHint::with_exact(text.len() as u64));
    let _ = pipe.try_send(Ok(Frame::data(text.into())));
    let _ = pipe.try_send(Err(Whole));
    let mut response = Response::new(piped);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the other side broke off")
}

/// The end of a body: nothing was left out.
struct Whole;

type Pipe = mpsc::Sender<Result<Frame<Bytes>, Whole>>;

/// A body that is fed by a task. It is broken off when the task ends without saying that it was whole.
struct Piped {
    frames: mpsc::Receiver<Result<Frame<Bytes>, Whole>>,
    size: SizeHint,
    over: bool,
    guard: Option<DropGuard>,
}

impl Piped {
    fn of(size: SizeHint) -> (Self, Pipe) {
        // One frame and the end: what is not taken yet is not read yet.
        let (pipe, frames) = mpsc::channel(2);
        let piped = Self {
            frames,
            over: size.exact() == Some(0),
            size,
            guard: None,
        };
        (piped, pipe)
    }
}

impl http_body::Body for Piped {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.frames.poll_recv(cx)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(Whole)) => {
                self.over = true;
                None
            }
            None => Some(Err(broken_off().into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
