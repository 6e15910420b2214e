use std::io::Cursor;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use prost::Message as _;

use super::*;
use crate::{
    das::{
        dialect::{datastream::METHOD as STREAM_SPECTROGRAMS, pandadatastream::METHOD as STREAM_DATA},
        proto::{
            datastream::{HealthRequest, StreamRequest, data_stream_service_client::DataStreamServiceClient},
            pandadatastream::StreamDataRequest,
        },
    },
    file::{Attribute, Header, Writer, WriterOptions},
    model::event::{Broken, Cancelled, Direction, Ending, Message, Party, Status},
    serve::{
        CaptureSource, Rate,
        testing::{Client, Recording, Seen, frame, metadata, prefixed, serving, status, stream_request},
    },
};
use tokio::net::TcpStream;

fn named(id: &str, recording: Recording) -> CaptureSource {
    CaptureSource::memory(format!("{id}.gcap"), Header::default(), recording.events)
}

async fn ask(server: &ReplayServer, job_id: &str) -> Seen {
    let client = Client::connect(server.grpc_addr()).await;
    client.call(STREAM_SPECTROGRAMS, &stream_request(job_id, 0)).await
}

/// Looks until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

fn names(fields: &http::HeaderMap) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

/// The bytes of a capture file.
fn file_of(header: &Header, recording: &Recording) -> Bytes {
    let mut writer = Writer::new(Vec::new(), header, WriterOptions::default()).unwrap();
    recording.events.iter().for_each(|event| writer.write(event).unwrap());
    Bytes::from(writer.finish_into().unwrap().0)
}

#[tokio::test]
async fn a_typed_client_gets_every_frame() {
    let frames: Vec<_> = (0..20).map(frame).collect();
    let recording = frames.iter().fold(Recording::job(1, "12-70788"), |recording, frame| {
        recording.received(frame.encode_to_vec())
    });
    let server = serving([recording.ok().source()]).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc_addr())).unwrap();
    let mut client = DataStreamServiceClient::new(channel.connect().await.unwrap());
    let health = client.check_health(HealthRequest {}).await.unwrap().into_inner();
    assert!(health.healthy);
    assert_eq!(health.version, env!("CARGO_PKG_VERSION"));
    let request = StreamRequest {
        job_id: "12-70788".to_owned(),
        max_frames: 0,
    };
    let mut stream = client.stream_spectrograms(request).await.unwrap().into_inner();
    for frame in frames {
        assert_eq!(stream.message().await.unwrap(), Some(frame));
    }
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn bytes_metadata_and_ending_are_as_recorded() {
    let big = vec![0x5a; 300_000];
    let trailers = [
        ("grpc-message", "gone%20away"),
        ("x-late", "1"),
        ("grpc-status", "14"),
        ("x-late-bin", "AAEC"),
    ];
    let recording = Recording::job(1, "a")
        .received("tiny")
        .received("")
        .received(big.clone())
        .message(Message {
            direction: Direction::Received,
            compressed: true,
            data: Bytes::from("zipped"),
        })
        .end(status(14, "gone away", &trailers));
    let server = serving([recording.source()]).await;
    let seen = ask(&server, "a").await;
    assert_eq!(
        names(&seen.headers),
        [("content-type", "application/grpc"), ("x-pod", "a"), ("x-pod", "b")]
    );
    let mut expected = prefixed(&[b"tiny", b"", &big]).to_vec();
    expected.extend_from_slice(b"\x01\0\0\0\x06zipped");
    assert!(seen.bytes == expected, "{} bytes", seen.bytes.len());
    assert_eq!(names(&seen.trailers.unwrap()), trailers);
    let totals = server.shutdown().await;
    assert_eq!((totals.calls, totals.completed, totals.active), (1, 1, 0));
    assert_eq!((totals.messages, totals.message_bytes), (4, 4 + 300_000 + 6));
}

