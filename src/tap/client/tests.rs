use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::HeaderValue;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::net::TcpStream;

use super::{
    job::{Job, JobOptions, JobOutcome, StreamSpec, TapError, record_job},
    *,
};
use crate::{
    das::proto::datastream::{
        DataStream, HealthRequest, HealthResponse, StreamRequest,
        data_stream_service_server::{DataStreamService, DataStreamServiceServer},
    },
    grpc::{WireError, encode_message},
    model::event::{Broken, Deadline, Event, Limit, Status},
    record::{Overflow, Recorder, RecorderOptions},
    tap::{
        dial::{DialOptions, Target},
        health::{HealthProbe, Readiness},
        testing::{self, Memory, Peer, answer, data, goaway, grpc_head, headers, message, reset, trailers},
    },
};

const METHOD: &str = "/datastream.DataStreamService/StreamSpectrograms";

fn target(addr: SocketAddr) -> Target {
    format!("http://{addr}").parse().unwrap()
}

fn stream() -> StreamSpec {
    StreamSpec {
        method: METHOD.into(),
        request: Bytes::from_static(b"\x0a\x03job"),
        server_limited: false,
    }
}

fn options() -> JobOptions {
    JobOptions {
        health: HealthProbe::Skip,
        dial: DialOptions {
            connect_timeout: Duration::from_secs(30),
            ..DialOptions::default()
        },
        ..JobOptions::default()
    }
}

/// No call is tried again.
fn once() -> JobOptions {
    JobOptions {
        dial: DialOptions {
            connect_timeout: Duration::from_millis(400),
            ..DialOptions::default()
        },
        ..options()
    }
}

fn limited(limits: CallLimits) -> JobOptions {
    JobOptions { limits, ..options() }
}

async fn record(addr: SocketAddr, streams: Vec<StreamSpec>, options: &JobOptions) -> (JobOutcome, Vec<Event>) {
    let memory = Memory::default();
    let recorder = memory.recorder();
    let job = Job {
        target: target(addr),
        streams,
    };
    let outcome = record_job(&job, options, &recorder.handle()).await.unwrap();
    recorder.finish().await.unwrap();
    let events = memory.events();
    for call in &outcome.calls {
        let ends = events.iter().filter(|e| e.call == call.call && e.kind.name() == "end");
        assert_eq!(ends.count(), 1, "every call has one ending");
    }
    (outcome, events)
}

/// Records the one call of a server that answers with `frames`.
async fn one(frames: Vec<Vec<u8>>, options: &JobOptions) -> (CallOutcome, Vec<Event>) {
    let (outcome, events) = record(answer(frames).await, vec![stream()], options).await;
    (outcome.calls.into_iter().next().unwrap(), events)
}

fn received(events: &[Event]) -> Vec<Message> {
    let messages = events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) if message.direction == Direction::Received => Some(message.clone()),
        _ => None,
    });
    messages.collect()
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

