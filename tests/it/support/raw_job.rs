//! A bare `datastream` job: a plain tonic service that sends prepared bytes. It shares no code with the replay server,
//! so the recorder is checked by code that knows only the protocol.
//!
//! The server has its own runtime. Dropping it breaks every call.

use std::{
    convert::Infallible,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use grpc_capture::das::{HealthResponse, StreamRequest};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use prost::Message as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
    runtime::{self, Runtime},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Response, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
};

#[allow(
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated: its style is not ours"
)]
mod service {
    use super::RawCodec;
    include!("raw_job/service.rs");
}

use service::data_stream_service_server::{DataStreamService, DataStreamServiceServer};

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What the job does next; after the last step it ends the stream with OK.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends a message.
    Frame(Bytes),
    /// Waits.
    Pause(Duration),
    /// Waits until [`RawJob::open_gate`].
    Gate,
    /// Says nothing any more, and keeps the connection.
    Stall,
    /// The whole server dies: every connection closes without a word, and the port refuses new ones.
    Die,
    /// Ends the stream with this status.
    Fail(Code, String),
}

/// A job that is not started yet. It is healthy and knows every name unless told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    job_id: Option<String>,
    steps: Vec<Step>,
    health: Vec<bool>,
    headers: Vec<(&'static str, &'static str)>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Builder {
    /// Refuses every other name with `NOT_FOUND`.
    pub(crate) fn job_id(mut self, job_id: &str) -> Self {
        self.job_id = Some(job_id.to_owned());
        self
    }

    /// Adds frames, one after the other.
    pub(crate) fn frames(mut self, frames: &[Bytes]) -> Self {
        self.steps.extend(frames.iter().cloned().map(Step::Frame));
        self
    }

    /// Adds frames with a pause before each.
    pub(crate) fn paced(mut self, frames: &[Bytes], pause: Duration) -> Self {
        let steps = frames.iter().cloned().map(Step::Frame);
        self.steps.extend(steps.flat_map(|frame| [Step::Pause(pause), frame]));
        self
    }

    /// Adds a step.
    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Answers the first questions for health like this, and those after them like the last.
    pub(crate) fn health(mut self, answers: &[bool]) -> Self {
        self.health = answers.to_vec();
        self
    }

    /// Sends this initial metadata.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Speaks TLS.
    pub(crate) fn tls(mut self, config: rustls::ServerConfig) -> Self {
        self.tls = Some(Arc::new(config));
        self
    }

    /// Starts on a free port of this machine.
    pub(crate) fn start(self) -> RawJob {
        self.start_on(Port::reserve())
    }

    /// Starts on a port that was reserved, and that refused connections until now.
    pub(crate) fn start_on(self, port: Port) -> RawJob {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = {
            let _inside = runtime.enter();
            port.socket.listen(128).unwrap()
        };
        let seen = Arc::new(Seen::default());
        let service = DataStreamServiceServer::new(Job {
            steps: self.steps.into(),
            name: self.job_id,
            health: self.health,
            headers: self.headers,
            seen: Arc::clone(&seen),
        });
        runtime.spawn(accept(listener, service, self.tls, seen.died.clone()));
        RawJob {
            addr: port.addr,
            seen,
            runtime: Some(runtime),
        }
    }
}

/// A port that nobody else gets, and that refuses connections until a job starts on it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) addr: SocketAddr,
    socket: TcpSocket,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self {
            addr: socket.local_addr().unwrap(),
            socket,
        }
    }
}

/// A job that runs.
pub(crate) struct RawJob {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

/// What the job did and was told.
#[derive(Debug, Default)]
struct Seen {
    /// When each frame was handed to the transport, in the order of sending.
    sent: Mutex<Vec<Instant>>,
    asked: AtomicUsize,
    calls: AtomicUsize,
    gate: CancellationToken,
    died: CancellationToken,
}

impl RawJob {
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// When each frame so far was handed to the transport.
    pub(crate) fn sent(&self) -> Vec<Instant> {
        self.seen.sent.lock().unwrap().clone()
    }

    /// How often health was asked for.
    pub(crate) fn asked(&self) -> usize {
        self.seen.asked.load(Ordering::SeqCst)
    }

