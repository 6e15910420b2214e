//! The client's socket: what was read to greet it, and how it closes when the target's connection has gone.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose first bytes were read already, and that can be told to close once everything was written.
///
/// HTTP/2 flushes only when its own buffers are empty. Closing then says so to the client first, and reads on until the
/// client has closed, too: a socket that is dropped with bytes unread resets the connection, and what the client had not
/// received yet would be lost.
pub(super) struct Socket<S> {
    stream: S,
    /// Bytes to hand out before any others.
    read: Bytes,
    cut: Arc<AtomicBool>,
    said: bool,
}

impl<S> Socket<S> {
    /// `cut` tells it to close.
    pub(super) const fn new(stream: S, read: Bytes, cut: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            read,
            cut,
            said: false,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Reads until the client has closed; the error is the end of the connection.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut unread = [0; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut unread);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) => return Poll::Ready(io::ErrorKind::BrokenPipe.into()),
                Err(error) => return Poll::Ready(error),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..count]);
        self.read.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.said {
            // An acknowledgement, for nobody: nothing was left to be said.
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.said {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            if !self.cut.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.said = true;
        }
        self.poll_closed(cx).map(Err)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
