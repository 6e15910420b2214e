//! Sending of one request: a retry only when the first attempt cannot have had an effect.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::{Method, RequestBuilder, Response, Url, header};

use super::{
    Jira,
    answer::Answer,
    credentials::Credentials,
    error::{AttachError, chain},
};
use crate::tap::tls::remedy::{self, Address, TlsAdvice, tls_error};

/// First pause between attempts, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes: Jira's are a few KB.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// HTTP 429: Jira did not carry the request out, and says when to come again.
const TOO_MANY_REQUESTS: u16 = 429;

impl Jira {
    /// Sends the request that `build` makes. A body that is read from a file is made again for each attempt.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        build: impl Fn(RequestBuilder) -> Result<RequestBuilder, AttachError>,
    ) -> Result<Answer, AttachError> {
        let url = self.api(path);
        // Pauses alone are counted: an attempt has the client's own limit.
        let mut left = self.limits.connect;
        let backoff = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE);
        let mut pauses = backoff.without_max_times().with_jitter().build();
        loop {
            let request = self.client.request(method.clone(), url.clone());
            let request = request.header(header::ACCEPT, "application/json");
            let request = match &self.who {
                Credentials::Token(token) => request.bearer_auth(token),
                Credentials::Basic { user, token } => request.basic_auth(user, Some(token)),
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            let sent = build(request)?.send().await;
            if let Ok(response) = &sent {
                tracing::info!("{method} {url}: {}", response.status());
            }
            match sent {
                Ok(response) if response.status().as_u16() == TOO_MANY_REQUESTS => {
                    let pause = retry_after(&response).unwrap_or(pause);
                    let Some(rest) = left.checked_sub(pause) else {
                        return read(response, &method, url.to_string()).await;
                    };
                    left = rest;
                    tokio::time::sleep(pause).await;
                }
                Ok(response) => return read(response, &method, url.to_string()).await,
                Err(error) if tls_error(&error).is_some() => return Err(self.no_handshake(&error, &url)),
                Err(error) if error.is_connect() => {
                    let reason = chain(&error.without_url());
                    let Some(rest) = left.checked_sub(pause) else {
                        let (url, limit) = (url.to_string(), self.limits.connect);
                        return Err(AttachError::NotConnected { url, limit, reason });
                    };
                    left = rest;
                    tracing::debug!(%url, %reason, ?pause, "no connection yet");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(no_answer(error, &method, url.to_string())),
            }
        }
    }

    fn no_handshake(&self, error: &reqwest::Error, url: &Url) -> AttachError {
        let tls = tls_error(error);
        AttachError::Handshake {
            url: url.to_string(),
            reason: tls.map_or_else(|| chain(error), remedy::reason),
            remedy: tls.map_or(TlsAdvice::CheckSettings, |tls| {
                TlsAdvice::of(tls, &self.tls, Address::Url)
            }),
        }
    }

    fn api(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["rest", "api", "2"]).extend(path);
        }
        url
    }
}

/// Number of seconds to wait, as Jira asks (`Retry-After`).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read(mut response: Response, method: &Method, url: String) -> Result<Answer, AttachError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            // More than that is not an answer of Jira's; what was read tells what it is.
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER_BYTES => body.extend_from_slice(&chunk),
            Ok(_) => return Ok(Answer { url, status, body }),
            Err(error) => return Err(no_answer(error, method, url)),
        }
    }
}

fn no_answer(error: reqwest::Error, method: &Method, url: String) -> AttachError {
    let reason = if error.is_timeout() {
        "the time limit for an answer was reached".to_owned()
    } else {
        chain(&error.without_url())
    };
    let method = method.to_string();
    AttachError::NoAnswer { method, url, reason }
}
