//! Conversion between a capture's events and JSON objects: what the channel of events holds.
//!
//! Names are those of `capture cat --format json`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    file::Digest,
    model::event::{
        Broken, CallStart, Cancelled, Deadline, Direction, Ending, EventKind, Gap, GoAway, Headers, Limit, Metadata,
        Note, Party, Status,
    },
};

/// Version of the layout of the channel of events.
pub(super) const LAYOUT: u32 = 1;

/// One object.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) call: u32,
    #[serde(default)]
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) offset_ns: u64,
    /// Sequence number of the preceding event, where it is not `seq - 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u64>,
    #[serde(flatten)]
    pub(super) said: LineContent,
}

/// The content of an object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum LineContent {
    /// The header; the first object of a file.
    CaptureStart {
        layout: u32,
        anchor_unix_ns: u64,
        attributes: Entries,
    },
    CallStart {
        method: String,
        authority: String,
        peer: String,
        metadata: Entries,
        #[serde(default)]
        connection: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate_sha256: Option<Digest>,
        #[serde(default, skip_serializing_if = "Entries::is_empty")]
        attributes: Entries,
    },
    Headers {
        metadata: Entries,
    },
    /// Details of the next message of the call and direction.
    Message {
        direction: Direction,
        compressed: bool,
        /// The recorded bytes, where the message contains the uncompressed content.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wire: Option<Base64>,
    },
    HalfClose,
    End(End),
    Gap {
        direction: Direction,
        messages: u64,
        reason: String,
    },
    Note {
        author: String,
        text: String,
    },
    /// The last object of a file.
    CaptureEnd {
        /// Events of all kinds, messages included.
        events: u64,
        /// False when the capture has no end.
        finished: bool,
    },
}

/// An ending.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub(super) enum End {
    Status {
        code: u32,
        message: String,
        trailers_only: bool,
        trailers: Entries,
    },
    Cancelled {
        by: Party,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
        reason: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
    Broken {
        error: String,
        goaway: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced: Option<Announced>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ended: bool,
    },
    Deadline {
        limit: Limit,
        after_ns: u64,
    },
}

/// A GOAWAY.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Announced {
    last_stream: u32,
    code: u32,
    data: Base64,
}

/// Names and values in their order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entries(pub(super) Vec<(String, Text)>);

/// A value: text, or `{"base64": …}` where it is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Text(String),
    Bytes { base64: Base64 },
}

/// Bytes in base64.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Base64(pub(super) Bytes);

impl Clone for Base64 {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl From<Base64> for String {
    fn from(bytes: Base64) -> Self {
        BASE64.encode(&bytes.0)
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(BASE64.decode(text)?.into()))
    }
}

