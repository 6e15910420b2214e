//! Timing and speed of the replay server: `cargo bench --bench serve [CAPTURE]`, on an idle machine.
//!
//! There are three measurements with the built-in recording, or with CAPTURE (a `datastream` job):
//!
//! 1. *Fidelity*: a recording of a replay at rate 1 is compared with the original: the difference of the inter-arrival
//!    times.
//! 2. *Many clients*: 200 clients at once, each with a whole job at rate 1, from a separate server process: the delay
//!    at the server and at the clients, the lost messages, and the peak memory of the server.
//! 3. *Throughput*: `--rate max` with one client, relative to a bare tonic server that sends the same bytes from
//!    memory. Both run in turns in this process, and the result is the ratio of the medians.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops when something is not there"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use grpc_capture::{
    das::{Dialect, StreamRequest, datastream_request},
    file::{Header, Reader},
    grpc::Deframer,
    model::{Direction, EventKind},
    record::{self, RecordingOptions},
    serve::{CaptureSource, OPTODAS_QUAKE, Rate, ReplayServer},
    tap::{Job, JobOptions, Scheme, StreamSpec, Target, record_job},
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tonic::{
    Request, Response, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// Clients at once, as the requirement has it.
const CLIENTS: usize = 200;
/// Timed runs of each server.
const RUNS: usize = 7;
/// Each run moves at least so many bytes: under a second of work would measure the start.
const RUN_BYTES: u64 = 1 << 30;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let capture = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let capture = if let Some(capture) = capture {
        capture
    } else {
        let path = folder.path().join("optodas-quake.gcap");
        std::fs::write(&path, OPTODAS_QUAKE)?;
        path
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let recording = Recording::read(&capture)?;
    println!(
        "{}: {} messages, {} bytes, {:.3} s",
        capture.display(),
        recording.messages.len(),
        recording.bytes(),
        recording.length().as_secs_f64()
    );
    runtime.block_on(fidelity(&capture, &recording, folder.path()))?;
    runtime.block_on(many_clients(&capture, &recording))?;
    runtime.block_on(throughput(&capture, &recording))?;
    Ok(())
}

/// What a capture's first call received.
struct Recording {
    job_id: String,
    start_ns: u64,
    messages: Vec<(u64, Bytes)>,
    end_ns: u64,
}

impl Recording {
    fn read(path: &Path) -> Result<Self, Failed> {
        let mut reader = Reader::open(path)?;
        let job_id = reader.header().text("job-id").unwrap_or_default().to_owned();
        let mut recording = Self {
            job_id,
            start_ns: 0,
            messages: Vec::new(),
            end_ns: 0,
        };
        while let Some(event) = reader.next_event()? {
            match event.kind {
                EventKind::CallStart(_) if event.call == 1 => recording.start_ns = event.offset_ns,
                EventKind::Message(message) if event.call == 1 => match message.direction {
                    Direction::Received => recording.messages.push((event.offset_ns, message.data)),
                    Direction::Sent => {
                        let request = StreamRequest::decode(message.data)?;
                        request.job_id.clone_into(&mut recording.job_id);
                    }
                },
                _ => {}
            }
            recording.end_ns = event.offset_ns;
        }
        Ok(recording)
    }

    fn bytes(&self) -> u64 {
        self.messages.iter().map(|(_, data)| data.len() as u64).sum()
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(self.end_ns - self.start_ns)
    }

    fn gaps(&self) -> Vec<i64> {
        self.messages
            .windows(2)
            .map(|pair| pair[1].0 as i64 - pair[0].0 as i64)
            .collect()
    }
}

/// Records a serve of the capture at rate 1.
async fn fidelity(capture: &Path, original: &Recording, folder: &Path) -> Result<(), Failed> {
    let server = ReplayServer::builder().capture(capture).start().await?;
    let path = folder.join("again.gcap");
    let recording = record::Recording::start(&path, &Header::default(), RecordingOptions::default())?;
    let address = server.grpc_addr();
    let mut target = Target::new(address.ip().to_string(), address.port());
    target.scheme = Some(Scheme::Http);
    let job = Job {
        target,
        streams: vec![StreamSpec {
            method: Dialect::DataStream.method().to_owned(),
            request: datastream_request(&original.job_id, 0).into(),
            server_limited: false,
        }],
    };
    record_job(&job, &JobOptions::default(), &recording.handle()).await?;
    recording.finish().await?;
    let again = Recording::read(&path)?;
    let same = again
        .messages
        .iter()
        .map(|(_, data)| data)
        .eq(original.messages.iter().map(|(_, data)| data));
    let mut differences: Vec<u64> = again
        .gaps()
        .iter()
        .zip(original.gaps())
        .map(|(again, original)| again.abs_diff(original))
        .collect();
    let late = server.fidelity();
    println!(
        "fidelity    inter-arrival times differ by p50 {} p99 {} max {} (wanted: p99 < 2 ms); server late p99 {}; same \
         bytes: {same}",
        ms(percentile(&mut differences, 0.5)),
        ms(percentile(&mut differences, 0.99)),
        ms(percentile(&mut differences, 1.0)),
        ms(late.late_p99_ns),
    );
    Ok(())
}

/// A server process; dropped, it is killed.
struct Server {
    child: Child,
    grpc: SocketAddr,
    rest: String,
}

impl Server {
    fn start(args: &[&str]) -> Result<Self, Failed> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_capture"))
            .arg("serve")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it was piped")).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            child,
            grpc: text("grpc").parse()?,
            rest: text("rest").trim_start_matches("http://").to_owned(),
        })
    }

    fn status(&self) -> Result<serde_json::Value, Failed> {
        let mut stream = std::net::TcpStream::connect(&self.rest)?;
        write!(
            stream,
            "GET /replay/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok(serde_json::from_str(body)?)
    }

    /// Peak memory, where the system tells.
    fn peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn many_clients(capture: &Path, recording: &Recording) -> Result<(), Failed> {
    let path = capture.to_str().ok_or("the capture's name is no text")?;
    let server = Server::start(&[path, "--quiet"])?;
    let offsets: Arc<Vec<Duration>> = Arc::new(
        recording
            .messages
            .iter()
            .map(|(offset_ns, _)| Duration::from_nanos(offset_ns - recording.start_ns))
            .collect(),
    );
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            tokio::spawn(timed_client(
                server.grpc,
                recording.job_id.clone(),
                Arc::clone(&offsets),
            ))
        })
        .collect();
    let (mut late, mut messages, mut bytes) = (Vec::new(), 0, 0);
    for client in clients {
        let seen = client.await??;
        messages += seen.late_ns.len();
        bytes += seen.bytes;
        late.extend(seen.late_ns);
    }
    let status = server.status()?;
    let expected = recording.messages.len() * CLIENTS;
    println!(
        "clients     {CLIENTS} at once: {messages} of {expected} messages, {bytes} of {} bytes; late at the clients p50 {} \
         p99 {} max {} (wanted: p99 <= 50 ms), at the server p99 {}; server peak {} MB",
        recording.bytes() * CLIENTS as u64,
        ms(percentile(&mut late, 0.5)),
        ms(percentile(&mut late, 0.99)),
        ms(percentile(&mut late, 1.0)),
        ms(status["fidelity"]["late_p99_ns"].as_u64().unwrap_or(u64::MAX)),
        server.peak_kb().unwrap_or_default() / 1000,
    );
    Ok(())
}

