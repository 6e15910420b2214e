//! A client connection, and the connection to the target behind it.
//!
//! The target is dialled before any byte of the client is forwarded, so that an unreachable target looks to the client
//! as it would without the proxy. When one connection ends, the other is closed once everything before the end was
//! delivered.

use std::{future::poll_fn, net::SocketAddr, pin::Pin, sync::Arc, task::Poll};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::OnceCell,
};
use tokio_util::sync::CancellationToken;

use super::{
    ending::{Cut, Leaving},
    fields::Readdress,
    greeting::{self, Greeting},
    http1,
    hub::Hub,
    relay::{self, Flow, Shared},
    session::Session,
};
use crate::{
    grpc::net::Stream,
    model::event::Direction,
    tap::dial::{Dialer, RawStream, TargetPeer, Version, watch::Opening},
};

/// Number of bytes read from a client whose target cannot be reached: the calls that it began are recorded.
const MOST_UNSENT: usize = 1024 * 1024;

/// An accepted client connection.
pub(super) struct Accepted {
    pub(super) stream: Box<dyn Stream>,
    pub(super) from: SocketAddr,
    /// Number of the connection, counted from 1.
    pub(super) number: u32,
    /// Scheme of the connection.
    pub(super) scheme: &'static str,
}

/// Serves one client until it disconnects.
pub(super) async fn serve(hub: Arc<Hub>, dialer: Arc<Dialer>, client: Accepted) {
    let Accepted {
        stream: mut client,
        from,
        number,
        scheme,
    } = client;
    let first = tokio::select! {
        greeting = greeting::read(&mut client) => match greeting {
            Greeting::Http2(first) => first,
            Greeting::Other(what) => {
                tracing::warn!("{from} spoke {what}, and was refused");
                return;
            }
            Greeting::Http1(first) => return http1::serve(hub.clone(), dialer, client, first, (from, number)).await,
            Greeting::Silent => return,
        },
        _ = hub.stop.stopped() => return,
    };
    let opened = tokio::select! {
        opened = dialer.open(Version::Http2) => opened,
        _ = hub.stop.stopped() => return,
    };
    let wire = match opened {
        Ok(wire) => wire,
        Err(error) => {
            let error = error.to_string();
            hub.unreachable(&error);
            let peer = TargetPeer {
                address: dialer.target().authority(),
                ..TargetPeer::default()
            };
            let session = Session::new(hub, peer, number);
            return record_unsent(&session, first, &mut client, error).await;
        }
    };
    let session = Session::new(Arc::clone(&hub), wire.peer.clone(), number);
    forward(&hub, &dialer, &session, client, first, wire, scheme).await;
}

/// Forwards everything until both connections have ended.
async fn forward(
    hub: &Hub,
    dialer: &Dialer,
    session: &Session,
    client: Box<dyn Stream>,
    first: Bytes,
    wire: RawStream,
    scheme: &'static str,
) {
    let RawStream {
        stream, watch, kind, ..
    } = wire;
    let authority = dialer.authority().map(ToOwned::to_owned);
    let readdress = Readdress {
        authority,
        scheme: kind.scheme(),
    };
    let readdress = (readdress.authority.is_some() || readdress.scheme != scheme).then_some(readdress);
    let (client_reader, client_writer) = tokio::io::split(client);
    let (target_reader, target_writer) = tokio::io::split(stream);
    let shared = Shared {
        session,
        stopped: OnceCell::new(),
        over: CancellationToken::new(),
    };
    let up = Flow {
        from: Direction::Sent,
        reader: client_reader,
        writer: target_writer,
        first,
        readdress,
    };
    let down = Flow {
        from: Direction::Received,
        reader: target_reader,
        writer: client_writer,
        first: Bytes::new(),
        readdress: None,
    };
    let mut judged = false;
    let judge = |over: bool| {
        let opening = watch.now();
        if judged || (opening == Opening::Waiting && !over) {
            return Ok(());
        }
        judged = true;
        match dialer.judge(opening, &kind) {
            Ok(()) => {
                hub.reached();
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                hub.unreachable(&error);
                Err(error)
            }
        }
    };
    tokio::join!(
        relay::forward(up, &shared, hub.stop.stopped(), |_| Ok(())),
        relay::forward(down, &shared, hub.stop.stopped(), judge),
    );
    // A side that took no more, and said nothing of it either.
    let lost = Leaving::Gone("it was cancelled, because it accepted no more".to_owned());
    session.over(&Cut::Target(lost)).await;
    session.close();
}

/// Records the calls that a client started before it could learn that the target is unreachable.
async fn record_unsent(session: &Session, first: Bytes, client: &mut Box<dyn Stream>, error: String) {
    let mut bytes = BytesMut::from(&first[..]);
    let mut part = vec![0; 16 * 1024];
    while bytes.len() < MOST_UNSENT {
        let mut read = ReadBuf::new(&mut part);
        // What has come is taken; nothing is waited for.
        let more = poll_fn(|cx| match Pin::new(&mut *client).poll_read(cx, &mut read) {
            Poll::Ready(Ok(())) => Poll::Ready(!read.filled().is_empty()),
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(false),
        });
        if !more.await {
            break;
        }
        bytes.extend_from_slice(read.filled());
    }
    relay::listen(session, bytes.freeze()).await;
    session.over(&Cut::Target(Leaving::Unreached(error))).await;
    session.close();
}
