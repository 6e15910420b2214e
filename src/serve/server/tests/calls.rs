//! Calls of any service, seen by a client.

use super::*;
use crate::{
    grpc,
    model::event::{CallStart, EventKind},
};

const POLL: &str = "/x.Y/Poll";

fn asked(call: u32, request: &str) -> Recording {
    Recording::of(call, POLL).sent(request.to_owned())
}

/// Both recordings, one after the other.
fn with(mut first: Recording, second: Recording) -> Recording {
    first.events.extend(second.events);
    first
}

async fn served(recording: Recording) -> (ReplayServer, Client) {
    let server = serving([named("a", recording)]).await;
    let client = Client::connect(server.grpc_addr()).await;
    (server, client)
}

#[tokio::test]
async fn a_call_that_was_not_recorded_counts_as_refused_and_not_as_replayed() {
    let (server, client) = served(asked(1, "who?").headers(&[]).received("me").ok()).await;
    assert_eq!(client.call(POLL, b"where?").await.grpc_status(), "5");
    assert_eq!(client.call(POLL, b"who?").await.grpc_status(), "0");
    let totals = server.shutdown().await;
    assert_eq!((totals.calls, totals.completed, totals.refused), (1, 1, 1));
}

#[tokio::test]
async fn a_client_that_says_more_than_one_that_gave_up_hears_what_that_heard_and_then_nothing() {
    let gave_up = Ending::Cancelled(Cancelled::new(Party::Client, "the client reset the stream"));
    let (server, client) = served(asked(1, "one").headers(&[("x", "1")]).received("1").end(gave_up)).await;
    for said in [&[&b"one"[..]][..], &[b"one", b"two"]] {
        let (server, client) = (&server, client.clone());
        let before = server.served().messages;
        // It leaves when it has heard what there is.
        tokio::select! {
            seen = client.call_bytes(POLL, prefixed(said), &[]) => panic!("{seen:?}"),
            () = until(|| server.served().messages > before) => {}
        }
    }
    let (seen, totals) = tokio::join!(client.call_bytes(POLL, prefixed(&[b"one", b"two"]), &[]), async {
        until(|| server.served().messages == 3).await;
        server.shutdown().await
    });
    assert_eq!((&seen.bytes, seen.grpc_status()), (&prefixed(&[b"1"]), "14"));
    assert!(seen.grpc_message().contains("being stopped"), "{}", seen.grpc_message());
    assert_eq!((totals.calls, totals.refused), (3, 0));
}

#[tokio::test]
async fn a_deadline_that_passed_ends_no_call_of_a_client_that_has_none() {
    let mut expired = Recording::of(1, POLL).end(status(4, "context deadline exceeded", &[("grpc-status", "4")]));
    expired.events[0].kind = EventKind::CallStart(CallStart {
        method: POLL.to_owned(),
        metadata: metadata(&[("grpc-timeout", "1m")]),
        ..CallStart::default()
    });
    let answered = asked(2, "who?").headers(&[]).received("me").ok();
    let (_server, client) = served(with(expired, answered)).await;
    assert_eq!(client.call(POLL, b"who?").await.grpc_status(), "0");
    assert_eq!(client.call(POLL, b"where?").await.grpc_status(), "5");
    // One that has such a deadline is told when it has passed.
    let seen = client.call_with(POLL, b"where?", &[("grpc-timeout", "900u")]).await;
    assert_eq!(seen.grpc_status(), "4");
}

#[tokio::test]
async fn a_fault_of_one_call_strikes_the_call_that_is_meant() {
    let recording = with(
        asked(1, "one").headers(&[]).received("1").ok(),
        asked(2, "two").headers(&[]).received("2").ok(),
    );
    let builder = ReplayServer::builder().source(named("a", recording)).rate(Rate::Max);
    let builder = builder.fault("drip:rate=1000000,call=2".parse().unwrap());
    let server = builder.start().await.unwrap();
    let client = Client::connect(server.grpc_addr()).await;
    assert_eq!(client.call(POLL, b"one").await.bytes, prefixed(&[b"1"]));
    assert_eq!(server.faults()[0].struck, 0);
    assert_eq!(client.call(POLL, b"two").await.bytes, prefixed(&[b"2"]));
    assert_eq!(server.faults()[0].struck, 1);
}

