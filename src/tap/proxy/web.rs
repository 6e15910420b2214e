//! The port of the REST side.

use std::{convert::Infallible, net::IpAddr, pin::pin, sync::Arc};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::{
    front::{CLOSING, accept, secure},
    rest::Rest,
};
use crate::tap::dial::Stream;

/// Serves the REST side until the hub stops; what is being answered then may come to its end.
pub(super) async fn serve(rest: Arc<Rest>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = rest.hub.stop.stopped() => break,
            accepted = accept(&listener) => if let Some((stream, from)) = accepted {
                let (rest, tls) = (Arc::clone(&rest), tls.clone());
                connections.spawn(async move {
                    let Ok(local) = stream.local_addr() else { return };
                    if let Some(stream) = secure(tls, stream, from).await {
                        talk(rest, stream, local.ip()).await;
                    }
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let _ = timeout(CLOSING, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

async fn talk(rest: Arc<Rest>, stream: Box<dyn Stream>, local: IpAddr) {
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