fn status_of(outcome: &CallOutcome) -> &Status {
    match &outcome.ending {
        Ending::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_cancelled(ending: &Ending, by: Party, about: &str) {
    let Ending::Cancelled(cancelled) = ending else {
        panic!("{ending:?}")
    };
    assert_eq!(cancelled.by, by);
    assert!(cancelled.reason.contains(about), "{}", cancelled.reason);
}

#[tokio::test]
async fn a_whole_call_is_recorded_event_by_event() {
    let mut options = options();
    options
        .dial
        .metadata
        .insert("x-site", HeaderValue::from_static("north"));
    let frames = vec![grpc_head(), message(b"one"), message(b""), trailers("0")];
    let (outcome, events) = one(frames, &options).await;
    assert_eq!(
        names(&events),
        [
            "call_start",
            "message",
            "half_close",
            "headers",
            "message",
            "message",
            "end"
        ]
    );
    let EventKind::CallStart(start) = &events[0].kind else {
        panic!()
    };
    assert_eq!(start.method, METHOD);
    assert_eq!(start.authority, start.peer);
    assert_eq!(start.metadata.get_text("te"), Some("trailers"));
    assert_eq!(start.metadata.get_text("x-site"), Some("north"));
    let EventKind::Message(sent) = &events[1].kind else {
        panic!()
    };
    assert_eq!((sent.direction, &sent.data[..]), (Direction::Sent, &b"\x0a\x03job"[..]));
    let EventKind::Headers(head) = &events[3].kind else {
        panic!()
    };
    assert_eq!(head.metadata.get_text("x-head"), Some("1"));
    let payloads: Vec<_> = received(&events).into_iter().map(|m| m.data).collect();
    assert_eq!(payloads, [&b"one"[..], b""]);
    let status = status_of(&outcome);
    assert_eq!((status.code, status.trailers_only), (0, false));
    assert_eq!(status.trailers.get_text("x-tail"), Some("2"));
    assert_eq!((outcome.call, outcome.messages, outcome.message_bytes), (1, 2, 3));
    assert_eq!(outcome.first_message_offset_ns, Some(events[4].offset_ns));
    assert_eq!(outcome.last_message_offset_ns, Some(events[5].offset_ns));
    assert_eq!(outcome.end_offset_ns, events[6].offset_ns);
}

#[tokio::test]
async fn the_request_goes_out_as_one_length_prefixed_message() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let tell = Arc::new(tell);
    let addr = testing::serve(move |_, stream| {
        let tell = Arc::clone(&tell);
        async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            tell.lock().unwrap().take().unwrap().send(peer.body.clone()).unwrap();
            peer.send(&[grpc_head(), trailers("0")]).await;
            peer.close().await;
        }
    })
    .await;
    record(addr, vec![stream()], &options()).await;
    assert_eq!(told.await.unwrap(), encode_message(false, b"\x0a\x03job"));
}

#[tokio::test]
async fn messages_are_cut_out_of_data_frames_however_they_lie() {
    let big = vec![0xab; 50_000];
    let mut wire = encode_message(false, b"small");
    wire.extend(encode_message(false, &big));
    wire.extend(encode_message(false, b"last"));
    for step in [7_000, 16_000] {
        let mut frames = vec![grpc_head()];
        frames.extend(wire.chunks(step).map(data));
        frames.push(trailers("0"));
        let (outcome, events) = one(frames, &options()).await;
        let payloads: Vec<_> = received(&events).into_iter().map(|m| m.data).collect();
        assert_eq!(payloads, [&b"small"[..], &big, b"last"]);
        assert_eq!(outcome.message_bytes, 50_009);
    }
}

#[tokio::test]
async fn a_compressed_message_is_kept_as_it_came() {
    let frames = vec![
        grpc_head(),
        data(&encode_message(true, b"\x1f\x8b gzip")),
        trailers("0"),
    ];
    let (_, events) = one(frames, &options()).await;
    let messages = received(&events);
    assert!(messages[0].compressed);
    assert_eq!(messages[0].data, &b"\x1f\x8b gzip"[..]);
}

#[tokio::test]
async fn a_trailers_only_answer_has_no_headers_event() {
    let frames = vec![headers(
        &[
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "5"),
            ("grpc-message", "no job %277%27"),
        ],
        true,
    )];
    let (outcome, events) = one(frames, &options()).await;
    assert_eq!(names(&events), ["call_start", "message", "half_close", "end"]);
    let status = status_of(&outcome);
    assert_eq!(
        (status.code, status.message.as_str(), status.trailers_only),
        (5, "no job '7'", true)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_grpc_is_a_status_that_says_so() {
    for (http, kind, code) in [
        ("404", "text/html", 12),
        ("200", "application/json", 2),
        ("403", "text/plain", 7),
    ] {
        let frames = vec![headers(&[(":status", http), ("content-type", kind)], true)];
        let (outcome, events) = one(frames, &options()).await;
        assert_eq!(
            names(&events),
            ["call_start", "message", "half_close", "headers", "end"]
        );
        let status = status_of(&outcome);
        assert_eq!(status.code, code);
        assert!(
            status.message.contains(http) && status.message.contains(kind),
            "{}",
            status.message
        );
    }
}

#[tokio::test]
async fn a_reset_by_the_server_is_cancelled_or_broken_by_its_code() {
    let addr = |code| {
        testing::serve(move |_, stream| async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            peer.send(&[grpc_head(), message(b"x"), reset(code)]).await;
            peer.hold().await;
        })
    };
    let (outcome, _) = record(addr(8).await, vec![stream()], &options()).await;
    assert_cancelled(&outcome.calls[0].ending, Party::Server, "CANCEL");
    let (outcome, _) = record(addr(2).await, vec![stream()], &options()).await;
    let Ending::Broken(broken) = &outcome.calls[0].ending else {
        panic!("{:?}", outcome.calls[0].ending)
    };
    assert!(
        broken.error.contains("INTERNAL_ERROR") && !broken.goaway,
        "{}",
        broken.error
    );
}

