//! The REST proxy: every request is forwarded to the Focus Server, and clients reach the jobs in its responses through
//! the proxy.
//!
//! A `POST` creates a job that nothing can cancel, so no request is ever sent twice.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use serde_json::{Map, Value, json};

use super::{
    hub::Hub,
    jobs::Jobs,
    upstream::{Body, Upstream, empty, end_to_end, full, streamed},
};
use crate::{
    das::focus::{ConfigureResponse, MAX_BODY_BYTES, parse_body, readdress},
    model::text::without_mark,
};

/// Largest body of a configure request or response: a thousand times what they are, and a bound on what a client makes
/// us hold.
const MAX_BODY: usize = MAX_BODY_BYTES;

/// State shared by the connections of the REST side.
pub(super) struct Rest {
    pub(super) hub: Arc<Hub>,
    pub(super) server: Upstream,
    pub(super) jobs: Jobs,
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// It creates or changes a job: recorded, and its answer gets our address.
    Configure,
    /// It asks about a job: its answer gets our address.
    Metadata,
    /// Anything else, which is only forwarded.
    Other,
}

impl Route {
    fn of(method: &Method, path: &str) -> Self {
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (last, before) = (segments.next(), segments.next());
        match *method {
            Method::POST if last == Some("configure") || before == Some("config") => Self::Configure,
            Method::GET if before == Some("metadata") => Self::Metadata,
            _ => Self::Other,
        }
    }
}

/// Why the target did not answer.
struct NoAnswer {
    status: StatusCode,
    text: String,
}

impl NoAnswer {
    fn new(status: StatusCode, text: String) -> Self {
        Self { status, text }
    }
}

impl Rest {
    /// Answers a request that arrived at our address `local`.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>, local: IpAddr) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let route = Route::of(&method, &path);
        let answered = match route {
            Route::Other => self.pass(request).await,
            // On a task of its own: a client that leaves does not keep us from recording what became of its job.
            Route::Configure | Route::Metadata => {
                let rest = Arc::clone(&self);
                let job = tokio::spawn(async move { rest.job(request, route, local).await });
                job.await
                    .unwrap_or_else(|error| Err(NoAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
            }
        };
        answered.unwrap_or_else(|no| {
            let text = format!("the recording proxy could not answer {method} {path}: {}\n", no.text);
            tracing::warn!("{}", text.trim_end());
            let mut response = Response::new(full(text));
            *response.status_mut() = no.status;
            response
        })
    }

    /// Forwards a request and its response as they arrive.
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        let (parts, body) = request.into_parts();
        let body = if body.is_end_stream() { empty() } else { streamed(body) };
        let mut response = self.send(&parts, end_to_end(&parts.headers), body).await?.map(streamed);
        *response.headers_mut() = end_to_end(response.headers());
        // The connection to the client has a version of its own.
        *response.version_mut() = http::Version::HTTP_11;
        Ok(response)
    }