/// What one client saw.
struct Seen {
    late_ns: Vec<u64>,
    bytes: u64,
}

/// Streams the job; each message's lateness counts from the call.
async fn timed_client(addr: SocketAddr, job_id: String, offsets: Arc<Vec<Duration>>) -> Result<Seen, Failed> {
    let (began, mut body) = call(addr, &job_id).await?;
    let mut deframer = Deframer::default();
    let mut seen = Seen {
        late_ns: Vec::new(),
        bytes: 0,
    };
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        deframer.push(data);
        while let Some(message) = deframer.next_frame()? {
            let due = offsets.get(seen.late_ns.len()).copied().unwrap_or_default();
            let late = began.elapsed().saturating_sub(due);
            seen.late_ns.push(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
            seen.bytes += message.data.len() as u64;
        }
    }
    Ok(seen)
}

async fn call(addr: SocketAddr, job_id: &str) -> Result<(Instant, hyper::body::Incoming), Failed> {
    let stream = tokio::net::TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = grpc_capture::grpc::encode_message(false, &datastream_request(job_id, 0));
    let request = http::Request::post(format!("http://{addr}{}", Dialect::DataStream.method()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(request)))?;
    let began = Instant::now();
    Ok((began, sender.send_request(request).await?.into_body()))
}

/// Flow-control window of the clients, bytes: what a front end that wants its frames would choose.
const WINDOW: u32 = 4 << 20;