#[tokio::test]
async fn a_goodbye_after_silence_is_an_idle_close_whether_the_stream_lives_on_or_not() {
    for last in [0, 1, 0x7fff_ffff] {
        let (outcome, _) = one(vec![grpc_head(), message(b"x"), goaway(last, 0)], &options()).await;
        assert!(
            matches!(&outcome.ending, Ending::Broken(Broken { goaway: true, .. })),
            "{:?}",
            outcome.ending
        );
        assert!(outcome.is_idle_close(), "the test's clock steps by a second");
        assert_eq!(outcome.messages, 1);
    }
}

#[tokio::test]
async fn an_angry_goodbye_or_none_is_not_an_idle_close() {
    for frames in [vec![goaway(0, 11)], vec![]] {
        let mut frames: Vec<_> = frames;
        frames.splice(0..0, [grpc_head(), message(b"x")]);
        let (outcome, _) = one(frames, &options()).await;
        assert!(
            matches!(&outcome.ending, Ending::Broken(Broken { goaway: false, .. })),
            "{:?}",
            outcome.ending
        );
        assert!(!outcome.is_idle_close());
    }
}

#[tokio::test]
async fn a_connection_that_dies_inside_a_message_keeps_what_was_whole() {
    let cut = &encode_message(false, b"never whole")[..9];
    let (outcome, events) = one(vec![grpc_head(), message(b"whole"), data(cut)], &options()).await;
    assert_eq!(received(&events).len(), 1);
    assert!(matches!(&outcome.ending, Ending::Broken(_)), "{:?}", outcome.ending);
    assert_eq!(outcome.lost, 1);
    assert_eq!(names(&events)[5..], ["gap", "end"], "what was cut off is counted");
}

