//! Rewriting of requests whose `:authority` the HTTP library does not accept, such as the path of a Unix socket or a
//! percent-encoded name: clients send them, gRPC servers accept them, and the proxy records them. The library receives
//! them without the authority.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::uri::Authority;
use tokio::io::{AsyncRead, ReadBuf};

use crate::grpc::{
    http2::{
        frame::{FrameReader, Head, Item, MAX_BLOCK_BYTES, fragment, kind},
        hpack::{self, Decoder},
    },
    net::ReadFilter,
};

/// Payload size of the written frames, the smallest that every HTTP/2 side accepts.
const WRITTEN_BYTES: usize = 16 * 1024;
/// Number of bytes read at once.
const READ_BYTES: usize = 8 * 1024;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The error that header blocks can no longer be followed, after some were changed.
#[derive(Debug, PartialEq, Eq)]
struct Lost;

/// Rewrites the bytes of a client as they arrive. Pure.
#[derive(Debug)]
struct Rewriter {
    frames: FrameReader,
    decoder: Decoder,
    open: Option<Open>,
    /// True when an authority was removed. From then on the reader's table and the client's differ, and every block is
    /// written again.
    rewrites: bool,
    /// True when blocks could not be followed: the reader says what is wrong with them.
    off: bool,
}

/// A header block whose last frame has not arrived.
#[derive(Debug)]
struct Open {
    head: Head,
    raw: BytesMut,
    block: BytesMut,
}

impl Rewriter {
    fn new() -> Self {
        Self {
            frames: FrameReader::of_client(),
            decoder: Decoder::default(),
            open: None,
            rewrites: false,
            off: false,
        }
    }

    fn pass(&mut self, bytes: Bytes, out: &mut BytesMut) -> Result<(), Lost> {
        self.frames.push(bytes);
        while let Some(item) = self.frames.next() {
            match item {
                Item::Pass(raw) | Item::Data { raw, .. } => out.extend_from_slice(&raw),
                Item::Frame(head, payload) => {
                    let metadata = matches!(head.kind, kind::HEADERS | kind::CONTINUATION);
                    if metadata && !self.off {
                        self.header(head, payload, out)?;
                    } else {
                        out.extend_from_slice(&head.bytes());
                        out.extend_from_slice(&payload);
                    }
                }
            }
        }
        Ok(())
    }

    /// Handles a frame of a header block.
    fn header(&mut self, head: Head, payload: Bytes, out: &mut BytesMut) -> Result<(), Lost> {
        let mut open = self.open.take().unwrap_or_else(|| Open {
            head,
            raw: BytesMut::new(),
            block: BytesMut::new(),
        });
        open.raw.extend_from_slice(&head.bytes());
        open.raw.extend_from_slice(&payload);
        let begins = open.block.is_empty() && head.kind == kind::HEADERS;
        let follows = head.kind == kind::CONTINUATION && open.head.kind == kind::HEADERS;
        let part = fragment(head, payload).filter(|_| begins || follows);
        let Some(part) = part.filter(|part| open.block.len() + part.len() <= MAX_BLOCK_BYTES) else {
            return self.give_up(&open, out);
        };
        open.block.extend_from_slice(&part);
        if head.flags & END_HEADERS == 0 {
            self.open = Some(open);
            return Ok(());
        }
        let (mut written, mut taken) = (Vec::new(), true);
        let decoded = self.decoder.decode(&open.block, |name, value| {
            if name == b":authority" && Authority::try_from(value).is_err() {
                taken = false;
            } else if written.len() <= MAX_BLOCK_BYTES {
                hpack::encode(name, value, &mut written);
            }
        });
        if decoded != Ok(open.block.len()) || written.len() > MAX_BLOCK_BYTES {
            return self.give_up(&open, out);
        }
        self.rewrites |= !taken;
        if self.rewrites {
            write(open.head, &written, out);
        } else {
            out.extend_from_slice(&open.raw);
        }
        Ok(())
    }

    /// Passes bytes through unchanged when they cannot be followed.
    fn give_up(&mut self, open: &Open, out: &mut BytesMut) -> Result<(), Lost> {
        if self.rewrites {
            return Err(Lost);
        }
        self.off = true;
        out.extend_from_slice(&open.raw);
        Ok(())
    }
}

/// Writes the frames of a block.
fn write(first: Head, block: &[u8], out: &mut BytesMut) {
    let count = block.len().div_ceil(WRITTEN_BYTES).max(1);
    for at in 0..count {
        let end = block.len().min((at + 1) * WRITTEN_BYTES);
        let part = block.get(at * WRITTEN_BYTES..end).unwrap_or_default();
        let (kind, mut flags) = if at == 0 {
            (kind::HEADERS, first.flags & END_STREAM)
        } else {
            (kind::CONTINUATION, 0)
        };
        if at + 1 == count {
            flags |= END_HEADERS;
        }
        let head = Head {
            len: part.len(),
            kind,
            flags,
            stream: first.stream,
        };
        out.extend_from_slice(&head.bytes());
        out.extend_from_slice(part);
    }
}

/// A read filter that removes authorities that the HTTP library does not accept.
#[derive(Debug)]
pub(super) struct Readdressing {
    rewriter: Rewriter,
    /// Rewritten bytes that have not been read.
    out: BytesMut,
}

