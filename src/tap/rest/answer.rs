//! Reading of a response: a body one can use, or a refusal.

use serde_json::Value;

use super::{RestError, probe::Spoken};
use crate::das::focus::{BodyError, error_text, parse_body, refusal};

/// Number of characters quoted from an unknown body.
const QUOTED_CHARS: usize = 200;

/// A response as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) server: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// True for a plain 404: not a Focus Server's "nothing found", but a path nobody serves.
    pub(super) fn route_is_missing(&self) -> bool {
        let says_nothing = |reason: String| {
            let words = reason.to_ascii_lowercase();
            let mut words = words
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| !word.is_empty());
            words.all(|word| {
                matches!(
                    word,
                    "not" | "found" | "page" | "error" | "the" | "route" | "path" | "url"
                )
            })
        };
        self.status == 404 && self.reason().is_none_or(says_nothing)
    }

    /// The JSON object of a success, or the server's refusal.
    pub(super) fn response(self) -> Result<Value, RestError> {
        self.accepted()?;
        let object = match parse_body(&self.body) {
            Err(error @ (BodyError::TooLarge(_) | BodyError::TooManyValues)) => {
                return Err(RestError::NotJson {
                    url: self.url,
                    status: self.status,
                    body: error.to_string(),
                });
            }
            parsed => parsed.ok().filter(Value::is_object),
        };
        let Some(object) = object else {
            let body = self.quoted().unwrap_or_else(|| "(empty)".to_owned());
            return Err(RestError::NotJson {
                url: self.url,
                status: self.status,
                body,
            });
        };
        match refusal(&object) {
            Some(reason) => Err(RestError::Refused {
                url: self.url,
                status: self.status,
                reason,
            }),
            None => Ok(object),
        }
    }

    /// Accepts a success with any body, unless the body reports an error.
    pub(super) fn acknowledged(self) -> Result<(), RestError> {
        self.accepted()?;
        let body = parse_body(&self.body).unwrap_or_default();
        match body.get("error").and(refusal(&body)) {
            Some(reason) => Err(RestError::Refused {
                url: self.url,
                status: self.status,
                reason,
            }),
            None => Ok(()),
        }
    }

    fn accepted(&self) -> Result<(), RestError> {
        let (url, status) = (self.url.clone(), self.status);
        let reason = || {
            self.reason()
                .or_else(|| self.quoted())
                .unwrap_or_else(|| "no reason given".to_owned())
        };
        match (status, &self.location) {
            (200..=299, _) => Ok(()),
            (300..=399, Some(location)) => Err(RestError::Redirected {
                url,
                status,
                location: location.clone(),
            }),
            // A gRPC server that also speaks HTTP/1.1 refuses the content type of REST, and names its own.
            (415, _) if reason().to_ascii_lowercase().contains("grpc") => {
                let spoken = if url.starts_with("https:") {
                    Spoken::GrpcOverTls
                } else {
                    Spoken::Grpc
                };
                Err(spoken.refuse(url))
            }
            (503, _) if waits_for_fiber(&reason()) => Err(RestError::WaitingForFiber { url, reason: reason() }),
            _ => Err(RestError::Refused {
                url,
                status,
                reason: reason(),
            }),
        }
    }

    /// The reason of a refusal in the server's words: from JSON, or from a plain line of text.
    fn reason(&self) -> Option<String> {
        match parse_body(&self.body) {
            Ok(Value::String(text)) => Some(text),
            Ok(body) => error_text(&body),
            Err(_) => self.quoted().filter(|text| !text.starts_with('<')),
        }
    }

    /// The beginning of the body in one line; `None` when it is empty.
    fn quoted(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short = text.chars().take(QUOTED_CHARS).collect::<String>();
        let more = if short.len() < text.len() { " …" } else { "" };
        (!short.is_empty()).then(|| short + more)
    }
}

fn waits_for_fiber(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.contains("wait") && (reason.contains("fiber") || reason.contains("fibre"))
}
