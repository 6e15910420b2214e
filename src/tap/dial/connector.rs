//! Opening of the stream below HTTP/2: TCP, and TLS where the route says so.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::{
    DialError, DialOptions, Fallback, Scheme, Target,
    error::{self, Fault, Lack},
    watch::{Watch, Watched, Watching, tls_error},
};
use crate::{
    file::Digest,
    grpc::net::{Filtered, Merging, Stream},
    tap::tls::TlsMode,
};

/// The client preface of HTTP/2 with empty SETTINGS: enough to make a server of plain text show itself.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Time limit for a server to show that it speaks plain text: it answers the preface at once.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// How the stream is opened.
#[derive(Clone)]
pub(super) enum Route {
    /// TCP.
    Plain,
    /// TLS over TCP.
    Tls {
        connector: TlsConnector,
        name: ServerName<'static>,
        /// True when TLS was not requested explicitly.
        guessed: bool,
    },
}

impl Route {
    pub(super) fn plan(target: &Target, options: &DialOptions) -> Result<Self, DialError> {
        let guessed = match (options.tls.mode, target.scheme) {
            (TlsMode::Plaintext, _) | (TlsMode::Auto, Some(Scheme::Http)) => return Ok(Self::Plain),
            (TlsMode::Auto, None) => true,
            (TlsMode::Auto, Some(Scheme::Https)) | (TlsMode::Verify | TlsMode::Insecure, _) => false,
        };
        let name = match &options.authority {
            Some(authority) => host_of(authority)?,
            None => target.host.clone(),
        };
        let name = ServerName::try_from(name.clone()).map_err(|_| DialError::Authority { authority: name })?;
        let config = options.tls.client_config(&[b"h2"])?;
        Ok(Self::Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
            guessed,
        })
    }

    pub(super) const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// True when plain text is allowed, once the server has shown that it speaks nothing else.
    pub(super) fn may_fall_back(&self, target: &Target, options: &DialOptions) -> bool {
        let guessed = matches!(self, Self::Tls { guessed: true, .. });
        let unverified = options.tls.mode == TlsMode::Insecure && options.tls.pin_sha256.is_none();
        match options.fallback {
            _ if target.scheme.is_some() => false,
            Fallback::Loopback => guessed && target.is_loopback(),
            Fallback::Unverified => unverified || (guessed && target.is_loopback()),
        }
    }
}

/// The host of an authority, without port and brackets.
fn host_of(authority: &str) -> Result<String, DialError> {
    let parsed: http::uri::Authority = authority.parse().map_err(|_| DialError::Authority {
        authority: authority.to_owned(),
    })?;
    Ok(parsed.host().trim_matches(['[', ']']).to_owned())
}

/// The peer of a stream.
#[derive(Debug, Clone, Default)]
pub(in crate::tap) struct TargetPeer {
    /// Address and port of the peer.
    pub(in crate::tap) address: String,
    /// SHA-256 of its certificate, with TLS.
    pub(in crate::tap) certificate_sha256: Option<[u8; 32]>,
}

/// Opens a stream; returns the peer, too.
pub(super) async fn open(route: &Route, target: &Target) -> Result<(Box<dyn Stream>, TargetPeer), Fault> {
    let (stream, address) = socket(target)
        .await
        .map_err(|(error, lack)| Fault::Again(error.to_string(), lack))?;
    let mut peer = TargetPeer {
        address,
        certificate_sha256: None,
    };
    let Route::Tls { connector, name, .. } = route else {
        return Ok((stream, peer));
    };
    match connector.connect(name.clone(), stream).await {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let leaf = session.peer_certificates().and_then(<[_]>::first);
            peer.certificate_sha256 = leaf.map(|leaf| Digest::of(leaf).0);
            Ok((Box::new(stream), peer))
        }
        Err(io) => Err(match tls_error(&io) {
            Some(tls) => error::fault(tls),
            None if speaks_plain_text(target).await => Fault::PlainText,
            None => Fault::Again(format!("the TLS handshake was cut off: {io}"), Lack::Server),
        }),
    }
}

/// Opens the TCP or Unix connection, and returns the peer.
async fn socket(target: &Target) -> Result<(Box<dyn Stream>, String), (io::Error, Lack)> {
    if let Some(path) = &target.unix {
        let stream = UnixStream::connect(path).await.map_err(|error| (error, Lack::Socket))?;
        return Ok((Box::new(stream), target.to_string()));
    }
    let known = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let addrs: Vec<_> = known.map_err(|error| (error, Lack::Name))?.collect();
    let connected = async {
        let stream = TcpStream::connect(addrs.as_slice()).await?;
        stream.set_nodelay(true)?;
        io::Result::Ok(stream)
    };
    let stream = connected.await.map_err(|error| (error, Lack::Server))?;
    let peer = stream.peer_addr().map(|addr| addr.to_string()).unwrap_or_default();
    Ok((Box::new(stream), peer))
}

/// True when the server answers an HTTP/2 preface in plain text: with a SETTINGS frame, or with an error of HTTP/1.
async fn speaks_plain_text(target: &Target) -> bool {
    let probe = async {
        let (mut stream, _) = socket(target).await.map_err(|(error, _)| error)?;
        stream.write_all(PREFACE).await?;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        io::Result::Ok(head)
    };
    matches!(
        timeout(PROBE_LIMIT, probe).await,
        Ok(Ok([0, _, _, 4, ..] | [b'H', b'T', b'T', b'P', b'/', b'1', ..]))
    )
}

/// Gives the opened stream to the channel, and opens others until it is sealed.
pub(super) struct Connector {
    first: Option<Box<dyn Stream>>,
    route: Route,
    target: Target,
    watch: Arc<Watch>,
    sealed: Arc<AtomicBool>,
}

impl Connector {
    pub(super) fn new(
        first: Box<dyn Stream>,
        route: Route,
        target: Target,
        watch: Arc<Watch>,
        sealed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            first: Some(first),
            route,
            target,
            watch,
            sealed,
        }
    }
}

/// Wraps a stream for the HTTP/2 library, with the watch and the frame merger.
fn merging(stream: Box<dyn Stream>, watch: Arc<Watch>) -> <Connector as Service<Uri>>::Response {
    let watched = Filtered::new(stream, Watching(watch));
    TokioIo::new(Filtered::new(watched, Merging::of_server()))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Filtered<Watched<Box<dyn Stream>>, Merging>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let watch = Arc::clone(&self.watch);
        if let Some(first) = self.first.take() {
            return Box::pin(async move { Ok(merging(first, watch)) });
        }
        let (route, target, sealed) = (self.route.clone(), self.target.clone(), Arc::clone(&self.sealed));
        Box::pin(async move {
            if sealed.load(Ordering::Acquire) {
                return Err(io::Error::new(
                    io::ErrorKind::NotConnected,
                    "the connection is closed, and what answers on this port now may be another job",
                ));
            }
            let (stream, peer) = open(&route, &target).await.map_err(|fault| match fault {
                Fault::Again(text, _) | Fault::Closed(text) => io::Error::other(text),
                Fault::PlainText => io::Error::other("the server speaks plain text"),
                Fault::Tls => io::Error::other("the server speaks TLS"),
                Fault::NotHttp2(what) => io::Error::other(format!("the server answers with {what}")),
                Fault::Handshake(error) => io::Error::other(error),
                Fault::Final(error) => io::Error::other(error),
            })?;
            watch.reset();
            watch.showed(peer.certificate_sha256);
            Ok(merging(stream, watch))
        })
    }
}
