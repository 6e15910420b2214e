//! Splits the bytes of one direction of a connection into HTTP/2 frames. Pure: bytes in, items out.
//!
//! RFC 9113 §4.1 gives the head of a frame; DATA is handed out as it comes, every other frame when it is whole.

use bytes::{Bytes, BytesMut};

/// Length of a frame's head.
pub(crate) const HEAD_BYTES: usize = 9;
/// Length of the client's connection preface (RFC 9113 §3.4).
pub(crate) const PREFACE_BYTES: usize = 24;
/// Largest frame that is buffered, except for those with metadata: SETTINGS, PING and GOAWAY are a few bytes, and a
/// GOAWAY with a long text is none that says more.
const MAX_CONTROL_BYTES: usize = 64 * 1024;
/// Largest block of metadata that is buffered, 16 MiB: the longest payload that a frame can have.
pub(crate) const MAX_BLOCK_BYTES: usize = 16 * 1024 * 1024;

const PADDED: u8 = 0x8;
const END_STREAM: u8 = 0x1;

/// Types of frames (RFC 9113 §6).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0x0;
    pub(crate) const HEADERS: u8 = 0x1;
    pub(crate) const RST_STREAM: u8 = 0x3;
    pub(crate) const SETTINGS: u8 = 0x4;
    pub(crate) const PUSH_PROMISE: u8 = 0x5;
    pub(crate) const GOAWAY: u8 = 0x7;
    pub(crate) const CONTINUATION: u8 = 0x9;
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Length of the payload in bytes.
    pub(crate) len: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// Decodes the nine bytes of a frame head.
    pub(crate) fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [high, middle, low, kind, flags, stream @ ..] = bytes;
        Self {
            len: usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }

    /// Encodes the nine bytes of the head.
    pub(crate) fn bytes(self) -> [u8; HEAD_BYTES] {
        let [_, len @ ..] = (self.len as u32).to_be_bytes();
        let mut bytes = [0; HEAD_BYTES];
        let (head, stream) = bytes.split_at_mut(5);
        head.copy_from_slice(&[len[0], len[1], len[2], self.kind, self.flags]);
        stream.copy_from_slice(&self.stream.to_be_bytes());
        bytes
    }

    /// True when the frame ends its stream.
    pub(crate) const fn ends_stream(self) -> bool {
        self.flags & END_STREAM != 0
    }

    const fn is_padded(self) -> bool {
        self.flags & PADDED != 0
    }

    const fn carries_metadata(self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
    }
}

/// An item of the frame reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// Bytes without relevance for a call: the client's preface, the heads of DATA, frames too large to be gathered.
    Pass(Bytes),
    /// A complete frame other than DATA.
    Frame(Head, Bytes),
    /// Bytes of a DATA frame, and how many of them are data; the rest is padding.
    Data {
        stream: u32,
        raw: Bytes,
        data: usize,
        /// True when the stream ends after these bytes.
        end: bool,
    },
}

/// State of a reader.
#[derive(Debug, Clone, Copy)]
enum State {
    Preface(usize),
    Head,
    /// Buffering a frame.
    Gather(Head),
    /// Expecting the padding length of a DATA frame.
    PadLength(Head),
    /// Reading data, then padding, with the remaining lengths.
    Data {
        stream: u32,
        data: usize,
        padding: usize,
        end: bool,
    },
    /// Skipping this many bytes of a frame.
    Skip(usize),
}

/// Splits one direction of a connection into items.
#[derive(Debug)]
pub(crate) struct FrameReader {
    input: Bytes,
    held: BytesMut,
    state: State,
}

impl FrameReader {
    /// A reader for the client's direction: its preface comes first.
    pub(crate) fn of_client() -> Self {
        Self::new(State::Preface(PREFACE_BYTES))
    }

    /// A reader for the server's direction.
    pub(crate) fn of_server() -> Self {
        Self::new(State::Head)
    }

    fn new(state: State) -> Self {
        Self {
            input: Bytes::new(),
            held: BytesMut::new(),
            state,
        }
    }

    /// Adds the next bytes; those before must have been taken out by [`next`](Self::next).
    pub(crate) fn push(&mut self, bytes: Bytes) {
        debug_assert!(self.input.is_empty(), "the bytes before were taken");
        self.input = bytes;
    }

    /// Number of bytes missing to the end of the current frame; 0 between frames. A head that was cut counts as what it
    /// lacks.
    pub(crate) fn missing(&self) -> usize {
        match self.state {
            State::Preface(left) | State::Skip(left) => left,
            State::Head if self.held.is_empty() => 0,
            State::Head => HEAD_BYTES - self.held.len(),
            State::Gather(head) => head.len - self.held.len(),
            State::PadLength(head) => head.len,
            State::Data { data, padding, .. } => data + padding,
        }
    }

