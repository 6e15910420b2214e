//! Client and server of a gRPC call on bare HTTP/2, without a gRPC library.
//!
//! The metadata of the request says what the server does. With `x-answers: N`, it sends the messages of the request
//! back, one after the other, N in total. Then the call ends according to `x-end`: `ok`, `error`, `trailers-only`,
//! `reset-CODE`, `close` (the connection closes without GOAWAY), `goaway` (the server sends GOAWAY first), `stall` (the
//! server waits until the client leaves), or `silent` (the same without any answer).

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream, server::SendResponse};
use http::{HeaderMap, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{self, Runtime},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use crate::support::wait;

/// How one side of a call ended, as the other side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    Closed,
    /// Reset with this HTTP/2 error code.
    Reset(u32),
    /// The connection went.
    Lost,
}

/// What one side saw of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// Of the request; empty for an answer.
    pub(crate) authority: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
    pub(crate) end: End,
}

fn of_error(error: &h2::Error) -> End {
    match error.reason() {
        Some(reason) if error.is_reset() => End::Reset(reason.into()),
        _ => End::Lost,
    }
}

/// The text of a header, or nothing.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A message with its prefix.
pub(crate) fn framed(compressed: bool, message: &[u8]) -> Bytes {
    let mut bytes = vec![u8::from(compressed)];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes.into()
}

/// The messages of a body, flag and payload.
pub(crate) fn split(body: &Bytes) -> Vec<(bool, Bytes)> {
    let (mut rest, mut messages) = (body.clone(), Vec::new());
    while rest.len() >= 5 {
        let head = rest.split_to(5);
        let size = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        if rest.len() < size {
            break;
        }
        messages.push((head[0] == 1, rest.split_to(size)));
    }
    messages
}

async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes, end: bool) -> Result<(), ()> {
    if data.is_empty() {
        return stream.send_data(data, end).map_err(drop);
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|cx| stream.poll_capacity(cx)).await.ok_or(())?.map_err(drop)?,
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        stream.send_data(part, end && data.is_empty()).map_err(drop)?;
    }
    Ok(())
}

/// Reads up to the end, or up to so many messages.
async fn read(body: &mut RecvStream, enough: usize) -> (Bytes, HeaderMap, End) {
    let (mut bytes, mut messages, mut next) = (BytesMut::new(), 0, 0);
    loop {
        while let Some(size) = bytes.get(next + 1..next + 5) {
            let end = next + 5 + u32::from_be_bytes(size.try_into().unwrap()) as usize;
            if bytes.len() < end {
                break;
            }
            (messages, next) = (messages + 1, end);
        }
        if messages >= enough {
            return (bytes.freeze(), HeaderMap::new(), End::Closed);
        }
        match body.data().await {
            None => break,
            Some(Err(error)) => return (bytes.freeze(), HeaderMap::new(), of_error(&error)),
            Some(Ok(data)) => {
                bytes.extend_from_slice(&data);
                let _ = body.flow_control().release_capacity(data.len());
            }
        }
    }
    match body.trailers().await {
        Ok(trailers) => (bytes.freeze(), trailers.unwrap_or_default(), End::Closed),
        Err(error) => (bytes.freeze(), HeaderMap::new(), of_error(&error)),
    }
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    open: Mutex<usize>,
    gate: Semaphore,
}

