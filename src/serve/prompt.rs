//! Closes connections whose clients do not identify their protocol in time.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Sleep,
};

use crate::grpc::net::{FIRST_WORD, ReadFilter};

/// Length of the first bytes of an HTTP/2 client: its preface, and the head of the SETTINGS frame that must follow.
pub(super) const PREFACE_BYTES: usize = 24 + 9;

/// Ends a stream whose client does not send its first bytes in time.
#[derive(Debug)]
pub(super) struct Prompt {
    /// Number of missing bytes.
    missing: usize,
    /// Time limit for them; `None` once they have.
    due: Option<Pin<Box<Sleep>>>,
}

impl Prompt {
    /// Expects `bytes` first bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            missing: bytes,
            due: Some(Box::pin(tokio::time::sleep(FIRST_WORD))),
        }
    }
}

impl ReadFilter for Prompt {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(stream).poll_read(cx, buf);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::grpc::net::Filtered;

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_is_let_go_and_who_has_spoken_may_be_silent() {
        for (said, spoke) in [(0, false), (PREFACE_BYTES - 1, false), (PREFACE_BYTES, true)] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = Filtered::new(server, Prompt::new(PREFACE_BYTES));
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
