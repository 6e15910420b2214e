//! Detection of a client's protocol by its first bytes.

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

use crate::grpc::net::FIRST_WORD;

/// First bytes of an HTTP/2 client's preface; no method of HTTP/1 begins so.
const HTTP2: &[u8; 3] = b"PRI";
/// First byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// The protocol of a client.
pub(super) enum Greeting {
    /// HTTP/2; these bytes of it were read.
    Http2(Bytes),
    /// HTTP/1; these bytes of it were read.
    Http1(Bytes),
    /// Another protocol, by name.
    Other(&'static str),
    /// No data: it went away again.
    Silent,
}

/// Reads the first bytes and detects the protocol.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Greeting {
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
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z' | b' '] => Greeting::Http1(Bytes::copy_from_slice(&first)),
        _ => Greeting::Other("something that is not HTTP"),
    }
}
