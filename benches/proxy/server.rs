//! The server of the benchmark, on one thread of its own process. It sends prepared messages at a given pace or at full
//! speed, and answers echo calls.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use grpc_capture::grpc::encode_message;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, time::Interval};

use crate::{Failed, frames::Frames};

/// Sizes of messages, about.
pub(crate) const SIZES: [usize; 2] = [64_000, 1_000_000];
/// Bytes prepared of each size; a longer stream begins anew behind them, further apart than any codec looks back.
const PREPARED: usize = 200_000_000;

/// Streams as many bytes as `x-bytes` says, of messages of `x-size`, `x-rate` bytes a second or at full speed.
pub(crate) const STREAM: &str = "/bench.Load/Stream";
/// Sends the request back.
pub(crate) const ECHO: &str = "/bench.Load/Echo";
/// Tells in the trailer `x-bytes` how many bytes all streams so far have given to HTTP/2.
pub(crate) const TAKEN: &str = "/bench.Load/Taken";

/// Messages with their prefixes, and their bytes.
struct Prepared {
    size: usize,
    messages: Arc<[Bytes]>,
    bytes: usize,
}

impl Prepared {
    fn new(recording: &str, size: usize) -> Self {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for frame in Frames::new(recording, size) {
            bytes += frame.len();
            messages.push(Bytes::from(encode_message(false, &frame)));
            if bytes >= PREPARED {
                break;
            }
        }
        Self {
            size,
            messages: messages.into(),
            bytes,
        }
    }
}

pub(crate) fn run(recording: &str) -> Result<(), Failed> {
    let prepared: Arc<[Prepared]> = SIZES.iter().map(|size| Prepared::new(recording, *size)).collect();
    let taken = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", serde_json::json!({"grpc": listener.local_addr()?}));
        std::io::stdout().flush()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (prepared, taken) = (Arc::clone(&prepared), Arc::clone(&taken));
            let answer = service_fn(move |request| answer(request, Arc::clone(&prepared), Arc::clone(&taken)));
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_send_buf_size(1 << 20)
                    .max_frame_size(1 << 20)
                    .serve_connection(TokioIo::new(stream), answer),
            );
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    prepared: Arc<[Prepared]>,
    taken: Arc<AtomicU64>,
) -> Result<Response<Answer>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let number = |name: &str| parts.headers.get(name)?.to_str().ok()?.parse::<usize>().ok();
    let mut answer = Answer {
        messages: Arc::default(),
        next: 0,
        left: 0,
        pace: None,
        taken: Arc::clone(&taken),
        trailers: Some(status("0")),
    };
    let size = number("x-size").unwrap_or_default();
    match (parts.uri.path(), prepared.iter().find(|set| set.size == size)) {
        (STREAM, Some(set)) => {
            let count = set.messages.len();
            let wanted = number("x-bytes").unwrap_or_default();
            answer.left = wanted.saturating_mul(count) / set.bytes;
            let mean = set.bytes as f64 / count as f64;
            // Its ticks are due by the first of them, and late ones are made good.
            let interval = |rate: usize| tokio::time::interval(Duration::from_secs_f64(mean / rate as f64));
            answer.pace = number("x-rate").map(interval);
            answer.messages = Arc::clone(&set.messages);
        }
        (ECHO, _) => {
            answer.messages = [body.collect().await?.to_bytes()].into();
            answer.left = 1;
        }
        (TAKEN, _) => {
            let trailers = answer.trailers.insert(status("0"));
            trailers.insert("x-bytes", taken.load(Ordering::Relaxed).into());
        }
        // The proxy asks for the schema, of which there is none.
        _ => answer.trailers = Some(status("12")),
    }
    let mut response = Response::new(answer);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Ok(response)
}

fn status(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers
}

struct Answer {
    messages: Arc<[Bytes]>,
    next: usize,
    left: usize,
    pace: Option<Interval>,
    taken: Arc<AtomicU64>,
    trailers: Option<HeaderMap>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        if let Some(pace) = &mut self.pace {
            ready!(pace.poll_tick(cx));
        }
        let message = self.messages[self.next].clone();
        self.next = (self.next + 1) % self.messages.len();
        self.left -= 1;
        self.taken.fetch_add(message.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(message))))
    }
}
