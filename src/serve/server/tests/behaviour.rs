//! What the options do, seen by a client.

use std::io::Read as _;

use serde_json::json;

use super::*;
use crate::serve::{Delivery, End, Gzip, Restamp};

/// `messages` of one byte, 0 and up, in the order of the recording.
fn numbered(messages: u8) -> Recording {
    (0..messages)
        .fold(Recording::job(1, "a"), |recording, n| recording.received(vec![n]))
        .ok()
}

fn fast(recording: Recording) -> Builder {
    ReplayServer::builder().source(named("a", recording)).rate(Rate::Max)
}

/// The messages, each of one byte.
fn payloads(seen: &Seen) -> Vec<u8> {
    seen.bytes.chunks(6).map(|message| message[5]).collect()
}

async fn begin(server: &ReplayServer) -> hyper::body::Incoming {
    let client = Client::connect(server.grpc_addr()).await;
    let response = client.begin(STREAM_SPECTROGRAMS, &stream_request("a", 0)).await;
    response.unwrap().into_body()
}

async fn next(body: &mut hyper::body::Incoming) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn a_paused_server_sends_nothing_until_it_is_told_to_go_on() {
    let server = fast(numbered(3)).start_paused().start().await.unwrap();
    let (seen, ()) = tokio::join!(ask(&server, "a"), async {
        until(|| server.served().active == 1).await;
        assert_eq!(server.status()["state"], "paused");
        assert_eq!(server.status()["calls"][0]["offset_s"], 0.0);
        assert!(server.resume());
    });
    assert_eq!(payloads(&seen), [0, 1, 2]);
    assert_eq!(seen.grpc_status(), "0");
}

#[tokio::test]
async fn a_seek_goes_elsewhere_in_a_running_call() {
    // The second message is due in an hour, the third in two: nothing happens by itself.
    let mut recording = numbered(3);
    for after in [4, 5] {
        for event in &mut recording.events[after..] {
            event.offset_ns += 3_600_000_000_000;
        }
    }
    let builder = ReplayServer::builder().source(named("a", recording));
    let server = builder.start().await.unwrap();
    let mut body = begin(&server).await;
    assert_eq!(next(&mut body).await[5], 0);
    server.seek(std::time::Duration::from_secs(3600));
    assert_eq!(next(&mut body).await[5], 1);
    server.seek(std::time::Duration::ZERO);
    assert_eq!(next(&mut body).await[5], 0);
}

#[tokio::test]
async fn a_recording_is_repeated_in_one_call() {
    let server = fast(numbered(2)).loops(3).start().await.unwrap();
    let seen = ask(&server, "a").await;
    assert_eq!(payloads(&seen), [0, 1, 0, 1, 0, 1]);
    assert_eq!(seen.grpc_status(), "0");
}

#[tokio::test]
async fn a_client_that_leaves_ends_an_endless_loop() {
    let server = fast(numbered(2)).loops(0).start().await.unwrap();
    let mut body = begin(&server).await;
    next(&mut body).await;
    drop(body);
    // It drains: it would hang on a call that does not end.
    assert_eq!(server.shutdown().await.completed, 0);
}

#[tokio::test]
async fn a_call_that_is_held_stays_open_until_the_server_stops() {
    let server = fast(numbered(2)).end(End::Hold).start().await.unwrap();
    let addr = server.grpc_addr();
    let client = Client::connect(addr).await;
    let request = stream_request("a", 0);
    let (seen, _) = tokio::join!(client.call(STREAM_SPECTROGRAMS, &request), async {
        until(|| server.served().messages == 2).await;
        server.shutdown().await
    });
    assert_eq!((payloads(&seen), seen.grpc_status()), (vec![0, 1], "14"));
    assert!(seen.grpc_message().contains("being stopped"), "{}", seen.grpc_message());
}

#[tokio::test]
async fn an_idle_call_is_closed_with_a_goaway() {
    let silence = std::time::Duration::from_millis(20);
    let server = fast(numbered(2)).idle_goaway(silence).start().await.unwrap();
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call(STREAM_SPECTROGRAMS, &stream_request("a", 0)).await;
    assert_eq!(payloads(&seen), [0, 1]);
    assert!(seen.broken && seen.trailers.is_none(), "{seen:?}");
    assert!(client.is_closed());
}

#[tokio::test]
async fn competing_clients_share_the_messages_between_them() {
    let server = fast(numbered(40)).delivery(Delivery::Compete).start().await.unwrap();
    let (one, two) = tokio::join!(ask(&server, "a"), ask(&server, "a"));
    let mut all = [payloads(&one), payloads(&two)].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert_eq!((one.grpc_status(), two.grpc_status()), ("0", "0"));
    for seen in [&one, &two] {
        assert_eq!(seen.headers["x-pod"], "a");
        assert!(payloads(seen).is_sorted());
    }
    let late = ask(&server, "a").await;
    assert_eq!((payloads(&late), late.grpc_status()), (vec![], "0"));
}

#[tokio::test]
async fn a_competing_client_takes_no_more_than_it_asked_for() {
    let server = fast(numbered(6)).delivery(Delivery::Compete).start().await.unwrap();
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call(STREAM_SPECTROGRAMS, &stream_request("a", 2)).await;
    assert_eq!((payloads(&seen), seen.grpc_status()), (vec![0, 1], "0"));
}