    /// How many streams were asked for.
    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    /// Lets the stream go on beyond [`Step::Gate`].
    pub(crate) fn open_gate(&self) {
        self.seen.gate.cancel();
    }
}

impl Drop for RawJob {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes connections until the job dies; all of them are dropped with it.
async fn accept(
    listener: TcpListener,
    service: DataStreamServiceServer<Job>,
    tls: Option<Arc<rustls::ServerConfig>>,
    died: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = died.cancelled() => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        stream.set_nodelay(true).unwrap();
        let (service, tls) = (service.clone(), tls.clone().map(TlsAcceptor::from));
        connections.spawn(async move {
            match tls {
                None => serve(stream, service).await,
                // A client that does not trust us goes away in the handshake.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, service).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send, service: DataStreamServiceServer<Job>) {
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    // However a client leaves is the client's business.
    let _ = connection.await;
}

struct Job {
    steps: Arc<[Step]>,
    name: Option<String>,
    health: Vec<bool>,
    headers: Vec<(&'static str, &'static str)>,
    seen: Arc<Seen>,
}

#[tonic::async_trait]
impl DataStreamService for Job {
    type StreamSpectrogramsStream = Playing;

    async fn stream_spectrograms(&self, request: Request<Bytes>) -> Result<Response<Playing>, Status> {
        self.seen.calls.fetch_add(1, Ordering::SeqCst);
        let request =
            StreamRequest::decode(request.into_inner()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        if self.name.as_ref().is_some_and(|name| *name != request.job_id) {
            return Err(Status::not_found(format!("no job {}", request.job_id)));
        }
        let mut response = Response::new(Playing {
            steps: Arc::clone(&self.steps),
            next: 0,
            waiting: None,
            seen: Arc::clone(&self.seen),
        });
        for (name, value) in &self.headers {
            let name = AsciiMetadataKey::from_static(name);
            response
                .metadata_mut()
                .append(name, AsciiMetadataValue::from_static(value));
        }
        Ok(response)
    }

    async fn check_health(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        let asked = self.seen.asked.fetch_add(1, Ordering::SeqCst);
        let healthy = self.health.get(asked).or(self.health.last()).copied().unwrap_or(true);
        let answer = HealthResponse {
            healthy,
            version: "raw job".to_owned(),
        };
        Ok(Response::new(answer.encode_to_vec().into()))
    }
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The steps of one call.
struct Playing {
    steps: Arc<[Step]>,
    next: usize,
    waiting: Option<Wait>,
    seen: Arc<Seen>,
}

impl Stream for Playing {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            let step = self.steps.get(self.next).cloned();
            self.next += 1;
            let wait: Wait = match step {
                None => return Poll::Ready(None),
                Some(Step::Frame(frame)) => {
                    self.seen.sent.lock().unwrap().push(Instant::now());
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Step::Fail(code, message)) => return Poll::Ready(Some(Err(Status::new(code, message)))),
                Some(Step::Pause(pause)) => Box::pin(tokio::time::sleep(pause)),
                Some(Step::Gate) => Box::pin(self.seen.gate.clone().cancelled_owned()),
                Some(Step::Stall) => Box::pin(std::future::pending()),
                Some(Step::Die) => {
                    self.seen.died.cancel();
                    Box::pin(std::future::pending())
                }
            };
            self.waiting = Some(wait);
        }
    }
}

/// What a hand-made server answers to every call, piece by piece: no gRPC library looks at it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) headers: http::HeaderMap,
    /// Bytes of the body, in DATA frames of their own.
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) trailers: http::HeaderMap,
}

impl Answer {
    /// Length-prefixed messages behind their flags, then status OK.
    pub(crate) fn messages(encoding: &str, messages: &[(bool, Bytes)]) -> Self {
        let mut answer = Self::default();
        answer
            .headers
            .insert("content-type", "application/grpc".parse().unwrap());
        answer.headers.insert("grpc-encoding", encoding.parse().unwrap());
        answer.trailers.insert("grpc-status", "0".parse().unwrap());
        for (compressed, message) in messages {
            let mut piece = vec![u8::from(*compressed)];
            piece.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            piece.extend_from_slice(message);
            answer.pieces.push(piece.into());
        }
        answer
    }
}

/// A server of one [`Answer`], without TLS and without health.
pub(crate) struct HandMade {
    pub(crate) addr: SocketAddr,
    runtime: Option<Runtime>,
}

impl HandMade {
    pub(crate) fn start(answer: Answer) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let addr = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = answer.clone();
                let service = hyper::service::service_fn(move |request: http::Request<_>| {
                    std::future::ready(Ok::<_, Infallible>(respond(&request, &answer)))
                });
                let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self {
            addr,
            runtime: Some(runtime),
        }
    }
}

impl Drop for HandMade {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Pieces = http_body_util::StreamBody<tokio_stream::Iter<std::vec::IntoIter<Piece>>>;
type Piece = Result<hyper::body::Frame<Bytes>, Infallible>;

fn respond(request: &http::Request<hyper::body::Incoming>, answer: &Answer) -> http::Response<Pieces> {
    use hyper::body::Frame;
    let mut response = http::Response::new(());
    let pieces: Vec<Piece> = if request.uri().path().ends_with("/StreamSpectrograms") {
        response.headers_mut().extend(answer.headers.clone());
        let data = answer.pieces.iter().cloned().map(Frame::data);
        data.chain([Frame::trailers(answer.trailers.clone())]).map(Ok).collect()
    } else {
        let headers = [
            ("content-type", "application/grpc"),
            ("grpc-status", "12"),
            ("grpc-message", "no such method"),
        ];
        for (name, value) in headers {
            response
                .headers_mut()
                .insert(name, http::HeaderValue::from_static(value));
        }
        Vec::new()
    };
    response.map(|()| http_body_util::StreamBody::new(tokio_stream::iter(pieces)))
}

/// `raw_job/service.rs` is what tonic-build makes of the two methods. `UPDATE_RAW_JOB=1` writes it anew.
#[test]
fn the_raw_service_is_the_generated_one() {
    let method = |name: &str, route: &str| {
        tonic_build::manual::Method::builder()
            .name(name)
            .route_name(route)
            .input_type("bytes::Bytes")
            .output_type("bytes::Bytes")
            .codec_path("super::RawCodec")
    };
    let job = tonic_build::manual::Service::builder()
        .name("DataStreamService")
        .package("datastream")
        .method(
            method("stream_spectrograms", "StreamSpectrograms")
                .server_streaming()
                .build(),
        )
        .method(method("check_health", "CheckHealth").build())
        .build();
    let folder = tempfile::tempdir().unwrap();
    let builder = tonic_build::manual::Builder::new()
        .build_client(false)
        .build_transport(false);
    builder.out_dir(folder.path()).compile(&[job]);
    let generated = std::fs::read_to_string(folder.path().join("datastream.DataStreamService.rs")).unwrap();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/raw_job/service.rs");
    if std::env::var_os("UPDATE_RAW_JOB").is_some() {
        std::fs::write(kept, &generated).unwrap();
    }
    assert_eq!(std::fs::read_to_string(kept).unwrap(), generated);
}