impl Shared {
    /// Waits at the gate.
    async fn pass(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

/// The server; dropped, it breaks off every call.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            gate: Semaphore::new(0),
            seen: Mutex::default(),
            open: Mutex::default(),
        });
        let all = Arc::clone(&shared);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&all)));
            }
        });
        Self {
            addr,
            shared,
            runtime: Some(runtime),
        }
    }

    /// What it saw of so many calls, in the order of their endings.
    #[track_caller]
    pub(crate) fn seen(&self, calls: usize) -> Vec<Seen> {
        let all = || self.shared.seen.lock().unwrap();
        assert!(
            wait(|| all().len() >= calls),
            "the server saw {} calls end",
            all().len()
        );
        std::mem::take(&mut all())
    }

    /// Waits until so many calls are open at the gate (`x-gate`), and lets them through.
    #[track_caller]
    pub(crate) fn open_gate(&self, calls: usize) {
        let came = || *self.shared.open.lock().unwrap();
        assert!(wait(|| came() >= calls), "only {} calls came", came());
        self.shared.gate.add_permits(calls);
    }

    /// The client has everything that a call which waits for it has sent.
    pub(crate) fn go_on(&self) {
        self.shared.gate.add_permits(1);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    stream.set_nodelay(true).unwrap();
    // With the default window, h2 takes the small frames of a thousand calls for an attack.
    let opened = h2::server::Builder::new()
        .initial_connection_window_size(1 << 24)
        .handshake(stream)
        .await;
    let Ok(mut connection) = opened else { return };
    let (goodbye, close) = (CancellationToken::new(), CancellationToken::new());
    let mut said = false;
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let ends = (goodbye.clone(), close.clone());
                    tokio::spawn(answer(request, respond, Arc::clone(&shared), ends));
                }
                Some(Err(_)) | None => return,
            },
            () = goodbye.cancelled(), if !said => {
                said = true;
                connection.graceful_shutdown();
            }
            // What was sent is on its way: the call said so only after it had been taken.
            () = close.cancelled() => return,
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    (goodbye, close): (CancellationToken, CancellationToken),
) {
    let (parts, mut body) = request.into_parts();
    let headers = parts.headers;
    let path = parts.uri.path().to_owned();
    let authority = parts.uri.authority().unwrap().to_string();
    if path.starts_with("/grpc.reflection.") {
        // The proxy asks for the schema before anybody calls; there is none, as on most servers.
        let head = Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "12");
        return drop(respond.send_response(head.body(()).unwrap(), true));
    }
    let note = |(body, trailers, end)| {
        shared.seen.lock().unwrap().push(Seen {
            path: path.clone(),
            authority: authority.clone(),
            headers: headers.clone(),
            body,
            trailers,
            end,
        });
    };
    let wanted = text(&headers, "x-end").to_owned();
    let asked = match wanted.as_str() {
        // These end before the client has said all.
        "stall" | "close" | "goaway" => read(&mut body, text(&headers, "x-wait").parse().unwrap()).await,
        _ => read(&mut body, usize::MAX).await,
    };
    if headers.contains_key("x-gate") {
        *shared.open.lock().unwrap() += 1;
        shared.pass().await;
    }
    if asked.2 != End::Closed {
        return note(asked);
    }
    let left = |reset: Result<h2::Reason, _>| reset.map_or(End::Lost, |reason| End::Reset(reason.into()));
    if wanted == "silent" {
        let end = left(poll_fn(|cx| respond.poll_reset(cx)).await);
        return note((asked.0, HeaderMap::new(), end));
    }
    let mut head = Response::builder()
        .header("content-type", "application/grpc")
        .header("x-first", "1")
        .header("grpc-encoding", "gzip")
        .header("x-head-bin", "AAEC/w==")
        .header("x-twice", "a")
        .header("x-twice", "b");
    let status = [
        ("grpc-status", "9"),
        ("grpc-message", "job %2712-7%27 is 50%25 gone"),
        ("grpc-status-details-bin", "CAkSBGdvbmU"),
        ("x-tail-bin", "/wA="),
    ];
    if wanted == "trailers-only" {
        for (name, value) in status {
            head = head.header(name, value);
        }
        respond.send_response(head.body(()).unwrap(), true).unwrap();
        return note(asked);
    }
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else {
        return note((asked.0, HeaderMap::new(), End::Lost));
    };
    let messages = split(&asked.0);
    let answers: usize = text(&headers, "x-answers").parse().unwrap();
    for (compressed, message) in messages.iter().cycle().take(answers) {
        let _ = send(&mut stream, framed(*compressed, message), false).await;
    }
    match wanted.as_str() {
        "ok" => {
            let trailers = [("grpc-status", "0"), ("x-tail-bin", "/wA=")];
            let _ = stream.send_trailers(map(&trailers));
        }
        "error" => drop(stream.send_trailers(map(&status))),
        "stall" => {
            let end = left(poll_fn(|cx| stream.poll_reset(cx)).await);
            return note((asked.0, HeaderMap::new(), end));
        }
        "close" | "goaway" => {
            if wanted == "goaway" {
                goodbye.cancel();
            }
            shared.pass().await;
            note(asked);
            close.cancel();
            // Dropped before its connection, the stream would be reset.
            return std::future::pending().await;
        }
        other => {
            let code: u32 = other.strip_prefix("reset-").unwrap().parse().unwrap();
            // A reset overtakes what is queued: the client says when it has everything.
            shared.pass().await;
            stream.send_reset(code.into());
        }
    }
    note(asked);
}

pub(crate) fn map(entries: &[(&str, &str)]) -> HeaderMap {
    let entries = entries.iter().map(|(name, value)| {
        let name: http::HeaderName = name.parse().unwrap();
        (name, value.parse().unwrap())
    });
    let mut map = HeaderMap::new();
    for (name, value) in entries {
        map.append(name, value);
    }
    map
}

