use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, Issuer, KeyPair};
use rustls::{
    CertificateError, ClientConnection, ServerConfig, ServerConnection,
    pki_types::{PrivateKeyDer, ServerName},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;

use super::*;

const NAME: &str = "focus.example";

fn self_signed() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap()
}

/// What `openssl req -x509` makes: a server certificate that is marked as a CA.
fn self_signed_as_ca() -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = params.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn server(identity: &CertifiedKey<KeyPair>, clients: Option<&CertifiedKey<KeyPair>>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    builder
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap()
}

/// A handshake in memory: what the client, or else the server, ends it with.
fn handshake(options: &TlsOptions, server: ServerConfig, name: &str) -> Result<(), rustls::Error> {
    let config = options.client_config(&[b"h2"]).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

fn file(dir: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn cacert(dir: &TempDir, cert: &CertifiedKey<KeyPair>) -> TlsOptions {
    TlsOptions {
        cacert: Some(file(dir, "ca.pem", &cert.cert.pem())),
        ..TlsOptions::default()
    }
}

fn is_certificate_error(result: &Result<(), rustls::Error>) -> bool {
    matches!(result, Err(rustls::Error::InvalidCertificate(_)))
}

#[test]
fn a_self_signed_server_is_refused_unless_verification_is_given_up() {
    let identity = self_signed();
    for mode in [TlsMode::Auto, TlsMode::Verify, TlsMode::Plaintext] {
        let refused = handshake(
            &TlsOptions {
                mode,
                ..TlsOptions::default()
            },
            server(&identity, None),
            NAME,
        );
        assert!(is_certificate_error(&refused), "{mode:?}: {refused:?}");
    }
    let insecure = TlsOptions {
        mode: TlsMode::Insecure,
        ..TlsOptions::default()
    };
    handshake(&insecure, server(&identity, None), "another.example").unwrap();
}

#[test]
fn a_named_certificate_is_trusted_for_its_name_only() {
    let dir = TempDir::new().unwrap();
    for identity in [self_signed(), self_signed_as_ca()] {
        let options = cacert(&dir, &identity);
        handshake(&options, server(&identity, None), NAME).unwrap();
        let wrong_name = handshake(&options, server(&identity, None), "another.example");
        assert!(is_certificate_error(&wrong_name), "{wrong_name:?}");
        let wrong_server = handshake(&options, server(&self_signed(), None), NAME);
        assert!(is_certificate_error(&wrong_server), "{wrong_server:?}");
    }
}

#[test]
fn an_expired_named_certificate_is_refused() {
    let dir = TempDir::new().unwrap();
    let signing_key = KeyPair::generate().unwrap();
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
        params.is_ca = is_ca;
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let cert = params.self_signed(&signing_key).unwrap();
        let identity = CertifiedKey {
            cert,
            signing_key: KeyPair::from_pem(&signing_key.serialize_pem()).unwrap(),
        };
        let expired = handshake(&cacert(&dir, &identity), server(&identity, None), NAME);
        let expected = |error: &CertificateError| {
            matches!(
                error,
                CertificateError::ExpiredContext { .. } | CertificateError::Expired
            )
        };
        assert!(
            matches!(&expired, Err(rustls::Error::InvalidCertificate(error)) if expected(error)),
            "{expired:?}"
        );
    }
}

#[test]
fn a_server_signed_by_the_named_root_is_trusted() {
    let dir = TempDir::new().unwrap();
    let root = self_signed_as_ca();
    let mut params = CertificateParams::new(["root.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(params.clone(), &root.signing_key);
    let root_cert = params.self_signed(&root.signing_key).unwrap();
    let signing_key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new([NAME.to_owned()])
        .unwrap()
        .signed_by(&signing_key, &issuer)
        .unwrap();
    let options = TlsOptions {
        cacert: Some(file(&dir, "root.pem", &root_cert.pem())),
        ..TlsOptions::default()
    };
    handshake(&options, server(&CertifiedKey { cert, signing_key }, None), NAME).unwrap();
}

#[test]
fn a_pin_trusts_one_certificate_in_every_mode() {
    let identity = self_signed();
    let pin = verifier::sha256(identity.cert.der()).unwrap();
    let pin: [u8; 32] = pin.as_ref().try_into().unwrap();
    for mode in [TlsMode::Auto, TlsMode::Verify, TlsMode::Insecure] {
        let pinned = TlsOptions {
            mode,
            pin_sha256: Some(pin),
            ..TlsOptions::default()
        };
        handshake(&pinned, server(&identity, None), NAME).unwrap();
        let other = handshake(&pinned, server(&self_signed(), None), NAME);
        assert!(is_certificate_error(&other), "{mode:?}: {other:?}");
    }
}

#[test]
fn the_digest_of_a_pin_is_sha_256() {
    let digest = verifier::sha256(b"abc").unwrap();
    let known = parse_pin("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
    assert_eq!(digest.as_ref(), known);
    for text in ["", "ba78", &"zz".repeat(32), &"ab".repeat(33)] {
        assert!(parse_pin(text).is_err(), "{text}");
    }
    assert_eq!(
        parse_pin(&format!("sha256 Fingerprint={}", ["0F"; 32].join(":"))),
        Ok([0x0f; 32])
    );
}

#[test]
fn a_client_certificate_is_presented_to_a_server_that_wants_one() {
    let dir = TempDir::new().unwrap();
    let (identity, client) = (self_signed(), self_signed());
    let anonymous = cacert(&dir, &identity);
    let cert = file(&dir, "cert.pem", &client.cert.pem());
    let key = file(&dir, "key.pem", &client.signing_key.serialize_pem());
    let both = file(
        &dir,
        "both.pem",
        &(client.cert.pem() + &client.signing_key.serialize_pem()),
    );
    let known = TlsOptions {
        cert: Some(cert),
        key: Some(key),
        ..anonymous.clone()
    };
    handshake(&known, server(&identity, Some(&client)), NAME).unwrap();
    let in_one_file = TlsOptions {
        cert: Some(both),
        ..anonymous.clone()
    };
    handshake(&in_one_file, server(&identity, Some(&client)), NAME).unwrap();
    assert_eq!(
        handshake(&anonymous, server(&identity, Some(&client)), NAME),
        Err(rustls::Error::NoCertificatesPresented)
    );
}

#[test]
fn options_that_cannot_be_used_name_the_file_and_the_remedy() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (self_signed(), self_signed());
    let cert = file(&dir, "cert.pem", &one.cert.pem());
    let key = file(&dir, "key.pem", &other.signing_key.serialize_pem());
    let text = file(&dir, "text.pem", "no PEM at all");
    let broken = file(
        &dir,
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    );
    let junk = file(
        &dir,
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let absent = dir.path().join("absent.pem");
    let none = TlsOptions::default();
    let ca = |path: &PathBuf| TlsOptions {
        cacert: Some(path.clone()),
        ..none.clone()
    };
    let pair = |cert: Option<&PathBuf>, key: Option<&PathBuf>| TlsOptions {
        cert: cert.cloned(),
        key: key.cloned(),
        ..none.clone()
    };
    let table = [
        (ca(&absent), "absent.pem", "could not read the CA certificate"),
        (ca(&text), "text.pem", "openssl x509"),
        (ca(&broken), "broken.pem", "as PEM"),
        (ca(&junk), "junk.pem", "could not use"),
        (pair(Some(&cert), Some(&key)), "key.pem", "does not belong"),
        (pair(Some(&cert), Some(&text)), "text.pem", "no PEM private key"),
        (pair(Some(&cert), None), "cert.pem", "no PEM private key"),
        (pair(None, Some(&key)), "key.pem", "without its certificate"),
    ];
    for (options, path, says) in table {
        let error = options.client_config(&[]).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(says), "{error}");
    }
}

#[test]
fn the_protocols_are_offered_as_asked() {
    let config = TlsOptions::default().client_config(&[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

/// What `openssl x509 -req` makes without an extension file: a certificate of version 1.
const VERSION_1: [&str; 2] = [
    include_str!("fixtures/version-1.pem"),
    include_str!("fixtures/version-1.key"),
];

fn presenting(cert: &str, key: &str) -> Result<ClientConfig, TlsError> {
    let folder = TempDir::new().unwrap();
    let [cert, key] = [("cert.pem", cert), ("key.pem", key)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    });
    let options = TlsOptions {
        cert: Some(cert),
        key: Some(key),
        ..TlsOptions::default()
    };
    options.client_config(&[b"h2"])
}

#[test]
fn a_client_certificate_of_version_1_is_presented_with_its_own_key_only() {
    let [cert, key] = VERSION_1;
    presenting(cert, key).unwrap();
    let other = self_signed();
    let wrong = presenting(cert, &other.signing_key.serialize_pem());
    assert!(matches!(wrong, Err(TlsError::KeyMismatch { .. })), "{wrong:?}");
    let wrong = presenting(&other.cert.pem(), key);
    assert!(matches!(wrong, Err(TlsError::KeyMismatch { .. })), "{wrong:?}");
    let garbage = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let wrong = presenting(garbage, key);
    assert!(matches!(wrong, Err(TlsError::BadCertificate { .. })), "{wrong:?}");
}

#[test]
fn a_byte_order_mark_before_pem_says_nothing() {
    let other = self_signed();
    let marked = |text: &str| format!("\u{feff}{text}");
    presenting(&marked(&other.cert.pem()), &marked(&other.signing_key.serialize_pem())).unwrap();
}
