//! Watches what a server sends on an HTTP/2 connection, one frame header at a time.
//!
//! h2 and hyper do not report two things that a recorder needs: how the server opened the connection (with SETTINGS, or
//! with another protocol), and whether it announced its end by a GOAWAY that did not end our stream.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::watch,
};

use crate::{
    grpc::{
        http2::frame::{HEAD_BYTES, Head, kind},
        net::{Filtered, ReadFilter},
    },
    model::event::GoAway,
};

/// Number of bytes that are kept of a GOAWAY payload: last stream, error code, and as much debug data as says
/// something.
const GOAWAY_BYTES: usize = 8 + 1024;

/// The server's first bytes on a connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Opening {
    /// Nothing arrived yet.
    Waiting,
    /// SETTINGS arrived: this is HTTP/2.
    Http2,
    /// A TLS record arrived.
    Tls,
    /// HTTP/1 arrived.
    Http1,
    /// Another protocol arrived.
    Foreign,
    /// The connection ended before any data arrived.
    Closed,
    /// Reading failed before any data arrived: the text, and what TLS says about it.
    Failed(String, Option<rustls::Error>),
}

/// Extracts the frame headers from the bytes of a server.
#[derive(Debug, Default)]
struct Frames {
    /// The incomplete head of a frame, and the kept part of a GOAWAY.
    held: Vec<u8>,
    /// Number of payload bytes to skip before the next header.
    skip: usize,
    opened: bool,
    off: bool,
    goaway: Option<GoAway>,
}

impl Frames {
    /// Adds the next bytes; returns the opening when these bytes decide it.
    fn feed(&mut self, mut bytes: &[u8]) -> Option<Opening> {
        let mut opening = None;
        while !self.off {
            let skipped = self.skip.min(bytes.len());
            bytes = bytes.get(skipped..).unwrap_or_default();
            self.skip -= skipped;
            let Some((&byte, rest)) = bytes.split_first() else {
                break;
            };
            bytes = rest;
            self.held.push(byte);
            if !self.opened
                && let Some(first) = self.first()
            {
                self.opened = true;
                self.off = first != Opening::Http2;
                opening = Some(first);
            }
            self.step();
        }
        opening
    }

    /// Classifies the first bytes, once there are enough.
    fn first(&self) -> Option<Opening> {
        if let [0x14..=0x17, 0x03, ..] = self.held[..] {
            return Some(Opening::Tls);
        }
        match self.held[..] {
            [b'H', b'T', b'T', b'P', ..] => Some(Opening::Http1),
            [_, _, _, kind::SETTINGS, ..] => Some(Opening::Http2),
            [_, _, _, _, ..] => Some(Opening::Foreign),
            _ => None,
        }
    }

    /// Handles a complete header, or the start of a GOAWAY after it.
    fn step(&mut self) {
        let Some((head, payload)) = self.held.split_first_chunk::<HEAD_BYTES>() else {
            return;
        };
        let head = Head::read(*head);
        let kept = if head.kind == kind::GOAWAY {
            head.len.min(GOAWAY_BYTES)
        } else {
            0
        };
        if payload.len() < kept {
            return;
        }
        if head.kind == kind::GOAWAY {
            self.goaway = GoAway::read(&Bytes::copy_from_slice(payload));
        }
        self.skip = head.len - kept;
        self.held.clear();
    }
}

