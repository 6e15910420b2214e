//! One listening port for clients, with its target.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{connection, hub::Hub};
use crate::{
    grpc::net::{accept_each, secure},
    tap::dial::Dialer,
};

/// Time for connections to close after their calls were recorded to the end.
const CLOSING: Duration = Duration::from_secs(2);

/// An open port.
pub(super) struct Front {
    pub(super) listener: TcpListener,
    pub(super) dialer: Arc<Dialer>,
    /// TLS towards clients.
    pub(super) tls: Option<TlsAcceptor>,
}

impl Front {
    /// Serves the port until the hub stops.
    pub(super) async fn serve(self, hub: Arc<Hub>) {
        let Self { listener, dialer, tls } = self;
        let connections = accept_each(listener, hub.stop.stopped(), |stream, from| {
            let number = {
                let mut outcome = hub.outcome();
                outcome.connections += 1;
                u32::try_from(outcome.connections).unwrap_or_default()
            };
            let open = Open::of(&hub);
            Some(greet(
                open,
                Arc::clone(&hub),
                Arc::clone(&dialer),
                tls.clone(),
                stream,
                from,
                number,
            ))
        });
        close(connections.await).await;
    }
}

/// Waits a while for connections to end.
pub(super) async fn close(mut connections: JoinSet<()>) {
    let _ = timeout(CLOSING, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

/// Counts a connection as open as long as it lives.
struct Open(Arc<AtomicU64>);

impl Open {
    fn of(hub: &Hub) -> Self {
        hub.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&hub.open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn greet(
    _open: Open,
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
