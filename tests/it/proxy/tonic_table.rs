//! The table of exchanges with tonic as the client. Each exchange is made directly and through the proxy. The client
//! must get the same result, the server must see the same request, and the capture must hold the call.
//!
//! Every row of [`ROWS`] is tested with each of the four [`KINDS`]. There are three special rules. A status that comes
//! alone (trailers-only) has no answers before it, for every kind. A message of 20 MB is sent and answered once in a
//! call. A call that is reset has received all its answers before, because a reset overtakes queued messages; the codec
//! of the client says when. Deadlines and a thousand calls at once have their own tests, with every kind as well. All
//! metadata is compared, because this server sends none that changes.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use flate2::read::GzDecoder;
use grpc_capture::model::{Deadline, Direction, Ending, Event, EventKind, Limit, Party};
use http::{HeaderMap, uri::PathAndQuery};
use tokio::sync::Semaphore;
use tonic::{
    Code, Request, Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder},
    metadata::{AsciiMetadataValue, MetadataValue},
    transport::{Channel, Endpoint},
};

use super::{
    conformance::{KINDS, assert_same, calls, messages, runtime},
    wire::{End, Seen, Server, split},
};
use crate::support::{Dir, events, proxying::Proxying, raw_job::RawCodec};

/// A kind of method: its name, and how many messages the client and the server send.
type Kind = (&'static str, usize, usize);

/// What the messages of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Small,
    Empty,
    Large,
    Gzip,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// The server ends it with a status: OK, or `FAILED_PRECONDITION` with details and binary trailers.
    Ends,
    /// The server resets it once the client has all answers.
    Reset,
    /// The client gives it up once it has all answers.
    GivenUp,
}

/// A row of the table: its name, what the server is told (`x-end`), the messages, and what becomes of it.
type Row = (&'static str, &'static str, Content, Course);

const ROWS: [Row; 11] = [
    ("OK", "ok", Content::Small, Course::Ends),
    ("error", "error", Content::Small, Course::Ends),
    ("trailers-only", "trailers-only", Content::Small, Course::Ends),
    ("empty messages", "ok", Content::Empty, Course::Ends),
    ("error after empty messages", "error", Content::Empty, Course::Ends),
    ("20 MB", "ok", Content::Large, Course::Ends),
    ("gzip both ways", "ok", Content::Gzip, Course::Ends),
    ("cancelled by the client", "stall", Content::Small, Course::GivenUp),
    ("cancelled by the server", "reset-8", Content::Small, Course::Reset),
    ("reset, internal error", "reset-2", Content::Small, Course::Reset),
    ("reset, enough", "reset-11", Content::Small, Course::Reset),
];

const LARGE_BYTES: usize = 20_000_000;

/// How long the calls with a deadline may take.
const DEADLINE: Duration = Duration::from_secs(1);
/// By how much the proxy takes a reset before the deadline for the deadline.
const EARLY: Duration = Duration::from_millis(100);

/// One call to make.
#[derive(Clone)]
struct Exchange {
    what: String,
    kind: Kind,
    end: &'static str,
    course: Course,
    gzip: bool,
    requests: Vec<Bytes>,
    answers: usize,
    timeout: Option<Duration>,
    gated: bool,
}

impl Exchange {
    fn new(kind: Kind, (what, end, content, course): Row) -> Self {
        let message = |at: usize| match content {
            Content::Small => format!("message {at}").into(),
            Content::Empty => Bytes::new(),
            // A prime number of bytes again and again: no frame of HTTP/2 is like the one before.
            Content::Large if at == 0 => (0..=250).collect::<Vec<u8>>().repeat(LARGE_BYTES / 251).into(),
            Content::Large => Bytes::from_static(b"small"),
            Content::Gzip => "a text that becomes shorter ".repeat(100 + at).into(),
        };
        let (name, requests, answers) = kind;
        Self {
            what: format!("{what}, {name}"),
            kind,
            end,
            course,
            gzip: content == Content::Gzip,
            requests: (0..requests).map(message).collect(),
            answers: match content {
                Content::Large => 1,
                _ => answers,
            },
            timeout: None,
            gated: false,
        }
    }

