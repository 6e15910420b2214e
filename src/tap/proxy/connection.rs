//! One client connection and the one to the target behind it.
//!
//! They belong together: the target is dialled before the client is greeted, so that a client finds a target that is not
//! there as it would without us; what the target allows (concurrent streams) is what we allow; a GOAWAY is passed on;
//! and when the target's connection is lost, the client's is closed once everything that came before was delivered.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use h2::{client::SendRequest, server};
use http::{Request, Uri, request::Parts, uri::Scheme};
use tokio::{net::TcpStream, sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    call,
    driver::Driver,
    greeting::{self, Greeting},
    hub::Hub,
    outlet::Door,
    piece::Piece,
    socket::Socket,
};
use crate::tap::dial::{Dialer, Stream, Wire, watch::Watch};

/// HTTP/2 window of a stream, 512 KiB: what a stalled client can make us hold of one stream, and enough for a gigabyte
/// a second within a cluster (round trips below half a millisecond).
const STREAM_WINDOW: u32 = 512 * 1024;
/// HTTP/2 window of a connection: the streams' windows are the bound, and one that stalls must not hold up the others.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// Bytes of one stream that HTTP/2 may hold on their way out.
const SEND_BUFFER: usize = 128 * 1024;
/// Largest DATA frame we take: larger ones would be passed on later, smaller ones cost more.
const MAX_FRAME: u32 = 64 * 1024;
/// Largest list of headers, 16 MiB: what the larger of the gRPC libraries allow.
const MAX_HEADERS: u32 = 16 * 1024 * 1024;
/// Calls that a client may have cancelled before we have looked at them: a client that gives up a thousand calls at once
/// is no attacker.
const MAX_PENDING_RESETS: usize = 4096;

/// How long a client of a lost connection may take to accept what was sent before.
const LINGER: Duration = Duration::from_secs(10);

/// What the calls of one client connection share.
pub(super) struct Link {
    pub(super) hub: Arc<Hub>,
    dialer: Arc<Dialer>,
    pub(super) target: SendRequest<Piece>,
    /// The target's address.
    pub(super) peer: String,
    scheme: Scheme,
    pub(super) watch: Arc<Watch>,
    /// The client's connection is gone.
    pub(super) closed: CancellationToken,
    /// Calls that have delivered all that came before the target's connection was lost.
    waiting: AtomicUsize,
    waits: Notify,
}

impl Link {
    /// The request's head as the target shall get it: the client's, but for the scheme, and for the authority where
    /// another was asked for.
    pub(super) fn address(&self, mut parts: Parts) -> Request<()> {
        let dialer = &self.dialer;
        let mut uri = std::mem::take(&mut parts.uri).into_parts();
        let host = parts.headers.get(http::header::HOST);
        let authority = dialer
            .authority()
            .and_then(|authority| authority.parse().ok())
            .or(uri.authority)
            .or_else(|| host.and_then(|host| host.as_bytes().try_into().ok()))
            .or_else(|| dialer.target().authority().parse().ok());
        uri.authority = authority;
        uri.scheme = Some(self.scheme.clone());
        parts.uri = Uri::from_parts(uri).unwrap_or_default();
        parts.version = http::Version::HTTP_2;
        Request::from_parts(parts, ())
    }

    /// The target's connection is lost: delivers what came before, and waits for the end of the client's.
    pub(super) async fn lost(&self, door: &Door) {
        tokio::select! {
            () = door.delivered() => {}
            () = self.closed.cancelled() => return,
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.waits.notify_one();
        self.closed.cancelled().await;
    }
}

/// Serves one client to its end.
pub(super) async fn serve(hub: Arc<Hub>, dialer: Arc<Dialer>, mut client: Box<dyn Stream>, from: SocketAddr) {
    let first = tokio::select! {
        greeting = greeting::read(&mut client) => match greeting {
            Greeting::Http2(first) => first,
            Greeting::Other(what) => {
                tracing::warn!("{from} spoke {what}, and was turned away");
                return;
            }
            Greeting::Http1 => {
                tracing::warn!("{from} spoke HTTP/1, and was turned away");
                return greeting::answer_http1(&mut client).await;
            }
            Greeting::Silent => return,
        },
        _ = hub.stop.stopped() => return,
    };
    let opened = tokio::select! {
        opened = open(&hub, &dialer) => opened,
        _ = hub.stop.stopped() => return,
    };
    let (link, target) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            hub.unreachable(&error);
            return;
        }
    };
    hub.reached();
    let closed = link.closed.clone().drop_guard();
    let link = Arc::new(link);
    let cut = Arc::new(AtomicBool::new(false));
    let socket = Socket::new(client, first, Arc::clone(&cut));
    let mut calls = JoinSet::new();
    let ended = carry(&link, socket, &target, &mut calls, &cut).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "the connection from {from} ended");
    }
    // Calls that still run learn of it by their streams, and are recorded to their ends.
    drop(closed);
    while calls.join_next().await.is_some() {}
    // Once nobody can send on it any more, the connection to the target says goodbye and closes.
    drop(link);
    let _ = timeout(LINGER, target.ended()).await;
}

