//! Length-prefixed messages: one flag byte, four length bytes (big endian), then the payload.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

/// Length of a gRPC message prefix: the compressed flag and a 32-bit length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// The largest message accepted unless told otherwise, 100 MiB: servers of the field were seen to allow 50 and 100 MB,
/// and a length beyond that is far likelier to be a broken stream than a frame.
pub(crate) const DEFAULT_MAX_MESSAGE_BYTES: usize = 100 * 1024 * 1024;

/// Initial buffer size for a message that spans several chunks. A larger message grows as its bytes arrive, so that a
/// hostile length costs the sender bytes before it costs us memory.
const FIRST_RESERVE: usize = 1024 * 1024;

/// One message with its gRPC prefix decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixedMessage {
    /// The compressed flag of the prefix.
    pub compressed: bool,
    /// The payload, compressed when the flag says so.
    pub data: Bytes,
}

/// Errors of a stream of length-prefixed messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The first byte of a prefix is neither 0 nor 1.
    #[error(
        "could not read message {index} at byte {offset} of the stream: its flag byte is {flag:#04x} where gRPC allows \
         0 or 1; is this a gRPC method?"
    )]
    Flag {
        /// Number of the message, counted from 1.
        index: u64,
        /// Where its prefix starts, in bytes from the start of the stream.
        offset: u64,
        /// The byte that was found.
        flag: u8,
    },
    /// The prefix announces a larger message than the limit allows.
    #[error(
        "refused message {index} at byte {offset} of the stream: it is {size} bytes, the limit is {limit}; a \
         higher limit accepts it"
    )]
    TooLarge {
        /// Number of the message, counted from 1.
        index: u64,
        /// Where its prefix starts, in bytes from the start of the stream.
        offset: u64,
        /// The announced payload size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The stream ended inside a message.
    #[error(
        "the stream ended inside message {index}, which began at byte {offset}: {have} of {need} bytes had arrived"
    )]
    Truncated {
        /// Number of the message, counted from 1.
        index: u64,
        /// Where its prefix starts, in bytes from the start of the stream.
        offset: u64,
        /// Bytes of the message that arrived, prefix included.
        have: u64,
        /// Bytes that the message should have, prefix included; at least the prefix when that was cut itself.
        need: u64,
    },
}

/// One frame of a protocol that has other frames than messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlaggedFrame {
    /// The flags of the prefix; bit 0 says that the payload is compressed.
    pub(crate) flags: u8,
    pub(crate) data: Bytes,
}

/// The payload that is incomplete.
#[derive(Debug, Clone, Copy)]
struct Pending {
    flags: u8,
    size: usize,
}

/// The compressed flag of a prefix.
const COMPRESSED: u8 = 1;

/// Splits a stream of chunks into messages.
///
/// A message that lies within one chunk is handed out as a slice of it; one that is spread over several is copied once.
///
/// ```
/// use bytes::Bytes;
/// use grpc_capture::grpc::{Deframer, encode_message};
/// let mut wire = encode_message(false, b"one");
/// wire.extend_from_slice(&encode_message(true, b"two"));
/// let mut deframer = Deframer::default();
/// deframer.push(Bytes::from(wire));
/// let first = deframer.next_frame()?.unwrap();
/// assert_eq!((first.compressed, &first.data[..]), (false, &b"one"[..]));
/// assert!(deframer.next_frame()?.unwrap().compressed);
/// assert_eq!(deframer.next_frame()?, None);
/// deframer.finish()?;
/// # Ok::<(), grpc_capture::grpc::WireError>(())
/// ```
#[derive(Debug)]
pub struct Deframer {
    limit: usize,
    /// The flags that a prefix may have.
    flags: u8,
    chunks: VecDeque<Bytes>,
    /// Number of bytes in `chunks`.
    buffered: usize,
    pending: Option<Pending>,
    /// The start of a message that did not fit into one chunk.
    partial: BytesMut,
    /// Number of messages returned so far.
    frames: u64,
    /// Number of messages refused and skipped, and the remaining bytes of the last one.
    skipped: u64,
    skip: usize,
    /// Start of the current message's prefix.
    offset: u64,
    failed: Option<WireError>,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_MESSAGE_BYTES)
    }
}

