//! A read filter that merges small DATA frames into large ones before the HTTP/2 library parses them.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::filter::ReadFilter;
use crate::grpc::http2::merge::{LEAST_ROOM, Merger};

/// The filter of one connection.
#[derive(Debug)]
pub(crate) struct Merging {
    merger: Merger,
    /// Merged bytes that did not fit into the reader's buffer.
    merged: VecDeque<u8>,
}

impl Merging {
    /// A filter for the server's direction.
    pub(crate) fn of_server() -> Self {
        Self::new(Merger::default())
    }

    /// A filter for the client's direction.
    pub(crate) fn of_client() -> Self {
        Self::new(Merger::of_client())
    }

    const fn new(merger: Merger) -> Self {
        Self {
            merger,
            merged: VecDeque::new(),
        }
    }

    /// Reads into a buffer that is large enough for merging.
    fn poll_merged<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buf.filled().len();
        loop {
            let (held, have) = self.merger.held();
            buf.put_slice(held.get(..have).unwrap_or_default());
            let poll = Pin::new(&mut *stream).poll_read(cx, buf);
            if !matches!(poll, Poll::Ready(Ok(()))) {
                self.merger.hold(have);
                buf.set_filled(start);
                return poll;
            }
            if buf.filled().len() == start + have {
                // The end; what was held back is the last of it.
                return poll;
            }
            let new = buf.filled_mut().get_mut(start..);
            let length = new.map_or(0, |new| self.merger.merge(new));
            buf.set_filled(start + length);
            if length > 0 {
                return poll;
            }
        }
    }
}

impl ReadFilter for Merging {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() >= LEAST_ROOM && self.merged.is_empty() {
            return self.poll_merged(stream, cx, buf);
        }
        if self.merged.is_empty() {
            let mut room = [0; LEAST_ROOM];
            let mut read = ReadBuf::new(&mut room);
            ready!(self.poll_merged(stream, cx, &mut read))?;
            self.merged.extend(read.filled());
        }
        let count = buf.remaining().min(self.merged.len());
        for byte in self.merged.drain(..count) {
            buf.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::grpc::{
        http2::frame::{Head, kind},
        net::Filtered,
    };

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let head = Head {
            len: payload.len(),
            kind,
            flags: 0,
            stream: u32::from(kind != kind::SETTINGS),
        };
        [&head.bytes()[..], payload].concat()
    }

    /// The output for `bytes`, read into a buffer of `room` bytes.
    async fn read(bytes: &[u8], room: usize) -> Vec<u8> {
        let (mut near, far) = tokio::io::duplex(bytes.len());
        near.write_all(bytes).await.unwrap();
        drop(near);
        let mut stream = Filtered::new(far, Merging::of_server());
        let (mut all, mut buffer) = (Vec::new(), vec![0; room]);
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&buffer[..count]);
        }
    }

    #[tokio::test]
    async fn small_frames_are_merged_in_rooms_of_any_size() {
        let mut bytes = frame(kind::SETTINGS, b"");
        for letter in b'a'..=b'z' {
            bytes.extend(frame(kind::DATA, &[letter]));
            bytes.extend(frame(kind::DATA, b""));
        }
        for room in [1, 9, 63, 64, 100, 4096] {
            let read = read(&bytes, room).await;
            assert!(read.len() < bytes.len() * 2 / 3, "room {room}: {}", read.len());
            let letters: Vec<u8> = read.iter().copied().filter(u8::is_ascii_lowercase).collect();
            assert_eq!(letters, (b'a'..=b'z').collect::<Vec<_>>(), "room {room}");
        }
    }

    #[tokio::test]
    async fn what_is_not_http2_passes_as_it_came() {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            b"\x15\x03\x03\x00\x02\x02\x46",
            b"ab",
            &[0; 50],
        ] {
            for room in [1, 64] {
                assert_eq!(read(other, room).await, other);
            }
        }
    }
}