#[tokio::test]
async fn what_is_delivered_once_is_there_again_after_a_configure() {
    let server = fast(numbered(3)).delivery(Delivery::Once).start().await.unwrap();
    assert_eq!(payloads(&ask(&server, "a").await), [0, 1, 2]);
    let second = ask(&server, "a").await;
    assert_eq!((payloads(&second), second.grpc_status()), (vec![], "0"));
    assert_eq!(second.headers["x-pod"], "a");
    rest::configure(&server, rest::REQUEST).await;
    assert_eq!(payloads(&ask(&server, "a").await), [0, 1, 2]);
}

#[tokio::test]
async fn a_job_that_is_starting_says_so_everywhere() {
    let delay = std::time::Duration::from_secs(3600);
    let server = fast(numbered(3)).startup_delay(delay).start().await.unwrap();
    let seen = ask(&server, "a").await;
    assert_eq!(seen.grpc_status(), "14");
    assert!(
        seen.grpc_message().contains("still starting"),
        "{}",
        seen.grpc_message()
    );
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc_addr())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut job = DataStreamServiceClient::new(channel.clone());
    assert!(!job.check_health(HealthRequest {}).await.unwrap().into_inner().healthy);
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest {
        service: "datastream.DataStreamService".to_owned(),
    };
    // 2 is NOT_SERVING; the reporter is told by a task.
    loop {
        if health.check(request.clone()).await.unwrap().into_inner().status == 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn gzip_is_for_those_who_ask_for_it() {
    let text = "a fibre ".repeat(100);
    let recording = Recording::job(1, "a").received(text.clone()).ok();
    let server = fast(recording).gzip(Gzip::WhenAsked).start().await.unwrap();
    assert_eq!(ask(&server, "a").await.bytes, prefixed(&[text.as_bytes()]));
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client
        .call_with(
            STREAM_SPECTROGRAMS,
            &stream_request("a", 0),
            &[("grpc-accept-encoding", "gzip")],
        )
        .await;
    assert_eq!(seen.headers["grpc-encoding"], "gzip");
    assert_eq!(seen.bytes[0], 1);
    let mut inflated = String::new();
    flate2::read::GzDecoder::new(&seen.bytes[5..])
        .read_to_string(&mut inflated)
        .unwrap();
    assert_eq!(inflated, text);
}

#[tokio::test]
async fn restamped_rows_are_of_now() {
    let recording = Recording::job(1, "a")
        .received(frame(0).encode_to_vec())
        .received(frame(1).encode_to_vec())
        .ok();
    let before = now_ms();
    let server = fast(recording).restamp(Restamp::Now).start().await.unwrap();
    let seen = ask(&server, "a").await;
    let mut deframer = crate::grpc::Deframer::default();
    deframer.push(seen.bytes);
    let mut next = || {
        let frame = deframer.next_frame().unwrap().unwrap();
        crate::das::proto::datastream::DataStream::decode(frame.data).unwrap()
    };
    let (first, second) = (next(), next());
    let end = first.rows[0].end_timestamp;
    assert!((before..=now_ms()).contains(&end), "{end}");
    assert_eq!(second.rows[0].end_timestamp, end + 250);
    assert_eq!(first.rows[0].sensors, frame(0).rows[0].sensors);
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.unwrap().as_millis() as i64
}

#[tokio::test]
async fn how_well_the_schedule_was_kept_is_told() {
    let server = ReplayServer::builder()
        .source(named("a", numbered(5)))
        .start()
        .await
        .unwrap();
    assert_eq!(server.fidelity().achieved_rate, None);
    ask(&server, "a").await;
    let fidelity = server.fidelity();
    assert_eq!(fidelity.timed, 5);
    assert!(fidelity.late_p50_ns <= fidelity.late_p99_ns && fidelity.late_p99_ns <= fidelity.late_max_ns);
    assert!(fidelity.achieved_rate.is_some_and(|rate| rate > 0.0));
    assert_eq!(server.status()["fidelity"]["timed"], json!(5));
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_refused() {
    let server = fast(numbered(1)).max_request_bytes(8).start().await.unwrap();
    let client = Client::connect(server.grpc_addr()).await;
    let seen = client.call(STREAM_SPECTROGRAMS, &[0; 9]).await;
    assert_eq!(seen.grpc_status(), "8");
}

#[tokio::test]
async fn answers_to_the_same_request_come_in_the_order_of_the_recording() {
    let poll = |call, answer: &str| {
        let recording = Recording::of(call, "/x.Y/Poll").sent("how far?").headers(&[]);
        recording.received(answer.to_owned()).ok()
    };
    let mut recording = poll(1, "half");
    recording.events.extend(poll(2, "done").events);
    let server = fast(recording).start().await.unwrap();
    for _ in 0..2 {
        let client = Client::connect(server.grpc_addr()).await;
        for answer in ["half", "done", "done"] {
            let seen = client.call("/x.Y/Poll", b"how far?").await;
            assert_eq!(seen.bytes, prefixed(&[answer.as_bytes()]));
        }
    }
    let client = Client::connect(server.grpc_addr()).await;
    assert_eq!(client.call("/x.Y/Poll", b"who?").await.grpc_status(), "5");
}
