//! The first bytes of a client: HTTP/2, or something that is told what this port is for.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::grpc::net::FIRST_WORD;

/// The first bytes of an HTTP/2 client's preface; no method of HTTP/1 begins so.
const HTTP2: &[u8; 3] = b"PRI";
/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(2);
/// What is read of a refused client's request, so that closing does not reset the connection under our answer.
const UNREAD_BYTES: u64 = 64 * 1024;

/// What a client of HTTP/1 is told.
const HTTP1_BODY: &str = "This is the gRPC port of a recording proxy: it takes HTTP/2 only (prior knowledge, or TLS with \
                          ALPN h2). For the REST side of a Focus Server use the proxy's REST address.\n";

/// What a client began with.
pub(super) enum Greeting {
    /// HTTP/2; these bytes of it were read.
    Http2(Bytes),
    /// HTTP/1.
    Http1,
    /// Something else, which is how it is called.
    Other(&'static str),
    /// Nothing: it went away again.
    Silent,
}

/// Reads the first bytes.
pub(super) async fn read(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Greeting {
    let mut first = [0; HTTP2.len()];
    match timeout(FIRST_WORD, stream.read_exact(&mut first)).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) | Err(_) => return Greeting::Silent,
    }
    if first == *HTTP2 {
        return Greeting::Http2(Bytes::copy_from_slice(&first));
    }
    match first {
        [TLS_HANDSHAKE, 3, _] => Greeting::Other("TLS, though this proxy was given no certificate to show"),
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z' | b' '] => Greeting::Http1,
        _ => Greeting::Other("something that is not HTTP/2"),
    }
}

/// Tells a client of HTTP/1 what this port is for.
pub(super) async fn answer_http1(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let answer = format!(
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{HTTP1_BODY}",
        HTTP1_BODY.len()
    );
    let _ = timeout(LINGER, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(UNREAD_BYTES), &mut tokio::io::sink()).await
    })
    .await;
}
