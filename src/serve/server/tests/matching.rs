//! Requests that vary, what is kept of them, and which recorded calls were asked for.

use super::*;
use crate::{
    grpc::protobuf::{put_bytes, put_varint},
    model::event::EventKind,
    record::{Recording as Kept, RecordingOptions},
};

const PLACE: &str = "/shop.Orders/Place";
const POLL: &str = "/shop.Orders/Poll";

/// A request: what is ordered (1), the client's clock (2), and an id (3).
fn order(what: &str, clock: u64, id: &str) -> Vec<u8> {
    let mut request = Vec::new();
    put_bytes(&mut request, 1, what.as_bytes());
    put_varint(&mut request, 2, clock);
    put_bytes(&mut request, 3, id.as_bytes());
    request
}

/// An answer: a state (1), and the request (2).
fn answer(state: &str, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    put_bytes(&mut answer, 1, state.as_bytes());
    put_bytes(&mut answer, 2, request);
    answer
}

fn placed(call: u32, what: &str, clock: u64, id: &str) -> Recording {
    let request = order(what, clock, id);
    let answer = answer(&format!("{what} {call}"), &request);
    Recording::of(call, PLACE)
        .sent(request)
        .headers(&[])
        .received(answer)
        .ok()
}

fn together(recordings: impl IntoIterator<Item = Recording>) -> CaptureSource {
    let mut recordings = recordings.into_iter();
    let mut first = recordings.next().unwrap();
    recordings.for_each(|next| first.events.extend(next.events));
    named("shop", first)
}

async fn varied(builder: Builder, recordings: impl IntoIterator<Item = Recording>) -> (ReplayServer, Client) {
    let server = builder
        .rate(Rate::Max)
        .source(together(recordings))
        .start()
        .await
        .unwrap();
    let client = Client::connect(server.grpc_addr()).await;
    (server, client)
}

#[tokio::test]
async fn a_request_with_another_clock_and_id_is_answered_and_an_exact_one_first() {
    let builder = ReplayServer::builder().match_ignoring("2,3").unwrap();
    let recordings = [
        placed(1, "tea", 10, "a"),
        placed(2, "tea", 20, "b"),
        placed(3, "milk", 30, "c"),
    ];
    let (server, client) = varied(builder, recordings).await;
    for (request, call) in [
        (order("tea", 20, "b"), "tea 2"),
        (order("milk", 99, "z"), "milk 3"),
        (order("tea", 98, "y"), "tea 1"),
        (order("tea", 97, "x"), "tea 2"),
        (order("tea", 20, "b"), "tea 2"),
    ] {
        let seen = client.call(PLACE, &request).await;
        assert_eq!(seen.grpc_status(), "0");
        assert!(
            String::from_utf8_lossy(&seen.bytes).contains(call),
            "{call}: {:?}",
            seen.bytes
        );
    }
    assert_eq!(client.call(PLACE, &order("rum", 10, "a")).await.grpc_status(), "5");
    let served = server.served();
    assert_eq!((served.calls, served.by_fields, served.refused), (5, 3, 1));
}

#[tokio::test]
async fn an_answer_holds_the_values_of_the_request_that_came_however_it_is_compressed() {
    let rules = "[method.'shop.Orders/*']\nignore = ['2', '3']\nanswer = { '2.2' = '2', '2.3' = '3' }";
    let recorded = order("tea", 10, "a");
    let plain = answer("done", &recorded);
    let packed = crate::grpc::deflate("gzip", &plain).unwrap();
    let recording = Recording::of(1, PLACE)
        .sent(recorded)
        .headers(&[("grpc-encoding", "gzip")])
        .message(Message {
            compressed: true,
            ..Message::plain(Direction::Received, packed)
        })
        .received(plain)
        .ok();
    let builder = ReplayServer::builder().match_rules(rules).unwrap();
    let (_server, client) = varied(builder, [recording]).await;
    let live = order("tea", 1 << 40, "a much longer id");
    let expected = answer("done", &live);
    for accepted in ["gzip", "identity"] {
        let seen = client
            .call_with(PLACE, &live, &[("grpc-accept-encoding", accepted)])
            .await;
        assert_eq!(seen.bytes, prefixed(&[&expected, &expected]), "{accepted}");
    }
}

#[tokio::test]
async fn a_client_that_polls_gets_the_answers_in_their_order() {
    let poll = |call: u32, clock, state: &str| {
        let recording = Recording::of(call, POLL).sent(order("job", clock, ""));
        recording.headers(&[]).received(state.to_owned()).ok()
    };
    let builder = ReplayServer::builder().match_ignoring("2").unwrap();
    let (_server, client) = varied(builder, [poll(1, 1, "runs"), poll(2, 2, "runs"), poll(3, 3, "done")]).await;
    for (clock, state) in [(7, "runs"), (8, "runs"), (9, "done"), (10, "done")] {
        let seen = client.call(POLL, &order("job", clock, "")).await;
        assert_eq!(seen.bytes, prefixed(&[state.as_bytes()]));
    }
}

