//! A server on the level of HTTP/2 that only sends prepared messages.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use grpc_capture::grpc::encode_message;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{net::TcpListener, time::Interval};

use super::frames::Frames;

/// Prepared bytes at most; a longer stream begins anew behind them, further apart than any codec looks back.
const PREPARED: usize = 1 << 30;

pub(crate) fn run(recording: &str, size: usize, total: usize, fps: Option<usize>) {
    let mut frames = Vec::new();
    let mut bytes = 0;
    for frame in Frames::new(recording, size) {
        bytes += frame.len();
        frames.push(Bytes::from(encode_message(false, &frame)));
        if bytes >= total.min(PREPARED) {
            break;
        }
    }
    let count = (total * frames.len()).div_ceil(bytes).max(1);
    let frames: Arc<[Bytes]> = frames.into();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ready =
            json!({"grpc": listener.local_addr().unwrap(), "messages": count, "message_bytes": bytes / frames.len()});
        println!("{ready}");
        std::io::stdout().flush().unwrap();
        let mut calls = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let frames = Arc::clone(&frames);
            // Calls at once send different frames.
            calls += 1;
            let from = calls * 37 % frames.len();
            tokio::spawn(async move {
                let answer = service_fn(move |_: Request<Incoming>| {
                    let body = Stream {
                        frames: Arc::clone(&frames),
                        at: from,
                        left: count,
                        pace: fps.map(|fps| tokio::time::interval(Duration::from_secs_f64(1.0 / fps as f64))),
                        trailers: false,
                    };
                    let mut response = Response::new(body);
                    response
                        .headers_mut()
                        .insert("content-type", HeaderValue::from_static("application/grpc"));
                    async { Ok::<_, Infallible>(response) }
                });
                // However a client leaves is the client's business.
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .max_send_buf_size(4 << 20)
                    .max_frame_size(1 << 20)
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
}

struct Stream {
    frames: Arc<[Bytes]>,
    at: usize,
    left: usize,
    pace: Option<Interval>,
    trailers: bool,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            if std::mem::replace(&mut self.trailers, true) {
                return Poll::Ready(None);
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        if let Some(pace) = &mut self.pace {
            ready!(pace.poll_tick(cx));
        }
        let frame = self.frames[self.at].clone();
        self.at = (self.at + 1) % self.frames.len();
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }
}