    /// Answers that come before the end.
    fn answered(&self) -> usize {
        match self.end {
            "trailers-only" | "silent" => 0,
            _ => self.answers,
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        let number = |count: usize| AsciiMetadataValue::try_from(count.to_string()).unwrap();
        metadata.insert("x-end", AsciiMetadataValue::from_static(self.end));
        metadata.insert("x-answers", number(self.answers));
        metadata.insert("x-wait", number(self.requests.len()));
        metadata.insert_bin("x-trace-bin", MetadataValue::from_bytes(&[0, 1, 2, 255]));
        metadata.append("x-twice", AsciiMetadataValue::from_static("1"));
        metadata.append("x-twice", AsciiMetadataValue::from_static("2"));
        metadata.insert("x-empty", AsciiMetadataValue::from_static(""));
        if self.gated {
            metadata.insert("x-gate", AsciiMetadataValue::from_static("1"));
        }
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        request
    }
}

/// What the client was told.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    metadata: HeaderMap,
    messages: Vec<Bytes>,
    trailers: HeaderMap,
    status: Option<Failed>,
}

/// A status that is not OK, with all that caused it.
#[derive(Debug, Clone, PartialEq)]
struct Failed {
    code: Code,
    message: String,
    details: Bytes,
    metadata: HeaderMap,
    causes: Vec<String>,
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let mut causes = Vec::new();
        let mut cause = status.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            details: Bytes::copy_from_slice(status.details()),
            causes,
            metadata: status.metadata().clone().into_headers(),
        }
    }
}

/// Bytes as they are; tells of each message that came.
#[derive(Debug, Clone)]
struct Telling(Arc<Semaphore>);

impl Codec for Telling {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = RawCodec;
    type Decoder = Self;

