//! Many small unary calls: a server that answers at once, and a client that keeps a number of calls running.

use std::{convert::Infallible, io::Write as _, time::Instant};

use bytes::Bytes;
use grpc_capture::grpc::encode_message;
use http::{HeaderMap, HeaderValue, Request, Response, uri::PathAndQuery};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpListener;
use tonic::{client::Grpc, transport::Endpoint};

use super::raw::RawCodec;

/// Bytes of each request and of each answer.
const MESSAGE: &[u8] = &[0x5a; 100];

/// Answers each call with one message, on one thread.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", json!({"grpc": listener.local_addr().unwrap()}));
        std::io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl http_body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let _ = request.into_body().collect().await?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [
        Frame::data(Bytes::from(encode_message(false, MESSAGE))),
        Frame::trailers(trailers),
    ];
    let mut response = Response::new(StreamBody::new(tokio_stream::iter(frames.map(Ok))));
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}

/// Makes `calls` unary calls on one connection, `at_once` of them at a time.
pub(crate) fn call(addr: &str, calls: usize, at_once: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let seconds = runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("http://{addr}")).unwrap();
        let channel = channel.connect().await.unwrap();
        let began = Instant::now();
        let callers: Vec<_> = (0..at_once)
            .map(|_| tokio::spawn(caller(Grpc::new(channel.clone()), calls / at_once)))
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        began.elapsed().as_secs_f64()
    });
    let calls = calls / at_once * at_once;
    println!(
        "{}",
        json!({"calls": calls, "seconds": seconds, "calls_per_second": calls as f64 / seconds})
    );
}

async fn caller(mut client: Grpc<tonic::transport::Channel>, calls: usize) {
    let path = PathAndQuery::from_static("/bench.Echo/Unary");
    for _ in 0..calls {
        client.ready().await.unwrap();
        let request = tonic::Request::new(Bytes::from_static(MESSAGE));
        let answer = client.unary(request, path.clone(), RawCodec).await.unwrap();
        assert_eq!(answer.into_inner().len(), MESSAGE.len(), "the echo is whole");
    }
}
