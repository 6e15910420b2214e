//! Helpers of the replay tests: recordings made by hand, and a client that sees everything on the wire.

use std::{error::Error as _, net::SocketAddr};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;

use super::{Builder, CaptureSource, Rate, ReplayServer};
use crate::{
    das::{
        dialect::{datastream::METHOD as STREAM_SPECTROGRAMS, pandadatastream::METHOD as STREAM_DATA},
        proto::{datastream, pandadatastream},
    },
    file::Header,
    grpc::encode_message,
    model::event::{CallStart, Direction, Ending, Event, EventKind, Headers, Message, Metadata, Status},
    tap::tls::TlsOptions,
};

/// Makes the events of one call, a millisecond apart.
pub(crate) struct Recording {
    call: u32,
    pub(crate) events: Vec<Event>,
}

impl Recording {
    pub(crate) fn of(call: u32, method: &str) -> Self {
        let mut recording = Self {
            call,
            events: Vec::new(),
        };
        recording.push(EventKind::CallStart(CallStart {
            method: method.to_owned(),
            ..CallStart::default()
        }));
        recording
    }

    /// A `datastream` stream of `job_id`, up to its initial metadata.
    pub(crate) fn job(call: u32, job_id: &str) -> Self {
        Self::of(call, STREAM_SPECTROGRAMS)
            .sent(stream_request(job_id, 0))
            .headers(&[("content-type", "application/grpc"), ("x-pod", "a"), ("x-pod", "b")])
    }

    /// A `pandadatastream` stream, up to its initial metadata.
    pub(crate) fn stream(call: u32, stream_id: i32) -> Self {
        Self::of(call, STREAM_DATA)
            .sent(pandadatastream::StreamDataRequest { stream_id }.encode_to_vec())
            .headers(&[("content-type", "application/grpc")])
    }

    pub(crate) fn sent(mut self, data: impl Into<Bytes>) -> Self {
        self.push(EventKind::Message(Message::plain(Direction::Sent, data)));
        self
    }

    pub(crate) fn headers(mut self, entries: &[(&str, &str)]) -> Self {
        self.push(EventKind::Headers(Headers {
            metadata: metadata(entries),
        }));
        self
    }

    pub(crate) fn received(self, data: impl Into<Bytes>) -> Self {
        self.message(Message::plain(Direction::Received, data))
    }

    pub(crate) fn message(mut self, message: Message) -> Self {
        self.push(EventKind::Message(message));
        self
    }

    pub(crate) fn end(mut self, ending: Ending) -> Self {
        self.push(EventKind::End(ending));
        self
    }

    pub(crate) fn ok(self) -> Self {
        self.end(status(0, "", &[("grpc-status", "0")]))
    }

    pub(crate) fn push(&mut self, kind: EventKind) {
        let seq = self.events.len() as u64 + 1;
        self.events.push(Event {
            call: self.call,
            seq,
            offset_ns: seq * 1_000_000,
            kind,
        });
    }

    pub(crate) fn source(self) -> CaptureSource {
        CaptureSource::memory("folder/made.gcap", Header::default(), self.events)
    }
}

pub(crate) fn metadata(entries: &[(&str, &str)]) -> Metadata {
    Metadata(
        entries
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    )
}

pub(crate) fn status(code: u32, message: &str, trailers: &[(&str, &str)]) -> Ending {
    Ending::Status(Status {
        code,
        message: message.to_owned(),
        trailers: metadata(trailers),
        trailers_only: false,
    })
}

pub(crate) fn stream_request(job_id: &str, max_frames: i32) -> Vec<u8> {
    datastream::StreamRequest {
        job_id: job_id.to_owned(),
        max_frames,
    }
    .encode_to_vec()
}

/// A frame of two sensors with three bins.
pub(crate) fn frame(row: i64) -> datastream::DataStream {
    let sensor = |id| datastream::SensorIntensity {
        id,
        intensity: vec![-1.5, f32::NEG_INFINITY, row as f32],
    };
    datastream::DataStream {
        rows: vec![datastream::SpectrogramRow {
            canvas_id: "canvas".to_owned(),
            sensors: vec![sensor(7), sensor(9)],
            start_timestamp: row * 250,
            end_timestamp: row * 250 + 250,
        }],
        current_max_amp: row as f64,
        current_min_amp: f64::NEG_INFINITY,
    }
}