#[tokio::test]
async fn many_small_messages_arrive_in_order() {
    let messages: Vec<Vec<u8>> = (0..5000_u32).map(|n| n.to_le_bytes().repeat(n as usize % 40)).collect();
    let recording = messages.iter().fold(Recording::job(1, "a"), |recording, message| {
        recording.received(message.clone())
    });
    let server = serving([recording.ok().source()]).await;
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let seen = ask(&server, "a").await;
    assert!(seen.bytes == prefixed(&messages));
    assert_eq!(seen.grpc_status(), "0");
}

#[tokio::test]
async fn a_capture_file_is_served_as_events_in_memory_are() {
    let recording = || {
        Recording::job(1, "a")
            .received(frame(1).encode_to_vec())
            .received("second")
            .ok()
    };
    let bytes = file_of(&Header::default(), &recording());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gcap");
    std::fs::write(&path, &bytes).unwrap();
    let expected = prefixed(&[&frame(1).encode_to_vec(), b"second"]);
    for source in [
        CaptureSource::file(&path),
        CaptureSource::bytes("embedded", bytes),
        recording().source(),
    ] {
        let server = serving([source]).await;
        assert_eq!(server.job_ids(), ["a"]);
        let seen = ask(&server, "a").await;
        assert_eq!(
            (seen.bytes, seen.trailers.unwrap()["grpc-status"].as_bytes()),
            (expected.clone(), &b"0"[..])
        );
    }
}

#[tokio::test]
async fn the_calls_of_a_file_are_all_found_wherever_they_begin() {
    let mut whole = Recording::job(1, "a").received("first").ok();
    for (call, id) in [(2, "b"), (3, "c")] {
        let mut next = Recording::job(call, id).received(id.to_owned()).ok();
        let start = whole.events.last().unwrap().offset_ns;
        next.events.iter_mut().for_each(|event| event.offset_ns += start);
        whole.events.append(&mut next.events);
    }
    let mut writer = Writer::new(Cursor::new(Vec::new()), &Header::default(), WriterOptions::default()).unwrap();
    for event in &whole.events {
        writer.write(event).unwrap();
        writer.flush().unwrap();
    }
    let bytes = writer.finish_into().unwrap().0.into_inner();
    let server = serving([CaptureSource::bytes("three.gcap", bytes)]).await;
    assert_eq!(server.job_ids(), ["a", "b", "c"]);
    assert_eq!(ask(&server, "c").await.bytes, prefixed(&[b"c"]));
}

#[tokio::test]
async fn a_file_that_breaks_off_serves_what_it_holds_and_says_that_it_is_not_all() {
    let recording = Recording::job(1, "a").received("x").received("y");
    let mut writer = Writer::new(Cursor::new(Vec::new()), &Header::default(), WriterOptions::default()).unwrap();
    recording.events.iter().for_each(|event| writer.write(event).unwrap());
    let bytes = writer.finish_into().unwrap().0.into_inner();
    let server = serving([CaptureSource::bytes("torn.gcap", bytes)]).await;
    let seen = ask(&server, "a").await;
    assert_eq!(seen.bytes, prefixed(&[b"x", b"y"]));
    assert_eq!(seen.grpc_status(), "15");
    assert!(
        seen.grpc_message().contains("recorder was stopped"),
        "{}",
        seen.grpc_message()
    );
}

#[tokio::test]
async fn an_unknown_job_is_refused_by_name() {
    let server = serving([Recording::job(1, "12-1").received("x").ok().source()]).await;
    let seen = ask(&server, "12-99999").await;
    assert_eq!(seen.grpc_status(), "5");
    assert_eq!(
        seen.grpc_message(),
        "no job \"12-99999\" here; this server replays \"12-1\""
    );
    assert_eq!((seen.trailers, seen.bytes.len()), (None, 0));
    assert_eq!(names(&seen.headers).len(), 3);
    assert_eq!(server.served().refused, 1);
}

