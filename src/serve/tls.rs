//! TLS of the replay server: its two acceptors, and the handshake.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::stream::Stream;
use crate::grpc::server_tls::{ServerTls, ServerTlsError};

/// A client that does not finish its handshake within this time is let go.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The two acceptors: gRPC speaks h2 only, REST HTTP/1.1 too.
#[derive(Clone)]
pub(super) struct Acceptors {
    pub(super) grpc: TlsAcceptor,
    pub(super) rest: TlsAcceptor,
}

/// Reads or makes what is needed; blocks. `ips` are addresses that the certificate must be good for.
pub(super) fn acceptors(tls: &ServerTls, ips: &[IpAddr]) -> Result<Acceptors, ServerTlsError> {
    let mut config = tls.prepare(ips)?.config;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let grpc = TlsAcceptor::from(Arc::new(config.clone()));
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Acceptors {
        grpc,
        rest: TlsAcceptor::from(Arc::new(config)),
    })
}

/// Goes through the handshake, where there is one; `None` when the client failed it.
pub(super) async fn accept(acceptor: Option<TlsAcceptor>, stream: TcpStream) -> Option<Stream> {
    let Some(acceptor) = acceptor else {
        return Some(Stream::Plain(stream));
    };
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::info!(%error, "a client failed the TLS handshake");
            None
        }
        Err(_) => {
            tracing::info!("a client did not finish the TLS handshake");
            None
        }
    }
}
