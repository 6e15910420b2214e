//! Forwards the bytes of one connection in both directions, and shows them to the session first.
//!
//! The proxy adds nothing of its own: settings, windows, pings, resets and GOAWAYs are forwarded in the frames in which
//! they were sent. So a client sees its server as it would without the proxy, at the same times, and no limit of the
//! proxy can end a stream. Only the authority of requests is rewritten where necessary.

use std::{future::Future, io, pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::OnceCell,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    ending::{Cut, Leaving},
    fields::{BlockError, Blocks, Readdress},
    session::Session,
};
use crate::{
    grpc::http2::{
        code::CANCEL,
        frame::{FrameReader, Head, Item, kind},
    },
    model::event::{Direction, GoAway},
};

/// Smallest and largest size of a read. Between them it follows what comes: a connection that is idle holds little, and
/// one that is busy costs few calls of the system.
const LEAST_READ: usize = 4 * 1024;
const MOST_READ: usize = 256 * 1024;
/// Time for one side to close after the other has.
const LINGER: Duration = Duration::from_secs(10);
/// Time for a started frame to be completed when the proxy is stopped.
const LAST_FRAME: Duration = Duration::from_millis(500);

/// One direction of a connection: from the client, or from the target.
pub(super) struct Flow<R, W> {
    pub(super) from: Direction,
    pub(super) reader: R,
    pub(super) writer: W,
    /// Bytes that have been read already.
    pub(super) first: Bytes,
    /// Rewrites the authority of requests; `None` = as they came.
    pub(super) readdress: Option<Readdress>,
}

/// State shared by both directions of a connection.
pub(super) struct Shared<'a> {
    pub(super) session: &'a Session,
    /// The streams that were running when the proxy was stopped.
    pub(super) stopped: OnceCell<Vec<u32>>,
    /// Cancelled when one direction has ended.
    pub(super) over: CancellationToken,
}

impl Shared<'_> {
    /// The streams that were running when the proxy was stopped; the first who asks records their endings.
    async fn stopped(&self, reason: &str) -> &[u32] {
        let cut = Cut::Us(reason.to_owned());
        self.stopped.get_or_init(|| self.session.over(&cut)).await
    }
}

/// Parses the frames of one direction.
struct Listener {
    from: Direction,
    frames: FrameReader,
    blocks: Blocks,
    readdress: Option<Readdress>,
    /// False once the header blocks cannot be decoded any further.
    on: bool,
}

impl Listener {
    fn new(from: Direction, readdress: Option<Readdress>) -> Self {
        Self {
            from,
            frames: match from {
                Direction::Sent => FrameReader::of_client(),
                Direction::Received => FrameReader::of_server(),
            },
            blocks: Blocks::new(readdress.is_some()),
            readdress,
            on: true,
        }
    }

    /// Shows `chunk` to the session, and adds the bytes to forward to `out`.
    async fn take(&mut self, session: &Session, chunk: Bytes, out: &mut Vec<Bytes>) -> io::Result<()> {
        self.push(chunk, out);
        while self.step(session, out).await? {}
        Ok(())
    }

    fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        if self.readdress.is_none() {
            out.push(chunk.clone());
        }
        self.frames.push(chunk);
    }

    /// Shows the added bytes to the session. True when it stops halfway, because enough was added to `out`: a request
    /// that is addressed again may be far larger than it came.
    async fn step(&mut self, session: &Session, out: &mut Vec<Bytes>) -> io::Result<bool> {
        while let Some(item) = self.frames.next() {
            if let Err(error) = self.item(session, item, out).await {
                self.on = false;
                session.lose(self.from, &error).await;
                if self.readdress.is_some() {
                    // What cannot be read cannot be addressed anew.
                    session.give_up(&error).await;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
                }
            }
            if self.readdress.is_some() && out.iter().map(Bytes::len).sum::<usize>() > MOST_READ {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn item(&mut self, session: &Session, item: Item, out: &mut Vec<Bytes>) -> Result<(), BlockError> {
        match item {
            Item::Pass(raw) => self.pass(raw, out),
            Item::Data { stream, raw, data, end } => {
                session.data(self.from, stream, &raw.slice(..data), end).await;
                self.pass(raw, out);
            }
            Item::Frame(head, payload) => match head.kind {
                kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION if self.on => {
                    let block = match self.blocks.take(head, payload, &|bytes| session.allows(bytes)) {
                        Ok(Some(block)) => block,
                        Ok(None) => return Ok(()),
                        Err(error) => {
                            self.unread(session, head).await;
                            return Err(error);
                        }
                    };
                    if let Some(readdress) = &self.readdress {
                        out.push(readdress.frames(&block));
                    }
                    match self.from {
                        _ if block.promise => {}
                        Direction::Sent => session.request(block).await,
                        Direction::Received => session.answer(block).await,
                    }
                }
                kind::HEADERS => self.unread(session, head).await,
                _ => {
                    self.control(session, head, &payload).await;
                    if self.readdress.is_some() {
                        self.pass(Bytes::copy_from_slice(&head.bytes()), out);
                        self.pass(payload, out);
                    }
                }
            },
        }
        Ok(())
    }

    /// Handles a block that cannot be decoded: its first frame says of which stream it is, and whether that ends.
    async fn unread(&self, session: &Session, head: Head) {
        if self.from == Direction::Sent {
            let end = head.kind == kind::HEADERS && head.ends_stream();
            session.unread(head.stream, end).await;
        }
    }

    async fn control(&self, session: &Session, head: Head, payload: &Bytes) {
        match (head.kind, self.from) {
            (kind::RST_STREAM, from) => {
                if let Ok(code) = <[u8; 4]>::try_from(&payload[..]) {
                    session.reset(from, head.stream, u32::from_be_bytes(code)).await;
                }
            }
            (kind::GOAWAY, Direction::Received) => {
                if let Some(goaway) = GoAway::read(payload) {
                    session.goodbye(goaway).await;
                }
            }
            _ => {}
        }
    }

    fn pass(&self, raw: Bytes, out: &mut Vec<Bytes>) {
        if self.readdress.is_some() && !raw.is_empty() {
            out.push(raw);
        }
    }
}

/// Shows a client's bytes to the session without forwarding them.
pub(super) async fn listen(session: &Session, bytes: Bytes) {
    let mut listener = Listener::new(Direction::Sent, None);
    let _ = listener.take(session, bytes, &mut Vec::new()).await;
}

/// Forwards one direction until it ends. `opened` looks at the first bytes before they go.
pub(super) async fn forward<R, W>(
    flow: Flow<R, W>,
    shared: &Shared<'_>,
    stop: impl Future<Output = String>,
    opened: impl FnMut(bool) -> Result<(), String>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let from = flow.from;
    let mut writer = flow.writer;
    let flow = Flow {
        from,
        reader: flow.reader,
        writer: &mut writer,
        first: flow.first,
        readdress: flow.readdress,
    };
    // It may be held up for as long as it likes, but not once the other direction is over.
    tokio::select! {
        () = run(flow, shared, stop, opened) => {}
        () = async {
            shared.over.cancelled().await;
            tokio::time::sleep(LINGER).await;
        } => {}
    }
    shared.over.cancel();
    let _ = timeout(LINGER, writer.shutdown()).await;
}

async fn run<R, W>(
    flow: Flow<R, &mut W>,
    shared: &Shared<'_>,
    stop: impl Future<Output = String>,
    mut opened: impl FnMut(bool) -> Result<(), String>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Flow {
        from,
        mut reader,
        writer,
        mut first,
        readdress,
    } = flow;
    let mut listener = Listener::new(from, readdress);
    let mut stop = pin!(stop);
    let (mut buffer, mut room, mut out) = (BytesMut::new(), LEAST_READ, Vec::new());
    loop {
        let chunk = if first.is_empty() {
            buffer.reserve(room);
            let read = tokio::select! {
                biased;
                read = reader.read_buf(&mut buffer) => read,
                reason = &mut stop => {
                    return end(&mut listener, shared, &mut reader, writer, &reason).await;
                }
            };
            let over = match read {
                Ok(0) => "end of file".to_owned(),
                Ok(read) => {
                    room = if read >= room {
                        (room * 4).min(MOST_READ)
                    } else {
                        (read * 2).clamp(LEAST_READ, room)
                    };
                    String::new()
                }
                Err(error) => error.to_string(),
            };
            if buffer.is_empty() {
                let _ = opened(true);
                let leaving = Leaving::Gone(over);
                let cut = match from {
                    Direction::Sent => Cut::Client(leaving),
                    Direction::Received => Cut::Target(leaving),
                };
                shared.session.over(&cut).await;
                return;
            }
            buffer.split().freeze()
        } else {
            std::mem::take(&mut first)
        };
        if opened(false).is_err() {
            return;
        }
        let written = async {
            listener.push(chunk, &mut out);
            loop {
                let more = listener.step(shared.session, &mut out).await?;
                for bytes in out.drain(..) {
                    writer.write_all(&bytes).await?;
                }
                if !more {
                    return writer.flush().await;
                }
            }
        };
        tokio::select! {
            biased;
            written = written => if let Err(error) = written {
                // Who takes no more has gone. The other direction reads what it said last, and ends its calls.
                tracing::debug!(%error, "a side takes no more");
                return;
            },
            reason = &mut stop => {
                // The bytes were cut where nobody knows: no frame of ours can follow them.
                shared.stopped(&reason).await;
                return;
            }
        }
    }
}

/// Ends the direction when the proxy is stopped: the frame that has begun goes to its end, and a reset of each call
/// follows it.
async fn end<R, W>(listener: &mut Listener, shared: &Shared<'_>, reader: &mut R, writer: &mut W, reason: &str)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let streams = shared.stopped(reason).await;
    let rest = async {
        while listener.frames.missing() > 0 {
            let mut part = vec![0; listener.frames.missing().min(MOST_READ)];
            let read = reader.read(&mut part).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            part.truncate(read);
            let mut out = Vec::new();
            listener.take(shared.session, part.into(), &mut out).await?;
            for bytes in out {
                writer.write_all(&bytes).await?;
            }
        }
        let mut resets = BytesMut::new();
        for stream in streams {
            let head = Head {
                len: 4,
                kind: kind::RST_STREAM,
                flags: 0,
                stream: *stream,
            };
            resets.extend_from_slice(&head.bytes());
            resets.extend_from_slice(&CANCEL.to_be_bytes());
        }
        writer.write_all(&resets).await?;
        writer.flush().await
    };
    if !matches!(timeout(LAST_FRAME, rest).await, Ok(Ok(()))) {
        tracing::debug!("the calls of a connection could not be reset");
    }
}
