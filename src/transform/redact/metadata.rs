//! Redaction of metadata.

pub(crate) use super::names::is_secret;
use crate::model::event::{Ending, EventKind, Metadata};

/// The replacement for a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// [`REDACTED`] in base64, for names that end in `-bin`.
const REDACTED_BIN: &str = "W3JlZGFjdGVkXQ==";

/// What to do with secrets in metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataPolicy {
    /// Values under names of secrets are replaced by `REDACTED`; the names stay.
    #[default]
    Redact,
    /// Everything is kept, by an explicit decision of the user.
    Keep,
}

impl MetadataPolicy {
    /// Applies the policy to the metadata of `kind`.
    pub fn redact(self, kind: &mut EventKind) {
        if self == Self::Keep {
            return;
        }
        match kind {
            EventKind::CallStart(start) => hide_secrets(&mut start.metadata),
            EventKind::Headers(headers) => hide_secrets(&mut headers.metadata),
            EventKind::End(Ending::Status(status)) => hide_secrets(&mut status.trailers),
            EventKind::End(_)
            | EventKind::Message(_)
            | EventKind::HalfClose
            | EventKind::Gap(_)
            | EventKind::Note(_) => {}
        }
    }
}

pub(super) fn hide_secrets(metadata: &mut Metadata) {
    for (name, value) in &mut metadata.0 {
        if is_secret(name) {
            let text = if name.ends_with("-bin") { REDACTED_BIN } else { REDACTED };
            *value = text.as_bytes().to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;
    use crate::{
        model::event::{CallStart, Direction, Event, Headers, Message, Status},
        transform::redact::RedactionRule as _,
    };

    fn metadata() -> Metadata {
        let mut metadata = Metadata::default();
        for name in [
            "authorization",
            "x-site",
            "refresh-token",
            "private-key-bin",
            "set-cookie",
        ] {
            metadata.push(name, "c2VjcmV0");
        }
        metadata
    }

    fn event(kind: EventKind) -> Event {
        Event {
            call: 1,
            seq: 1,
            offset_ns: 0,
            kind,
        }
    }

    fn everywhere() -> [EventKind; 3] {
        [
            EventKind::CallStart(CallStart {
                metadata: metadata(),
                ..CallStart::default()
            }),
            EventKind::Headers(Headers { metadata: metadata() }),
            EventKind::End(Ending::Status(Status {
                trailers: metadata(),
                ..Status::default()
            })),
        ]
    }

    fn metadata_of(kind: &EventKind) -> &Metadata {
        match kind {
            EventKind::CallStart(start) => &start.metadata,
            EventKind::Headers(headers) => &headers.metadata,
            EventKind::End(Ending::Status(status)) => &status.trailers,
            other => panic!("{} has no metadata", other.name()),
        }
    }

    #[test]
    fn secrets_go_wherever_metadata_stands_and_the_rest_stays_in_order() {
        for kind in everywhere() {
            let clean = MetadataPolicy::Redact.apply(event(kind));
            let values: Vec<_> = metadata_of(&clean.kind)
                .iter()
                .map(|(name, value)| (name.to_owned(), String::from_utf8(value.to_vec()).unwrap()))
                .collect();
            let expected = [
                ("authorization", REDACTED),
                ("x-site", "c2VjcmV0"),
                ("refresh-token", REDACTED),
                ("private-key-bin", REDACTED_BIN),
                ("set-cookie", REDACTED),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn redacting_twice_changes_nothing_more() {
        for kind in everywhere() {
            let once = MetadataPolicy::Redact.apply(event(kind));
            assert_eq!(MetadataPolicy::Redact.apply(once.clone()), once);
        }
    }

    #[test]
    fn keep_keeps_everything_and_messages_are_never_touched() {
        for kind in everywhere() {
            assert_eq!(MetadataPolicy::Keep.apply(event(kind.clone())), event(kind));
        }
        let message = event(EventKind::Message(Message::plain(
            Direction::Sent,
            &b"authorization: x"[..],
        )));
        assert_eq!(MetadataPolicy::Redact.apply(message.clone()), message);
    }

    #[test]
    fn the_binary_form_is_the_base64_of_the_plain_one() {
        assert_eq!(STANDARD.encode(REDACTED), REDACTED_BIN);
    }

    #[test]
    fn names_are_judged_by_their_words() {
        for secret in [
            "Cookie",
            "X-API-Key",
            "db_password_hint",
            "my-secret",
            "xsession",
            "token",
            "a-token-bin",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for open in [
            "user-agent",
            "keyboard",
            "x-tokenizer",
            "grpc-message",
            "te",
            "secretary",
        ] {
            assert!(!is_secret(open), "{open}");
        }
    }
}
