use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, method, path},
};

use super::{error::RestAdvice, *};
use crate::tap::tls::{
    TlsMode,
    remedy::{TlsAdvice, TrustAdvice},
};

const SOON: RestLimits = RestLimits {
    connect: Duration::from_millis(700),
    answer: Duration::from_secs(20),
    fiber: Duration::ZERO,
};

fn client(base: &str) -> FocusClient {
    FocusClient::new(base, &TlsOptions::default(), SOON).unwrap()
}

fn answer() -> Value {
    json!({"job_id": "12-70788", "stream_url": "", "stream_port": "12301", "new": 1})
}

async fn serves(route: &str, template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(route)).respond_with(template).mount(&server).await;
    server
}

async fn posts(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

#[tokio::test]
async fn a_configured_job_is_answered_whole() {
    let server = MockServer::start().await;
    let asked = json!({"channels": {"min": 1, "max": 2}});
    let ok = ResponseTemplate::new(200).set_body_json(answer());
    Mock::given(method("POST"))
        .and(path("/configure"))
        .and(body_json(&asked))
        .respond_with(ok)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let response = client.configure(&asked).await.unwrap();
    assert_eq!(response.raw(), &answer());
    assert_eq!(response.endpoint(client.host()).unwrap().authority(), "127.0.0.1:12301");
}

#[tokio::test]
async fn a_path_in_the_address_is_used_with_and_without_a_slash_and_nothing_else_is_tried() {
    let server = serves(
        "/x/focus-server/configure",
        ResponseTemplate::new(200).set_body_json(answer()),
    )
    .await;
    for base in ["/x/focus-server", "/x/focus-server/"] {
        client(&(server.uri() + base)).configure(&json!({})).await.unwrap();
    }
    let error = client(&(server.uri() + "/y")).configure(&json!({})).await.unwrap_err();
    assert!(matches!(error, RestError::Refused { status: 404, .. }), "{error}");
    assert_eq!(posts(&server).await.last().unwrap(), "/y/configure");
}

#[tokio::test]
async fn the_prefix_is_found_when_the_route_is_missing_and_remembered() {
    let missing = [
        ResponseTemplate::new(404),
        ResponseTemplate::new(404).set_body_json(json!({"detail": "Not Found"})),
        ResponseTemplate::new(404).set_body_string("404 page not found\n"),
        ResponseTemplate::new(404).set_body_string("<html><h1>Nothing here</h1></html>"),
    ];
    for missing in missing {
        let server = serves(
            "/focus-server/configure",
            ResponseTemplate::new(200).set_body_json(answer()),
        )
        .await;
        Mock::given(path("/configure"))
            .respond_with(missing)
            .mount(&server)
            .await;
        let client = client(&server.uri());
        client.configure(&json!({})).await.unwrap();
        client.configure(&json!({})).await.unwrap();
        assert_eq!(
            posts(&server).await,
            ["/configure", "/focus-server/configure", "/focus-server/configure"]
        );
    }
}

#[tokio::test]
async fn a_server_without_the_route_is_named_with_both_addresses() {
    let server = MockServer::start().await;
    let error = client(&server.uri())
        .configure(&json!({}))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/configure") && error.contains("/focus-server/configure"),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words_after_one_post() {
    let no_recording = "no recording found in the given time range";
    let long = "x".repeat(5000);
    let table = [
        (404, json!({"error": no_recording}).to_string(), no_recording),
        (404, no_recording.to_owned(), no_recording),
        (400, json!({"message": "bad range"}).to_string(), "bad range"),
        (
            422,
            json!({"detail": [{"loc": ["body", "nfft"], "msg": "required"}]}).to_string(),
            "nfft: required",
        ),
        (401, String::new(), "credentials"),
        (403, "go away".to_owned(), "go away"),
        (500, "<html>oops</html>".to_owned(), "oops"),
        (503, "overloaded".to_owned(), "overloaded"),
        (500, long, " …"),
        (200, json!({"error": "Invalid job_id"}).to_string(), "Invalid job_id"),
    ];
    for (status, body, says) in table {
        let server = serves("/configure", ResponseTemplate::new(status).set_body_string(body)).await;
        let error = client(&server.uri()).configure(&json!({})).await.unwrap_err();
        assert!(
            matches!(&error, RestError::Refused { status: said, .. } if *said == status),
            "{error:?}"
        );
        assert!(
            error.to_string().contains(says) && error.to_string().len() < 500,
            "{error}"
        );
        assert_eq!(posts(&server).await.len(), 1, "{error}");
    }
}

#[tokio::test]
async fn a_port_that_refuses_the_content_type_because_it_speaks_grpc_is_no_rest() {
    let own = "this port speaks gRPC, gRPC-Web and Connect";
    for (body, is_grpc) in [(own, true), ("send XML", false)] {
        let server = serves("/configure", ResponseTemplate::new(415).set_body_string(body)).await;
        let error = client(&server.uri()).configure(&json!({})).await.unwrap_err();
        assert_eq!(
            matches!(
                error,
                RestError::OtherProtocol {
                    remedy: RestAdvice::DialPlaintext,
                    ..
                }
            ),
            is_grpc,
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_success_that_is_no_json_object_is_quoted() {
    for body in ["<html>hello</html>", "[1]", ""] {
        let server = serves("/configure", ResponseTemplate::new(200).set_body_string(body)).await;
        let error = client(&server.uri()).configure(&json!({})).await.unwrap_err();
        assert!(
            matches!(error, RestError::NotJson { .. }) && error.to_string().contains(body),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let moved = ResponseTemplate::new(307).insert_header("location", "/elsewhere");
    let server = serves("/configure", moved).await;
    let error = client(&server.uri()).configure(&json!({})).await.unwrap_err();
    assert!(
        matches!(&error, RestError::Redirected { location, .. } if location == "/elsewhere"),
        "{error}"
    );
    assert_eq!(posts(&server).await, ["/configure"]);
}

#[tokio::test]
async fn waiting_for_fiber_is_final_unless_time_was_given() {
    let waiting = ResponseTemplate::new(503).set_body_json(json!({"detail": "Waiting for fiber"}));
    let server = MockServer::start().await;
    Mock::given(path("/configure"))
        .respond_with(waiting)
        .up_to_n_times(2)
        .mount(&server)
        .await;
    let ok = ResponseTemplate::new(200).set_body_json(answer());
    Mock::given(path("/configure")).respond_with(ok).mount(&server).await;
    let error = client(&server.uri()).configure(&json!({})).await.unwrap_err();
    assert!(matches!(error, RestError::WaitingForFiber { .. }), "{error}");
    assert_eq!(posts(&server).await.len(), 1);
    let patient = RestLimits {
        fiber: Duration::from_secs(30),
        ..SOON
    };
    let patient = FocusClient::new(&server.uri(), &TlsOptions::default(), patient).unwrap();
    patient.configure(&json!({})).await.unwrap();
    assert_eq!(posts(&server).await.len(), 3);
}

#[tokio::test]
async fn metadata_and_ack_are_read() {
    let server = serves(
        "/metadata/12-1%2F..",
        ResponseTemplate::new(200).set_body_json(answer()),
    )
    .await;
    Mock::given(path("/ack"))
        .respond_with(ResponseTemplate::new(200).set_body_string("OK"))
        .mount(&server)
        .await;
    let invalid = ResponseTemplate::new(200).set_body_json(json!({"error": "Invalid job_id"}));
    Mock::given(path("/metadata/7"))
        .respond_with(invalid)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    assert_eq!(client.metadata("12-1/..").await.unwrap().stream_port(), Some(12301));
    let error = client.metadata("7").await.unwrap_err();
    assert!(
        matches!(&error, RestError::Refused { reason, .. } if reason == "Invalid job_id"),
        "{error}"
    );
    client.ack().await.unwrap();
}

/// Accepts connections, reads what comes and closes; counts the requests.
async fn closes_after_reading() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            if read_request(&mut socket).await.starts_with("POST ") {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (address, count)
}

async fn read_request(socket: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut buffer = vec![0; 65536];
    let read = socket.read(&mut buffer).await.unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn a_post_that_was_received_and_not_answered_is_never_sent_again() {
    let (address, posts) = closes_after_reading().await;
    let error = client(&address).configure(&json!({})).await.unwrap_err();
    assert!(matches!(error, RestError::NoAnswer { .. }), "{error:?}");
    assert!(error.to_string().contains("a job may have been created"), "{error}");
    assert_eq!(posts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_is_cut_or_never_comes_is_not_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            .await
            .unwrap();
        drop(socket);
        // Keeps the second connection open without a word, until the client gives up.
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        read_request(&mut socket).await
    });
    let error = client(&address).configure(&json!({})).await.unwrap_err();
    assert!(matches!(error, RestError::NoAnswer { .. }), "{error:?}");
    let short = RestLimits {
        connect: Duration::from_millis(50),
        answer: Duration::from_millis(50),
        ..SOON
    };
    let impatient = FocusClient::new(&address, &TlsOptions::default(), short).unwrap();
    let error = impatient.configure(&json!({})).await.unwrap_err();
    assert!(
        matches!(&error, RestError::NoAnswer { reason, .. } if reason.contains("limit")),
        "{error:?}"
    );
    assert_eq!(served.await.unwrap(), "", "nothing more was sent");
}

#[tokio::test]
async fn a_dead_port_is_given_up_within_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&address).configure(&json!({})).await.unwrap_err();
    assert!(
        matches!(error, RestError::NotConnected { limit, .. } if limit == SOON.connect),
        "{error:?}"
    );
    assert!(error.to_string().contains(&address), "{error}");
}

/// A server of one certificate that breaks off the first connections and then acknowledges everything.
async fn tls_server(broken_off: usize) -> (String, rcgen::Certificate) {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for _ in 0..broken_off {
            drop(listener.accept().await);
        }
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(mut socket) = acceptor.accept(socket).await {
                read_request(&mut socket).await;
                let _ = socket
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    .await;
                let _ = socket.shutdown().await;
            }
        }
    });
    (address, identity.cert)
}

#[tokio::test]
async fn a_self_signed_server_is_met_by_insecure_or_by_its_certificate() {
    let (address, cert) = tls_server(0).await;
    let error = client(&address).configure(&json!({})).await.unwrap_err();
    let helps = TlsAdvice::Trust {
        way: TrustAdvice::NameAuthority,
        may_give_up: true,
    };
    let RestError::Handshake { remedy, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(remedy, &helps);
    assert!(error.to_string().contains("without verification"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pem");
    std::fs::write(&file, cert.pem()).unwrap();
    let named = TlsOptions {
        cacert: Some(file),
        ..TlsOptions::default()
    };
    let insecure = TlsOptions {
        mode: TlsMode::Insecure,
        ..TlsOptions::default()
    };
    for tls in [named, insecure] {
        FocusClient::new(&address, &tls, SOON).unwrap().ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_did_not_come_about_is_tried_again() {
    let (address, _) = tls_server(2).await;
    let insecure = TlsOptions {
        mode: TlsMode::Insecure,
        ..TlsOptions::default()
    };
    let limits = RestLimits {
        connect: Duration::from_secs(30),
        ..SOON
    };
    let client = FocusClient::new(&address, &insecure, limits).unwrap();
    client.configure(&json!({})).await.unwrap();
}

#[tokio::test]
async fn tls_and_plain_text_that_meet_are_told_apart() {
    let plain = MockServer::start().await;
    let error = client(&plain.uri().replace("http:", "https:"))
        .ack()
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("http://"), "{error}");
}

#[test]
fn an_address_that_cannot_be_used_is_refused() {
    for base in ["", "focus.example", "localhost:x", "ftp://h/", "http://", "/x"] {
        let error = FocusClient::new(base, &TlsOptions::default(), SOON).unwrap_err();
        assert!(
            matches!(error, RestError::Url { .. }) && error.to_string().contains("https://"),
            "{base}: {error}"
        );
    }
}

#[test]
fn only_this_machine_is_loopback() {
    let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
    assert!(loopback("http://127.0.0.1:1") && loopback("http://[::1]:1") && loopback("http://LocalHost/x"));
    assert!(!loopback("http://10.0.0.1") && !loopback("http://localhost.example"));
}
