//! Listening sockets and their accept loop.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{FIRST_WORD, Stream};

/// Pause after a failed accept, so that a machine without free descriptors is not kept busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a listening socket; returns its address, too, because port 0 is any free port.
pub(crate) async fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// Accepts connections until `stop`, and spawns the task that `serve` makes for each; `None` from it drops the
/// connection. Returns the tasks that still run. Dropping the future ends them.
pub(crate) async fn accept_each<F>(
    listener: TcpListener,
    stop: impl Future,
    mut serve: impl FnMut(TcpStream, SocketAddr) -> Option<F>,
) -> JoinSet<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut stop, mut connections) = (pin!(stop), JoinSet::new());
    loop {
        tokio::select! {
            _ = &mut stop => return connections,
            (stream, from) = accept(&listener) => if let Some(task) = serve(stream, from) {
                connections.spawn(task);
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Accepts the next connection and sets `TCP_NODELAY`.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // Without it, the last frame of a burst waits for the client's delayed acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return (stream, from);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A TLS acceptor that offers these protocols (ALPN).
pub(crate) fn tls_acceptor(config: &ServerConfig, protocols: &[&str]) -> TlsAcceptor {
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Runs the TLS handshake, if TLS is configured; `None` when the client failed it.
pub(crate) async fn secure(tls: Option<TlsAcceptor>, stream: TcpStream, from: SocketAddr) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    match timeout(FIRST_WORD, tls.accept(stream)).await {
        Ok(Ok(client)) => Some(Box::new(client)),
        Ok(Err(error)) => {
            tracing::warn!("{from} could not agree on TLS with us, and was refused: {error}");
            None
        }
        Err(_) => None,
    }
}
