//! TLS on each side of the proxy, independently of the other side, with real handshakes and certificates.

use grpc_capture::file::Digest;
use rcgen::{CertifiedKey, KeyPair};

use crate::support::{Dir, Run, frames, proxying::Proxying, raw_job::RawJob, received, run};

fn identity() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn config(made: &CertifiedKey<KeyPair>) -> rustls::ServerConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Records a job through a proxy.
fn record(proxy: &Proxying, out: &str, more: &[&str]) -> Run {
    let args = [
        "record",
        "-t",
        proxy.addr(),
        "--job-id",
        "job",
        "--connect-timeout",
        "2s",
        "-o",
        out,
    ];
    run(&[&args, more].concat())
}

/// What `cat` says of the certificate that the server of the capture's calls showed: the same for each.
fn certificate(capture: &str) -> Option<Digest> {
    let lines = run(&["cat", "--format", "json", capture]).expect(0).json_lines();
    let starts = lines.iter().filter(|line| line["event"] == "call_start");
    let all: Vec<Option<Digest>> = starts
        .map(|start| serde_json::from_value(start["certificate_sha256"].clone()).unwrap())
        .collect();
    assert!(!all.is_empty() && all.iter().all(|one| *one == all[0]), "{all:?}");
    all[0]
}

#[test]
fn each_side_is_encrypted_or_not_on_its_own() {
    let (dir, frames, made) = (Dir::new(), frames(5, 16), identity());
    let plain = RawJob::builder().frames(&frames).start();
    let secure = RawJob::builder().frames(&frames).tls(config(&made)).start();
    let ca = dir.write("ca.pem", made.cert.pem());
    let key = dir.write("key.pem", made.signing_key.serialize_pem());
    let (plain, secure) = (plain.addr.to_string(), secure.addr.to_string());
    let own = ["--tls-cert", &ca, "--tls-key", &key];
    let made_here = dir.file("made.pem");
    let self_signed = format!("--self-signed={made_here}");
    for (name, target, towards_target, towards_clients, client) in [
        ("in", &plain, &["--plaintext"][..], &own[..], &["--cacert", &ca][..]),
        ("out", &secure, &["--cacert", &ca], &[], &["--plaintext"]),
        (
            "both",
            &secure,
            &["--insecure"],
            &[&self_signed],
            &["--cacert", &made_here],
        ),
        ("none", &plain, &["--plaintext"], &[], &["--plaintext"]),
    ] {
        let through = dir.file(&format!("{name}.proxy.gcap"));
        let args = [
            &["-t", target.as_str(), "-o", &through],
            towards_target,
            towards_clients,
        ]
        .concat();
        let proxy = Proxying::start(&args);
        let out = dir.file(&format!("{name}.gcap"));
        record(&proxy, &out, client).expect(0);
        proxy.stop().expect(0);
        assert_eq!(received(&out), frames, "{name}");
        assert!(received(&through).ends_with(&frames), "{name}");
        // Each tap notes what its own peer showed.
        let shown = Digest::of(made.cert.der());
        assert_eq!(
            certificate(&through),
            (target == &secure).then_some(shown),
            "{name}: the target's"
        );
        match name {
            "in" => assert_eq!(certificate(&out), Some(shown), "the proxy's"),
            "both" => assert!(certificate(&out).is_some_and(|other| other != shown), "the proxy's own"),
            _ => assert_eq!(certificate(&out), None, "{name}"),
        }
    }
}

#[test]
fn a_client_pins_the_certificate_made_here_and_needs_its_own_where_one_is_asked_for() {
    let (dir, frames, client) = (Dir::new(), frames(3, 16), identity());
    let job = RawJob::builder().frames(&frames).start();
    let (cert, key) = (
        dir.write("client.pem", client.cert.pem()),
        dir.write("client.key", client.signing_key.serialize_pem()),
    );
    let (target, through) = (job.addr.to_string(), dir.file("proxy.gcap"));
    let self_signed = format!("--self-signed={}", dir.file("made.pem"));
    let args = [
        "-t",
        &target,
        "--plaintext",
        "-o",
        &through,
        &self_signed,
        "--client-ca",
        &cert,
    ];
    let proxy = Proxying::start(&args);
    let pin = proxy.ready["tls_sha256"].as_str().unwrap().to_owned();
    let (out, none, other) = (dir.file("pinned.gcap"), dir.file("none.gcap"), dir.file("other.gcap"));
    record(&proxy, &out, &["--pin-sha256", &pin, "--cert", &cert, "--key", &key]).expect(0);
    assert_eq!(received(&out), frames);
    record(&proxy, &none, &["--pin-sha256", &pin]).expect(4);
    let wrong = "00".repeat(32);
    record(
        &proxy,
        &other,
        &["--pin-sha256", &wrong, "--cert", &cert, "--key", &key],
    )
    .expect(4);
    proxy.stop().expect(0).says(&["made.pem", "was refused"]);
}

#[test]
fn tls_flags_that_do_not_belong_together_are_refused_and_leave_nothing() {
    let dir = Dir::new();
    let out = dir.file("no.gcap");
    for (more, says) in [
        (&["--client-ca", "x.pem"][..], "--self-signed"),
        (&["--tls-cert", "x.pem"], "--tls-key"),
    ] {
        run(&[&["proxy", "-t", "127.0.0.1:1", "-o", &out], more].concat())
            .expect(2)
            .says(&[says]);
    }
    let absent = dir.file("absent.pem");
    let args = [
        "proxy",
        "-t",
        "127.0.0.1:1",
        "-o",
        &out,
        "--tls-cert",
        &absent,
        "--tls-key",
        &absent,
    ];
    run(&args).expect(4).says(&["absent.pem"]);
    assert!(dir.names().is_empty());
}
