use std::{sync::Arc, time::Duration};

use rustls::{AlertDescription, CertificateError, OtherError, pki_types::ServerName, pki_types::UnixTime};

use super::*;
use crate::{
    cli::commands::Failure,
    tap::{
        Target, TlsMode, TlsOptions,
        dial::metadata,
        tls::{PinMismatch, remedy::Address},
    },
};

fn invalid(what: CertificateError) -> rustls::Error {
    rustls::Error::InvalidCertificate(what)
}

/// What failed, what was given, what is advised, and what would not help.
#[test]
fn each_failure_has_a_remedy_that_was_not_taken_and_helps() {
    let plain = TlsOptions::default();
    let cacert = TlsOptions {
        cacert: Some("ca.pem".into()),
        ..plain.clone()
    };
    let cert = TlsOptions {
        cert: Some("me.pem".into()),
        ..plain.clone()
    };
    let pin = TlsOptions {
        pin_sha256: Some([0; 32]),
        ..plain.clone()
    };
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
    let name = || CertificateError::NotValidForNameContext {
        expected: ServerName::try_from("127.0.0.1").unwrap(),
        presented: vec!["DnsName(\"job.example\")".to_owned()],
    };
    let expired = || CertificateError::ExpiredContext {
        time: now,
        not_after: now,
    };
    let mismatch = CertificateError::Other(OtherError(Arc::new(PinMismatch { seen: "ab".to_owned() })));
    let alert = rustls::Error::AlertReceived;
    for (error, tls, says, not) in [
        (
            invalid(CertificateError::UnknownIssuer),
            &plain,
            &["--cacert", "--insecure"][..],
            &[][..],
        ),
        (
            invalid(CertificateError::UnknownIssuer),
            &cacert,
            &["ca.pem", "--insecure"],
            &["--cacert FILE"],
        ),
        (
            invalid(name()),
            &cacert,
            &["--authority job.example", "--insecure"],
            &["--cacert"],
        ),
        (invalid(name()), &plain, &["--authority job.example"], &["--cacert"]),
        (
            invalid(expired()),
            &cacert,
            &["new certificate", "clock"],
            &["--cacert"],
        ),
        (invalid(expired()), &plain, &["new certificate"], &["--cacert"]),
        (
            invalid(CertificateError::NotValidYet),
            &plain,
            &["clock"],
            &["--cacert"],
        ),
        (
            invalid(CertificateError::Revoked),
            &plain,
            &["revoked"],
            &["--cacert", "--insecure"],
        ),
        (invalid(mismatch), &pin, &["--pin-sha256"], &["--insecure", "--cacert"]),
        (
            alert(AlertDescription::CertificateRequired),
            &plain,
            &["--cert FILE --key FILE"],
            &[],
        ),
        (alert(AlertDescription::UnknownCA), &cert, &["me.pem"], &["--cert FILE"]),
        (
            alert(AlertDescription::CertificateExpired),
            &cert,
            &["me.pem has expired"],
            &["--cert FILE"],
        ),
        (
            alert(AlertDescription::NoApplicationProtocol),
            &plain,
            &["right port"],
            &["--cert"],
        ),
    ] {
        let told = super::tls(&TlsAdvice::of(&error, tls, Address::Target));
        for part in says {
            assert!(told.contains(part), "{error:?}: {told}");
        }
        for part in not {
            assert!(!told.contains(part), "{error:?}: {told}");
        }
    }
    let told = super::tls(&TlsAdvice::of(&invalid(name()), &plain, Address::Url));
    assert!(told.contains("job.example") && !told.contains("--authority"), "{told}");
}

fn target() -> Target {
    "job.example:1".parse().unwrap()
}

/// What a user reads.
fn shown(error: impl Error + Send + Sync + 'static) -> String {
    Failure::from(error).to_string()
}