/// One call to make.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The messages, framed.
    pub(crate) body: Vec<Bytes>,
    /// Leave after so many messages came, with this code.
    pub(crate) leave: Option<(usize, u32)>,
    /// Do not say that nothing more is sent.
    pub(crate) keep_open: bool,
}

fn request(ask: &Ask) -> Request<()> {
    let mut request = Request::post(format!("http://test.local{}", ask.path));
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    request.body(()).unwrap()
}

/// A client with one connection.
#[derive(Clone)]
pub(crate) struct Client {
    send: h2::client::SendRequest<Bytes>,
}

impl Client {
    pub(crate) async fn connect(addr: &str) -> Self {
        Self::greet(addr).await.unwrap()
    }

    /// As [`connect`](Self::connect), where the other side may close before it has heard the whole greeting.
    pub(crate) async fn greet(addr: &str) -> Result<Self, h2::Error> {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (send, connection) = h2::client::Builder::new()
            .initial_connection_window_size(1 << 24)
            .handshake(stream)
            .await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { send })
    }

    /// Opens a call and sends all its messages, but reads nothing beyond the answer's head.
    pub(crate) async fn open(&self, ask: &Ask) -> (http::Response<RecvStream>, SendStream<Bytes>) {
        let mut ready = self.send.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(request(ask), false).unwrap();
        for message in &ask.body {
            send(&mut stream, message.clone(), false).await.unwrap();
        }
        if !ask.keep_open {
            send(&mut stream, Bytes::new(), true).await.unwrap();
        }
        (response.await.unwrap(), stream)
    }

    /// Makes a call, does something once the answers are there, and tells what came back in the end.
    pub(crate) async fn call_then(&self, ask: &Ask, then: impl FnOnce()) -> Seen {
        let (response, _stream) = self.open(ask).await;
        let (parts, mut body) = response.into_parts();
        let answers = ask.headers.iter().find(|(name, _)| name == "x-answers").unwrap();
        let first = read(&mut body, answers.1.parse().unwrap()).await;
        then();
        let rest = read(&mut body, usize::MAX).await;
        Seen {
            path: ask.path.clone(),
            authority: String::new(),
            headers: parts.headers,
            body: [first.0, rest.0].concat().into(),
            trailers: rest.1,
            end: rest.2,
        }
    }

    /// Makes a call, and tells what came back. `arrived` is called when the awaited answers are there.
    pub(crate) async fn call(&self, ask: &Ask, arrived: impl FnOnce()) -> Seen {
        let mut seen = Seen {
            path: ask.path.clone(),
            authority: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            trailers: HeaderMap::new(),
            end: End::Lost,
        };
        let Ok(mut ready) = self.send.clone().ready().await else {
            return seen;
        };
        // A connection may be lost between the two as well.
        let Ok((response, mut stream)) = ready.send_request(request(ask), false) else {
            return seen;
        };
        let last = ask.body.len();
        for (at, message) in ask.body.iter().enumerate() {
            let end = !ask.keep_open && at + 1 == last;
            if send(&mut stream, message.clone(), end).await.is_err() {
                break;
            }
        }
        if last == 0 && !ask.keep_open {
            let _ = send(&mut stream, Bytes::new(), true).await;
        }
        let response = match response.await {
            Ok(response) => response,
            Err(error) => {
                seen.end = of_error(&error);
                return seen;
            }
        };
        let (parts, mut body) = response.into_parts();
        seen.headers = parts.headers;
        let answers = ask.headers.iter().find(|(name, _)| name == "x-answers");
        let answers = ask.leave.map_or_else(
            || answers.map_or(0, |(_, count)| count.parse().unwrap()),
            |(count, _)| count,
        );
        let first = read(&mut body, answers).await;
        let end = ask.headers.iter().find(|(name, _)| name == "x-end");
        if end.is_some_and(|(_, end)| end.starts_with("reset") || end == "close" || end == "goaway") {
            arrived();
        }
        if let Some((_, code)) = ask.leave {
            stream.send_reset(code.into());
            seen.body = first.0;
            seen.end = End::Closed;
            return seen;
        }
        let rest = if first.2 == End::Closed && first.1.is_empty() {
            read(&mut body, usize::MAX).await
        } else {
            (Bytes::new(), first.1, first.2)
        };
        seen.body = [first.0, rest.0].concat().into();
        (seen.trailers, seen.end) = (rest.1, rest.2);
        seen
    }
}