/// Observations on the newest connection of a channel.
#[derive(Debug)]
pub(crate) struct Watch {
    frames: Mutex<Frames>,
    opening: watch::Sender<Opening>,
    goaway: watch::Sender<Option<GoAway>>,
    certificate_sha256: Mutex<Option<[u8; 32]>>,
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            opening: watch::Sender::new(Opening::Waiting),
            goaway: watch::Sender::new(None),
            certificate_sha256: Mutex::default(),
        })
    }

    /// Notes the digest of the server's certificate, or that it showed none.
    pub(crate) fn showed(&self, certificate_sha256: Option<[u8; 32]>) {
        *self.certificate_sha256.lock().unwrap_or_else(PoisonError::into_inner) = certificate_sha256;
    }

    /// SHA-256 of the server's certificate.
    pub(crate) fn certificate_sha256(&self) -> Option<[u8; 32]> {
        *self.certificate_sha256.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The GOAWAY that the server sent.
    pub(crate) fn announced(&self) -> Option<GoAway> {
        self.goaway.borrow().clone()
    }

    /// The server's first bytes so far.
    pub(crate) fn now(&self) -> Opening {
        self.opening.borrow().clone()
    }

    /// Waits for the server's first bytes, or for the end of the connection.
    pub(crate) async fn opened(&self) -> Opening {
        let mut opening = self.opening.subscribe();
        match opening.wait_for(|opening| *opening != Opening::Waiting).await {
            Ok(opening) => opening.clone(),
            Err(_) => Opening::Closed,
        }
    }

    /// Forgets all observations, because a new connection begins.
    pub(crate) fn reset(&self) {
        *self.frames.lock().unwrap_or_else(PoisonError::into_inner) = Frames::default();
        self.opening.send_replace(Opening::Waiting);
        self.goaway.send_replace(None);
    }

    fn see(&self, bytes: &[u8]) {
        let (opening, goaway) = {
            let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            (frames.feed(bytes), frames.goaway.clone())
        };
        if goaway.is_some() {
            self.goaway.send_if_modified(|now| {
                let new = *now != goaway;
                *now = goaway;
                new
            });
        }
        if let Some(opening) = opening {
            self.opening.send_replace(opening);
        }
    }

    /// Notes the end of the connection; it counts only when nothing had come before.
    fn end(&self, opening: Opening) {
        self.opening.send_if_modified(|now| {
            let first = *now == Opening::Waiting;
            if first {
                *now = opening;
            }
            first
        });
    }
}

/// The TLS error within an I/O error.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A connection whose incoming bytes are shown to a [`Watch`] and passed on unchanged.
pub(crate) type Watched<S> = Filtered<S, Watching>;

/// A read filter that shows the bytes to a [`Watch`].
pub(crate) struct Watching(pub(crate) Arc<Watch>);

impl ReadFilter for Watching {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining();
        let poll = Pin::new(stream).poll_read(cx, buf);
        match &poll {
            Poll::Ready(Ok(())) => {
                let new = buf.filled().get(before..).unwrap_or_default();
                if new.is_empty() && room > 0 {
                    self.0.end(Opening::Closed);
                } else {
                    self.0.see(new);
                }
            }
            Poll::Ready(Err(error)) => {
                let tls = tls_error(error).cloned();
                self.0.end(Opening::Failed(error.to_string(), tls));
            }
            Poll::Pending => {}
        }
        poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
        let mut bytes = vec![a, b, c, kind, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn feed(bytes: &[u8], step: usize) -> (Option<Opening>, Option<(u32, Bytes)>) {
        let mut frames = Frames::default();
        let mut opening = None;
        for part in bytes.chunks(step) {
            opening = opening.or(frames.feed(part));
        }
        let said = frames.goaway.map(|goaway| (goaway.code, goaway.data));
        (opening, said)
    }

    #[test]
    fn settings_and_a_goaway_are_found_however_the_bytes_are_cut() {
        let mut bytes = frame(kind::SETTINGS, &[0; 12]);
        bytes.extend(frame(0, &[kind::GOAWAY; 700]));
        bytes.extend(frame(kind::GOAWAY, b"\0\0\0\x01\0\0\0\x0bcalm down"));
        bytes.extend(frame(0, &[1; 3]));
        for step in [1, 2, 7, 9, 64, bytes.len()] {
            assert_eq!(
                feed(&bytes, step),
                (Some(Opening::Http2), Some((11, "calm down".into()))),
                "step {step}"
            );
        }
    }

    #[test]
    fn data_that_looks_like_a_goaway_is_not_one() {
        let mut bytes = frame(kind::SETTINGS, &[]);
        bytes.extend(frame(0, &frame(kind::GOAWAY, &[0; 8])));
        assert_eq!(feed(&bytes, bytes.len()), (Some(Opening::Http2), None));
    }

    #[test]
    fn other_protocols_are_told_apart() {
        for (bytes, opening) in [
            (&b"\x15\x03\x03\x00\x02\x02\x46"[..], Opening::Tls),
            (b"HTTP/1.1 400 Bad Request\r\n", Opening::Http1),
            (b"SSH-2.0-x", Opening::Foreign),
        ] {
            assert_eq!(feed(bytes, 1).0, Some(opening));
        }
        assert_eq!(feed(b"\0\0", 1).0, None);
    }
}