impl Entries {
    pub(super) fn of(pairs: &[(String, Vec<u8>)]) -> Self {
        let pair = |(name, value): &(String, Vec<u8>)| {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Text::Text(text.to_owned()),
                Err(_) => Text::Bytes {
                    base64: Base64(Bytes::copy_from_slice(value)),
                },
            };
            (name.clone(), value)
        };
        Self(pairs.iter().map(pair).collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_pairs(self) -> Vec<(String, Vec<u8>)> {
        let pair = |(name, value)| match value {
            Text::Text(text) => (name, text.into_bytes()),
            Text::Bytes { base64 } => (name, base64.0.to_vec()),
        };
        self.0.into_iter().map(pair).collect()
    }

    fn metadata(self) -> Metadata {
        Metadata(self.into_pairs())
    }
}

impl LineContent {
    /// Converts an event other than a message. Every field is named, so that none that is added to an event can be
    /// forgotten here.
    pub(super) fn of(kind: &EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::CallStart(CallStart {
                method,
                authority,
                peer,
                metadata,
                connection,
                certificate_sha256,
                attributes,
            }) => Self::CallStart {
                method: method.clone(),
                authority: authority.clone(),
                peer: peer.clone(),
                metadata: Entries::of(&metadata.0),
                connection: *connection,
                certificate_sha256: certificate_sha256.map(Digest),
                attributes: Entries::of(attributes),
            },
            EventKind::Headers(Headers { metadata }) => Self::Headers {
                metadata: Entries::of(&metadata.0),
            },
            EventKind::Message(_) => return None,
            EventKind::HalfClose => Self::HalfClose,
            EventKind::End(ending) => Self::End(End::of(ending)),
            EventKind::Gap(Gap {
                direction,
                messages,
                reason,
            }) => Self::Gap {
                direction: *direction,
                messages: *messages,
                reason: reason.clone(),
            },
            EventKind::Note(Note { author, text }) => Self::Note {
                author: author.clone(),
                text: text.clone(),
            },
        })
    }

    /// Converts back to an event other than a message.
    pub(super) fn into_event(self) -> Option<EventKind> {
        Some(match self {
            Self::CaptureStart { .. } | Self::CaptureEnd { .. } | Self::Message { .. } => return None,
            Self::CallStart {
                method,
                authority,
                peer,
                metadata,
                connection,
                certificate_sha256,
                attributes,
            } => EventKind::CallStart(CallStart {
                method,
                authority,
                peer,
                metadata: metadata.metadata(),
                connection,
                certificate_sha256: certificate_sha256.map(|digest| digest.0),
                attributes: attributes.into_pairs(),
            }),
            Self::Headers { metadata } => EventKind::Headers(Headers {
                metadata: metadata.metadata(),
            }),
            Self::HalfClose => EventKind::HalfClose,
            Self::End(end) => EventKind::End(end.into_ending()),
            Self::Gap {
                direction,
                messages,
                reason,
            } => EventKind::Gap(Gap {
                direction,
                messages,
                reason,
            }),
            Self::Note { author, text } => EventKind::Note(Note { author, text }),
        })
    }
}

impl End {
    fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Status(Status {
                code,
                message,
                trailers,
                trailers_only,
            }) => Self::Status {
                code: *code,
                message: message.clone(),
                trailers_only: *trailers_only,
                trailers: Entries::of(&trailers.0),
            },
            Ending::Cancelled(Cancelled { by, code, reason, cut }) => Self::Cancelled {
                by: *by,
                code: *code,
                reason: reason.clone(),
                cut: *cut,
            },
            Ending::Broken(Broken {
                error,
                goaway,
                reset,
                announced,
                ended,
            }) => Self::Broken {
                error: error.clone(),
                goaway: *goaway,
                reset: *reset,
                announced: announced.as_ref().map(Announced::of),
                ended: *ended,
            },
            Ending::Deadline(Deadline { limit, after_ns }) => Self::Deadline {
                limit: *limit,
                after_ns: *after_ns,
            },
        }
    }

    fn into_ending(self) -> Ending {
        match self {
            Self::Status {
                code,
                message,
                trailers_only,
                trailers,
            } => Ending::Status(Status {
                code,
                message,
                trailers: trailers.metadata(),
                trailers_only,
            }),
            Self::Cancelled { by, code, reason, cut } => Ending::Cancelled(Cancelled { by, code, reason, cut }),
            Self::Broken {
                error,
                goaway,
                reset,
                announced,
                ended,
            } => Ending::Broken(Broken {
                error,
                goaway,
                reset,
                announced: announced.map(Announced::into_goaway),
                ended,
            }),
            Self::Deadline { limit, after_ns } => Ending::Deadline(Deadline { limit, after_ns }),
        }
    }
}

impl Announced {
    fn of(goaway: &GoAway) -> Self {
        let GoAway {
            last_stream,
            code,
            data,
        } = goaway;
        Self {
            last_stream: *last_stream,
            code: *code,
            data: Base64(data.clone()),
        }
    }

    fn into_goaway(self) -> GoAway {
        GoAway {
            last_stream: self.last_stream,
            code: self.code,
            data: self.data.0,
        }
    }
}
