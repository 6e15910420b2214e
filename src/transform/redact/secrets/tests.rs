use super::*;
use crate::model::event::{Broken, CallStart, Cancelled, Direction, Gap, Headers, Message, Note, Party, Status};

const TOKEN: &str = "tok-4711-ABCDEF/+x";

fn metadata(entries: &[(&str, &str)]) -> Metadata {
    let entries = entries.iter();
    Metadata(
        entries
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    )
}

fn start(name: &str, value: &str) -> EventKind {
    EventKind::CallStart(CallStart {
        method: "/a.B/C".to_owned(),
        authority: format!("{TOKEN}.example"),
        metadata: metadata(&[(name, value), ("x-echo", value)]),
        ..CallStart::default()
    })
}

/// All texts of an event, one behind the other.
fn texts(kind: &EventKind) -> String {
    let mut all = String::new();
    visit::texts(kind, &mut |_, text| all.push_str(&String::from_utf8_lossy(text)));
    all
}

#[test]
fn a_token_is_masked_wherever_text_stands_from_its_call_on() {
    let secrets = Secrets::default();
    let mut first = start("authorization", &format!("Bearer {TOKEN}"));
    secrets.event(&mut first);
    let all = texts(&first);
    assert!(!all.contains(TOKEN) && all.contains("Bearer [redacted]"), "{all}");
    let says = || format!("no {TOKEN} here");
    let encoded = percent_encode(&says());
    for mut kind in [
        EventKind::Headers(Headers {
            metadata: metadata(&[("x-why", &says())]),
        }),
        EventKind::End(Ending::Status(Status {
            code: 16,
            message: says(),
            trailers: metadata(&[
                ("grpc-message", &encoded),
                ("grpc-status-details-bin", "CBASCHRvay00NzExLUFCQ0RFRi8reA"),
                ("x-hex", "746f6b2d343731312d4142434445462f2b78"),
                ("x-percent", "tok%2D4711%2DABCDEF%2f%2Bx"),
                ("x-base64", "dXNlcjp0b2stNDcxMS1BQkNERUYvK3g="),
            ]),
            trailers_only: true,
        })),
        EventKind::End(Ending::Cancelled(Cancelled {
            by: Party::Server,
            reason: says(),
            code: None,
            cut: false,
        })),
        EventKind::End(Ending::Broken(Broken {
            error: says(),
            ..Broken::default()
        })),
        EventKind::Gap(Gap {
            direction: Direction::Sent,
            messages: 1,
            reason: says(),
        }),
        EventKind::Note(Note {
            author: TOKEN.to_owned(),
            text: says(),
        }),
    ] {
        secrets.event(&mut kind);
        let all = texts(&kind);
        let mut values = SecretValues::default();
        values.add(TOKEN.as_bytes());
        assert_eq!(values.occurs_in(all.as_bytes()), None, "{all}");
        if let EventKind::End(Ending::Status(status)) = &kind {
            assert_eq!(status.message, "no [redacted] here");
            assert_eq!(status.trailers.get_text("grpc-message"), Some("no [redacted] here"));
            assert_eq!(status.trailers.get_text("x-percent"), Some("[redacted]"));
        }
    }
    let mut message = EventKind::Message(Message::plain(Direction::Sent, TOKEN.as_bytes()));
    let before = message.clone();
    secrets.event(&mut message);
    assert_eq!(message, before, "payloads stay as they are");
}

#[test]
fn parts_of_a_value_are_secrets_too() {
    for (name, value, secret, open) in [
        ("authorization", "Bearer abcdef123", "abcdef123", "Bearer"),
        ("authorization", "Basic dXNlcjpodW50ZXIyLTE=", "hunter2-1", "user"),
        (
            "authorization",
            "Digest username=\"bob\", response=\"0123456789ab\"",
            "0123456789ab",
            "username",
        ),
        ("cookie", "theme=dark-blue; sid=abc%2F123456", "abc/123456", "theme"),
        (
            "set-cookie",
            "sid=abcdef123456; Path=/focus; HttpOnly",
            "abcdef123456",
            "HttpOnly /focus",
        ),
        ("x-key-bin", "aHVudGVyMi0x", "hunter2-1", "aaa"),
        (
            "x-auth-token",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
            "dozjgNryP4J3jVmNHl0w5N",
            "eyJhbGciOiJIUzI1NiJ9",
        ),
        ("x-api-key", "one-key-1, two-key-2", "two-key-2", ","),
    ] {
        let secrets = Secrets::default();
        secrets.learn(name, value.as_bytes());
        assert_eq!(
            secrets.text(&format!("it is {secret}!")),
            "it is [redacted]!",
            "{name}: {value}"
        );
        assert_eq!(secrets.text(open), open, "{name}: {value}");
    }
}

#[test]
fn what_is_short_or_no_secret_masks_nothing() {
    let secrets = Secrets::default();
    secrets.learn("x-token", b"abc");
    secrets.learn("authorization", b"Bearer [redacted]");
    secrets.learn("x-site", b"north-sea");
    let text = "abc of north-sea: [redacted]";
    assert_eq!(secrets.text(text), text);
}

#[test]
fn kept_metadata_masks_nothing() {
    let secrets = Secrets::default();
    secrets.keep();
    let mut kind = start("authorization", TOKEN);
    let before = kind.clone();
    secrets.event(&mut kind);
    assert_eq!(kind, before);
    assert_eq!(secrets.text(TOKEN), TOKEN);
}

#[test]
fn only_the_latest_are_kept() {
    let secrets = Secrets::default();
    for at in 0..=MAX_VALUES {
        secrets.learn("x-token", format!("token-{at:06}").as_bytes());
    }
    assert_eq!(secrets.text("token-000000 token-000001"), "token-000000 [redacted]");
    assert_eq!(secrets.known().values.len(), MAX_VALUES);
    for at in 0..20 {
        secrets.learn("x-token", format!("{at:06}{}", "x".repeat(1 << 20)).as_bytes());
    }
    assert!(secrets.known().bytes <= MAX_BYTES);
    assert_eq!(format!("{secrets:?}"), "Secrets { policy: Redact, .. }");
}

#[test]
fn the_configure_exchange_loses_what_its_names_tell_of() {
    let secrets = Secrets::default();
    secrets.learn("authorization", format!("Bearer {TOKEN}").as_bytes());
    let mut header = Header::new(0);
    header.set(
        Attribute::CONFIGURE_REQUEST,
        r#"{"sensors":[1,2],"userPassword":"hunter2"}"#,
    );
    header.set(
        Attribute::CONFIGURE_RESPONSE,
        format!(r#"{{"job_id":"12-1","url":"http://a:hunter2@h/?token=t-123456","said":"{TOKEN}"}}"#),
    );
    header.set(Attribute::SOURCE, format!("http://h/{TOKEN} -> 10.1.2.3:5000"));
    let clean = secrets.header(&header);
    assert_eq!(
        clean.text(Attribute::CONFIGURE_REQUEST),
        Some(r#"{"sensors":[1,2],"userPassword":"[redacted]"}"#)
    );
    assert_eq!(
        clean.text(Attribute::CONFIGURE_RESPONSE),
        Some(r#"{"job_id":"12-1","url":"http://[redacted]@h/?token=[redacted]","said":"[redacted]"}"#)
    );
    assert_eq!(
        clean.text(Attribute::SOURCE),
        Some("http://h/[redacted] -> 10.1.2.3:5000")
    );
    assert_eq!(
        secrets.text("it was hunter2"),
        "it was [redacted]",
        "what was found is learnt"
    );
}
