use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;

use super::*;
use crate::{
    das::{
        dialect::Dialect,
        proto::{self, datastream::DataStream},
    },
    model::event::{Cancelled, Ending, EventKind, Party},
    serve::{
        ReplayServer,
        testing::{Recording, frame, status},
    },
};

async fn held(recording: Recording, server: Recording, options: &CompareOptions) -> Comparison {
    let server = ReplayServer::builder()
        .source(server.source())
        .rate(Rate::Max)
        .start()
        .await
        .unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc_addr())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    compare(&recording.source(), &channel, options).await.unwrap()
}

/// One request, and answers `1` and `2`.
fn chat() -> Recording {
    let mut chat = Recording::of(1, "/x.Y/Chat").sent("a");
    chat.push(EventKind::HalfClose);
    chat.headers(&[("x-pod", "one")]).received("1").received("2")
}

fn stream(change: impl Fn(&mut DataStream)) -> Recording {
    let frames = (0..3).map(|row| {
        let mut frame = frame(row);
        change(&mut frame);
        frame.encode_to_vec()
    });
    let mut recording = Recording::job(1, "a");
    recording.push(EventKind::HalfClose);
    frames.fold(recording, Recording::received).ok()
}

fn paths(comparison: &Comparison) -> Vec<String> {
    let differences = comparison.calls.iter().flat_map(|call| &call.differences);
    differences.map(|difference| difference.path.clone()).collect()
}

/// A body that gives back what it is sent, and ends with OK when the client has said all.
struct Echo(Option<Incoming>);

impl Body for Echo {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        if let Some(frame) = ready!(Pin::new(body).poll_frame(cx)) {
            return Poll::Ready(Some(frame));
        }
        self.0 = None;
        let ok = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        Poll::Ready(Some(Ok(Frame::trailers(ok))))
    }
}

/// A server that answers each request with the request.
async fn echo() -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: http::Request<Incoming>| async move {
            let response = http::Response::builder().header("content-type", "application/grpc");
            Ok::<_, std::convert::Infallible>(response.body(Echo(Some(request.into_body()))).unwrap())
        });
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await
    });
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn a_conversation_is_held_again_in_its_order() {
    let mut talk = Recording::of(1, "/x.Y/Talk").sent("a").headers(&[]).received("a");
    talk = talk.sent("b").sent("c").received("b").received("c");
    talk.push(EventKind::HalfClose);
    let recording = talk.ok().source();
    let channel = echo().await;
    let comparison = compare(&recording, &channel, &CompareOptions::default()).await.unwrap();
    assert!(comparison.matched, "{comparison:?}");
    let call = &comparison.calls[0];
    assert_eq!((call.sent, call.compared, call.status), (3, 3, Some(0)));
    assert_eq!(call.recorded_ending.as_deref(), Some("OK"));
}

#[tokio::test]
async fn what_differs_is_told_by_its_path() {
    let differing = |frame: &mut DataStream| frame.rows[0].sensors[1].intensity[2] += 0.25;
    let comparison = held(stream(|_| {}), stream(differing), &CompareOptions::default()).await;
    assert!(!comparison.matched);
    assert_eq!(paths(&comparison), ["rows[0].sensors[1].intensity[2]"; 3]);
    let first = &comparison.calls[0].differences[0];
    assert_eq!(
        (first.message, first.recorded.as_str(), first.replayed.as_str()),
        (Some(1), "0", "0.25")
    );
    let other = chat().received("3").end(status(5, "gone", &[]));
    let comparison = held(chat().ok(), other, &CompareOptions::default()).await;
    assert_eq!(paths(&comparison), ["ending", "messages"]);
    let call = &comparison.calls[0];
    assert_eq!((call.extra, call.ending.as_deref()), (1, Some("NOT_FOUND: gone")));
}