    fn encoder(&mut self) -> RawCodec {
        RawCodec
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Decoder for Telling {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let message = RawCodec.decode(from)?;
        self.0.add_permits(1);
        Ok(message)
    }
}

async fn connect(addr: &str) -> Channel {
    Endpoint::from_shared(format!("http://{addr}"))
        .unwrap()
        .origin("http://test.local".parse().unwrap())
        .initial_connection_window_size(1 << 24)
        .connect()
        .await
        .unwrap()
}

/// Makes a call. `arrived` is called when all answers of a call that is to be reset are there.
async fn call(channel: &Channel, exchange: &Exchange, arrived: impl FnOnce()) -> Told {
    let came = Arc::new(Semaphore::new(0));
    let mut told = Told::default();
    {
        let mut all = std::pin::pin!(talk(channel, exchange, Telling(Arc::clone(&came)), &mut told));
        let answers = u32::try_from(exchange.answered()).unwrap();
        if exchange.course != Course::Ends {
            tokio::select! {
                // What came is told before the call is given up.
                biased;
                () = &mut all => panic!("{}: it ended by itself", exchange.what),
                permits = came.acquire_many(answers) => permits.unwrap().forget(),
            }
        }
        match exchange.course {
            Course::GivenUp => {}
            Course::Reset => {
                arrived();
                all.await;
            }
            Course::Ends => all.await,
        }
    }
    told
}

/// The call as an application makes it.
async fn talk(channel: &Channel, exchange: &Exchange, codec: Telling, told: &mut Told) {
    let mut grpc = Grpc::new(channel.clone())
        .max_decoding_message_size(usize::MAX)
        .accept_compressed(CompressionEncoding::Gzip);
    if exchange.gzip {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/test.Exchange/{}", exchange.kind.0)).unwrap();
    let one = || exchange.request(exchange.requests[0].clone());
    let many = || exchange.request(tokio_stream::iter(exchange.requests.clone()));
    let ended = match exchange.kind.0 {
        "Unary" => grpc.unary(one(), path, codec).await.map(|answer| take(answer, told)),
        "ClientStreaming" => {
            let answer = grpc.client_streaming(many(), path, codec).await;
            answer.map(|answer| take(answer, told))
        }
        "ServerStreaming" => follow(grpc.server_streaming(one(), path, codec).await, told).await,
        _ => follow(grpc.streaming(many(), path, codec).await, told).await,
    };
    told.status = ended.err().map(Failed::from);
}

fn take(answer: Response<Bytes>, told: &mut Told) {
    let (metadata, message, _) = answer.into_parts();
    told.metadata = metadata.into_headers();
    told.messages.push(message);
}

async fn follow(answer: Result<Response<Streaming<Bytes>>, Status>, told: &mut Told) -> Result<(), Status> {
    let (metadata, mut messages, _) = answer?.into_parts();
    told.metadata = metadata.into_headers();
    while let Some(message) = messages.message().await? {
        told.messages.push(message);
    }
    told.trailers = messages.trailers().await?.unwrap_or_default().into_headers();
    Ok(())
}

/// Makes every call in turn; what the client was told of each, and what the server saw.
fn make(addr: &str, server: &Server, table: &[Exchange]) -> Vec<(Told, Seen)> {
    runtime().block_on(async {
        let channel = connect(addr).await;
        let mut made = Vec::new();
        for exchange in table {
            let told = call(&channel, exchange, || server.go_on()).await;
            let seen = tokio::task::block_in_place(|| server.seen(1)).remove(0);
            made.push((told, seen));
        }
        made
    })
}

#[test]
fn tonic_is_told_the_same_with_the_proxy_and_without_and_the_capture_holds_it() {
    let (dir, server) = (Dir::new(), Server::start());
    let table: Vec<_> = ROWS
        .into_iter()
        .flat_map(|row| KINDS.map(|kind| Exchange::new(kind, row)))
        .collect();
    let out = dir.file("tonic.gcap");
    let direct = make(&server.addr.to_string(), &server, &table);
    let target = server.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out, "--keep-metadata"]);
    let through = make(proxy.addr(), &server, &table);
    proxy.stop().expect(0);
    let recorded = calls(&events(&out));
    assert_eq!(recorded.len(), table.len());
    for (((exchange, direct), through), events) in table.iter().zip(&direct).zip(&through).zip(&recorded) {
        assert_told(exchange, &direct.0);
        assert_told_the_same(&exchange.what, &direct.0, &through.0);
        assert_same(&exchange.what, &direct.1, &through.1);
        assert_recorded(exchange, through, events);
    }
}

/// The exchange is what its row says: the table would be worth nothing if all its calls failed alike.
#[track_caller]
fn assert_told(exchange: &Exchange, told: &Told) {
    let Exchange { what, kind, .. } = exchange;
    let code = told.status.as_ref().map(|status| status.code);
    let streams = kind.2 > 1;
    let wanted = match exchange.end {
        "ok" | "stall" => None,
        "error" | "trailers-only" => Some(Code::FailedPrecondition),
        // What tonic calls a deadline of its own that has passed.
        "silent" | "reset-8" => Some(Code::Cancelled),
        "reset-2" => Some(Code::Internal),
        _ => Some(Code::ResourceExhausted),
    };
    assert_eq!(code, wanted, "{what}: {:?}", told.status);
    if let Some(status) = told
        .status
        .as_ref()
        .filter(|_| wanted == Some(Code::FailedPrecondition))
    {
        assert_eq!(status.message, "job '12-7' is 50% gone", "{what}");
        assert_eq!(status.details, &b"\x08\x09\x12\x04gone"[..], "{what}");
        assert!(status.metadata.contains_key("x-tail-bin"), "{what}");
    }
    // An answer that is the only one is handed out with the status, or not at all.
    let handed_out = if streams || exchange.end == "ok" {
        exchange.answered()
    } else {
        0
    };
    assert_eq!(told.messages.len(), handed_out, "{what}");
    for (at, message) in told.messages.iter().enumerate() {
        let wanted = &exchange.requests[at % exchange.requests.len()];
        assert!(message == wanted, "{what}: message {at} of {} bytes", message.len());
    }
    if handed_out > 0 {
        assert_eq!(told.metadata.get_all("x-twice").iter().count(), 2, "{what}");
        assert!(told.metadata.contains_key("x-head-bin"), "{what}");
    }
}