#[tokio::test]
async fn a_message_that_never_becomes_whole_is_counted_unless_we_chose_to_leave() {
    let limits = |idle_timeout, duration| {
        limited(CallLimits {
            idle_timeout,
            duration,
            ..CallLimits::default()
        })
    };
    let short = Some(Duration::from_millis(300));
    for (options, lost) in [(limits(short, None), 1), (limits(None, short), 0)] {
        let addr = testing::serve(|_, stream| async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            let cut = &encode_message(false, b"never whole")[..9];
            peer.send(&[grpc_head(), message(b"whole"), data(cut)]).await;
            drop(peer.hold().await);
        })
        .await;
        let (outcome, events) = record(addr, vec![stream()], &options).await;
        let call = &outcome.calls[0];
        assert_eq!(call.lost, lost, "{:?}", call.ending);
        let gaps = names(&events).iter().filter(|name| **name == "gap").count() as u64;
        assert_eq!(gaps, lost);
    }
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_message_is_not_a_success() {
    let cut = &encode_message(false, b"never whole")[..9];
    for (code, broken) in [("0", true), ("13", false)] {
        let (outcome, events) = one(vec![grpc_head(), data(cut), trailers(code)], &options()).await;
        assert_eq!(
            matches!(outcome.ending, Ending::Broken(_)),
            broken,
            "{:?}",
            outcome.ending
        );
        assert_eq!(names(&events)[4..], ["gap", "end"]);
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_a_status_is_broken() {
    let last = testing::frame(0, 1, 1, &[]);
    let (outcome, _) = one(vec![grpc_head(), message(b"x"), last], &options()).await;
    let Ending::Broken(broken) = &outcome.ending else {
        panic!("{:?}", outcome.ending)
    };
    assert!(broken.error.contains("without a status"));
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_call_and_says_so() {
    let limits = CallLimits {
        max_message_bytes: 10,
        ..CallLimits::default()
    };
    let frames = vec![
        grpc_head(),
        message(b"0123456789"),
        message(b"0123456789a"),
        trailers("0"),
    ];
    let (outcome, events) = one(frames, &limited(limits)).await;
    assert_cancelled(&outcome.ending, Party::Us, "the limit is 10");
    assert!(matches!(
        outcome.fault,
        Some(CallFault::Wire(WireError::TooLarge { size: 11, .. }))
    ));
    assert_eq!(names(&events)[4..], ["message", "gap", "end"]);
}

/// A server that sends `frames` and then nothing more, until the client hangs up.
async fn stall(frames: Vec<Vec<u8>>) -> SocketAddr {
    testing::serve(move |_, stream| {
        let frames = frames.clone();
        async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            peer.send(&frames).await;
            peer.hold().await;
        }
    })
    .await
}

#[tokio::test]
async fn silence_ends_at_its_own_limit() {
    let short = Duration::from_millis(60);
    let long = Some(Duration::from_secs(600));
    let first = CallLimits {
        first_frame_timeout: Some(short),
        idle_timeout: long,
        ..CallLimits::default()
    };
    let idle = CallLimits {
        first_frame_timeout: long,
        idle_timeout: Some(short),
        ..CallLimits::default()
    };
    for (frames, limits, limit) in [
        (vec![], &first, Limit::FirstFrame),
        (vec![grpc_head()], &first, Limit::FirstFrame),
        (vec![grpc_head(), message(b"x")], &idle, Limit::Idle),
    ] {
        let (outcome, _) = record(stall(frames).await, vec![stream()], &limited(limits.clone())).await;
        let after_ns = 60_000_000;
        assert_eq!(outcome.calls[0].ending, Ending::Deadline(Deadline { limit, after_ns }));
        assert!(
            !outcome.calls[0].is_idle_close(),
            "our own limit is not the server's idle close"
        );
    }
}

#[tokio::test]
async fn a_recording_of_some_length_ends_in_order() {
    let limits = CallLimits {
        duration: Some(Duration::from_millis(60)),
        idle_timeout: Some(Duration::from_secs(600)),
        ..CallLimits::default()
    };
    let addr = stall(vec![grpc_head(), message(b"x")]).await;
    let (outcome, _) = record(addr, vec![stream()], &limited(limits)).await;
    assert_cancelled(
        &outcome.calls[0].ending,
        Party::Us,
        "the time limit of 60ms was reached",
    );
    assert_eq!(outcome.calls[0].fault, None);
}

#[tokio::test]
async fn max_frames_records_exactly_so_many() {
    let limits = CallLimits {
        max_frames: Some(2),
        ..CallLimits::default()
    };
    let three = [
        encode_message(false, b"1"),
        encode_message(false, b"2"),
        encode_message(false, b"3"),
    ]
    .concat();
    for server_limited in [false, true] {
        let addr = stall(vec![grpc_head(), data(&three)]).await;
        let spec = StreamSpec {
            server_limited,
            ..stream()
        };
        let (outcome, events) = record(addr, vec![spec], &limited(limits.clone())).await;
        assert_eq!(received(&events).len(), 2);
        assert_cancelled(&outcome.calls[0].ending, Party::Us, "the limit of 2 frames was reached");
    }
}

#[tokio::test]
async fn a_server_that_was_told_the_number_may_end_the_call_itself() {
    let limits = CallLimits {
        max_frames: Some(2),
        ..CallLimits::default()
    };
    let addr = answer(vec![grpc_head(), message(b"1"), message(b"2"), trailers("0")]).await;
    let spec = StreamSpec {
        server_limited: true,
        ..stream()
    };
    let (outcome, _) = record(addr, vec![spec], &limited(limits)).await;
    assert_eq!(status_of(&outcome.calls[0]).code, 0);
}

#[tokio::test]
async fn max_bytes_ends_the_whole_job() {
    let addr = testing::serve(|_, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut open = Vec::new();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let head = http::Response::builder().header("content-type", "application/grpc");
            let mut send = respond.send_response(head.body(()).unwrap(), false).unwrap();
            if open.is_empty() {
                send.send_data(Bytes::from(encode_message(false, &[1; 100])), false)
                    .unwrap();
            }
            open.push(send);
        }
    })
    .await;
    let limits = CallLimits {
        max_bytes: Some(100),
        ..CallLimits::default()
    };
    let (outcome, _) = record(addr, vec![stream(), stream()], &limited(limits)).await;
    assert_eq!(outcome.calls.iter().map(|c| c.call).collect::<Vec<_>>(), [1, 2]);
    for call in &outcome.calls {
        assert_cancelled(&call.ending, Party::Us, "the limit of 100 bytes was reached");
    }
}