#[tokio::test]
async fn payloads_that_differ_are_told_by_place_and_bytes() {
    let production = |value: u8| {
        let mut payload = vec![7; 40];
        payload[12] = value;
        let frame = proto::pandadatastream::DataStream {
            main_data: vec![vec![1; 4], payload],
            ..proto::pandadatastream::DataStream::default()
        };
        let mut recording = Recording::of(1, Dialect::PandaDataStream.method()).sent("");
        recording.push(EventKind::HalfClose);
        recording.received(frame.encode_to_vec())
    };
    let comparison = held(production(7).ok(), production(8).ok(), &CompareOptions::default()).await;
    assert_eq!(paths(&comparison), ["main_data[1]"]);
    let told = &comparison.calls[0].differences[0];
    assert_eq!(told.recorded, "40 bytes (from byte 12 on: 07 07 07 07 07 07 07 07 …)");
    assert_eq!(told.replayed, "40 bytes (from byte 12 on: 08 07 07 07 07 07 07 07 …)");
    // Without a schema, the whole message is such a payload.
    let other = chat().received("abcd").ok();
    let comparison = held(chat().received("abc").ok(), other, &CompareOptions::default()).await;
    let told = &comparison.calls[0].differences[0];
    assert_eq!(
        (told.path.as_str(), told.recorded.as_str(), told.replayed.as_str()),
        ("length", "3 bytes (over at byte 3)", "4 bytes (from byte 3 on: 64)")
    );
}

#[tokio::test]
async fn rules_and_tolerances_let_fields_differ_and_no_others() {
    let differing = |frame: &mut DataStream| {
        frame.rows[0].sensors[1].intensity[0] += 0.01;
        frame.rows[0].start_timestamp += 5;
    };
    let with = |ignore: &[&str], absolute| CompareOptions {
        ignore: ignore.iter().map(|rule| rule.parse().unwrap()).collect(),
        absolute,
        ..CompareOptions::default()
    };
    let judged = async |options: CompareOptions| held(stream(|_| {}), stream(differing), &options).await;
    let same = judged(with(&["rows.startTimestamp", "rows.endTimestamp"], 0.02)).await;
    assert!(same.matched && same.unused_ignores == ["rows.endTimestamp"], "{same:?}");
    let strict = judged(with(&["rows.startTimestamp"], 0.001)).await;
    assert_eq!(paths(&strict)[0], "rows[0].sensors[1].intensity[0]");
    let late = judged(with(&[], 0.02)).await;
    assert_eq!(paths(&late)[0], "rows[0].startTimestamp");
}

#[tokio::test]
async fn answers_that_never_come_are_counted_and_metadata_is_compared_where_asked() {
    let short = Recording::of(1, "/x.Y/Chat")
        .sent("a")
        .headers(&[("x-pod", "two")])
        .received("1")
        .ok();
    let options = CompareOptions {
        metadata: vec!["x-pod".to_owned()],
        ..CompareOptions::default()
    };
    let comparison = held(chat().ok(), short, &options).await;
    let call = &comparison.calls[0];
    assert_eq!((call.compared, call.missing), (1, 1));
    assert_eq!(paths(&comparison), ["metadata x-pod", "messages"]);
}

#[tokio::test]
async fn a_recording_that_was_stopped_is_held_up_to_there() {
    let stopped = Ending::Cancelled(Cancelled {
        by: Party::Us,
        reason: "enough".to_owned(),
        code: None,
        cut: false,
    });
    let longer = chat().received("3").received("4").ok();
    let comparison = held(chat().end(stopped), longer, &CompareOptions::default()).await;
    assert!(comparison.matched, "{comparison:?}");
    assert_eq!(comparison.calls[0].ending, None);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_not_waited_for_without_end() {
    let options = CompareOptions {
        idle_timeout: Duration::from_millis(50),
        ..CompareOptions::default()
    };
    let mut slow = chat().ok();
    slow.events
        .iter_mut()
        .skip(3)
        .for_each(|event| event.offset_ns += 3_600_000_000_000);
    let server = ReplayServer::builder().source(slow.source()).start().await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc_addr())).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let comparison = compare(&chat().ok().source(), &channel, &options).await.unwrap();
    let call = &comparison.calls[0];
    assert!(!call.matched);
    assert_eq!((call.missing, call.ending.as_deref()), (2, Some("nothing for 0.05 s")));
}

#[tokio::test]
async fn nothing_compared_is_no_success() {
    let empty = Recording::of(1, "/x.Y/Chat").sent("a").ok();
    let server = Recording::of(1, "/x.Y/Chat").sent("a").ok();
    let comparison = held(empty, server, &CompareOptions::default()).await;
    assert!(!comparison.matched && comparison.compared == 0);
    assert_eq!(comparison.refused(), None);
    let server = Recording::of(1, "/x.Y/Other").ok();
    let refused = held(chat().ok(), server, &CompareOptions::default()).await;
    assert_eq!(refused.refused(), Some(12));
}
