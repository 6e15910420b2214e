//! Connections of clients that speak HTTP/1.1: gRPC-Web and Connect.

use std::{future::Future, sync::Arc};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::{
    body::{Answer, Cut},
    connection::Connection,
};
use crate::grpc::net::Stream;

/// Largest number of fields of a request: metadata of calls may be more than a web page's.
const MOST_FIELDS: usize = 4096;

/// Serves one connection until it ends; `drain` lets its call end and takes no new one.
pub(super) async fn serve<S>(
    connection: Arc<Connection>,
    stream: Box<dyn Stream>,
    service: S,
    drain: CancellationToken,
    idle: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<Answer>, Error = Cut>,
{
    let serving = http1::Builder::new()
        .auto_date_header(false)
        .max_headers(MOST_FIELDS)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let (mut serving, mut idle) = (std::pin::pin!(serving), std::pin::pin!(idle));
    let mut drained = false;
    loop {
        tokio::select! {
            result = &mut serving => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            // What is dropped here is closed.
            _ = connection.broken() => return,
            () = &mut idle => return,
            () = drain.cancelled(), if !drained => {
                drained = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
