use std::path::PathBuf;

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::timeout_at};
use tokio_rustls::TlsAcceptor;

use super::{advice::DialAdvice, *};
use crate::tap::{
    testing::{self, Peer},
    tls::{
        TlsMode, TlsOptions,
        remedy::{TlsAdvice, TrustAdvice},
    },
};

/// What helps, as the error says it.
fn advice(error: &DialError) -> Option<&DialAdvice> {
    match error {
        DialError::Limit { remedy, .. }
        | DialError::Unreachable { remedy, .. }
        | DialError::Certificate { remedy, .. }
        | DialError::ClientCertificate { remedy, .. }
        | DialError::NeedsPlaintext { remedy, .. }
        | DialError::NeedsTls { remedy, .. }
        | DialError::NotHttp2 { remedy, .. }
        | DialError::Tls { remedy, .. } => Some(remedy),
        DialError::Options(_) | DialError::Authority { .. } => None,
    }
}

/// A limit that a test runs into on purpose.
const SHORT: Duration = Duration::from_millis(300);

fn options(mode: TlsMode) -> DialOptions {
    DialOptions {
        tls: TlsOptions {
            mode,
            ..TlsOptions::default()
        },
        ..DialOptions::default()
    }
}

fn short(mode: TlsMode) -> DialOptions {
    DialOptions {
        connect_timeout: SHORT,
        ..options(mode)
    }
}

fn target(addr: std::net::SocketAddr) -> Target {
    Target::new(addr.ip().to_string(), addr.port())
}

/// A server of plain HTTP/2.
async fn plain() -> Target {
    target(testing::serve(|_, stream| async move { drop(Peer::open(stream).await.hold().await) }).await)
}

/// Keys of a self-signed server, its certificate as a file.
struct Keys {
    key: rcgen::KeyPair,
    cert: rcgen::Certificate,
    dir: TempDir,
}

impl Keys {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        let keys = Self {
            key: made.signing_key,
            cert: made.cert,
            dir: TempDir::new().unwrap(),
        };
        std::fs::write(keys.cert_file(), keys.cert.pem()).unwrap();
        std::fs::write(keys.key_file(), keys.key.serialize_pem()).unwrap();
        keys
    }

    fn cert_file(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Serves HTTP/2 over TLS; with `clients`, only to those.
    async fn serve(&self, clients: Option<&Keys>) -> Target {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.cert.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = builder.with_single_cert(vec![self.cert.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let addr = testing::serve(move |_, stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    Peer::open(stream).await.hold().await;
                }
            }
        })
        .await;
        target(addr)
    }
}

#[tokio::test]
async fn a_loopback_server_of_plain_text_is_spoken_to_in_plain_text() {
    for mode in [TlsMode::Plaintext, TlsMode::Auto] {
        let target = plain().await;
        let connection = dial(&target, &options(mode)).await.unwrap();
        assert!(!connection.encrypted);
        assert_eq!(connection.authority, target.authority());
        assert_eq!(connection.peer, target.authority());
    }
}

#[tokio::test]
async fn a_server_that_drops_strangers_is_still_recognised_as_plain_text() {
    let addr = testing::serve(|_, stream| async move {
        let mut first = [0; 3];
        let _ = stream.peek(&mut first).await;
        if first == *b"PRI" {
            Peer::open(stream).await.hold().await;
        }
    })
    .await;
    assert!(!dial(&target(addr), &options(TlsMode::Auto)).await.unwrap().encrypted);
}

#[tokio::test]
async fn plain_text_where_tls_was_asked_for_ends_at_once_and_names_the_flag() {
    for mode in [TlsMode::Verify, TlsMode::Insecure] {
        let error = dial(&plain().await, &options(mode)).await.unwrap_err();
        assert_eq!(advice(&error), Some(&DialAdvice::DropTls), "{error}");
        assert!(matches!(error, DialError::NeedsPlaintext { .. }), "{error}");
    }
    let https: Target = format!("https://{}", plain().await).parse().unwrap();
    let error = dial(&https, &options(TlsMode::Auto)).await.unwrap_err();
    assert_eq!(advice(&error), Some(&DialAdvice::WriteHttp), "{error}");
    assert!(matches!(error, DialError::NeedsPlaintext { .. }), "{error}");
}