#[tokio::test]
async fn max_frames_is_obeyed() {
    let recording = Recording::job(1, "a").received("x").received("y").received("z");
    let server = serving([recording.end(Ending::Broken(Broken::default())).source()]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call(STREAM_SPECTROGRAMS, &stream_request("a", 2)).await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"x", b"y"])));
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_trailers_only_answer_is_trailers_only_again() {
    let ending = Ending::Status(Status {
        code: 7,
        message: "no".to_owned(),
        trailers: metadata(&[
            ("content-type", "application/grpc"),
            ("x-why", "1"),
            ("grpc-status", "7"),
            ("grpc-message", "no"),
        ]),
        trailers_only: true,
    });
    let recording = Recording::of(1, STREAM_SPECTROGRAMS)
        .sent(stream_request("a", 0))
        .end(ending);
    let server = serving([recording.source()]).await;
    let seen = ask(&server, "a").await;
    assert_eq!(
        names(&seen.headers),
        [
            ("content-type", "application/grpc"),
            ("x-why", "1"),
            ("grpc-status", "7"),
            ("grpc-message", "no")
        ]
    );
    assert_eq!((seen.trailers, seen.bytes.len(), seen.broken), (None, 0, false));
}

#[tokio::test]
async fn frames_without_recorded_metadata_get_what_a_client_needs() {
    let imported = Recording::of(1, STREAM_SPECTROGRAMS)
        .received("x")
        .end(Ending::Status(Status::default()));
    let server = serving([imported.source()]).await;
    assert_eq!(server.job_ids(), ["made"]);
    let seen = ask(&server, "made").await;
    assert_eq!(names(&seen.headers), [("content-type", "application/grpc")]);
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"x"])));
}

#[tokio::test]
async fn a_recorder_that_stopped_is_replayed_as_ok() {
    let cancelled = Cancelled {
        by: Party::Us,
        reason: "enough".to_owned(),
        code: None,
        cut: false,
    };
    let server = serving([Recording::job(1, "a")
        .received("x")
        .end(Ending::Cancelled(cancelled))
        .source()])
    .await;
    let seen = ask(&server, "a").await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"x"])));
}

#[tokio::test]
async fn a_server_that_cancelled_does_so_after_every_message() {
    let big = vec![1; 500_000];
    let ending = || {
        Ending::Cancelled(Cancelled {
            by: Party::Server,
            reason: String::new(),
            code: None,
            cut: false,
        })
    };
    let with_messages = Recording::job(1, "a")
        .received(big.clone())
        .received("last")
        .end(ending());
    let headers_only = Recording::job(2, "b").end(ending());
    let nothing = Recording::of(3, STREAM_SPECTROGRAMS)
        .sent(stream_request("c", 0))
        .end(ending());
    let server = serving([named("a", with_messages), named("b", headers_only), named("c", nothing)]).await;
    for (id, bytes) in [
        ("a", prefixed(&[&big, b"last"])),
        ("b", Bytes::new()),
        ("c", Bytes::new()),
    ] {
        let seen = ask(&server, id).await;
        assert!(seen.bytes == bytes, "{id}: {} bytes", seen.bytes.len());
        assert_eq!((seen.reason, seen.trailers), (Some(h2::Reason::CANCEL), None), "{id}");
        assert_eq!(seen.headers.is_empty(), id == "c");
    }
}

#[tokio::test]
async fn a_connection_that_broke_does_so_after_every_message() {
    let big = vec![1; 500_000];
    for goaway in [false, true] {
        let broken = || {
            Ending::Broken(Broken {
                error: String::new(),
                goaway,
                ..Broken::default()
            })
        };
        let with_messages = Recording::job(1, "a")
            .received(big.clone())
            .received("last")
            .end(broken());
        let nothing = Recording::of(2, STREAM_SPECTROGRAMS)
            .sent(stream_request("b", 0))
            .end(broken());
        let server = serving([named("a", with_messages), named("b", nothing)]).await;
        for (id, bytes) in [("a", prefixed(&[&big, b"last"])), ("b", Bytes::new())] {
            let client = Client::connect(server.grpc_addr()).await;
            let seen = client.call(STREAM_SPECTROGRAMS, &stream_request(id, 0)).await;
            assert!(seen.bytes == bytes, "{id}: {} bytes", seen.bytes.len());
            assert!(seen.broken && seen.trailers.is_none(), "{id}");
            assert!(
                client.begin(STREAM_SPECTROGRAMS, &[]).await.is_err(),
                "the connection is still there"
            );
        }
    }
}

