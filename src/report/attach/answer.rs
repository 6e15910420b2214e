//! An answer from Jira.

use serde_json::Value;

use super::{credentials::Credentials, error::AttachError, issue_key::IssueKey};
use crate::das::focus::parse_body;

/// Number of characters quoted from an unexpected answer.
const QUOTED: usize = 200;

/// An answer from Jira.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The body of a success.
    pub(super) fn json(&self, issue: &IssueKey, who: &Credentials) -> Result<Value, AttachError> {
        let value = parse_body(&self.body).ok();
        if !(200..300).contains(&self.status) {
            let reason = self.reason();
            tracing::debug!(%issue, status = self.status, %reason, "refused");
            return Err(AttachError::Refused {
                url: self.url.clone(),
                status: self.status,
                reason,
                by_account: matches!(who, Credentials::Basic { .. }),
            });
        }
        value.ok_or_else(|| self.odd("a JSON body"))
    }

    /// The reason of a refusal, in Jira's words; empty for an HTML page.
    pub(super) fn reason(&self) -> String {
        if let Ok(value) = parse_body(&self.body) {
            return reason(&value);
        }
        let text = String::from_utf8_lossy(&self.body);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.starts_with('<') {
            return String::new();
        }
        text.chars().take(QUOTED).collect()
    }

    pub(super) fn odd(&self, wanted: &'static str) -> AttachError {
        let body = String::from_utf8_lossy(&self.body);
        AttachError::Odd {
            url: self.url.clone(),
            status: self.status,
            wanted,
            body: body.chars().take(QUOTED).collect(),
        }
    }
}

/// The reason in Jira's words: `errorMessages`, and `errors` by field.
fn reason(answer: &Value) -> String {
    let messages = answer["errorMessages"].as_array().into_iter().flatten();
    let mut said: Vec<_> = messages.filter_map(Value::as_str).map(str::to_owned).collect();
    let fields = answer["errors"].as_object().into_iter().flatten();
    said.extend(fields.filter_map(|(field, text)| Some(format!("{field}: {}", text.as_str()?))));
    said.extend(answer["message"].as_str().map(str::to_owned));
    said.join("; ")
}
