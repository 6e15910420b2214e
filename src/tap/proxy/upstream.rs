//! The Focus Server behind the REST side: each request is sent unchanged over HTTP/1.1 on its own connection.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use crate::{
    grpc::{net::Stream, status::percent_decode},
    tap::{
        dial::DialOptions,
        rest::{RestError, base, chain},
    },
};

/// Headers of a connection rather than a message (RFC 9110, 7.6.1), `Host`, which is the target's own, and `Expect`,
/// which the server that reads the body has answered.
const OF_THE_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// The body of a request or a response, as it arrives.
pub(super) type Body = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// An empty body.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body in memory.
pub(super) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that arrives in pieces.
pub(super) fn streamed(content: Incoming) -> Body {
    content.map_err(Into::into).boxed_unsync()
}

/// The Focus Server to which requests are forwarded. None is ever sent twice, and no redirect is followed: that is its
/// client's matter.
pub(super) struct Upstream {
    base: Url,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limit: Duration,
}

impl Upstream {
    /// A client of the server at the address `target`.
    pub(super) fn new(target: &str, dial: &DialOptions) -> Result<Self, RestError> {
        let base = base(target)?;
        let tls = if base.scheme() == "https" {
            let config = dial.tls.client_config(&[b"http/1.1"])?;
            let host = base.host_str().unwrap_or_default();
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
            let name = name.map_err(|error| RestError::Client(format!("{host}: {error}")))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self {
            base,
            tls,
            limit: dial.connect_timeout,
        })
    }

    /// Address of the server.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a request; `uri` is the requested one. Errors are texts.
    pub(super) async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, String> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = self.below(uri)?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::HOST, self.host()?);
        if let Some(login) = self.login()
            && !request.headers().contains_key(header::AUTHORIZATION)
        {
            request.headers_mut().insert(header::AUTHORIZATION, login);
        }
        let limit = self.limit;
        let stream = timeout(limit, self.connect()).await;
        let stream = stream.map_err(|_| format!("{} did not answer within {limit:?}", self.base))?;
        let stream = stream.map_err(|error| format!("no connection to {}: {error}", self.base))?;
        let failed = |error: hyper::Error| format!("{} gave no answer: {}", self.base, chain(&error));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // It ends with the answer, which says what went wrong.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(failed)
    }

    /// The path of a request below the server's address: the path and the query as they came, below its own path.
    fn below(&self, uri: &Uri) -> Result<Uri, String> {
        let asked = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = format!("{}{asked}", self.base.path().trim_end_matches('/'));
        path.parse().map_err(|error| format!("{path}: {error}"))
    }

    fn host(&self) -> Result<HeaderValue, String> {
        let host = self.base.host_str().unwrap_or_default();
        let host = self
            .base
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        HeaderValue::from_str(&host).map_err(|error| format!("{host}: {error}"))
    }

    /// User name and password in the address.
    fn login(&self) -> Option<HeaderValue> {
        let (name, password) = (self.base.username(), self.base.password());
        if name.is_empty() && password.is_none() {
            return None;
        }
        let plain = |text: &str| percent_decode(text.as_bytes());
        let both = format!("{}:{}", plain(name), plain(password.unwrap_or_default()));
        let code = base64::engine::general_purpose::STANDARD.encode(both);
        let mut login = HeaderValue::from_str(&format!("Basic {code}")).ok()?;
        login.set_sensitive(true);
        Some(login)
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.base.port_or_known_default().unwrap_or_default();
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        })
    }
}

/// The headers to forward.
pub(super) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for named in headers.get_all(header::CONNECTION) {
        for name in named.to_str().unwrap_or_default().split(',') {
            if let Ok(name) = name.trim().parse::<HeaderName>() {
                kept.remove(name);
            }
        }
    }
    for name in OF_THE_CONNECTION {
        kept.remove(name);
    }
    kept.remove(header::HOST);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_go_below_the_server_as_they_came() {
        for (base, asked, sent) in [
            ("http://h:1/", "/ack?a=%20b", "/ack?a=%20b"),
            ("http://h/focus-server", "/configure", "/focus-server/configure"),
            ("http://h/focus-server/", "/../admin/./x", "/focus-server/../admin/./x"),
            (
                "http://h/focus-server",
                "/%2e%2e/admin//x?y=/../z",
                "/focus-server/%2e%2e/admin//x?y=/../z",
            ),
        ] {
            let server = Upstream::new(base, &DialOptions::default()).unwrap();
            assert_eq!(server.below(&asked.parse().unwrap()).unwrap(), sent);
        }
    }

    #[test]
    fn a_login_in_the_address_goes_along() {
        let server = Upstream::new("http://me:pass%20word@h:81/x", &DialOptions::default()).unwrap();
        assert_eq!(server.login().unwrap(), "Basic bWU6cGFzcyB3b3Jk");
        assert_eq!(server.host().unwrap(), "h:81");
        let server = Upstream::new("http://[::1]/x", &DialOptions::default()).unwrap();
        assert_eq!(
            (server.login(), server.host().unwrap()),
            (None, "[::1]".parse().unwrap())
        );
    }
}