#[tokio::test]
async fn a_signal_to_stop_ends_the_calls_and_resets_their_streams() {
    let options = options();
    let stop = options.stop.clone();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let addr = testing::serve(move |_, stream| {
        let (stop, tell) = (stop.clone(), Arc::clone(&tell));
        async move {
            let mut peer = Peer::open(stream).await;
            peer.request().await;
            peer.send(&[grpc_head()]).await;
            stop.stop("interrupted");
            let rest = peer.hold().await;
            tell.lock().unwrap().take().unwrap().send(rest).unwrap();
        }
    })
    .await;
    let (outcome, _) = record(addr, vec![stream()], &options).await;
    assert_cancelled(&outcome.calls[0].ending, Party::Us, "interrupted");
    let rest = told.await.unwrap();
    assert!(rest.windows(13).any(|w| w == reset(8)), "RST_STREAM CANCEL went out");
}

#[tokio::test]
async fn a_signal_before_any_call_is_its_own_error() {
    let options = options();
    options.stop.stop("interrupted");
    let memory = Memory::default();
    let recorder = memory.recorder();
    let job = Job {
        target: Target::new("127.0.0.1", 1),
        streams: vec![stream()],
    };
    let error = record_job(&job, &options, &recorder.handle()).await.unwrap_err();
    assert!(
        matches!(&error, TapError::Stopped { reason } if reason == "interrupted"),
        "{error}"
    );
    recorder.finish().await.unwrap();
    assert!(memory.events().is_empty());
}

fn unavailable() -> Vec<Vec<u8>> {
    let entries = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "14"),
        ("grpc-message", "warming up"),
    ];
    vec![headers(&entries, true)]
}

#[tokio::test]
async fn a_call_that_is_refused_before_anything_came_is_tried_again_with_a_note() {
    for refusal in [unavailable(), vec![reset(7)], vec![goaway(0, 0)], vec![]] {
        let addr = testing::serve(move |count, stream: TcpStream| {
            let refusal = refusal.clone();
            async move {
                let mut peer = Peer::open(stream).await;
                peer.request().await;
                if count == 0 {
                    peer.send(&refusal).await;
                    peer.close().await;
                } else {
                    peer.send(&[grpc_head(), message(b"x"), trailers("0")]).await;
                    peer.close().await;
                }
            }
        })
        .await;
        let (outcome, events) = record(addr, vec![stream()], &options()).await;
        assert_eq!(status_of(&outcome.calls[0]).code, 0);
        assert!(outcome.calls[0].retries >= 1);
        let note = events.iter().find(|e| e.call == 0).unwrap();
        assert!(matches!(&note.kind, EventKind::Note(note) if note.text.contains("trying it again")));
        assert_eq!(received(&events).len(), 1);
    }
}