/// A server of `sources` at the highest speed.
pub(crate) async fn serving(sources: impl IntoIterator<Item = CaptureSource>) -> ReplayServer {
    let builder = ReplayServer::builder().rate(Rate::Max);
    sources
        .into_iter()
        .fold(builder, Builder::source)
        .start()
        .await
        .unwrap()
}

/// The client's view of a call.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Prefixed messages, in one piece.
    pub(crate) bytes: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    /// The reason of a reset or a GOAWAY.
    pub(crate) reason: Option<h2::Reason>,
    pub(crate) broken: bool,
}

impl Seen {
    pub(crate) fn grpc_status(&self) -> &str {
        let fields = self.trailers.as_ref().unwrap_or(&self.headers);
        fields
            .get("grpc-status")
            .map_or("none", |value| value.to_str().unwrap())
    }

    pub(crate) fn grpc_message(&self) -> &str {
        let fields = self.trailers.as_ref().unwrap_or(&self.headers);
        fields.get("grpc-message").map_or("", |value| value.to_str().unwrap())
    }

    fn failed(mut self, error: &hyper::Error) -> Self {
        self.broken = true;
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                self.reason = error.reason();
            }
            cause = error.source();
        }
        self
    }
}

/// One HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Over TLS; `None` when the handshake fails.
    pub(crate) async fn connect_tls(addr: SocketAddr, options: &TlsOptions) -> Option<Self> {
        let config = options.client_config(&[b"h2"]).unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let name = addr.ip().into();
        let stream = connector.connect(name, stream).await.ok()?;
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .ok()?;
        tokio::spawn(connection);
        Some(Self(sender))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    pub(crate) async fn call(&self, path: &str, message: &[u8]) -> Seen {
        self.call_with(path, message, &[]).await
    }

    pub(crate) async fn call_with(&self, path: &str, message: &[u8], metadata: &[(&str, &str)]) -> Seen {
        self.call_bytes(path, prefixed(&[message]), metadata).await
    }

    /// Sends a body of its own, whose content type says what it is.
    pub(crate) async fn post_as(&self, content_type: &str, path: &str, message: &[u8]) -> Seen {
        let request = Request::post(format!("http://replay{path}")).header("content-type", content_type);
        let request = request.body(Full::new(prefixed(&[message]))).unwrap();
        Self::read(self.0.clone().send_request(request).await).await
    }

    /// Sends a body as it is on the wire.
    pub(crate) async fn call_bytes(&self, path: &str, body: Bytes, metadata: &[(&str, &str)]) -> Seen {
        Self::read(self.begin_with(path, body, metadata).await).await
    }

    async fn read(response: Result<http::Response<hyper::body::Incoming>, hyper::Error>) -> Seen {
        let mut seen = Seen::default();
        let response = match response {
            Ok(response) => response,
            Err(error) => return seen.failed(&error),
        };
        let (parts, mut body) = response.into_parts();
        (seen.status, seen.headers) = (parts.status, parts.headers);
        let mut bytes = BytesMut::new();
        while let Some(next) = body.frame().await {
            match next {
                Ok(frame) if frame.is_data() => bytes.extend_from_slice(&frame.into_data().unwrap()),
                Ok(frame) => seen.trailers = frame.into_trailers().ok(),
                Err(error) => {
                    seen.bytes = bytes.freeze();
                    return seen.failed(&error);
                }
            }
        }
        seen.bytes = bytes.freeze();
        seen
    }

    /// Sends the request; the caller reads the body, or does not.
    pub(crate) async fn begin(
        &self,
        path: &str,
        message: &[u8],
    ) -> Result<http::Response<hyper::body::Incoming>, hyper::Error> {
        self.begin_with(path, prefixed(&[message]), &[]).await
    }

    async fn begin_with(
        &self,
        path: &str,
        body: Bytes,
        metadata: &[(&str, &str)],
    ) -> Result<http::Response<hyper::body::Incoming>, hyper::Error> {
        let request = Request::post(format!("http://replay{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let request = metadata
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Full::new(body)).unwrap();
        self.0.clone().send_request(request).await
    }
}

/// Messages as they stand on the wire, none compressed.
pub(crate) fn prefixed(messages: &[&[u8]]) -> Bytes {
    let mut bytes = BytesMut::new();
    for message in messages {
        bytes.extend_from_slice(&encode_message(false, message));
    }
    bytes.freeze()
}
