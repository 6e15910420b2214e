//! A raw stream to a target, for a tap that implements HTTP/2 itself.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{
    DialError, DialOptions, Target,
    connector::{self, Route, TargetPeer},
    error::{Fault, Lack, Next},
    judge,
    watch::{Opening, Watch, Watched, Watching},
};
use crate::grpc::net::{Filtered, Stream};

/// Opens streams to one target, with one attempt each.
pub(in crate::tap) struct Dialer {
    target: Target,
    options: DialOptions,
    route: Mutex<Route>,
    /// TLS for HTTP/1.1, where there is any.
    http1: Option<TlsConnector>,
}

/// The version of HTTP that a stream is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tap) enum Version {
    /// HTTP/2.
    Http2,
    /// HTTP/1.1.
    Http1,
}

/// An opened stream; HTTP/2 has not begun on it.
pub(in crate::tap) struct RawStream {
    pub(in crate::tap) stream: Watched<Box<dyn Stream>>,
    pub(in crate::tap) watch: Arc<Watch>,
    pub(in crate::tap) peer: TargetPeer,
    pub(in crate::tap) kind: WireKind,
}

/// The kind of an opened stream.
pub(in crate::tap) struct WireKind(Route);

impl WireKind {
    /// The scheme of requests on the stream.
    pub(in crate::tap) fn scheme(&self) -> &'static str {
        if self.0.is_tls() { "https" } else { "http" }
    }
}

impl Dialer {
    pub(in crate::tap) fn new(target: Target, options: DialOptions) -> Result<Self, DialError> {
        let route = Route::plan(&target, &options)?;
        let http1 = if route.is_tls() {
            let config = options.tls.client_config(&[b"http/1.1"])?;
            Some(TlsConnector::from(Arc::new(config)))
        } else {
            None
        };
        Ok(Self {
            target,
            options,
            route: Mutex::new(route),
            http1,
        })
    }

    pub(in crate::tap) const fn target(&self) -> &Target {
        &self.target
    }

    /// The `:authority` for all requests, if one was given.
    pub(in crate::tap) fn authority(&self) -> Option<&str> {
        self.options.authority.as_deref()
    }

    /// Makes one attempt within the connect limit.
    pub(in crate::tap) async fn open(&self, version: Version) -> Result<RawStream, DialError> {
        let limit = self.options.connect_timeout;
        let late = || Fault::Again(format!("no answer within {limit:?}"), Lack::Server);
        let opened = timeout(limit, self.attempt(version)).await;
        opened.unwrap_or_else(|_| Err(self.say(late(), false)))
    }

    async fn attempt(&self, version: Version) -> Result<RawStream, DialError> {
        loop {
            let mut route = self.route.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let (Version::Http1, Route::Tls { connector, .. }, Some(http1)) = (version, &mut route, &self.http1) {
                connector.clone_from(http1);
            }
            match connector::open(&route, &self.target).await {
                Ok((stream, peer)) => {
                    let watch = Watch::new();
                    return Ok(RawStream {
                        stream: Filtered::new(stream, Watching(Arc::clone(&watch))),
                        watch,
                        peer,
                        kind: WireKind(route),
                    });
                }
                Err(Fault::PlainText) if route.may_fall_back(&self.target, &self.options) => {
                    tracing::warn!("{} speaks plain text; going on without encryption", self.target);
                    *self.route.lock().unwrap_or_else(PoisonError::into_inner) = Route::Plain;
                }
                Err(fault) => return Err(self.say(fault, route.is_tls())),
            }
        }
    }

    /// Decides by the server's first bytes whether it speaks HTTP/2.
    pub(in crate::tap) fn judge(&self, opening: Opening, kind: &WireKind) -> Result<(), DialError> {
        judge(opening).map_err(|fault| self.say(fault, kind.0.is_tls()))
    }

    fn say(&self, fault: Fault, is_tls: bool) -> DialError {
        match fault.judge(&self.target, &self.options, is_tls) {
            Next::Again(last, remedy) => DialError::Unreachable {
                target: self.target.clone(),
                last,
                remedy,
            },
            Next::Over(error) => error,
        }
    }
}