/// As `assert_eq!`, without printing 20 MB.
#[track_caller]
fn assert_told_the_same(what: &str, direct: &Told, through: &Told) {
    assert_eq!(direct.metadata, through.metadata, "{what}");
    assert_eq!(direct.trailers, through.trailers, "{what}");
    assert_eq!(direct.status, through.status, "{what}");
    assert!(direct.messages == through.messages, "{what}: the messages differ");
}

#[track_caller]
fn assert_recorded(exchange: &Exchange, (told, seen): &(Told, Seen), events: &[EventKind]) {
    let what = &exchange.what;
    let [EventKind::CallStart(start), .., EventKind::End(ending)] = events else {
        panic!("{what}: {events:?}")
    };
    assert_eq!(start.method, format!("/test.Exchange/{}", exchange.kind.0));
    assert_eq!(start.metadata, grpc_capture::grpc::metadata(&seen.headers), "{what}");
    let asked = split(&seen.body);
    assert_eq!(asked.len(), exchange.requests.len(), "{what}");
    for ((compressed, bytes), wanted) in asked.iter().zip(&exchange.requests) {
        assert_eq!(*compressed, exchange.gzip, "{what}");
        assert!(plain(*compressed, bytes) == *wanted, "{what}: a message of the client");
    }
    assert!(messages(events, Direction::Sent) == asked, "{what}: messages sent");
    let answers: Vec<_> = asked.iter().cycle().take(exchange.answered()).cloned().collect();
    assert!(
        messages(events, Direction::Received) == answers,
        "{what}: messages received"
    );
    match (ending, exchange.end) {
        (Ending::Status(status), "ok") => {
            assert_eq!(status.code, 0, "{what}");
            assert!(status.trailers.get("x-tail-bin").is_some(), "{what}");
        }
        (Ending::Status(status), "error" | "trailers-only") => {
            let failed = told.status.as_ref().unwrap();
            assert_eq!(
                (status.code as i32, &status.message),
                (failed.code as i32, &failed.message),
                "{what}"
            );
            assert_eq!(status.trailers_only, exchange.end == "trailers-only", "{what}");
            assert!(status.trailers.get("grpc-status-details-bin").is_some(), "{what}");
        }
        (Ending::Cancelled(cancelled), "stall") => assert_eq!(cancelled.by, Party::Client, "{what}"),
        (Ending::Cancelled(cancelled), "reset-8") => assert_eq!(cancelled.by, Party::Server, "{what}"),
        (Ending::Broken(_), "reset-2" | "reset-11") => {}
        _ => panic!("{what}: {ending:?}"),
    }
}

#[test]
fn a_deadline_is_the_same_with_the_proxy_and_without_and_recorded_as_one() {
    let (dir, direct, behind) = (Dir::new(), Server::start(), Server::start());
    let out = dir.file("deadlines.gcap");
    let target = behind.addr.to_string();
    let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
    let table = KINDS.map(|kind| {
        let mut exchange = Exchange::new(kind, ("deadline", "silent", Content::Small, Course::Ends));
        exchange.timeout = Some(DEADLINE);
        exchange
    });
    let addr = direct.addr.to_string();
    let runtime = runtime();
    // They live until the servers have seen all: a connection that closes overtakes the reset.
    let mut channels = Vec::new();
    let told = runtime.block_on(async {
        let mut running = Vec::new();
        for addr in [addr.as_str(), proxy.addr()] {
            let channel = connect(addr).await;
            channels.push(channel.clone());
            running.push(table.clone().map(|exchange| {
                let channel = channel.clone();
                tokio::spawn(async move { call(&channel, &exchange, || ()).await })
            }));
        }
        let mut told = Vec::new();
        for call in running.into_iter().flatten() {
            told.push(call.await.unwrap());
        }
        told
    });
    let [direct, through] = [direct, behind].map(|server| {
        let mut seen = server.seen(KINDS.len());
        seen.sort_by(|one, other| one.path.cmp(&other.path));
        seen
    });
    for (direct, through) in direct.iter().zip(&through) {
        assert_same(&direct.path, direct, through);
        assert_eq!(through.end, End::Reset(h2::Reason::CANCEL.into()));
    }
    drop(channels);
    for (exchange, (direct, through)) in table.iter().zip(told.iter().zip(&told[KINDS.len()..])) {
        assert_told(exchange, direct);
        assert_told_the_same(&exchange.what, direct, through);
    }
    proxy.stop().expect(0);
    let events = events(&out);
    assert_eq!(calls(&events).len(), KINDS.len());
    for call in 1..=KINDS.len() as u32 {
        let events: Vec<_> = events.iter().filter(|event| event.call == call).collect();
        assert_deadline(&events);
    }
}