#[tokio::test]
async fn a_self_signed_server_needs_its_certificate_or_insecure() {
    let keys = Keys::new();
    let target = keys.serve(None).await;
    let error = dial(&target, &options(TlsMode::Auto)).await.unwrap_err();
    assert!(matches!(error, DialError::Certificate { .. }), "{error}");
    let helps = TlsAdvice::Trust {
        way: TrustAdvice::NameAuthority,
        may_give_up: true,
    };
    assert_eq!(advice(&error), Some(&DialAdvice::Tls(Box::new(helps))), "{error}");

    assert!(dial(&target, &options(TlsMode::Insecure)).await.unwrap().encrypted);

    let mut with_ca = options(TlsMode::Verify);
    with_ca.tls.cacert = Some(keys.cert_file());
    assert!(dial(&target, &with_ca).await.unwrap().encrypted);

    with_ca.authority = Some("localhost:1".into());
    assert_eq!(dial(&target, &with_ca).await.unwrap().authority, "localhost:1");

    with_ca.authority = Some("elsewhere.example".into());
    let error = dial(&target, &with_ca).await.unwrap_err();
    assert!(matches!(error, DialError::Certificate { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_is_told_from_others() {
    let keys = Keys::new();
    let target = keys.serve(Some(&keys)).await;
    let error = dial(&target, &options(TlsMode::Insecure)).await.unwrap_err();
    assert!(matches!(error, DialError::ClientCertificate { .. }), "{error}");
    let helps = DialAdvice::Tls(Box::new(TlsAdvice::GiveClientCertificate));
    assert_eq!(advice(&error), Some(&helps), "{error}");

    let mut with_cert = options(TlsMode::Insecure);
    with_cert.tls.cert = Some(keys.cert_file());
    with_cert.tls.key = Some(keys.key_file());
    assert!(dial(&target, &with_cert).await.unwrap().encrypted);
}

#[tokio::test]
async fn plain_text_to_a_tls_server_names_the_flags() {
    let target = Keys::new().serve(None).await;
    let error = dial(&target, &options(TlsMode::Plaintext)).await.unwrap_err();
    assert!(matches!(error, DialError::NeedsTls { .. }), "{error}");
    assert_eq!(advice(&error), Some(&DialAdvice::DropPlaintext), "{error}");
}

#[tokio::test]
async fn a_server_of_http_1_is_named_as_such() {
    let addr = testing::serve(|_, mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    })
    .await;
    let error = dial(&target(addr), &options(TlsMode::Plaintext)).await.unwrap_err();
    assert!(error.to_string().contains("HTTP/1"), "{error}");
}

#[tokio::test]
async fn a_dead_port_ends_at_the_limit_with_what_to_do() {
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = dial(&target(addr), &short(TlsMode::Plaintext)).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DialError::Limit { attempts: 1.., .. }), "{text}");
    assert!(text.contains("refused"), "{text}");
    assert_eq!(advice(&error), Some(&DialAdvice::Wait), "{text}");
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_not_a_connection() {
    let closed = testing::serve(|_, stream| async move { drop(stream) }).await;
    let silent = testing::serve(|_, stream| async move {
        let mut stream = stream;
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    })
    .await;
    for addr in [closed, silent] {
        let error = dial(&target(addr), &short(TlsMode::Plaintext)).await.unwrap_err();
        assert!(matches!(error, DialError::Limit { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_job_that_starts_late_is_waited_for() {
    // The first connections are cut; the port is that of a cluster's proxy.
    let addr = testing::serve(|count, stream| async move {
        if count >= 2 {
            Peer::open(stream).await.hold().await;
        }
    })
    .await;
    dial(&target(addr), &options(TlsMode::Plaintext)).await.unwrap();

    // Nobody listens yet.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let target = target(addr);
    let options = options(TlsMode::Plaintext);
    let mut dialling = std::pin::pin!(dial(&target, &options));
    assert!(
        timeout_at(Instant::now() + FIRST_PAUSE, dialling.as_mut())
            .await
            .is_err()
    );
    let listener = TcpListener::bind(addr).await.unwrap();
    tokio::spawn(testing::accept(listener, |_, stream| async move {
        drop(Peer::open(stream).await.hold().await);
    }));
    dialling.await.unwrap();
}

#[tokio::test]
async fn a_scheme_that_nobody_named_may_turn_out_to_be_plain_text_where_nothing_is_verified_anyhow() {
    let falling = |mode| DialOptions {
        fallback: Fallback::Unverified,
        ..options(mode)
    };
    let plain = plain().await;
    assert!(!dial(&plain, &falling(TlsMode::Insecure)).await.unwrap().encrypted);
    let mut https = plain.clone();
    https.scheme = Some(Scheme::Https);
    let pinned = DialOptions {
        tls: TlsOptions {
            pin_sha256: Some([0; 32]),
            ..falling(TlsMode::Insecure).tls
        },
        ..falling(TlsMode::Insecure)
    };
    for (target, options) in [
        (&plain, options(TlsMode::Insecure)),
        (&plain, falling(TlsMode::Verify)),
        (&plain, pinned),
        (&https, falling(TlsMode::Insecure)),
    ] {
        let error = dial(target, &options).await.unwrap_err();
        assert!(matches!(error, DialError::NeedsPlaintext { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_is_made_just_before_the_limit() {
    let deadline = Deadline::after(Duration::from_secs(10));
    let mut attempts = 0;
    while let Some(pause) = within(Duration::from_secs(3), &deadline) {
        sleep(pause).await;
        attempts += 1;
    }
    assert_eq!((attempts, deadline.left()), (4, LAST_ATTEMPT));
}

#[tokio::test]
async fn a_server_that_hangs_up_without_an_alert_is_answered_with_what_it_may_want() {
    let keys = Keys::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(keys.key.serialize_der()));
    let config = builder.unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![keys.cert.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let tls = testing::serve(move |_, stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    });
    let plain = testing::serve(|_, stream| async move { drop(stream) });
    for (addr, mode, helps) in [
        (tls.await, TlsMode::Insecure, DialAdvice::GiveCertificateOrWait),
        (plain.await, TlsMode::Plaintext, DialAdvice::DropPlaintextOrWait),
    ] {
        let error = dial(&target(addr), &short(mode)).await.unwrap_err();
        assert!(matches!(error, DialError::Limit { .. }), "{error}");
        assert_eq!(advice(&error), Some(&helps), "{error}");
    }
}