impl Readdressing {
    pub(super) fn new() -> Self {
        Self {
            rewriter: Rewriter::new(),
            out: BytesMut::new(),
        }
    }
}

impl ReadFilter for Readdressing {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.out.is_empty() {
            let mut room = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let bytes = Bytes::copy_from_slice(read.filled());
            let passed = self.rewriter.pass(bytes, &mut self.out);
            passed.map_err(|Lost| io::Error::new(io::ErrorKind::InvalidData, "header blocks that cannot be read"))?;
        }
        let count = buf.remaining().min(self.out.len());
        buf.put_slice(self.out.get(..count).unwrap_or_default());
        self.out.advance(count);
        if self.out.is_empty() {
            // What a large request took is given back.
            self.out = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::http2::frame::PREFACE_BYTES;

    const PREFACE: &[u8; PREFACE_BYTES] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let head = Head {
            len: payload.len(),
            kind,
            flags,
            stream,
        };
        [&head.bytes()[..], payload].concat()
    }

    /// A test block that adds its authority to the table.
    fn indexed(authority: &str) -> Vec<u8> {
        let mut block = vec![0x83, 0x41, authority.len() as u8];
        block.extend_from_slice(authority.as_bytes());
        hpack::encode(b"x-mine", b"1", &mut block);
        block
    }

    fn passed(bytes: &[u8], step: usize) -> Result<Vec<u8>, Lost> {
        let (mut rewriter, mut out) = (Rewriter::new(), BytesMut::new());
        for piece in bytes.chunks(step) {
            rewriter.pass(Bytes::copy_from_slice(piece), &mut out)?;
        }
        Ok(out.to_vec())
    }

    /// The fields of each block, and the other frames, for comparison.
    fn meaning(bytes: &[u8]) -> (Vec<Vec<(String, String)>>, Vec<u8>) {
        let (mut frames, mut decoder) = (FrameReader::of_client(), Decoder::default());
        let (mut blocks, mut others) = (Vec::new(), Vec::new());
        frames.push(Bytes::copy_from_slice(bytes));
        while let Some(item) = frames.next() {
            match item {
                Item::Pass(raw) | Item::Data { raw, .. } => others.extend_from_slice(&raw),
                Item::Frame(head, payload) if head.kind == kind::HEADERS => {
                    let mut fields = Vec::new();
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    decoder
                        .decode(&payload, |name, value| fields.push((text(name), text(value))))
                        .unwrap();
                    blocks.push(fields);
                }
                Item::Frame(_, payload) => others.extend_from_slice(&payload),
            }
        }
        (blocks, others)
    }

    fn requests(authority: &str) -> Vec<u8> {
        [
            PREFACE.to_vec(),
            frame(4, 0, 0, b""),
            frame(kind::HEADERS, END_HEADERS, 1, &indexed(authority)),
            frame(kind::DATA, END_STREAM, 1, b"data"),
            // The second names it by the table.
            frame(kind::HEADERS, END_HEADERS | END_STREAM, 3, &[0x83, 0xbe]),
        ]
        .concat()
    }

    #[test]
    fn authorities_that_are_taken_pass_as_they_came() {
        for authority in ["localhost:80", "[::1]", "a.b"] {
            let bytes = requests(authority);
            for step in [1, 7, bytes.len()] {
                assert_eq!(passed(&bytes, step).unwrap(), bytes, "{authority}");
            }
        }
    }

    #[test]
    fn others_are_left_out_of_every_request_and_nothing_else_is() {
        for authority in ["/tmp/x.sock", "%2Ftmp%2Fx.sock", "a b"] {
            let bytes = requests(authority);
            for step in [1, 7, bytes.len()] {
                let (blocks, others) = meaning(&passed(&bytes, step).unwrap());
                let (mut wanted, data) = meaning(&bytes);
                for fields in &mut wanted {
                    fields.retain(|(name, _)| name != ":authority");
                }
                assert_eq!((blocks, others), (wanted, data), "{authority}");
            }
        }
    }

    #[test]
    fn blocks_of_several_frames_are_followed() {
        let block = indexed("/tmp/x");
        let (one, two) = block.split_at(5);
        let bytes = [
            PREFACE.to_vec(),
            frame(kind::HEADERS, END_STREAM, 1, one),
            frame(kind::CONTINUATION, END_HEADERS, 1, two),
        ]
        .concat();
        let (blocks, _) = meaning(&passed(&bytes, 3).unwrap());
        let expected = [(":method", "POST"), ("x-mine", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(blocks, [expected.to_vec()]);
    }

    #[test]
    fn what_cannot_be_followed_is_for_the_library_to_refuse() {
        // Entry 99 of the table is not there.
        let bytes = [
            PREFACE.to_vec(),
            frame(kind::HEADERS, END_HEADERS, 1, &[0xff, 0x24]),
            frame(kind::HEADERS, END_HEADERS, 3, &indexed("/tmp/x")),
        ]
        .concat();
        assert_eq!(passed(&bytes, 4).unwrap(), bytes);
        let bytes = [requests("/tmp/x"), frame(kind::HEADERS, END_HEADERS, 5, &[0xff, 0x24])].concat();
        assert_eq!(passed(&bytes, 4), Err(Lost));
    }
}
