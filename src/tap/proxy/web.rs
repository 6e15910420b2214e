//! The listening port of the REST side.

use std::{convert::Infallible, net::IpAddr, pin::pin, sync::Arc};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{front::close, rest::Rest};
use crate::grpc::net::{Stream, accept_each, secure};

/// Serves the REST side until the hub stops; what is being answered then may come to its end.
pub(super) async fn serve(rest: Arc<Rest>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let connections = accept_each(listener, rest.hub.stop.stopped(), |stream, from| {
        let (rest, tls) = (Arc::clone(&rest), tls.clone());
        let local = stream.local_addr().ok()?;
        Some(async move {
            if let Some(stream) = secure(tls, stream, from).await {
                serve_http(rest, stream, local.ip()).await;
            }
        })
    });
    close(connections.await).await;
}

async fn serve_http(rest: Arc<Rest>, stream: Box<dyn Stream>, local: IpAddr) {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new());
    let answer = service_fn(|request| {
        let rest = Arc::clone(&rest);
        async move { Ok::<_, Infallible>(rest.answer(request, local).await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = rest.hub.stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a REST connection ended");
    }
}