    /// Forwards a request about a job, and replaces the job's address in the response by ours.
    async fn job(&self, request: Request<Incoming>, route: Route, local: IpAddr) -> Result<Response<Body>, NoAnswer> {
        let (parts, body) = request.into_parts();
        let said = Limited::new(body, MAX_BODY).collect().await;
        let said = said.map_err(|error| NoAnswer::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
        let said = said.to_bytes();
        let mut note = Map::new();
        note.insert("method".to_owned(), parts.method.as_str().into());
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        note.insert("path".to_owned(), path.into());
        insert(&mut note, "request", &said);
        let answered = self.exchange(&parts, said).await;
        let mut headers = parts.headers.clone();
        let answered = answered.map(|(head, body)| {
            // What the answer gives out, its body may repeat.
            headers.extend(head.headers().clone());
            note.insert("status".to_owned(), head.status().as_u16().into());
            insert(&mut note, "response", &body);
            (head, body)
        });
        let result = match answered {
            Ok((head, body)) => {
                let ours = self.ours(&parts.headers, local);
                let body = if head.status().is_success() {
                    self.readdress(body, &ours, &mut note).await
                } else {
                    body
                };
                let mut response = head.map(|()| full(body.clone()));
                response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
                Ok(response)
            }
            Err(no) => {
                note.insert("error".to_owned(), no.text.clone().into());
                Err(no)
            }
        };
        if route == Route::Configure {
            self.hub.exchange(&headers, &json!({ "rest": note }).to_string());
        }
        result
    }

    async fn exchange(&self, parts: &http::request::Parts, body: Bytes) -> Result<(Response<()>, Bytes), NoAnswer> {
        let mut headers = end_to_end(&parts.headers);
        // What is to be rewritten must be readable.
        headers.remove(header::ACCEPT_ENCODING);
        let body = if body.is_empty() { empty() } else { full(body) };
        let response = self.send(parts, headers, body).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body = body.map_err(|error| {
            let text = format!("the answer of {} broke off: {error}", self.server.base());
            NoAnswer::new(StatusCode::BAD_GATEWAY, text)
        })?;
        let mut answer = Response::new(());
        *answer.status_mut() = head.status;
        *answer.headers_mut() = end_to_end(&head.headers);
        Ok((answer, body.to_bytes()))
    }

    /// Replaces the job's address in the response by ours; the response stays unchanged when it has no address, or when
    /// no port is available.
    async fn readdress(&self, body: Bytes, ours: &str, note: &mut Map<String, Value>) -> Bytes {
        let Ok(text) = std::str::from_utf8(without_mark(&body)) else {
            return body;
        };
        let Ok(answer @ Value::Object(_)) = parse_body(text.as_bytes()) else {
            return body;
        };
        let host = self.server.base().host_str().unwrap_or_default();
        let endpoint = match ConfigureResponse::from(answer).endpoint(host) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::warn!("an answer about a job was passed on as it is: {error}");
                return body;
            }
        };
        match self.jobs.ours(&endpoint, ours).await {
            Ok(to) => {
                note.insert("job".to_owned(), endpoint.to_string().into());
                note.insert("proxied".to_owned(), to.authority().into());
                readdress(text, &to).map_or(body, Bytes::from)
            }
            Err(error) => {
                tracing::error!("THE JOB AT {endpoint} IS NOT RECORDED: {error}. Its clients are sent there directly");
                note.insert("not_recorded".to_owned(), error.to_string().into());
                body
            }
        }
    }

    /// The host by which the client reaches us.
    fn ours(&self, headers: &HeaderMap, local: IpAddr) -> String {
        if let Some(ip) = self.jobs.ip() {
            return ip.to_string();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
        authority.map_or_else(
            || local.to_canonical().to_string(),
            |authority| authority.host().trim_matches(['[', ']']).to_owned(),
        )
    }

    async fn send(
        &self,
        parts: &http::request::Parts,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let sent = self.server.send(&parts.method, &parts.uri, headers, body).await;
        sent.map_err(|error| NoAnswer::new(StatusCode::BAD_GATEWAY, error))
    }
}

/// Adds a body to a note: text as it is, other bytes in base64.
fn insert(note: &mut Map<String, Value>, name: &str, body: &Bytes) {
    use base64::Engine as _;
    if let Ok(text) = std::str::from_utf8(body) {
        note.insert(name.to_owned(), text.into());
    } else {
        let text = base64::engine::general_purpose::STANDARD.encode(body);
        note.insert(format!("{name}_base64"), text.into());
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn routes_are_found_under_any_prefix() {
        for (method, path, route) in [
            (Method::POST, "/configure", Route::Configure),
            (Method::POST, "/focus-server/configure/", Route::Configure),
            (Method::POST, "/config/7", Route::Configure),
            (Method::GET, "/focus-server/metadata/1-1", Route::Metadata),
            (Method::GET, "/configure", Route::Other),
            (Method::GET, "/metadata", Route::Other),
            (Method::GET, "/", Route::Other),
        ] {
            assert_eq!(Route::of(&method, path), route, "{method} {path}");
        }
    }

    #[test]
    fn headers_of_the_connection_stay_on_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("host", "h"),
            ("te", "trailers"),
            ("authorization", "b"),
            ("content-type", "application/json"),
        ] {
            headers.insert(HeaderName::from_static(name), http::HeaderValue::from_static(value));
        }
        let kept = end_to_end(&headers);
        let names: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["authorization", "content-type"]);
    }
}
