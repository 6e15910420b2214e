//! Files and a comment on a Jira issue, by Jira's REST API version 2.
//!
//! Requests: `GET rest/api/2/attachment/meta` (is uploading allowed, and how much), `POST
//! rest/api/2/issue/{key}/attachments` (multipart, field `file`, header `X-Atlassian-Token: no-check`) and `POST
//! rest/api/2/issue/{key}/comment`. Source: Atlassian, *Jira REST API 2, issue attachments and comments*, the same for
//! Jira Cloud, Server and Data Center.
//!
//! An upload that may have reached Jira is never sent again, since the file would be attached twice. It is sent again
//! when no connection was made, and when Jira limits the rate of requests (429).

mod answer;
mod credentials;
mod error;
mod file_body;
mod issue_key;
mod send;
mod wiki;

use std::{path::Path, time::Duration};

use reqwest::{
    Body, Client, Method, RequestBuilder, Url, header,
    multipart::{Form, Part},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use answer::Answer;
pub use credentials::Credentials;
pub use error::AttachError;
use file_body::FileBody;
pub(crate) use issue_key::IssueKey;
pub(crate) use wiki::from_markdown;

use crate::{model::text::is_hidden, tap::tls::TlsOptions};

/// Default time limit for connecting to Jira.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Default time limit for one request once connected: 100 MB at 1 MB/s, and some.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// Time limits of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachLimits {
    /// Limit for connecting, and for retries that Jira asks for: until then it is tried again.
    pub connect: Duration,
    /// Limit for one request and its answer.
    pub answer: Duration,
}

impl Default for AttachLimits {
    fn default() -> Self {
        Self {
            connect: CONNECT_LIMIT,
            answer: ANSWER_LIMIT,
        }
    }
}

/// An attachment as Jira stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Jira's id of the attachment.
    pub id: String,
    /// Name of the attachment.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// URL of the content.
    pub content: String,
}

/// Jira's attachment settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Meta {
    enabled: bool,
    #[serde(rename = "uploadLimit")]
    upload_limit: Option<u64>,
}

/// A client of a Jira server, with its credentials.
#[derive(Debug)]
pub struct Jira {
    client: Client,
    base: Url,
    who: Credentials,
    limits: AttachLimits,
    tls: TlsOptions,
}

