//! One port for clients, and the target behind it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{connection, greeting, hub::Hub};
use crate::tap::dial::{Dialer, Stream};

/// Rest after a failed accept, so that a machine out of descriptors is not kept busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to close once their calls were recorded to their ends.
pub(super) const CLOSING: Duration = Duration::from_secs(2);

/// A port that is open.
pub(super) struct Front {
    pub(super) listener: TcpListener,
    pub(super) dialer: Arc<Dialer>,
    /// TLS towards clients.
    pub(super) tls: Option<TlsAcceptor>,
}

impl Front {
    /// Serves it until the hub stops.
    pub(super) async fn serve(self, hub: Arc<Hub>) {
        let Self { listener, dialer, tls } = self;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = hub.stop.stopped() => break,
                accepted = accept(&listener) => if let Some((stream, from)) = accepted {
                    let number = {
                        let mut outcome = hub.outcome();
                        outcome.connections += 1;
                        u32::try_from(outcome.connections).unwrap_or_default()
                    };
                    connections.spawn(greet(Arc::clone(&hub), Arc::clone(&dialer), tls.clone(), stream, from, number));
                },
                Some(_) = connections.join_next() => {}
            }
        }
        drop(listener);
        let _ = timeout(CLOSING, async { while connections.join_next().await.is_some() {} }).await;
        connections.shutdown().await;
    }
}

/// The next connection; `None` when it was lost before it was one.
pub(super) async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, from)) => {
            connection::prepare(&stream);
            Some((stream, from))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn greet(
    hub: Arc<Hub>,
    dialer: Arc<Dialer>,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    from: SocketAddr,
    number: u32,
) {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let secured = tokio::select! {
        secured = secure(tls, stream, from) => secured,
        _ = hub.stop.stopped() => return,
    };
    if let Some(stream) = secured {
        let client = connection::Accepted {
            stream,
            from,
            number,
            scheme,
        };
        connection::serve(hub, dialer, client).await;
    }
}

/// Goes through the TLS handshake, where there is one; `None` when the client failed it.
pub(super) async fn secure(tls: Option<TlsAcceptor>, stream: TcpStream, from: SocketAddr) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    match timeout(greeting::FIRST_WORD, tls.accept(stream)).await {
        Ok(Ok(client)) => Some(Box::new(client)),
        Ok(Err(error)) => {
            tracing::warn!("{from} could not agree on TLS with us, and was turned away: {error}");
            None
        }
        Err(_) => None,
    }
}
