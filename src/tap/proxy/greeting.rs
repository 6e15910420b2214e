//! Detection of a client's protocol by its first bytes: HTTP/2, or another protocol, which is answered with the purpose
//! of this port.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use crate::grpc::net::FIRST_WORD;

/// First bytes of an HTTP/2 client's preface; no method of HTTP/1 begins so.
const HTTP2: &[u8; 3] = b"PRI";
/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Time for a refused client to read the reason.
const LINGER: Duration = Duration::from_secs(2);
/// Number of bytes read of a refused client's request, so that closing does not reset the connection before our answer
/// is read.
const UNREAD_BYTES: u64 = 64 * 1024;

/// The body of the answer to an HTTP/1 client.
const HTTP1_BODY: &str = "This is the gRPC port of a recording proxy: it takes HTTP/2 only (prior knowledge, or TLS with \
                          ALPN h2). For the REST side of a Focus Server use the proxy's REST address.\n";

/// The protocol of a client.
pub(super) enum Greeting {
    /// HTTP/2; these bytes of it were read.
    Http2(Bytes),
    /// HTTP/1.
    Http1,
    /// Another protocol, by name.
    Other(&'static str),
    /// No data: it went away again.
    Silent,
}

/// Reads the first bytes and detects the protocol.
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

/// Answers an HTTP/1 client with the purpose of this port.
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