impl Jira {
    /// A client of the Jira at `base_url`, context path included: `https://host`, `https://host/jira`.
    ///
    /// # Errors
    /// When the address or the TLS options cannot be used.
    pub fn new(base_url: &str, who: Credentials, tls: &TlsOptions, limits: AttachLimits) -> Result<Self, AttachError> {
        let base = base(base_url)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls.client_config(&[b"http/1.1"])?)
            .http1_only()
            // A redirection leads to a login page, and would carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect)
            .timeout(limits.connect.saturating_add(limits.answer))
            .user_agent(concat!("grpc-capture/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| AttachError::Client(error::chain(&error)))?;
        Ok(Self {
            client,
            base,
            who,
            limits,
            tls: tls.clone(),
        })
    }

    /// Uploads one file, after a check of Jira's size limit.
    ///
    /// # Errors
    /// When the file cannot be read, Jira cannot be reached, or it refuses; each says what to do.
    pub async fn attach(&self, issue: &IssueKey, file: &Path) -> Result<Attachment, AttachError> {
        let unreadable = |source| AttachError::File {
            path: file.to_owned(),
            source,
        };
        let size = FileBody::open(file).map_err(unreadable)?.size();
        self.allows(file, size).await?;
        let name = name(file);
        let path = ["issue", issue.as_str(), "attachments"];
        let answer = self
            .send(Method::POST, &path, |request: RequestBuilder| {
                let body = FileBody::open(file).map_err(unreadable)?;
                let size = body.size();
                let part = Part::stream_with_length(Body::wrap(body), size).file_name(name.clone());
                let form = Form::new().percent_encode_noop().part("file", part);
                Ok(request.header("X-Atlassian-Token", "no-check").multipart(form))
            })
            .await?;
        if let Some(error) = self.refused(issue, &answer, file, size).await? {
            return Err(error);
        }
        let value = answer.json(issue, &self.who)?;
        attachment(&value).ok_or_else(|| answer.odd("a list with the new attachment"))
    }

    /// Adds a comment in Jira's wiki markup (see `from_markdown`); gives its number.
    ///
    /// # Errors
    /// When Jira cannot be reached, or refuses.
    pub async fn comment(&self, issue: &IssueKey, body: &str) -> Result<String, AttachError> {
        let path = ["issue", issue.as_str(), "comment"];
        let body = json!({ "body": body }).to_string();
        let answer = self
            .send(Method::POST, &path, |request| {
                Ok(request
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(body.clone()))
            })
            .await?;
        let value = answer.json(issue, &self.who)?;
        let id = value["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| answer.odd("the new comment"))
    }

    /// Describes why an upload was refused. Jira answers 404 for a file that is too large as well as for an issue that
    /// is not there.
    async fn refused(
        &self,
        issue: &IssueKey,
        answer: &Answer,
        file: &Path,
        size: u64,
    ) -> Result<Option<AttachError>, AttachError> {
        const TOO_LARGE: u16 = 413;
        const BAD_REQUEST: u16 = 400;
        const NOT_FOUND: u16 = 404;
        let (status, said) = (answer.status, answer.reason());
        let words = said.to_ascii_lowercase();
        let speaks_of_size = ["too large", "too big", "exceed", "maximum", "size limit"]
            .iter()
            .any(|word| words.contains(word));
        if status == TOO_LARGE || (matches!(status, BAD_REQUEST | NOT_FOUND) && speaks_of_size) {
            return Ok(Some(AttachError::TooLarge {
                path: file.to_owned(),
                size,
                limit: None,
                said,
            }));
        }
        if status != NOT_FOUND {
            return Ok(None);
        }
        let seen = self.send(Method::GET, &["issue", issue.as_str()], Ok).await?;
        let there = seen.status == 200;
        Ok(there.then(|| AttachError::NotTaken {
            url: answer.url().to_owned(),
            status,
            reason: said,
            size,
        }))
    }

    /// Asks Jira for its attachment settings. A Jira that does not say is taken at the upload's own word.
    async fn allows(&self, file: &Path, size: u64) -> Result<(), AttachError> {
        let answer = self.send(Method::GET, &["attachment", "meta"], Ok).await?;
        let meta = serde_json::from_slice::<Meta>(&answer.body);
        let (200, Ok(meta)) = (answer.status, meta) else {
            return Ok(());
        };
        match meta.upload_limit {
            _ if !meta.enabled => Err(AttachError::Disabled),
            Some(limit) if size > limit => Err(AttachError::TooLarge {
                path: file.to_owned(),
                size,
                limit: Some(limit),
                said: String::new(),
            }),
            _ => Ok(()),
        }
    }
}

fn attachment(answer: &Value) -> Option<Attachment> {
    let entry = answer.as_array()?.first()?;
    let text = |name: &str| match &entry[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(Attachment {
        id: text("id")?,
        filename: text("filename")?,
        size: entry["size"].as_u64().unwrap_or_default(),
        content: text("content").unwrap_or_default(),
    })
}

fn base(text: &str) -> Result<Url, AttachError> {
    let refuse = |problem: &str| AttachError::Url {
        url: text.to_owned(),
        problem: problem.to_owned(),
    };
    let mut url = Url::parse(text.trim()).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("it does not begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AttachError::Url {
            url: "the address".to_owned(),
            problem: "it holds credentials; give them by environment or file".to_owned(),
        });
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The file name without characters that are invalid in a header.
fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        if is_hidden(c) || matches!(c, '"' | '\\') {
            '_'
        } else {
            c
        }
    };
    name.chars().map(plain).collect()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[expect(dead_code, reason = "it is compiled, not run")]
    fn example_of_jira() {
        async fn example() -> Result<(), crate::report::AttachError> {
            use crate::report::{Credentials, Jira, attach::AttachLimits};
            use crate::tap::TlsOptions;

            let who = Credentials::Token(std::env::var("JIRA_TOKEN").unwrap_or_default());
            let jira = Jira::new(
                "https://jira.example.com",
                who,
                &TlsOptions::default(),
                AttachLimits::default(),
            )?;
            let issue = "DAS-123".parse()?;
            let attachment = jira.attach(&issue, "ticket.zip".as_ref()).await?;
            jira.comment(&issue, &format!("See [^{}].", attachment.filename))
                .await?;
            Ok(())
        }
    }
}
