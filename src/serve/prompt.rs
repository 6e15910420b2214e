//! A client that connects and says nothing, or too little to be anybody, is let go.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// How long a client may take to say its first word, or the head of an HTTP/1 request: all clients speak at once.
pub(super) const FIRST_WORD: Duration = Duration::from_secs(30);
/// The first word of an HTTP/2 client: its preface, and the head of the SETTINGS frame that must follow.
pub(super) const PREFACE_BYTES: usize = 24 + 9;

/// A byte stream whose client must say its first word in time.
#[derive(Debug)]
pub(super) struct Prompt<S> {
    stream: S,
    /// Bytes that are still missing.
    missing: usize,
    /// When they must have come; `None` once they have.
    due: Option<Pin<Box<Sleep>>>,
}

impl<S> Prompt<S> {
    /// `bytes` make a first word.
    pub(super) fn new(stream: S, bytes: usize) -> Self {
        Self {
            stream,
            missing: bytes,
            due: Some(Box::pin(tokio::time::sleep(FIRST_WORD))),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(due) = &mut self.due else { return read };
        if read.is_pending() {
            return match due.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            };
        }
        self.missing = self.missing.saturating_sub(buf.filled().len() - before);
        if self.missing == 0 {
            self.due = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_is_let_go_and_who_has_spoken_may_be_silent() {
        for (said, spoke) in [(0, false), (PREFACE_BYTES - 1, false), (PREFACE_BYTES, true)] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = Prompt::new(server, PREFACE_BYTES);
            client.write_all(&vec![b'x'; said]).await.unwrap();
            server.read_exact(&mut vec![0; said]).await.unwrap();
            let silence = tokio::time::timeout(FIRST_WORD * 2, server.read_u8()).await;
            match silence {
                Ok(Err(error)) => assert_eq!((error.kind(), spoke), (io::ErrorKind::TimedOut, false), "{said}"),
                Ok(Ok(byte)) => panic!("{byte}"),
                Err(_) => assert!(spoke, "{said}"),
            }
        }
    }
}
