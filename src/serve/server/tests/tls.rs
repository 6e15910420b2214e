//! TLS and mTLS, with clients that verify.

use std::path::Path;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;
use crate::{
    das::dialect::datastream::HEALTH_METHOD,
    serve::{ExistingCa, ServerIdentity, ServerTls},
    tap::tls::TlsOptions,
};

/// Trusts `ca`, and shows the certificate and key in `identity`.
fn trusting(ca: &Path, identity: Option<&Path>) -> TlsOptions {
    TlsOptions {
        cacert: Some(ca.to_owned()),
        cert: identity.map(ToOwned::to_owned),
        ..TlsOptions::default()
    }
}

/// The grpc-status of a health check; `None` when the server did not let the client in.
async fn health(server: &ReplayServer, options: &TlsOptions) -> Option<String> {
    let client = Client::connect_tls(server.grpc_addr(), options).await?;
    let seen = client.call(HEALTH_METHOD, b"").await;
    (!seen.broken).then(|| seen.grpc_status().to_owned())
}

fn self_signed(ca: &Path) -> ServerTls {
    ServerTls {
        identity: ServerIdentity::SelfSigned {
            ca: ca.to_owned(),
            existing: ExistingCa::Keep,
        },
        client_ca: None,
    }
}

fn builder(tls: ServerTls) -> Builder {
    let job = named("a", Recording::job(1, "a").received("x").ok());
    ReplayServer::builder().source(job).rate(Rate::Max).tls(tls)
}

#[tokio::test]
async fn a_self_signed_server_is_trusted_by_its_authority_file() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let server = builder(self_signed(&ca)).start().await.unwrap();
    let pem = std::fs::read_to_string(&ca).unwrap();
    assert!(!pem.contains("PRIVATE"), "no key is written");
    assert_eq!(health(&server, &trusting(&ca, None)).await.as_deref(), Some("0"));
    // REST is behind the same certificate, and says where the job is.
    assert!(server.rest_url().starts_with("https://127.0.0.1:"));
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(trusting(&ca, None).client_config(&[b"http/1.1"]).unwrap())
        .build()
        .unwrap();
    let answer = client
        .post(format!("{}/configure", server.rest_url()))
        .body(rest::REQUEST);
    let answer = answer.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("\"stream_url\":\"https://127.0.0.1\""), "{answer}");
    let again = refusal(builder(self_signed(&ca))).await;
    assert!(again.contains("exists already"), "{again}");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not_let_in_where_one_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, client_ca) = (folder.path().join("ca.pem"), folder.path().join("clients.pem"));
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(&client_ca, authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["a client".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let identity = folder.path().join("client.pem");
    std::fs::write(&identity, certificate.pem() + &key.serialize_pem()).unwrap();
    let tls = ServerTls {
        client_ca: Some(client_ca),
        ..self_signed(&ca)
    };
    let server = builder(tls).start().await.unwrap();
    assert_eq!(
        health(&server, &trusting(&ca, Some(&identity))).await.as_deref(),
        Some("0")
    );
    assert_eq!(health(&server, &trusting(&ca, None)).await, None);
}

#[tokio::test]
async fn a_recorded_break_closes_a_tls_connection_after_every_message() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let broken = Ending::Broken(Broken {
        error: String::new(),
        goaway: true,
        ..Broken::default()
    });
    let big = vec![7; 300_000];
    let recording = Recording::job(1, "a").received(big.clone()).received("y").end(broken);
    let builder = ReplayServer::builder().source(named("a", recording));
    let server = builder.rate(Rate::Max).tls(self_signed(&ca)).start().await.unwrap();
    let client = Client::connect_tls(server.grpc_addr(), &trusting(&ca, None))
        .await
        .unwrap();
    let seen = client.call(STREAM_SPECTROGRAMS, &stream_request("a", 0)).await;
    assert!(seen.bytes == prefixed(&[&big, b"y"]), "{} bytes", seen.bytes.len());
    assert!(seen.broken && seen.trailers.is_none());
}

#[tokio::test]
async fn what_is_wrong_with_tls_files_is_said() {
    let missing = ServerTls {
        identity: ServerIdentity::Files {
            cert: "no/cert.pem".into(),
            key: "no/key.pem".into(),
        },
        client_ca: None,
    };
    let text = refusal(builder(missing)).await;
    assert!(text.contains("certificate no/cert.pem"), "{text}");
}