impl Deframer {
    /// A deframer that refuses payloads above `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            flags: COMPRESSED,
            chunks: VecDeque::new(),
            buffered: 0,
            pending: None,
            partial: BytesMut::new(),
            frames: 0,
            skipped: 0,
            skip: 0,
            offset: 0,
            failed: None,
        }
    }

    /// A deframer that accepts frames with the flag `end`, too.
    pub(crate) fn with_end(limit: usize, end: u8) -> Self {
        Self {
            flags: COMPRESSED | end,
            ..Self::new(limit)
        }
    }

    /// Takes the bytes that no frame was made of.
    pub(crate) fn take_rest(&mut self) -> impl Iterator<Item = Bytes> {
        self.buffered = 0;
        std::mem::take(&mut self.chunks).into_iter()
    }

    /// Feeds the next chunk of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if chunk.is_empty() || self.failed.is_some() {
            return;
        }
        self.buffered += chunk.len();
        self.chunks.push_back(chunk);
        self.drop_skipped();
        self.gather();
    }

    /// Skips the message that was refused because of its size: its bytes are dropped as they come, and the next frame
    /// is the one after it. False when the last error, if any, was another; that one cannot be skipped.
    ///
    /// ```
    /// use grpc_capture::grpc::{Deframer, encode_message};
    /// let mut deframer = Deframer::new(3);
    /// deframer.push([encode_message(false, b"large"), encode_message(false, b"two")].concat().into());
    /// assert!(deframer.next_frame().is_err());
    /// assert!(deframer.skip_refused());
    /// assert_eq!(&deframer.next_frame()?.unwrap().data[..], b"two");
    /// # Ok::<(), grpc_capture::grpc::WireError>(())
    /// ```
    pub fn skip_refused(&mut self) -> bool {
        let Some(WireError::TooLarge { size, .. }) = self.failed else {
            return false;
        };
        self.failed = None;
        self.skipped += 1;
        self.offset += PREFIX_BYTES as u64 + size;
        self.skip = usize::try_from(size).unwrap_or(usize::MAX);
        self.drop_skipped();
        true
    }

    /// The next complete message, or `None` until more chunks come. After an error every call repeats it, unless
    /// [`skip_refused`](Self::skip_refused) goes on behind it.
    pub fn next_frame(&mut self) -> Result<Option<PrefixedMessage>, WireError> {
        let frame = self.next_flagged()?;
        Ok(frame.map(|FlaggedFrame { flags, data }| PrefixedMessage {
            compressed: flags & COMPRESSED != 0,
            data,
        }))
    }

    /// The next complete frame with its flags; see [`next_frame`](Self::next_frame).
    pub(crate) fn next_flagged(&mut self) -> Result<Option<FlaggedFrame>, WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.pending.is_none() {
            match self.read_prefix() {
                Ok(pending) => self.pending = pending,
                Err(error) => {
                    // Behind a message that is too large, the next one may have come already.
                    if !matches!(error, WireError::TooLarge { .. }) {
                        self.chunks.clear();
                        self.buffered = 0;
                    }
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
            self.gather();
        }
        let Some(Pending { flags, size }) = self.pending else {
            return Ok(None);
        };
        let Some(data) = self.take_payload(size) else {
            return Ok(None);
        };
        self.pending = None;
        self.frames += 1;
        self.offset += (PREFIX_BYTES + size) as u64;
        Ok(Some(FlaggedFrame { flags, data }))
    }

    /// Checks that the stream may end here. A message that is skipped was refused already, and may be cut.
    pub fn finish(&self) -> Result<(), WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let (have, need) = match self.pending {
            Some(pending) => (
                PREFIX_BYTES + self.partial.len() + self.buffered,
                PREFIX_BYTES + pending.size,
            ),
            None if self.buffered > 0 => (self.buffered, PREFIX_BYTES),
            None => return Ok(()),
        };
        Err(WireError::Truncated {
            index: self.index(),
            offset: self.offset,
            have: have as u64,
            need: need as u64,
        })
    }

    /// Number of messages returned so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// True while only a part of a message has arrived.
    #[must_use]
    pub const fn inside_message(&self) -> bool {
        self.pending.is_some() || self.buffered > 0 || self.skip > 0
    }

    /// Number of the next message.
    const fn index(&self) -> u64 {
        self.frames + self.skipped + 1
    }

    /// Drops the bytes of a skipped message that have arrived.
    fn drop_skipped(&mut self) {
        while self.skip > 0 {
            let Some(front) = self.chunks.front_mut() else { return };
            let count = front.len().min(self.skip);
            front.advance(count);
            self.skip -= count;
            self.buffered -= count;
            if front.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    fn read_prefix(&mut self) -> Result<Option<Pending>, WireError> {
        if self.buffered < PREFIX_BYTES {
            return Ok(None);
        }
        let mut head = [0; PREFIX_BYTES];
        for byte in &mut head {
            *byte = self.take_byte();
        }
        let [flag, length @ ..] = head;
        let size = u32::from_be_bytes(length);
        let (index, offset) = (self.index(), self.offset);
        if flag & !self.flags != 0 {
            return Err(WireError::Flag { index, offset, flag });
        }
        if size as usize > self.limit {
            return Err(WireError::TooLarge {
                index,
                offset,
                size: u64::from(size),
                limit: self.limit as u64,
            });
        }
        Ok(Some(Pending {
            flags: flag,
            size: size as usize,
        }))
    }

    /// Takes one byte from the front; 0 when there is none, which the callers have ruled out.
    fn take_byte(&mut self) -> u8 {
        let Some(front) = self.chunks.front_mut() else { return 0 };
        let byte = front.get_u8();
        self.buffered -= 1;
        if front.is_empty() {
            self.chunks.pop_front();
        }
        byte
    }

    /// Moves chunks of an unfinished message into one buffer, so that they do not pile up.
    fn gather(&mut self) {
        let Some(Pending { size, .. }) = self.pending else {
            return;
        };
        if self.partial.is_empty() && self.buffered >= size && self.chunks.front().is_some_and(|c| c.len() >= size) {
            return; // whole in one chunk: take_payload slices it
        }
        while self.partial.len() < size {
            let Some(front) = self.chunks.front_mut() else { return };
            if self.partial.is_empty() {
                self.partial.reserve(size.min(FIRST_RESERVE.max(front.len())));
            }
            let part = front.split_to(front.len().min(size - self.partial.len()));
            self.buffered -= part.len();
            if front.is_empty() {
                self.chunks.pop_front();
            }
            self.grow(size, part.len());
            self.partial.extend_from_slice(&part);
        }
    }

    /// Reserves room for `more` bytes: by doubling, but never past the size of the message.
    fn grow(&mut self, size: usize, more: usize) {
        let need = self.partial.len() + more;
        if need > self.partial.capacity() {
            let target = need.max(self.partial.capacity() * 2).min(size);
            self.partial.reserve(target - self.partial.len());
        }
    }

    fn take_payload(&mut self, size: usize) -> Option<Bytes> {
        if size == 0 {
            return Some(Bytes::new());
        }
        if self.partial.len() == size {
            return Some(std::mem::take(&mut self.partial).freeze());
        }
        if !self.partial.is_empty() {
            return None;
        }
        let front = self.chunks.front_mut().filter(|front| front.len() >= size)?;
        let data = front.split_to(size);
        if front.is_empty() {
            self.chunks.pop_front();
        }
        self.buffered -= size;
        Some(data)
    }
}

/// The prefix of a frame with these flags; a payload of 4 GiB or more, which it cannot express, counts as cut.
#[must_use]
pub(crate) fn flagged_prefix(flags: u8, size: usize) -> [u8; PREFIX_BYTES] {
    let [a, b, c, d] = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
    [flags, a, b, c, d]
}

/// The gRPC prefix of a payload of `size` bytes, or `None` when gRPC cannot express that size.
#[must_use]
pub(crate) fn prefix(compressed: bool, size: usize) -> Option<[u8; PREFIX_BYTES]> {
    let [a, b, c, d] = u32::try_from(size).ok()?.to_be_bytes();
    Some([u8::from(compressed), a, b, c, d])
}

/// A message with its prefix, ready for the wire. A payload of 4 GiB or more, which gRPC cannot express, is cut.
#[must_use]
pub fn encode_message(compressed: bool, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..u32::MAX as usize).unwrap_or(payload);
    let mut out = Vec::with_capacity(PREFIX_BYTES + payload.len());
    out.put_u8(u8::from(compressed));
    out.put_u32(payload.len() as u32);
    out.put_slice(payload);
    out
}

#[cfg(test)]
mod tests;