/// Dials the target and waits for its SETTINGS.
async fn open(hub: &Arc<Hub>, dialer: &Arc<Dialer>) -> Result<(Link, Driver), String> {
    let Wire {
        stream,
        watch,
        peer,
        kind,
    } = dialer.open().await.map_err(|error| error.to_string())?;
    let (target, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buffer_size(SEND_BUFFER)
        .enable_push(false)
        .handshake::<_, Piece>(stream)
        .await
        .map_err(|error| error.to_string())?;
    let mut connection = Box::pin(connection);
    // Reading them and taking note of them is one step of the connection: seen here, they count.
    let (opening, ended) = tokio::select! {
        biased;
        ended = &mut connection => (watch.opened().await, Some(ended)),
        opening = watch.opened() => (opening, None),
    };
    dialer.judge(opening, &kind).map_err(|error| error.to_string())?;
    let driver = Driver::spawn(async move {
        let ended = match ended {
            Some(ended) => ended,
            None => connection.await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "the target's connection ended");
        }
    });
    let link = Link {
        hub: Arc::clone(hub),
        dialer: Arc::clone(dialer),
        target,
        peer,
        scheme: kind.scheme(),
        watch,
        closed: CancellationToken::new(),
        waiting: AtomicUsize::new(0),
        waits: Notify::new(),
    };
    Ok((link, driver))
}

/// Takes the client's calls until its connection or the target's ends.
async fn carry(
    link: &Arc<Link>,
    socket: Socket<Box<dyn Stream>>,
    target: &Driver,
    calls: &mut JoinSet<()>,
    cut: &AtomicBool,
) -> Result<(), h2::Error> {
    let mut builder = server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_header_list_size(MAX_HEADERS)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS);
    if let Ok(max) = u32::try_from(link.target.current_max_send_streams()) {
        builder.max_concurrent_streams(max);
    }
    let mut client = builder.handshake::<_, Piece>(socket).await?;
    let mut announced = false;
    loop {
        tokio::select! {
            accepted = client.accept() => match accepted {
                None => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok((request, respond))) => {
                    calls.spawn(call::carry(Arc::clone(link), request, respond));
                }
            },
            Some(_) = calls.join_next() => {}
            _ = link.watch.announced(), if !announced => {
                announced = true;
                client.graceful_shutdown();
            }
            () = target.ended() => break,
            _ = link.hub.stop.stopped() => {
                while calls.join_next().await.is_some() {}
                return Ok(());
            }
        }
    }
    close(link, client, calls, cut).await
}

/// The target's connection is gone: lets the client have all that came before, then closes.
async fn close(
    link: &Link,
    mut client: server::Connection<Socket<Box<dyn Stream>>, Piece>,
    calls: &mut JoinSet<()>,
    cut: &AtomicBool,
) -> Result<(), h2::Error> {
    let mut limit = pin!(tokio::time::sleep(LINGER));
    while link.waiting.load(Ordering::Acquire) < calls.len() {
        tokio::select! {
            accepted = client.accept() => match accepted {
                None => return Ok(()),
                Some(Err(error)) => return Err(error),
                // It came too late to be carried: dropped, it is refused.
                Some(Ok((_, mut respond))) => respond.send_reset(h2::Reason::REFUSED_STREAM),
            },
            Some(_) = calls.join_next() => {}
            () = link.waits.notified() => {}
            () = &mut limit => break,
            _ = link.hub.stop.stopped() => break,
        }
    }
    if let Some(code) = link.watch.goaway().filter(|code| *code != 0) {
        client.abrupt_shutdown(code.into());
    }
    cut.store(true, Ordering::Release);
    tokio::select! {
        closed = std::future::poll_fn(|cx| client.poll_closed(cx)) => closed,
        () = &mut limit => Ok(()),
        _ = link.hub.stop.stopped() => Ok(()),
    }
}

/// The socket of a client, with small writes sent at once.
pub(super) fn prepare(stream: &TcpStream) {
    // Without it, the last frame of a burst waits for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}
