use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::*;

/// One request over a connection of its own: status, and the body as JSON.
pub(super) async fn http(server: &ReplayServer, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    let (status, body) = asked_as(server, method, path, body, &[("host", "focus.localhost:8443")]).await;
    (status, serde_json::from_str(&body).unwrap())
}

/// One request with these header fields over a connection of its own: status and body.
pub(super) async fn asked_as(
    server: &ReplayServer,
    method: Method,
    path: &str,
    body: &str,
    fields: &[(&str, &str)],
) -> (StatusCode, String) {
    let addr = server.rest_url().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&addr).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path);
    let request = fields
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

pub(super) const REQUEST: &str = r#"{"channels": {"min": 1, "max": 50}, "frequencyRange": {"min": 0, "max": 500}}"#;

pub(super) async fn configure(server: &ReplayServer, body: &str) -> Value {
    let (status, answer) = http(server, Method::POST, "/configure", body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn spectrograms(id: &str) -> CaptureSource {
    named(id, Recording::job(1, id).received(frame(0).encode_to_vec()).ok())
}

#[tokio::test]
async fn configure_answers_a_job_that_can_be_streamed() {
    let server = serving([spectrograms("12-1")]).await;
    for path in [
        "/configure",
        "/configure/",
        "/focus-server/configure",
        "/focus-server/configure/",
        "/config/task-7",
    ] {
        let (status, answer) = http(&server, Method::POST, path, REQUEST).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(answer["job_id"], "12-1");
        assert_eq!(answer["stream_url"], "http://focus.localhost");
        assert_eq!(answer["stream_port"], server.grpc_addr().port());
        assert_eq!(
            (&answer["channel_amount"], &answer["frequencies_amount"]),
            (&json!(2), &json!(3))
        );
    }
    assert_eq!(server.served().rest_requests, 5);
}

#[tokio::test]
async fn several_jobs_are_answered_in_turn_unless_the_request_was_recorded() {
    let mut header = Header::default();
    header.set(Attribute::CONFIGURE_REQUEST, r#"{"channels": {"max": 9, "min": 4}}"#);
    header.set(
        Attribute::CONFIGURE_RESPONSE,
        r#"{"status": "", "job_id": "old", "extra": true}"#,
    );
    let recorded = CaptureSource::memory("c.gcap", header, Recording::job(1, "c").ok().events);
    let server = serving([spectrograms("a"), spectrograms("b"), recorded]).await;
    for id in ["a", "b", "c", "a"] {
        assert_eq!(configure(&server, REQUEST).await["job_id"], id);
    }
    let answer = configure(&server, r#"{"channels": {"min": 4, "max": 9}}"#).await;
    assert_eq!((&answer["job_id"], &answer["extra"]), (&json!("c"), &json!(true)));
}

#[tokio::test]
async fn production_jobs_are_answered_with_their_own_ports() {
    let server = serving([
        named("x", Recording::stream(1, 0).ok()),
        named("y", Recording::stream(1, 0).ok()),
    ])
    .await;
    for id in ["x", "y"] {
        assert_eq!(
            configure(&server, REQUEST).await["stream_port"],
            server.job_addr(id).unwrap().port()
        );
    }
}

#[tokio::test]
async fn a_bad_configure_request_is_refused() {
    let server = serving([spectrograms("a")]).await;
    let (status, answer) = http(
        &server,
        Method::POST,
        "/configure",
        r#"{"channels": {"min": 5, "max": 2}}"#,
    )
    .await;
    assert_eq!(
        (status, &answer["detail"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!("channels.max: expected at least its lower bound 5, got 2")
        )
    );
    let (status, answer) = http(&server, Method::POST, "/configure", "channels=5").await;
    assert_eq!(status, 400);
    assert!(answer["detail"].as_str().unwrap().contains("not JSON"), "{answer}");
}

#[tokio::test]
async fn metadata_answers_for_known_jobs_only() {
    let server = serving([spectrograms("a"), spectrograms("b")]).await;
    let (status, answer) = http(&server, Method::GET, "/focus-server/metadata/b", "").await;
    assert_eq!((status, &answer["job_id"]), (StatusCode::OK, &json!("b")));
    let (status, answer) = http(&server, Method::GET, "/metadata/z/", "").await;
    assert_eq!(
        (status, answer),
        (StatusCode::NOT_FOUND, json!({"error": "Invalid job_id"}))
    );
}

#[tokio::test]
async fn the_small_questions_are_answered() {
    let server = serving([spectrograms("a")]).await;
    let (status, answer) = http(&server, Method::GET, "/channels", "").await;
    assert_eq!(
        (status, answer),
        (StatusCode::OK, json!({"lowest_channel": 7, "highest_channel": 9}))
    );
    assert_eq!(http(&server, Method::GET, "/ack", "").await.0, 200);
    assert_eq!(
        http(&server, Method::GET, "/live_metadata/", "").await,
        (StatusCode::OK, json!({}))
    );
}

#[tokio::test]
async fn what_is_not_there_is_answered_in_json() {
    let server = serving([spectrograms("a")]).await;
    assert_eq!(
        http(&server, Method::GET, "/nothing", "").await,
        (StatusCode::NOT_FOUND, json!({"error": "Not Found"}))
    );
    assert_eq!(
        http(&server, Method::GET, "/configure", "").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn quirks_are_answered_on_demand() {
    use crate::serve::Quirk;
    let quirky = |quirks: &[Quirk]| {
        let builder = ReplayServer::builder().source(spectrograms("a"));
        quirks
            .iter()
            .fold(builder, |builder, quirk| builder.quirk(*quirk))
            .start()
    };
    let server = quirky(&[
        Quirk::StringPort,
        Quirk::EmptyStatus,
        Quirk::ErrorIn200,
        Quirk::ErrorAsMessage,
    ])
    .await
    .unwrap();
    let answer = configure(&server, REQUEST).await;
    assert_eq!(answer["stream_port"], server.grpc_addr().port().to_string());
    assert_eq!(answer["status"], "");
    let (status, answer) = http(&server, Method::GET, "/metadata/nobody", "").await;
    assert_eq!((status.as_u16(), &answer["message"]), (200, &json!("Invalid job_id")));
    let server = quirky(&[Quirk::WaitingForFiber, Quirk::NoRecording]).await.unwrap();
    let (status, answer) = http(&server, Method::POST, "/configure", REQUEST).await;
    assert_eq!((status.as_u16(), &answer["error"]), (503, &json!("waiting for fiber")));
    let past = r#"{"channels": {"min": 1, "max": 50}, "start_time": 1, "end_time": 2}"#;
    assert_eq!(http(&server, Method::POST, "/configure", past).await.0, 404);
}

#[tokio::test]
async fn the_player_is_told_over_rest() {
    let server = serving([spectrograms("a")]).await;
    let (status, answer) = http(&server, Method::POST, "/replay/pause", "").await;
    assert_eq!((status.as_u16(), &answer["state"]), (200, &json!("paused")));
    let (_, answer) = http(&server, Method::GET, "/replay/status", "").await;
    assert_eq!((&answer["state"], &answer["rate"]), (&json!("paused"), &json!("max")));
    for (path, body) in [
        ("/replay/seek", r#"{"offset_s": 1.5}"#),
        ("/replay/seek?offset_s=2", ""),
    ] {
        assert_eq!(http(&server, Method::POST, path, body).await.0, 200, "{path}");
    }
    let (status, answer) = http(&server, Method::POST, "/replay/seek", r#"{"offset_s": -1}"#).await;
    assert_eq!((status.as_u16(), &answer["field"]), (422, &json!("offset_s")));
    let (_, answer) = http(&server, Method::POST, "/replay/resume", "").await;
    assert_eq!(answer["state"], "playing");
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let server = serving([spectrograms("a")]).await;
    for (body, status, field) in [
        ("no JSON", 400, "body"),
        ("[]", 422, "body"),
        ("{}", 422, "channels.min"),
        (r#"{"channels": {"min": 5, "max": 2}}"#, 422, "channels.max"),
    ] {
        let (answered, answer) = http(&server, Method::POST, "/configure", body).await;
        assert_eq!((answered.as_u16(), &answer["field"]), (status, &json!(field)), "{body}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_may_not_speak_to_it() {
    let server = serving([spectrograms("a")]).await;
    for (method, path) in [
        (Method::POST, "/replay/pause"),
        (Method::POST, "/configure"),
        (Method::GET, "/replay/status"),
    ] {
        let local = ("host", "localhost:1");
        let (status, text) = asked_as(
            &server,
            method.clone(),
            path,
            REQUEST,
            &[local, ("origin", "http://evil.example")],
        )
        .await;
        assert_eq!(status, 403, "{path}");
        assert!(text.contains("http://evil.example may not use"), "{text}");
        let (status, text) = asked_as(&server, method.clone(), path, REQUEST, &[("host", "evil.example")]).await;
        assert_eq!(status, 403, "{path}");
        assert!(text.contains("does not accept the name evil.example"), "{text}");
        let (status, _) = asked_as(
            &server,
            method,
            path,
            REQUEST,
            &[local, ("origin", "http://localhost:3000")],
        )
        .await;
        assert_eq!(status, 200, "{path}");
    }
    assert_eq!(server.status()["state"], "paused");
    let everywhere = ReplayServer::builder()
        .source(spectrograms("a"))
        .rest_addr("0.0.0.0:0".parse().unwrap());
    let server = everywhere.start().await.unwrap();
    let (status, _) = asked_as(
        &server,
        Method::POST,
        "/configure",
        REQUEST,
        &[("host", "replay.team.svc")],
    )
    .await;
    assert_eq!(status, 200, "a pod goes by its service's name");
}
