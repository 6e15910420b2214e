//! TLS and mTLS, with clients that verify.

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::*;
use crate::replay::{ExistingCa, ServerIdentity, ServerTls};

/// Asks for the job's health, trusting `ca`.
async fn health(server: &ReplayServer, ca: &str, identity: Option<Identity>) -> Result<bool, Box<dyn std::error::Error>> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca))
        .domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.grpc_addr()))?.tls_config(tls)?;
    let mut client = DataStreamServiceClient::new(endpoint.connect().await?);
    Ok(client.check_health(HealthRequest {}).await?.into_inner().healthy)
}

fn self_signed(ca: &std::path::Path) -> ServerTls {
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
    assert!(health(&server, &pem, None).await.unwrap());
    // REST is behind the same certificate, and says where the job is.
    assert!(server.rest_url().starts_with("https://127.0.0.1:"));
    let config = crate::tap::tls::TlsOptions {
        cacert: Some(ca.clone()),
        ..Default::default()
    };
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config.client_config(&[b"http/1.1"]).unwrap())
        .build()
        .unwrap();
    let answer = client.post(format!("{}/configure", server.rest_url())).body(rest::REQUEST);
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
    let identity = Identity::from_pem(certificate.pem(), key.serialize_pem());
    let tls = ServerTls {
        client_ca: Some(client_ca),
        ..self_signed(&ca)
    };
    let server = builder(tls).start().await.unwrap();
    let pem = std::fs::read_to_string(&ca).unwrap();
    assert!(health(&server, &pem, Some(identity)).await.unwrap());
    assert!(health(&server, &pem, None).await.is_err());
}

#[tokio::test]
async fn a_recorded_break_closes_a_tls_connection_after_every_message() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let broken = Ending::Broken(Broken {
        error: String::new(),
        goaway: true,
    });
    let messages = (0..40_u8).fold(Recording::job(1, "a"), |recording, n| {
        recording.received(frame(i64::from(n)).encode_to_vec())
    });
    let builder = ReplayServer::builder().source(named("a", messages.end(broken)));
    let server = builder.rate(Rate::Max).tls(self_signed(&ca)).start().await.unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(std::fs::read_to_string(&ca).unwrap()))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", server.grpc_addr())).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let request = StreamRequest {
        job_id: "a".to_owned(),
        max_frames: 0,
    };
    let mut stream = DataStreamServiceClient::new(channel)
        .stream_spectrograms(request)
        .await
        .unwrap()
        .into_inner();
    for n in 0..40 {
        assert_eq!(stream.message().await.unwrap(), Some(frame(n)));
    }
    assert!(stream.message().await.is_err());
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