#[track_caller]
fn assert_deadline(events: &[&Event]) {
    let [first, .., last] = events else {
        panic!("{events:?}")
    };
    let age = Duration::from_nanos(last.offset_ns - first.offset_ns);
    let EventKind::End(ending) = &last.kind else {
        panic!("{events:?}")
    };
    let wanted = Ending::Deadline(Deadline {
        limit: Limit::Call,
        after_ns: DEADLINE.as_nanos() as u64,
    });
    // On a machine so busy that the call reached the proxy late, its client left before the proxy's own clock said so.
    let late = age + EARLY < DEADLINE;
    let left = matches!(ending, Ending::Cancelled(cancelled) if cancelled.by == Party::Client);
    assert!(*ending == wanted || late && left, "after {age:?}: {ending:?}");
}

#[test]
fn a_thousand_calls_at_once_of_each_kind_are_told_their_own() {
    const CALLS: usize = 1000;
    for kind in [KINDS[0], KINDS[3]] {
        let (dir, server) = (Dir::new(), Server::start());
        let out = dir.file("thousand.gcap");
        let target = server.addr.to_string();
        let proxy = Proxying::start(&["-t", &target, "--plaintext", "-o", &out]);
        let table: Vec<_> = (0..CALLS)
            .map(|at| {
                let mut exchange = Exchange::new(kind, ("at once", "ok", Content::Small, Course::Ends));
                exchange.requests = (0..kind.1).map(|part| format!("{at}.{part}").into()).collect();
                exchange.gated = true;
                exchange
            })
            .collect();
        runtime().block_on(async {
            let channel = connect(proxy.addr()).await;
            let calls: Vec<_> = table
                .iter()
                .map(|exchange| {
                    let (channel, exchange) = (channel.clone(), exchange.clone());
                    tokio::spawn(async move { call(&channel, &exchange, || ()).await })
                })
                .collect();
            tokio::task::block_in_place(|| server.open_gate(CALLS));
            for (call, exchange) in calls.into_iter().zip(&table) {
                assert_told(exchange, &call.await.unwrap());
            }
        });
        proxy.stop().expect(0);
        let recorded = calls(&events(&out));
        let mut bodies: Vec<_> = recorded
            .iter()
            .map(|events| {
                assert!(matches!(events.last(), Some(EventKind::End(Ending::Status(status))) if status.code == 0));
                [Direction::Sent, Direction::Received].map(|way| messages(events, way))
            })
            .collect();
        let mut wanted: Vec<_> = table
            .iter()
            .map(|exchange| {
                let sent = exchange.requests.iter().map(|message| (false, message.clone()));
                let sent: Vec<_> = sent.collect();
                [sent.clone(), sent]
            })
            .collect();
        bodies.sort();
        wanted.sort();
        assert!(bodies == wanted, "{}", kind.0);
    }
}

fn plain(compressed: bool, message: &Bytes) -> Vec<u8> {
    if !compressed {
        return message.to_vec();
    }
    let mut plain = Vec::new();
    std::io::copy(&mut GzDecoder::new(&message[..]), &mut plain).unwrap();
    plain
}