#[tokio::test]
async fn what_clients_sent_is_kept_and_can_be_asked_for() {
    let builder = ReplayServer::builder().match_ignoring("2,3").unwrap();
    let (server, client) = varied(builder, [placed(1, "tea", 10, "a"), placed(2, "milk", 10, "a")]).await;
    assert_eq!(server.never_asked().len(), 2);
    let request = order("tea", 11, "b");
    let secret = [("authorization", "Bearer secret"), ("x-user", "me")];
    assert_eq!(client.call_with(PLACE, &request, &secret).await.grpc_status(), "0");
    assert_eq!(client.call("/shop.Orders/Cancel", b"x").await.grpc_status(), "12");
    let rest = async |path: &str| rest::http(&server, http::Method::GET, path, "").await.1;
    let all = rest("/requests").await;
    let calls = all["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{all}");
    assert_eq!(calls[0]["method"], PLACE);
    assert_eq!(calls[0]["requests"][0]["size"], request.len());
    assert_eq!(calls[0]["match"]["how"], "by fields");
    assert_eq!(calls[0]["match"]["call"], 1);
    assert_eq!(calls[0]["match"]["ignored"], serde_json::json!(["2", "3"]));
    assert_eq!(
        (&calls[0]["half_closed"], &calls[0]["ending"]["name"]),
        (&true.into(), &"OK".into())
    );
    assert!(!all.to_string().contains("Bearer secret"), "{all}");
    assert_eq!(calls[1]["ending"]["name"], "UNIMPLEMENTED");
    assert_eq!(calls[1]["requests"][0]["data"], "eA==");
    assert_eq!(rest("/requests?after=1").await["calls"].as_array().unwrap().len(), 1);
    assert_eq!(
        rest("/requests?method=*%2FPlace").await["calls"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(
        rest("/requests?from=1").await["detail"]
            .as_str()
            .unwrap()
            .contains("after=N")
    );
    // In the library they are events, with the metadata as it came.
    let events = server.requests();
    assert!(events.iter().any(|event| matches!(&event.kind,
        EventKind::CallStart(start) if start.metadata.get("authorization") == Some(b"Bearer secret"))));
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Message(sent) if sent.data == request))
    );
    assert_eq!(server.never_asked(), [("shop.gcap".to_owned(), 2, PLACE.to_owned())]);
    let forget = rest::asked_as(&server, http::Method::DELETE, "/requests", "", &[("host", "localhost")]);
    assert_eq!(forget.await.0, 204);
    assert_eq!(
        rest("/requests").await,
        serde_json::json!({"calls": [], "forgotten": 2})
    );
}

#[tokio::test]
async fn what_clients_sent_and_got_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("asked.gcap");
    let recording = Kept::start(&path, &Header::new(1), RecordingOptions::default()).unwrap();
    let builder = ReplayServer::builder()
        .match_ignoring("2,3")
        .unwrap()
        .recording(recording.handle());
    let (server, client) = varied(builder, [placed(1, "tea", 10, "a")]).await;
    let request = order("tea", 11, "b");
    assert_eq!(client.call(PLACE, &request).await.grpc_status(), "0");
    assert_eq!(client.call(PLACE, &order("rum", 1, "")).await.grpc_status(), "5");
    drop(server);
    let written = recording.finish().await.unwrap();
    assert_eq!(
        (
            written.summary.calls,
            written.summary.sent_messages,
            written.summary.messages
        ),
        (2, 2, 1)
    );
    let events: Vec<_> = crate::file::Reader::open(&path).unwrap().map(Result::unwrap).collect();
    let of_first: Vec<_> = events
        .iter()
        .filter(|event| event.call == 1)
        .map(|event| &event.kind)
        .collect();
    let [EventKind::CallStart(start), EventKind::Message(sent), rest @ ..] = &of_first[..] else {
        panic!("{of_first:?}")
    };
    assert_eq!((start.method.as_str(), &sent.data[..]), (PLACE, &request[..]));
    assert!(matches!(rest.last(), Some(EventKind::End(Ending::Status(ended))) if ended.code == 0));
    assert!(rest.iter().any(|kind| matches!(kind, EventKind::HalfClose)));
}

#[tokio::test]
async fn calls_with_the_same_requests_are_each_asked_for_once() {
    let recordings = (1..=3).map(|call| placed(call, "tea", 10, "a"));
    let (server, client) = varied(ReplayServer::builder(), recordings).await;
    for left in [2, 1, 0, 0] {
        assert_eq!(client.call(PLACE, &order("tea", 10, "a")).await.grpc_status(), "0");
        assert_eq!(server.never_asked().len(), left);
    }
}

#[tokio::test]
async fn recorded_health_wins_over_our_own_and_what_was_not_recorded_is_our_own() {
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    let (serving, not_serving) = (&[8, 1][..], &[8, 2][..]);
    let service = |name: &str| {
        let mut request = Vec::new();
        put_bytes(&mut request, 1, name.as_bytes());
        request
    };
    let asked = |call, name, status: &[u8]| {
        let recording = Recording::of(call, CHECK).sent(service(name)).headers(&[]);
        recording.received(status.to_vec()).ok()
    };
    let recordings = [
        placed(1, "tea", 10, "a"),
        asked(2, "shop.Orders", not_serving),
        asked(3, "shop.Orders", serving),
        asked(4, "shop.Other", not_serving),
    ];
    let (server, client) = varied(ReplayServer::builder(), recordings).await;
    for (name, status) in [
        ("shop.Orders", not_serving),
        ("shop.Orders", serving),
        ("shop.Other", not_serving),
        ("", serving),
    ] {
        let seen = client.call(CHECK, &service(name)).await;
        assert_eq!(seen.bytes, prefixed(&[status]), "{name}");
    }
    assert_eq!(server.never_asked().len(), 1);
    // What the server answers by itself is nothing that it was asked for.
    let kept = server.requests().into_iter();
    assert_eq!(
        kept.filter(|event| matches!(event.kind, EventKind::CallStart(_)))
            .count(),
        3
    );
}
