//! Sending of one request: again only while no connection was made.

use std::error::Error;

use reqwest::{Method, Response, Url, header};
use serde_json::Value;

use crate::{
    das::focus::MAX_BODY_BYTES,
    tap::{
        Deadline,
        dial::within,
        tls::remedy::{self, Address, TlsAdvice, tls_error},
    },
};

use super::{FocusClient, RestError, answer::Answer, error::chain, pauses::pauses, probe};

impl FocusClient {
    /// Sends the request, with retries until a connection is made or the limit expires, and reads the response.
    pub(super) async fn send(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Answer, RestError> {
        let limit = self.limits.connect;
        let until = Deadline::after(limit);
        let mut pauses = pauses();
        let shown = shown(&url);
        loop {
            let mut request = self.client.request(method.clone(), url.clone());
            if let Some(body) = body {
                request = request
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(body.to_string());
            }
            let error = match request.send().await {
                Ok(response) => {
                    tracing::info!("{method} {shown}: {}", response.status());
                    return read(response, &method, shown).await;
                }
                Err(error) => error,
            };
            if let Some(tls) = tls_error(&error) {
                if may_speak_grpc(tls)
                    && let Some(spoken) = probe::of(&url).await
                {
                    return Err(spoken.refuse(shown));
                }
                return Err(RestError::Handshake {
                    url: shown,
                    reason: remedy::reason(tls),
                    remedy: TlsAdvice::of(tls, &self.tls, Address::Url),
                });
            }
            if !error.is_connect() {
                // What does not speak HTTP/1 has not understood the request, and created nothing.
                if !error.is_timeout()
                    && let Some(spoken) = probe::of(&url).await
                {
                    return Err(spoken.refuse(shown));
                }
                return Err(no_answer(&error, &method, shown));
            }
            let reason = chain(&error.without_url());
            let Some(pause) = pauses.next().and_then(|pause| within(pause, &until)) else {
                return Err(RestError::NotConnected {
                    url: shown,
                    limit,
                    reason,
                });
            };
            tracing::info!(%shown, %reason, ?pause, "no connection yet");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether a handshake with this error may have met a gRPC port, in plain text or without HTTP/1.
const fn may_speak_grpc(error: &rustls::Error) -> bool {
    use rustls::AlertDescription::NoApplicationProtocol;
    matches!(
        error,
        rustls::Error::InvalidMessage(_) | rustls::Error::AlertReceived(NoApplicationProtocol)
    )
}

async fn read(mut response: Response, method: &Method, url: String) -> Result<Answer, RestError> {
    let status = response.status().as_u16();
    let said = |name| {
        let value: Option<&header::HeaderValue> = response.headers().get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let (location, server) = (said(header::LOCATION), said(header::SERVER));
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BODY_BYTES => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let reason = format!("the answer is longer than {MAX_BODY_BYTES} bytes");
                let (method, remedy) = (method.to_string(), remedy(method));
                return Err(RestError::NoAnswer {
                    method,
                    url,
                    reason,
                    remedy,
                });
            }
            Ok(None) => {
                return Ok(Answer {
                    url,
                    status,
                    location,
                    server,
                    body,
                });
            }
            Err(error) => return Err(no_answer(&error, method, url)),
        }
    }
}

fn no_answer(error: &reqwest::Error, method: &Method, url: String) -> RestError {
    let reason = if error.is_timeout() {
        "the time limit for an answer was reached".to_owned()
    } else {
        error.source().map_or_else(|| error.to_string(), chain)
    };
    let (method, remedy) = (method.to_string(), remedy(method));
    RestError::NoAnswer {
        method,
        url,
        reason,
        remedy,
    }
}

fn remedy(method: &Method) -> &'static str {
    match *method {
        Method::POST => {
            "a job may have been created, so it was not sent again; see the server's log before you repeat it"
        }
        _ => "try again, and see the server's log",
    }
}

/// The URL without its password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // An address that cannot have a password has none to hide.
    let _ = url.set_password(None);
    url.to_string()
}
