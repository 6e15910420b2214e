//! A stream of which the first bytes were read already.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    time::timeout,
};

use super::{FIRST_WORD, Stream};

/// First bytes of an HTTP/2 client's preface; no method of HTTP/1 begins so.
const HTTP2: &[u8; 3] = b"PRI";

/// A stream that begins with bytes that were read already.
pub(crate) struct Prefixed {
    first: Bytes,
    stream: Box<dyn Stream>,
}

impl Prefixed {
    /// Reads the first bytes of a client; `None` when none come in time.
    pub(crate) async fn read(mut stream: Box<dyn Stream>) -> Option<Self> {
        let mut first = [0; HTTP2.len()];
        let read = timeout(FIRST_WORD, stream.read_exact(&mut first)).await;
        read.is_ok_and(|read| read.is_ok()).then(|| Self {
            first: Bytes::copy_from_slice(&first),
            stream,
        })
    }

    /// True when the client begins like one of HTTP/1.
    pub(crate) fn is_http1(&self) -> bool {
        self.first[..] != HTTP2[..] && self.first.first().is_some_and(u8::is_ascii_uppercase)
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(self.first.get(..count).unwrap_or_default());
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