/// What is advised, the flags that are told, and that the library itself names none.
#[test]
fn each_advice_about_a_dial_is_told_with_its_flags() {
    let limit = |remedy| DialError::Limit {
        target: target(),
        limit: Duration::from_secs(2),
        attempts: 3,
        last: "refused".to_owned(),
        remedy,
    };
    for (advice, flags) in [
        (DialAdvice::Wait, &["--connect-timeout"][..]),
        (
            DialAdvice::GiveCertificateOrWait,
            &["--cert", "--key", "--connect-timeout"],
        ),
        (DialAdvice::DropPlaintextOrWait, &["--plaintext", "--connect-timeout"]),
        (DialAdvice::CheckName, &["name server"]),
        (DialAdvice::CheckSocket, &["path"]),
        (DialAdvice::CheckPort, &["port"]),
        (DialAdvice::DialGrpcPort, &["--server", "--rest-target"]),
        (DialAdvice::WriteHttp, &["http://", "--plaintext"]),
        (DialAdvice::DropTls, &["drop the TLS flags", "--plaintext"]),
        (DialAdvice::Plaintext, &["add --plaintext"]),
        (DialAdvice::DialHttps, &["--target https://HOST:PORT"]),
        (DialAdvice::AskForTls, &["--cacert", "--insecure"]),
        (
            DialAdvice::DropPlaintextAndWriteHttps,
            &["drop --plaintext", "https://", "--cacert"],
        ),
        (DialAdvice::WriteHttps, &["https://", "--cacert", "--insecure"]),
        (DialAdvice::DropPlaintext, &["drop --plaintext", "--insecure"]),
        (DialAdvice::Tls(Box::new(TlsAdvice::Plaintext)), &["--plaintext"]),
    ] {
        let library = limit(advice.clone()).to_string();
        assert!(!library.contains("--"), "{library}");
        let begins = "could not connect to job.example:1 within 2s (3 attempts): refused; ";
        for error in [
            shown(limit(advice.clone())),
            shown(TapError::from(limit(advice.clone()))),
        ] {
            assert!(error.starts_with(begins), "{error}");
            for flag in flags {
                assert!(error.contains(flag), "{advice:?}: {error}");
            }
        }
    }
}

#[test]
fn other_errors_are_told_with_the_flags_and_commands_that_help() {
    let url = || "http://a:1/".to_owned();
    let spoken = |remedy| RestError::OtherProtocol {
        url: url(),
        what: "gRPC",
        remedy,
    };
    let advice = TlsAdvice::Trust {
        way: TrustAdvice::NameAuthority,
        may_give_up: true,
    };
    let key = TlsOptions {
        mode: TlsMode::Verify,
        key: Some("me.key".into()),
        ..TlsOptions::default()
    };
    let key = || key.client_config(&[]).unwrap_err();
    for (error, says) in [
        (shown(spoken(RestAdvice::Dial)), "--target HOST:PORT; --server"),
        (
            shown(spoken(RestAdvice::DialPlaintext)),
            "--target HOST:PORT --plaintext",
        ),
        (shown(spoken(RestAdvice::WriteHttps)), "write https://"),
        (
            shown(RestError::Handshake {
                url: url(),
                reason: "unknown issuer".to_owned(),
                remedy: advice.clone(),
            }),
            "unknown issuer; name its certificate authority with --cacert FILE, or encrypt without verification with \
             --insecure",
        ),
        (
            shown(AttachError::Handshake {
                url: url(),
                reason: "unknown issuer".to_owned(),
                remedy: advice,
            }),
            "--cacert FILE, or encrypt without verification with --insecure",
        ),
        (shown(key()), "name that with --cert"),
        (shown(RestError::from(key())), "name that with --cert"),
        (shown(ProxyError::from(DialError::from(key()))), "name that with --cert"),
        (
            shown(ReflectError::from(DialError::from(key()))),
            "name that with --cert",
        ),
        (shown(AttachError::from(key())), "name that with --cert"),
        (
            shown(TlsError::NoKey { path: "a.pem".into() }),
            "no PEM private key in a.pem; name its file with --key",
        ),
        (
            shown(HealthError {
                target: "a:1".to_owned(),
                limit: Duration::from_secs(1),
                asked: 2,
                said: "not yet".to_owned(),
            }),
            "(2 health checks): not yet; wait longer with --connect-timeout",
        ),
        (
            shown(ProxyError::Listen {
                addr: ([127, 0, 0, 1], 1).into(),
                source: std::io::ErrorKind::AddrInUse.into(),
            }),
            "choose another address with --listen, or --rest-listen",
        ),
        (shown(metadata::parse("te: a").unwrap_err()), "write -H 'name: value'"),
        (
            shown(SchemaError::Import("no a.proto".to_owned())),
            "no a.proto; --import-path names",
        ),
        (
            shown(SchemaError::Edition { path: "a.proto".into() }),
            "--protoset FILE",
        ),
        (
            shown(SchemaError::Protoset {
                path: "a.binpb".into(),
                what: "it holds no file".to_owned(),
            }),
            "`buf build -o FILE.binpb`",
        ),
        (
            shown(CompareError::NoCall {
                capture: "a.gcap".to_owned(),
                call: 7,
            }),
            "there is no call 7 in a.gcap; `capture info` lists its calls",
        ),
        (
            shown(ReplayError::NoCall {
                capture: "a.gcap".to_owned(),
            }),
            "`capture info` shows its content; record again with `capture record`",
        ),
    ] {
        assert!(error.contains(says), "{error}");
    }
}