async fn throughput(capture: &Path, recording: &Recording) -> Result<(), Failed> {
    let passes = (RUN_BYTES / recording.bytes().max(1)).max(1);
    let builder = ReplayServer::builder()
        .source(CaptureSource::file(capture))
        .rate(Rate::Max)
        .loops(passes);
    let server = builder.start().await?;
    let messages: Arc<[Bytes]> = recording.messages.iter().map(|(_, data)| data.clone()).collect();
    let bare = bare_server(messages, passes).await?;
    let expected = recording.bytes() * passes;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(speed(server.grpc_addr(), recording, expected).await?);
        theirs.push(speed(bare, recording, expected).await?);
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!(
        "throughput  capture serve {ours:.0} MB/s, bare tonic from memory {theirs:.0} MB/s: {:.2} (wanted: 0.5); medians \
         of {RUNS}, {passes} passes of the capture in a call",
        ours / theirs
    );
    Ok(())
}

/// MB/s of one call.
async fn speed(addr: SocketAddr, recording: &Recording, expected: u64) -> Result<f64, Failed> {
    let (began, mut body) = call(addr, &recording.job_id).await?;
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes += data.len() as u64;
        }
    }
    if bytes < expected {
        return Err(format!("{bytes} of {expected} bytes came").into());
    }
    Ok(bytes as f64 / 1e6 / began.elapsed().as_secs_f64())
}

#[allow(
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated: its style is not ours"
)]
mod service {
    use super::RawCodec;
    include!("../tests/it/support/raw_job/service.rs");
}

use service::data_stream_service_server::{DataStreamService, DataStreamServiceServer};

/// A plain tonic server on a free port; it lives as long as the runtime.
async fn bare_server(messages: Arc<[Bytes]>, passes: u64) -> Result<SocketAddr, Failed> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let service = DataStreamServiceServer::new(Bare { messages, passes });
    let service = hyper_util::service::TowerToHyperService::new(service);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, nodelay) = (service.clone(), stream.set_nodelay(true));
            tokio::spawn(async move {
                nodelay.expect("a new connection takes options");
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    Ok(addr)
}

#[derive(Clone)]
struct Bare {
    messages: Arc<[Bytes]>,
    passes: u64,
}

#[tonic::async_trait]
impl DataStreamService for Bare {
    type StreamSpectrogramsStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<Bytes, Status>> + Send>>;

    async fn stream_spectrograms(&self, _: Request<Bytes>) -> Result<Response<Self::StreamSpectrogramsStream>, Status> {
        let (messages, count) = (Arc::clone(&self.messages), self.messages.len());
        let all = (0..self.passes).flat_map(move |_| 0..count);
        let messages = tokio_stream::iter(all.map(move |at| Ok(messages[at].clone())));
        Ok(Response::new(Box::pin(messages)))
    }

    async fn check_health(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(Bytes::new()))
    }
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default)]
struct RawCodec;

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

fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let at = (share * values.len() as f64).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn ms(nanoseconds: u64) -> String {
    format!("{:.3} ms", nanoseconds as f64 / 1e6)
}