#[tokio::test]
async fn the_streams_of_a_job_break_together_when_the_last_has_come_to_it() {
    let broken = || {
        Ending::Broken(Broken {
            error: String::new(),
            goaway: true,
            ..Broken::default()
        })
    };
    let long = vec![3; 2_000_000];
    let mut recording = Recording::stream(1, 0).received("short").end(broken());
    recording.events.extend(
        Recording::stream(2, 1)
            .received(long.clone())
            .received("end")
            .end(broken())
            .events,
    );
    let server = serving([recording.source()]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let ask = |stream_id| StreamDataRequest { stream_id }.encode_to_vec();
    let (first, second) = (ask(0), ask(1));
    let (short, long_seen) = tokio::join!(client.call(STREAM_DATA, &first), client.call(STREAM_DATA, &second));
    assert_eq!(short.bytes, prefixed(&[b"short"]));
    assert!(long_seen.bytes == prefixed(&[&long, b"end"]));
    assert!(short.broken && long_seen.broken);
}

#[tokio::test]
async fn a_stream_breaks_alone_while_another_capture_is_replayed_beside_it() {
    let broken = Recording::job(1, "broken")
        .received("x")
        .end(Ending::Broken(Broken::default()));
    let endless = (0..200).fold(Recording::job(1, "long"), |recording, _| {
        recording.received(vec![0; 100_000])
    });
    let server = serving([named("broken", broken), named("long", endless.ok())]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let other = client
        .begin(STREAM_SPECTROGRAMS, &stream_request("long", 0))
        .await
        .unwrap();
    let seen = client.call(STREAM_SPECTROGRAMS, &stream_request("broken", 0)).await;
    assert_eq!(
        (seen.bytes, seen.reason),
        (prefixed(&[b"x"]), Some(h2::Reason::INTERNAL_ERROR))
    );
    assert_eq!(
        other.into_body().collect().await.unwrap().to_bytes().len(),
        200 * 100_005
    );
}

#[tokio::test]
async fn production_streams_are_chosen_by_id_and_jobs_by_port() {
    let of = |text: &str| {
        let mut recording = Recording::stream(1, 0).received(format!("{text}-0")).ok();
        recording
            .events
            .extend(Recording::stream(2, 1).received(format!("{text}-1")).ok().events);
        recording
    };
    let server = serving([named("north", of("north")), named("south", of("south"))]).await;
    assert_eq!(server.job_ids(), ["north", "south"]);
    assert_eq!(server.job_addr("north"), Some(server.grpc_addr()));
    assert_ne!(server.job_addr("south"), server.job_addr("north"));
    assert_eq!(server.job_addr("west"), None);
    for id in ["north", "south"] {
        let client = Client::connect(server.job_addr(id).unwrap()).await;
        for stream_id in [0, 1] {
            let seen = client
                .call(STREAM_DATA, &StreamDataRequest { stream_id }.encode_to_vec())
                .await;
            assert_eq!(seen.bytes, prefixed(&[format!("{id}-{stream_id}").as_bytes()]));
        }
        let seen = client
            .call(STREAM_DATA, &StreamDataRequest { stream_id: 2 }.encode_to_vec())
            .await;
        assert_eq!(
            (seen.grpc_status(), seen.grpc_message()),
            ("3", "no stream 2 in this job; its stream ids are 0, 1")
        );
    }
}

#[tokio::test]
async fn any_recorded_method_is_replayed_and_no_other() {
    let recording = Recording::of(1, "/x.Y/Chat")
        .sent("anything")
        .headers(&[("x", "1")])
        .received("hello")
        .ok();
    let server = serving([recording.source()]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call("/x.Y/Chat", b"anything").await;
    assert_eq!((seen.bytes.clone(), seen.grpc_status()), (prefixed(&[b"hello"]), "0"));
    // A call that was recorded with this request answers to no other.
    assert_eq!(client.call("/x.Y/Chat", b"something else").await.grpc_status(), "5");
    let seen = client.call("/x.Y/Other", b"").await;
    assert_eq!(seen.grpc_status(), "12");
    assert!(
        seen.grpc_message().contains("/x.Y/Other") && seen.grpc_message().contains("/x.Y/Chat"),
        "{}",
        seen.grpc_message()
    );
}

#[tokio::test]
async fn what_is_not_grpc_gets_an_http_error() {
    let server = serving([Recording::job(1, "a").ok().source()]).await;
    let stream = TcpStream::connect(server.grpc_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://replay/")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_only_its_own_call() {
    let recording = (0..400_u32).fold(Recording::job(1, "a"), |recording, n| {
        recording.received(vec![n as u8; 100_000])
    });
    let server = serving([recording.ok().source()]).await;
    let lazy = Client::connect(server.grpc_addr()).await;
    let stalled = lazy.begin(STREAM_SPECTROGRAMS, &stream_request("a", 0)).await.unwrap();
    let (one, two) = tokio::join!(ask(&server, "a"), ask(&server, "a"));
    assert_eq!((one.bytes.len(), one.grpc_status()), (400 * 100_005, "0"));
    assert!(one.bytes == two.bytes);
    assert_eq!(server.served().active, 1);
    // It goes on where it was, and lacks nothing.
    assert!(stalled.into_body().collect().await.unwrap().to_bytes() == one.bytes);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_call() {
    let recording = (0..400).fold(Recording::job(1, "a"), |recording, _| {
        recording.received(vec![0; 100_000])
    });
    let server = serving([recording.ok().source()]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let response = client
        .begin(STREAM_SPECTROGRAMS, &stream_request("a", 0))
        .await
        .unwrap();
    drop((response, client));
    // Drains: it would hang on a call that does not end.
    let totals = server.shutdown().await;
    assert_eq!((totals.calls, totals.completed), (1, 0));
}

#[tokio::test]
async fn a_shutdown_lets_running_calls_end_and_takes_no_new_ones() {
    let recording = (0..400).fold(Recording::job(1, "a"), |recording, _| {
        recording.received(vec![0; 100_000])
    });
    let server = serving([recording.ok().source()]).await;
    let addr = server.grpc_addr();
    let client = Client::connect(addr).await;
    let response = client
        .begin(STREAM_SPECTROGRAMS, &stream_request("a", 0))
        .await
        .unwrap();
    let (totals, body) = tokio::join!(server.shutdown(), response.into_body().collect());
    assert_eq!(body.unwrap().to_bytes().len(), 400 * 100_005);
    assert_eq!(totals.completed, 1);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn dropping_the_server_breaks_off_its_calls() {
    let recording = (0..400).fold(Recording::job(1, "a"), |recording, _| {
        recording.received(vec![0; 100_000])
    });
    let server = serving([recording.ok().source()]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let response = client
        .begin(STREAM_SPECTROGRAMS, &stream_request("a", 0))
        .await
        .unwrap();
    drop(server);
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn the_recorded_pace_is_kept_without_waiting_for_it_here() {
    // An hour of recording at a rate that makes it a fraction of a second: no frame is lost or reordered on the way.
    let mut recording = Recording::job(1, "a").received("x").received("y").ok();
    recording.events.iter_mut().for_each(|event| event.offset_ns *= 600_000);
    let rate = Rate::times(1e6).unwrap();
    let server = ReplayServer::builder()
        .source(recording.source())
        .rate(rate)
        .start()
        .await
        .unwrap();
    let seen = ask(&server, "a").await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"x", b"y"])));
}

#[tokio::test]
async fn health_and_reflection_are_answered() {
    let server = serving([Recording::job(1, "a").ok().source()]).await;
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc_addr())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    for service in ["", "datastream.DataStreamService"] {
        let request = tonic_health::pb::HealthCheckRequest {
            service: service.to_owned(),
        };
        assert_eq!(health.check(request).await.unwrap().into_inner().status, 1, "{service}");
    }
    let request = tonic_health::pb::HealthCheckRequest {
        service: "x.Y".to_owned(),
    };
    assert_eq!(health.check(request).await.unwrap_err().code(), tonic::Code::NotFound);
    macro_rules! services {
        ($pb:path) => {{
            use $pb as pb;
            let message_request = Some(pb::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            ));
            let request = pb::ServerReflectionRequest {
                host: String::new(),
                message_request,
            };
            let mut client = pb::server_reflection_client::ServerReflectionClient::new(channel.clone());
            let answers = client
                .server_reflection_info(tokio_stream::once(request))
                .await
                .unwrap();
            match answers
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
                .unwrap()
            {
                pb::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
                    list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for services in [
        services!(tonic_reflection::pb::v1),
        services!(tonic_reflection::pb::v1alpha),
    ] {
        for expected in [
            "datastream.DataStreamService",
            "pandadatastream.DataStreamService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        ] {
            assert!(services.iter().any(|name| name == expected), "{services:?}");
        }
    }
}

#[tokio::test]
async fn the_ready_line_says_where_and_what() {
    let server = serving([
        named("a", Recording::job(1, "12-1").ok()),
        named("b", Recording::stream(1, 0).ok()),
    ])
    .await;
    let (grpc, rest) = (server.grpc_addr(), server.rest_url());
    let expected = format!(r#"{{"event":"ready","grpc":"{grpc}","rest":"{rest}","job_ids":["12-1","b"]}}"#);
    assert_eq!(server.ready_line().to_string(), expected);
    assert!(rest.starts_with("http://127.0.0.1:"));
}

async fn refusal(builder: Builder) -> String {
    builder.start().await.expect_err("it started").to_string()
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let text = refusal(ReplayServer::builder()).await;
    assert!(text.contains("no capture was given"), "{text}");
    let empty = CaptureSource::memory("empty.gcap", Header::default(), Vec::new());
    let text = refusal(ReplayServer::builder().source(empty)).await;
    assert!(text.contains("empty.gcap holds no call"), "{text}");
    let text = refusal(ReplayServer::builder().capture("missing/x.gcap")).await;
    assert!(text.contains("missing/x.gcap"), "{text}");
    let twice = |name| named(name, Recording::job(1, "same").ok());
    let text = refusal(ReplayServer::builder().source(twice("one")).source(twice("two"))).await;
    assert!(
        text.contains("one.gcap and two.gcap both hold the job \"same\""),
        "{text}"
    );
    let mut header = Header::default();
    header.set(Attribute::DESCRIPTOR_SET, [0xff]);
    let odd = CaptureSource::memory("odd.gcap", header, Recording::job(1, "a").ok().events);
    let text = refusal(ReplayServer::builder().source(odd)).await;
    assert!(text.contains("descriptor set in odd.gcap"), "{text}");
    let running = serving([Recording::job(1, "a").ok().source()]).await;
    let again = ReplayServer::builder()
        .source(Recording::job(1, "a").ok().source())
        .grpc_addr(running.grpc_addr());
    let text = refusal(again).await;
    assert!(
        text.contains("could not listen on") && text.contains("port 0"),
        "{text}"
    );
}

mod behaviour;
mod calls;
mod matching;
mod rest;
mod tls;
