//! Scripted test servers, and a sink in memory.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    grpc::encode_message,
    model::event::Event,
    record::{Clock, Recorder, RecorderOptions, Sink, SinkError},
};

/// A sink that keeps events in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<Event>>>);

impl Memory {
    /// The events so far.
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// A recorder whose clock advances one second per event.
    pub(super) fn recorder(&self) -> Recorder<Memory> {
        let options = RecorderOptions {
            clock: Arc::<Seconds>::default(),
            ..RecorderOptions::default()
        };
        Recorder::start(self.clone(), options).unwrap()
    }
}

impl Sink for Memory {
    type Summary = ();

    fn write(&mut self, event: &Event) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(self) -> Result<(), SinkError> {
        Ok(())
    }

    fn stored_bytes(&self) -> u64 {
        0
    }
}

/// A clock that advances one second each time it is read.
#[derive(Debug, Default)]
struct Seconds(AtomicU64);

impl Clock for Seconds {
    fn offset_ns(&self) -> u64 {
        self.0.fetch_add(1_000_000_000, Ordering::Relaxed)
    }
}

/// An HTTP/2 frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// HEADERS of stream 1 (`END_HEADERS`), uncompressed; `END_STREAM` when `last`.
pub(super) fn headers(entries: &[(&str, &str)], last: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in entries {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "one length byte");
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    frame(1, if last { 5 } else { 4 }, 1, &block)
}

/// The head of a gRPC response.
pub(super) fn grpc_head() -> Vec<u8> {
    headers(
        &[
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("x-head", "1"),
        ],
        false,
    )
}

/// Trailers with a status.
pub(super) fn trailers(status: &str) -> Vec<u8> {
    headers(&[("grpc-status", status), ("x-tail", "2")], true)
}

/// DATA of stream 1.
pub(super) fn data(payload: &[u8]) -> Vec<u8> {
    frame(0, 0, 1, payload)
}

/// DATA of one gRPC message.
pub(super) fn message(payload: &[u8]) -> Vec<u8> {
    data(&encode_message(false, payload))
}

/// `RST_STREAM` of stream 1.
pub(super) fn reset(code: u32) -> Vec<u8> {
    frame(3, 0, 1, &code.to_be_bytes())
}

/// GOAWAY that lets stream `last` live.
pub(super) fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(7, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// The server's side of one connection, frame by frame.
pub(super) struct Peer<S = TcpStream> {
    io: S,
    /// Payload of DATA frames that came.
    pub(super) body: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Reads the client's preface and sends SETTINGS.
    pub(super) async fn open(mut io: S) -> Self {
        let mut preface = [0; 24];
        io.read_exact(&mut preface).await.unwrap();
        io.write_all(&[frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat())
            .await
            .unwrap();
        Self { io, body: Vec::new() }
    }

    /// Reads frames up to the end of the client's request.
    pub(super) async fn request(&mut self) {
        loop {
            let mut head = [0; 9];
            self.io.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.io.read_exact(&mut payload).await.unwrap();
            if head[3] == 0 {
                self.body.extend(payload);
            }
            if head[3] <= 1 && head[4] & 1 == 1 {
                return;
            }
        }
    }

    /// Sends frames.
    pub(super) async fn send(&mut self, frames: &[Vec<u8>]) {
        self.io.write_all(&frames.concat()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Reads until the client disconnects.
    pub(super) async fn hold(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.io.read_to_end(&mut rest).await;
        rest
    }

    /// Ends our side, and lets the client read all of it.
    pub(super) async fn close(mut self) {
        let _ = self.io.shutdown().await;
        self.hold().await;
    }
}

/// Serves each connection with `script`, which is told how many came before.
pub(super) async fn serve<F, T>(script: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(accept(listener, script));
    addr
}

/// Does the same as [`serve`] on a given listener.
pub(super) async fn accept<F, T>(listener: TcpListener, script: F)
where
    F: Fn(usize, TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    for count in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(script(count, stream));
    }
}

/// Answers the first call of each connection with `frames`, and closes.
pub(super) async fn answer(frames: Vec<Vec<u8>>) -> SocketAddr {
    serve(move |_, stream| {
        let frames = frames.clone();
        async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            peer.send(&frames).await;
            peer.close().await;
        }
    })
    .await
}

/// Answers every unary call by its path: `Ok` is the response message, `Err` a status.
pub(super) async fn unary<F>(script: F) -> SocketAddr
where
    F: Fn(&str) -> Result<Vec<u8>, u32> + Clone + Send + Sync + 'static,
{
    serve(move |_, stream| {
        let script = script.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let head = http::Response::builder().header("content-type", "application/grpc");
                match script(request.uri().path()) {
                    Ok(message) => {
                        let mut send = respond.send_response(head.body(()).unwrap(), false).unwrap();
                        send.send_data(Bytes::from(encode_message(false, &message)), false)
                            .unwrap();
                        let trailers = [("grpc-status", "0")].map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()));
                        send.send_trailers(trailers.into_iter().collect()).unwrap();
                    }
                    Err(code) => {
                        let head = head.header("grpc-status", code).header("grpc-message", "because");
                        respond.send_response(head.body(()).unwrap(), true).unwrap();
                    }
                }
            }
        }
    })
    .await
}
