//! The client of the benchmark: it receives messages and discards them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::{
    Failed,
    server::{ECHO, STREAM, TAKEN},
};

/// Flow-control window in bytes: what a front end that wants its frames would choose.
const WINDOW: u32 = 4 << 20;

/// A stream to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Bytes of a message, about.
    pub(crate) size: usize,
    /// Bytes of all of them, about.
    pub(crate) bytes: u64,
    /// Bytes a second; `None` is as fast as it goes.
    pub(crate) rate: Option<u64>,
}

/// A stream that came to its end in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Taken {
    pub(crate) fn rate(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.time.as_secs_f64()
    }
}

/// One connection.
pub(crate) struct Client {
    send: SendRequest<Full<Bytes>>,
    base: String,
}

impl Client {
    pub(crate) async fn connect(addr: &str) -> Result<Self, Failed> {
        let stream = tokio::net::TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let (send, connection) = builder.handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            send,
            base: format!("http://{addr}"),
        })
    }

    async fn call(&mut self, path: &str, headers: &[(&str, u64)], message: Bytes) -> Result<Incoming, Failed> {
        let mut request = Request::post(format!("{}{path}", self.base))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send.ready().await?;
        Ok(self
            .send
            .send_request(request.body(Full::new(message))?)
            .await?
            .into_body())
    }

    /// Opens a stream.
    pub(crate) async fn open(&mut self, load: Load) -> Result<Incoming, Failed> {
        let mut headers = vec![("x-size", load.size as u64), ("x-bytes", load.bytes)];
        headers.extend(load.rate.map(|rate| ("x-rate", rate)));
        self.call(STREAM, &headers, framed(&[])).await
    }

    /// Takes a stream to its end.
    pub(crate) async fn stream(&mut self, load: Load) -> Result<Taken, Failed> {
        let began = Instant::now();
        let (bytes, _) = drain(self.open(load).await?).await?;
        let time = began.elapsed();
        // A stream is as long as whole messages come to.
        let short = load.bytes.saturating_sub(bytes);
        if short > 2 * load.size as u64 {
            return Err(format!("{bytes} of {} bytes came", load.bytes).into());
        }
        Ok(Taken { bytes, time })
    }

    /// Sends a message to and fro.
    pub(crate) async fn echo(&mut self, message: &Bytes) -> Result<Duration, Failed> {
        let began = Instant::now();
        let (bytes, _) = drain(self.call(ECHO, &[], message.clone()).await?).await?;
        let time = began.elapsed();
        if bytes != message.len() as u64 {
            return Err(format!("{bytes} bytes came back of {}", message.len()).into());
        }
        Ok(time)
    }

    /// Bytes that the server's streams have given to HTTP/2.
    pub(crate) async fn taken(&mut self) -> Result<u64, Failed> {
        let (_, trailers) = drain(self.call(TAKEN, &[], framed(&[])).await?).await?;
        let taken = trailers.get("x-bytes").ok_or("the server does not say")?;
        Ok(taken.to_str()?.parse()?)
    }
}

/// A message with its prefix.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    grpc_capture::grpc::encode_message(false, message).into()
}

/// Takes and drops a body, which must end with OK.
async fn drain(mut body: Incoming) -> Result<(u64, HeaderMap), Failed> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => bytes += data.len() as u64,
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let ok = trailers.get("grpc-status").is_some_and(|status| status == "0");
                return if ok {
                    Ok((bytes, trailers))
                } else {
                    Err(format!("the call ended with {trailers:?}").into())
                };
            }
        }
    }
    Err("the call has no status".into())
}
