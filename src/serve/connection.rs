//! One client connection: which calls run on it, and how a recorded break of the transport is replayed.
//!
//! The streams of a production job share a connection, and its idle end breaks all of them at once. At other rates than
//! the recorded one, the streams reach that point at different times: the connection breaks when the last stream has
//! reached it.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    authority::Readdressing,
    player::PlayedEnding,
    prompt::{PREFACE_BYTES, Prompt},
};
use crate::grpc::net::{Filtered, Merging, Stream};

/// State shared by the calls of a connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    calls: Mutex<Calls>,
    broken: CancellationToken,
    goaway: AtomicBool,
    cut: Arc<AtomicBool>,
    number: u32,
}

#[derive(Debug, Default)]
struct Calls {
    running: Vec<Running>,
    /// How often each call was requested, by the index of its capture and its number.
    asked: BTreeMap<(usize, u32), usize>,
    next_id: u64,
    wakers: Vec<Waker>,
    /// Time since which no call runs; `None` while one does, and before the first.
    idle_since: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    /// Index of the capture; `None` for what no capture holds.
    source: Option<usize>,
    at_break: bool,
}

/// How a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection is closed, and the call with it.
    Connection,
    /// Only the stream is reset, with this reason: it was so recorded, or other captures are being replayed on the
    /// connection.
    Stream(h2::Reason),
}

impl Connection {
    /// A connection with its number, counted from 1.
    pub(super) fn numbered(number: u32) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// Number of the connection.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Resolves when the connection must break; `true` = after a GOAWAY.
    pub(super) async fn broken(&self) -> bool {
        self.broken.cancelled().await;
        self.goaway.load(Ordering::Acquire)
    }

    /// Resolves when no call has run for this long.
    pub(super) async fn idle(&self, limit: Duration) {
        let opened = Instant::now();
        loop {
            let now = Instant::now();
            let end = {
                let calls = self.lock();
                let since = if calls.next_id == 0 {
                    Some(opened)
                } else {
                    calls.idle_since
                };
                since.unwrap_or(now) + limit
            };
            if end <= now {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// How often this client requested a recorded call before.
    pub(super) fn turn(&self, source: usize, call: u32) -> usize {
        let mut calls = self.lock();
        let asked = calls.asked.entry((source, call)).or_default();
        *asked += 1;
        *asked - 1
    }

    /// Closes the socket as soon as everything has been written.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// Wraps the connection's socket.
    pub(super) fn socket(&self, stream: Box<dyn Stream>) -> Socket {
        let prompt = Filtered::new(stream, Prompt::new(PREFACE_BYTES));
        let readdressed = Filtered::new(prompt, Readdressing::new());
        Socket {
            stream: Filtered::new(readdressed, Merging::of_client()),
            cut: Arc::clone(&self.cut),
            said: false,
        }
    }

    fn go_down(&self, goaway: bool) {
        self.goaway.store(goaway, Ordering::Release);
        self.broken.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// One call on a connection, from its request to its end.
#[derive(Debug)]
pub(super) struct Guard {
    connection: Arc<Connection>,
    id: u64,
}

impl Guard {
    /// Registers a call that replays capture number `source`.
    pub(super) fn new(connection: &Arc<Connection>, source: usize) -> Self {
        Self::of(connection, Some(source))
    }

    /// Registers a call that is in no capture.
    pub(super) fn unrecorded(connection: &Arc<Connection>) -> Self {
        Self::of(connection, None)
    }

    fn of(connection: &Arc<Connection>, source: Option<usize>) -> Self {
        let mut calls = connection.lock();
        let id = calls.next_id;
        calls.next_id += 1;
        calls.idle_since = None;
        calls.running.push(Running {
            id,
            source,
            at_break: false,
        });
        drop(calls);
        Self {
            connection: Arc::clone(connection),
            id,
        }
    }

    /// Sets the capture of the call, once it is known.
    pub(super) fn plays(&self, source: usize) {
        let mut calls = self.connection.lock();
        let running = calls.running.iter_mut().find(|call| call.id == self.id);
        if let Some(running) = running.filter(|call| call.source != Some(source)) {
            running.source = Some(source);
            calls.wake();
        }
    }

    /// Notes that the call has reached an ending without a status: says how, when it is time.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>, ending: &PlayedEnding) -> Poll<Break> {
        match ending {
            PlayedEnding::Break { goaway } => self.poll_break(cx, *goaway),
            PlayedEnding::Sever { goaway } => {
                self.connection.go_down(*goaway);
                Poll::Ready(Break::Connection)
            }
            PlayedEnding::Reset { code } => Poll::Ready(Break::Stream(h2::Reason::from(*code))),
            PlayedEnding::Status(_) | PlayedEnding::NoStatus | PlayedEnding::Cancel | PlayedEnding::Hold => {
                Poll::Ready(Break::Stream(h2::Reason::CANCEL))
            }
        }
    }

    /// Notes that the call has reached a recorded break: waits for the other calls of its capture, then says how to
    /// break.
    fn poll_break(&self, cx: &mut Context<'_>, goaway: bool) -> Poll<Break> {
        let mut calls = self.connection.lock();
        let Some(at) = calls.running.iter().position(|call| call.id == self.id) else {
            return Poll::Ready(Break::Stream(h2::Reason::INTERNAL_ERROR));
        };
        let source = calls.running[at].source;
        if !calls.running[at].at_break {
            calls.running[at].at_break = true;
            calls.wake();
        }
        if calls.running.iter().any(|call| call.source == source && !call.at_break) {
            calls.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        if calls
            .running
            .iter()
            .any(|call| call.source.is_some_and(|other| Some(other) != source))
        {
            return Poll::Ready(Break::Stream(h2::Reason::INTERNAL_ERROR));
        }
        drop(calls);
        self.connection.go_down(goaway);
        Poll::Ready(Break::Connection)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut calls = self.connection.lock();
        calls.running.retain(|call| call.id != self.id);
        if calls.running.is_empty() {
            calls.idle_since = Some(Instant::now());
        }
        calls.wake();
    }
}

/// The client's stream for the HTTP/2 library: with its first word in time, authorities that the library takes, and few
/// frames, for a client that sends many small messages sends many small DATA frames.
type Received = Filtered<Filtered<Filtered<Box<dyn Stream>, Prompt>, Readdressing>, Merging>;

/// A socket that closes on request once everything has been written.
///
/// HTTP/2 flushes only when its own buffers are empty. Closing then says so to the client first (FIN) and reads on
/// until the client has closed, too: a socket that is dropped with bytes unread resets the connection, and what the
/// client had not received yet would be lost.
pub(super) struct Socket {
    stream: Received,
    cut: Arc<AtomicBool>,
    said: bool,
}

impl Socket {
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

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    async fn idle_after(connection: &Connection) -> Duration {
        let began = Instant::now();
        connection.idle(LIMIT).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_while_no_call_runs() {
        let connection = Arc::<Connection>::default();
        assert!((LIMIT..LIMIT * 2).contains(&idle_after(&connection).await));
        let call = Guard::new(&connection, 0);
        let running = tokio::time::timeout(LIMIT * 10, connection.idle(LIMIT)).await;
        assert!(running.is_err(), "a call runs");
        let other = Guard::unrecorded(&connection);
        drop(call);
        assert!(tokio::time::timeout(LIMIT * 10, connection.idle(LIMIT)).await.is_err());
        drop(other);
        assert!((LIMIT..LIMIT * 2).contains(&idle_after(&connection).await));
    }
}