#[tokio::test]
async fn a_call_that_stays_refused_ends_with_the_refusal() {
    let (outcome, _) = one(unavailable(), &once()).await;
    let status = status_of(&outcome);
    assert_eq!((status.code, status.message.as_str()), (14, "warming up"));
    assert!(!outcome.is_idle_close(), "nothing ever came");
}

#[tokio::test]
async fn a_call_that_has_begun_is_never_tried_again() {
    let (outcome, events) = one(vec![grpc_head(), trailers("14")], &options()).await;
    assert_eq!((status_of(&outcome).code, outcome.retries), (14, 0));
    assert!(events.iter().all(|e| e.call != 0));
}

#[tokio::test]
async fn a_recorder_that_refuses_ends_the_job() {
    let recorder = Recorder::start(
        Memory::default(),
        RecorderOptions {
            queue_bytes: 4,
            on_overflow: Overflow::Abort,
            ..RecorderOptions::default()
        },
    )
    .unwrap();
    let handle = recorder.handle();
    drop(recorder.finish().await);
    let job = Job {
        target: target(stall(vec![]).await),
        streams: vec![stream()],
    };
    let error = record_job(&job, &options(), &handle).await.unwrap_err();
    assert!(matches!(error, TapError::Recorder(Refused::Finished)), "{error}");
}

/// A job as its proto describes it, served by tonic.
struct TonicJob;

#[tonic::async_trait]
impl DataStreamService for TonicJob {
    type StreamSpectrogramsStream =
        std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<DataStream, tonic::Status>> + Send>>;

    async fn stream_spectrograms(
        &self,
        request: tonic::Request<StreamRequest>,
    ) -> Result<tonic::Response<Self::StreamSpectrogramsStream>, tonic::Status> {
        let job = request.into_inner().job_id;
        if job != "job" {
            return Err(tonic::Status::not_found(format!("no job {job:?}")));
        }
        let frames = (0..300).map(|at| {
            Ok(DataStream {
                rows: Vec::new(),
                current_max_amp: f64::from(at),
                current_min_amp: -f64::from(at),
            })
        });
        Ok(tonic::Response::new(Box::pin(tokio_stream::iter(frames))))
    }

    async fn check_health(
        &self,
        _: tonic::Request<HealthRequest>,
    ) -> Result<tonic::Response<HealthResponse>, tonic::Status> {
        Ok(tonic::Response::new(HealthResponse {
            healthy: true,
            version: "1".into(),
        }))
    }
}

async fn tonic_job() -> SocketAddr {
    testing::serve(|_, stream| async move {
        let service = TowerToHyperService::new(DataStreamServiceServer::new(TonicJob));
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    })
    .await
}

#[tokio::test]
async fn a_job_served_by_tonic_is_recorded_byte_for_byte() {
    use prost::Message as _;
    let options = JobOptions {
        health: HealthProbe::CheckHealthFirst,
        ..options()
    };
    let (outcome, events) = record(tonic_job().await, vec![stream(), stream()], &options).await;
    assert_eq!(outcome.readiness, Readiness::CheckHealth { version: "1".into() });
    for call in &outcome.calls {
        assert_eq!((status_of(call).code, call.messages), (0, 300));
        let of_call: Vec<_> = events.iter().filter(|e| e.call == call.call).cloned().collect();
        for (at, message) in received(&of_call).iter().enumerate() {
            let at = at as f64;
            let frame = DataStream {
                rows: Vec::new(),
                current_max_amp: at,
                current_min_amp: -at,
            };
            assert_eq!(message.data, frame.encode_to_vec());
        }
    }
}

#[tokio::test]
async fn a_wrong_job_is_the_servers_own_status() {
    let spec = StreamSpec {
        request: Bytes::from_static(b"\x0a\x05other"),
        ..stream()
    };
    let (outcome, _) = record(tonic_job().await, vec![spec], &options()).await;
    let status = status_of(&outcome.calls[0]);
    assert_eq!((status.code, status.message.as_str()), (5, "no job \"other\""));
}