#[tokio::test]
async fn a_stream_that_ended_without_a_status_does_so_alone() {
    let ended = Ending::Broken(Broken {
        ended: true,
        ..Broken::new("the server ended the stream without a status")
    });
    let quiet = asked(1, "quiet").headers(&[("x", "1")]).received("last").end(ended);
    let long = (0..200).fold(asked(2, "long").headers(&[]), |long, _| long.received(vec![0; 100_000]));
    let (_server, client) = served(with(quiet, long.ok())).await;
    let other = client.begin(POLL, b"long").await.unwrap();
    let seen = client.call(POLL, b"quiet").await;
    assert_eq!((seen.broken, seen.reason, &seen.trailers), (false, None, &None));
    assert_eq!((seen.grpc_status(), &seen.bytes), ("none", &prefixed(&[b"last"])));
    assert_eq!(
        other.into_body().collect().await.unwrap().to_bytes().len(),
        200 * 100_005
    );
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_client_that_accepts_no_gzip_gets_none() {
    let text = b"a fibre, a fibre, a fibre, a fibre";
    let zipped = || Message {
        direction: Direction::Received,
        compressed: true,
        data: grpc::deflate("gzip", text).unwrap().into(),
    };
    let head = [("grpc-encoding", "gzip"), ("x", "1")];
    let asked = Message {
        direction: Direction::Sent,
        ..zipped()
    };
    let mut call = Recording::of(1, POLL);
    if let Some(EventKind::CallStart(start)) = call.events.first_mut().map(|event| &mut event.kind) {
        start.metadata = metadata(&[("grpc-encoding", "gzip")]);
    }
    let call = call.message(asked).headers(&head).message(zipped()).ok();
    let job = Recording::job(2, "a").headers(&head).message(zipped()).ok();
    let (_server, client) = served(with(call, job)).await;
    // It was asked with gzip, and is asked without.
    let seen = client.call(POLL, text).await;
    assert_eq!(
        (seen.headers.get("grpc-encoding"), &seen.bytes),
        (None, &prefixed(&[text]))
    );
    assert_eq!(seen.headers["x"], "1");
    let seen = client
        .call_with(POLL, text, &[("grpc-accept-encoding", "identity, gzip")])
        .await;
    assert_eq!(seen.headers["grpc-encoding"], "gzip");
    assert_eq!(seen.bytes, grpc::encode_message(true, &zipped().data));
}

#[tokio::test]
async fn a_job_can_be_asked_for_in_gzip() {
    let (_server, client) = served(Recording::job(1, "a").received("x").ok()).await;
    let small = grpc::deflate("gzip", &stream_request("a", 0)).unwrap();
    let body = Bytes::from(grpc::encode_message(true, &small));
    let seen = client
        .call_bytes(STREAM_SPECTROGRAMS, body, &[("grpc-encoding", "gzip")])
        .await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"x"])));
}

#[tokio::test]
async fn recorded_health_wins_over_ours_where_it_was_asked() {
    let check = |service: &str| {
        let service = service.to_owned();
        tonic_health::pb::HealthCheckRequest { service }.encode_to_vec()
    };
    let answer = tonic_health::pb::HealthCheckResponse { status: 2 }.encode_to_vec();
    let health = Recording::of(1, "/grpc.health.v1.Health/Check").sent(check("x.Y"));
    let health = health.headers(&[]).received(answer.clone()).ok();
    let (_server, client) = served(with(health, Recording::job(2, "a").ok())).await;
    let seen = client.call("/grpc.health.v1.Health/Check", &check("x.Y")).await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[&answer])));
    let serving = tonic_health::pb::HealthCheckResponse { status: 1 }.encode_to_vec();
    let seen = client.call("/grpc.health.v1.Health/Check", &check("")).await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[&serving])));
}

#[tokio::test]
async fn what_is_not_plain_grpc_gets_an_http_error() {
    let (server, client) = served(Recording::job(1, "a").ok()).await;
    for other in [
        "application/grpc-websocket",
        "application/octet-stream",
        "text/plain",
        "",
    ] {
        let seen = client
            .post_as(other, STREAM_SPECTROGRAMS, &stream_request("a", 0))
            .await;
        assert_eq!((seen.status.as_u16(), seen.grpc_status()), (415, "none"), "{other}");
    }
    // A job that was recorded in gRPC, for clients of gRPC-Web.
    for web in ["application/grpc-web", "application/grpc-web+proto"] {
        let seen = client.post_as(web, STREAM_SPECTROGRAMS, &stream_request("a", 0)).await;
        assert_eq!((seen.status.as_u16(), seen.grpc_status()), (200, "none"), "{web}");
        assert!(seen.bytes.ends_with(b"grpc-status: 0\r\n"), "{web}");
    }
    for grpc in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
    ] {
        let seen = client.post_as(grpc, STREAM_SPECTROGRAMS, &stream_request("a", 0)).await;
        assert_eq!((seen.status.as_u16(), seen.grpc_status()), (200, "0"), "{grpc}");
    }
    assert_eq!(server.served().refused, 0);
}

