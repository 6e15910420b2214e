//! A client of a Focus Server's REST side: configuring a job, and asking about it.
//!
//! A `POST /configure` creates a job that nothing can cancel. It is sent again only when no connection was made, when
//! the route turned out to be missing (so that nothing can have been created), or when the server answered that it is
//! waiting for the fibre and the caller has allowed time for that.

mod answer;
pub(crate) mod error;
mod pauses;
mod probe;
mod send;

pub use error::RestError;
pub(super) use error::chain;

use std::{net::IpAddr, sync::OnceLock, time::Duration};

use reqwest::{Client, Method, Url};
use serde_json::Value;
use tokio::time::Instant;

use super::tls::TlsOptions;
use crate::das::focus::ConfigureResponse;
use answer::Answer;

/// Path of a Focus Server behind a proxy; tried when the address has no path of its own.
const PREFIX: &str = "/focus-server";

/// Default time limit for a connection.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Default time limit for a response once connected: preparing a recording takes the server a while.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Time limits of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestLimits {
    /// Limit for the connection: until then it is tried again, slower and slower.
    pub connect: Duration,
    /// Limit for the whole response to one request.
    pub answer: Duration,
    /// Limit for retries of a server that answers 503 "waiting for fiber". Zero, the default, takes that answer as
    /// final.
    pub fiber: Duration,
}

impl Default for RestLimits {
    fn default() -> Self {
        Self {
            connect: CONNECT_LIMIT,
            answer: ANSWER_LIMIT,
            fiber: Duration::ZERO,
        }
    }
}

/// A client of one Focus Server.
///
/// Redirects are not followed (a `POST` must not wander), connections are not reused (so that "no connection was made"
/// is certain), and the proxies of the environment are honoured except for a server on this machine.
#[derive(Debug)]
pub struct FocusClient {
    client: Client,
    base: Url,
    /// The base URL that worked, when it is not `base`.
    found: OnceLock<Url>,
    /// Name of the server, from the first response to a configure request.
    server: OnceLock<String>,
    limits: RestLimits,
    tls: TlsOptions,
}

impl FocusClient {
    /// A client of the server at `base_url`: `https://host/focus-server/`, or without the path.
    pub fn new(base_url: &str, tls: &TlsOptions, limits: RestLimits) -> Result<Self, RestError> {
        let base = base(base_url)?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls.client_config(&[b"http/1.1"])?)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(limits.connect)
            .timeout(limits.connect.saturating_add(limits.answer))
            .user_agent(concat!("grpc-capture/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| RestError::Client(error::chain(&error)))?;
        let found = OnceLock::new();
        Ok(Self {
            client,
            base,
            found,
            server: OnceLock::new(),
            limits,
            tls: tls.clone(),
        })
    }

    /// Host of the server; a job whose answer names no host of its own streams from there.
    #[must_use]
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The server's name (HTTP's `Server`) in the response to a configure request.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.server.get().map(String::as_str)
    }

    /// Sends `POST /configure`: creates a job. See the module for when it is sent a second time.
    pub async fn configure(&self, request: &Value) -> Result<ConfigureResponse, RestError> {
        let until = Instant::now() + self.limits.fiber;
        let mut pauses = pauses::pauses();
        loop {
            let mut answer = self.ask(Method::POST, &["configure"], Some(request)).await?;
            if let Some(server) = answer.server.take() {
                // The same server answers again.
                let _ = self.server.set(server);
            }
            match answer.response() {
                Err(error @ RestError::WaitingForFiber { .. }) => {
                    let pause = pauses.next().filter(|pause| Instant::now() + *pause < until);
                    let Some(pause) = pause else { return Err(error) };
                    tracing::info!(?pause, "the server is waiting for the fibre");
                    tokio::time::sleep(pause).await;
                }
                response => return response.map(ConfigureResponse::from),
            }
        }
    }

    /// Sends `GET /metadata/{job_id}`: the configure answer once more.
    pub async fn metadata(&self, job_id: &str) -> Result<ConfigureResponse, RestError> {
        let answer = self.ask(Method::GET, &["metadata", job_id], None).await?;
        answer.response().map(ConfigureResponse::from)
    }

    /// Sends `GET /ack`: whether the server is there. Any answer of success will do.
    pub async fn ack(&self) -> Result<(), RestError> {
        self.ask(Method::GET, &["ack"], None).await?.acknowledged()
    }

    /// Sends a request under the base URL, and under the prefix when the base has no path and the route is missing
    /// there.
    async fn ask(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Answer, RestError> {
        if let Some(found) = self.found.get() {
            return self.send(method, under(found, path), body).await;
        }
        let first = self.send(method.clone(), under(&self.base, path), body).await?;
        if !first.route_is_missing() || self.base.path() != "/" {
            return Ok(first);
        }
        let mut prefixed = self.base.clone();
        prefixed.set_path(PREFIX);
        let second = self.send(method, under(&prefixed, path), body).await?;
        if second.route_is_missing() {
            return Err(RestError::NoRoute {
                first: first.url,
                second: second.url,
            });
        }
        // Only the first finding counts; a second one is the same.
        let _ = self.found.set(prefixed);
        Ok(second)
    }
}

pub(super) fn base(text: &str) -> Result<Url, RestError> {
    let refuse = |problem: &str| RestError::Url {
        url: text.to_owned(),
        problem: problem.to_owned(),
    };
    let text = text.trim();
    // As curl takes it: HOST:PORT without a scheme is an address of plain HTTP.
    let host = text.split('/').next().unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok());
    let bare = !text.contains("://") && port == Some(true);
    let written = if bare {
        format!("http://{text}")
    } else {
        text.to_owned()
    };
    let mut url = Url::parse(&written).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("it does not begin with http:// or https://"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    ip.map_or(host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_new() -> Result<(), crate::tap::RestError> {
        use crate::tap::{FocusClient, TlsOptions, rest::RestLimits};
        let client = FocusClient::new("http://127.0.0.1:8500", &TlsOptions::default(), RestLimits::default())?;
        assert_eq!(client.host(), "127.0.0.1");
        Ok(())
    }
}