    /// The next item; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Option<Item> {
        loop {
            match self.state {
                State::Preface(left) => {
                    let passed = self.take(left)?;
                    self.state = match left - passed.len() {
                        0 => State::Head,
                        left => State::Preface(left),
                    };
                    return Some(Item::Pass(passed));
                }
                State::Head => {
                    let raw = self.gather(HEAD_BYTES)?;
                    let Ok(bytes) = <[u8; HEAD_BYTES]>::try_from(&raw[..]) else {
                        return None;
                    };
                    let head = Head::read(bytes);
                    self.state = Self::after(head);
                    match self.state {
                        State::Gather(_) => {}
                        _ => return Some(Item::Pass(raw)),
                    }
                }
                State::Gather(head) => {
                    let payload = self.gather(head.len)?;
                    self.state = State::Head;
                    return Some(Item::Frame(head, payload));
                }
                State::PadLength(head) => {
                    let raw = self.take(1)?;
                    let left = head.len - 1;
                    let padding = raw.first().map_or(0, |length| usize::from(*length)).min(left);
                    self.state = State::Data {
                        stream: head.stream,
                        data: left - padding,
                        padding,
                        end: head.ends_stream(),
                    };
                    return Some(Item::Pass(raw));
                }
                State::Data {
                    stream,
                    data,
                    padding,
                    end,
                } => {
                    let left = data + padding;
                    let raw = if left == 0 { Bytes::new() } else { self.take(left)? };
                    let of_data = raw.len().min(data);
                    let (data, padding) = (data - of_data, padding - (raw.len() - of_data));
                    let over = data + padding == 0;
                    self.state = if over {
                        State::Head
                    } else {
                        State::Data {
                            stream,
                            data,
                            padding,
                            end,
                        }
                    };
                    return Some(Item::Data {
                        stream,
                        raw,
                        data: of_data,
                        end: end && over,
                    });
                }
                State::Skip(left) => {
                    let raw = self.take(left)?;
                    self.state = match left - raw.len() {
                        0 => State::Head,
                        left => State::Skip(left),
                    };
                    return Some(Item::Pass(raw));
                }
            }
        }
    }

    fn after(head: Head) -> State {
        if head.kind == kind::DATA {
            return if head.is_padded() && head.len > 0 {
                State::PadLength(head)
            } else {
                State::Data {
                    stream: head.stream,
                    data: head.len,
                    padding: 0,
                    end: head.ends_stream(),
                }
            };
        }
        let most = if head.carries_metadata() {
            MAX_BLOCK_BYTES
        } else {
            MAX_CONTROL_BYTES
        };
        if head.len <= most {
            State::Gather(head)
        } else {
            State::Skip(head.len)
        }
    }

    /// Takes up to `most` bytes, at least one.
    fn take(&mut self, most: usize) -> Option<Bytes> {
        let count = self.input.len().min(most);
        (count > 0).then(|| self.input.split_to(count))
    }

    /// Takes exactly `count` bytes, once they have arrived. They are held as they come, so that a length that is only
    /// announced costs nothing.
    fn gather(&mut self, count: usize) -> Option<Bytes> {
        if self.held.is_empty() && self.input.len() >= count {
            return Some(self.input.split_to(count));
        }
        let more = self.input.split_to(self.input.len().min(count - self.held.len()));
        self.held.extend_from_slice(&more);
        (self.held.len() == count).then(|| std::mem::take(&mut self.held).freeze())
    }
}

/// The payload of a HEADERS or `PUSH_PROMISE` frame without padding, priority and promised stream: the block's first
/// fragment. `None` when the frame's lengths contradict each other.
pub(crate) fn fragment(head: Head, mut payload: Bytes) -> Option<Bytes> {
    const PRIORITY: u8 = 0x20;
    /// Length of the priority fields: stream and weight. The number of a promised stream.
    const PRIORITY_BYTES: usize = 5;
    const PROMISED_BYTES: usize = 4;
    if head.kind == kind::CONTINUATION {
        return Some(payload);
    }
    let padding = if head.is_padded() {
        let length = usize::from(*payload.first()?);
        payload = payload.slice(1..);
        length
    } else {
        0
    };
    let before = match head.kind {
        kind::PUSH_PROMISE => PROMISED_BYTES,
        _ if head.flags & PRIORITY != 0 => PRIORITY_BYTES,
        _ => 0,
    };
    let end = payload.len().checked_sub(padding)?;
    (before <= end).then(|| payload.slice(before..end))
}

#[cfg(test)]
mod tests;