/// A capture file of these calls, in a folder of its own.
fn saved(recording: &Recording) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gcap");
    std::fs::write(&path, file_of(&Header::default(), recording)).unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_short_call_is_answered_without_a_look_into_the_file() {
    let long = (0..100).fold(asked(2, "long").headers(&[]), |long, _| long.received("x"));
    let (_folder, path) = saved(&with(asked(1, "short").headers(&[]).received("y").ok(), long.ok()));
    let server = serving([CaptureSource::file(&path)]).await;
    let client = Client::connect(server.grpc_addr()).await;
    assert_eq!(client.call(POLL, b"long").await.bytes.len(), 100 * 6);
    std::fs::remove_file(path).unwrap();
    let seen = client.call(POLL, b"short").await;
    assert_eq!((seen.grpc_status(), &seen.bytes), ("0", &prefixed(&[b"y"])));
    assert_eq!(client.call(POLL, b"long").await.grpc_status(), "15");
}

#[tokio::test]
async fn a_long_call_is_found_behind_many_others() {
    let mut recording = asked(1, "0").headers(&[]).received("0").ok();
    for call in 2..=200 {
        recording = with(
            recording,
            asked(call, &call.to_string()).headers(&[]).received("x").ok(),
        );
    }
    let long = (0..100).fold(asked(201, "long").headers(&[]), |long, _| long.received("y"));
    recording = with(recording, long.ok());
    for (event, at) in recording.events.iter_mut().zip(1..) {
        event.offset_ns = at * 1_000_000;
    }
    let (_folder, path) = saved(&recording);
    let server = serving([CaptureSource::file(&path)]).await;
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call(POLL, b"long").await;
    assert_eq!(
        (seen.grpc_status(), &seen.bytes),
        ("0", &prefixed(&[b"y".as_slice(); 100]))
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    use tokio::io::AsyncReadExt as _;
    let server = serving([Recording::job(1, "a").ok().source()]).await;
    let rest = server.rest_url();
    for addr in [
        server.grpc_addr().to_string(),
        rest.trim_start_matches("http://").to_owned(),
    ] {
        let mut silent = TcpStream::connect(addr).await.unwrap();
        let mut said = Vec::new();
        // What the server says of itself (SETTINGS), and then the end.
        let _ = silent.read_to_end(&mut said).await;
    }
}

#[tokio::test]
async fn a_client_that_names_a_socket_as_its_authority_is_answered() {
    use crate::grpc::http2::{
        frame::{FrameReader, Head, Item, kind},
        hpack,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = serving([named("a", asked(1, "who?").headers(&[]).received("me").ok())]).await;
    let mut stream = TcpStream::connect(server.grpc_addr()).await.unwrap();
    let frame = |kind, flags, stream, payload: &[u8]| {
        let len = payload.len();
        let head = Head {
            len,
            kind,
            flags,
            stream,
        };
        [&head.bytes()[..], payload].concat()
    };
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", POLL),
        (":authority", "/tmp/job.sock"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        hpack::encode(name.as_bytes(), value.as_bytes(), &mut block);
    }
    let said = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, b""),
        frame(kind::HEADERS, 4, 1, &block),
        frame(kind::DATA, 1, 1, &prefixed(&[b"who?"])),
    ];
    stream.write_all(&said.concat()).await.unwrap();
    let (mut frames, mut answer) = (FrameReader::of_server(), Vec::new());
    let mut room = vec![0; 4096];
    while answer.len() < prefixed(&[b"me"]).len() {
        let read = stream.read(&mut room).await.unwrap();
        assert_ne!(read, 0, "the connection was closed");
        frames.push(Bytes::copy_from_slice(&room[..read]));
        while let Some(item) = frames.next() {
            match item {
                Item::Data { raw, .. } => answer.extend_from_slice(&raw),
                Item::Frame(head, _) => assert_ne!(head.kind, kind::RST_STREAM, "the stream was reset"),
                Item::Pass(_) => {}
            }
        }
    }
    assert_eq!(answer, prefixed(&[b"me"]));
}

#[tokio::test]
async fn clients_that_compete_get_what_each_accepts() {
    let zipped = Message {
        direction: Direction::Received,
        compressed: true,
        data: grpc::deflate("gzip", b"a fibre, a fibre").unwrap().into(),
    };
    let recording = Recording::of(1, STREAM_SPECTROGRAMS)
        .sent(stream_request("a", 0))
        .headers(&[("grpc-encoding", "gzip")])
        .message(zipped)
        .ok();
    let builder = ReplayServer::builder().source(named("a", recording)).rate(Rate::Max);
    let server = builder.delivery(crate::serve::Delivery::Compete).start().await.unwrap();
    let seen = ask(&server, "a").await;
    assert_eq!(
        (seen.headers.get("grpc-encoding"), &seen.bytes),
        (None, &prefixed(&[b"a fibre, a fibre"]))
    );
}
