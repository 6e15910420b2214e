//! The header fields of requests, answers and trailers, decoded from their frames.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use crate::{
    grpc::{
        http2::{
            frame::{Head, MAX_BLOCK_BYTES, fragment, kind},
            hpack::{self, Decoder, HpackError},
        },
        metadata,
    },
    model::event::Metadata,
};

/// Largest recorded metadata of one block, 2 MiB: servers of the field send up to 1 MB. More is passed on.
const MAX_METADATA_BYTES: usize = 2 * 1024 * 1024;
/// Memory of a field besides its bytes.
const FIELD_BYTES: usize = 96;
/// Metadata of each block that is recorded without an allowance, 4 KiB: the fields that an ordinary call repeats, a
/// token among them.
const FREE_BYTES: usize = 4 * 1024;
/// Largest ratio of a block to its bytes on the wire without an allowance: no code is shorter than 5 bits a byte, so
/// that only what the table repeats is larger.
const FREE_EXPANSION: usize = 2;
/// Largest field that describes a call or its ending and is kept in any case.
const MAX_ESSENTIAL_BYTES: usize = 8 * 1024;
/// Largest rewritten block, 16 MiB: the longest list of fields that the larger of the gRPC libraries take.
const MAX_WRITTEN_BYTES: usize = 16 * 1024 * 1024;
/// Payload size of rewritten frames, the smallest that every HTTP/2 side accepts.
const WRITTEN_BYTES: usize = 16 * 1024;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Names of fields that describe a call or its ending.
const ESSENTIAL: [&[u8]; 10] = [
    b":method",
    b":scheme",
    b":authority",
    b":path",
    b":status",
    b"content-type",
    b"grpc-encoding",
    b"grpc-timeout",
    b"grpc-status",
    b"grpc-message",
];

/// Errors of header blocks that cannot be followed.
#[derive(Debug, Error)]
pub(super) enum BlockError {
    #[error("header blocks cannot be read: {0}")]
    Hpack(#[from] HpackError),
    #[error("the frames of a header block are not contiguous")]
    Order,
    #[error("a header field is larger than {MAX_BLOCK_BYTES} bytes")]
    TooLarge,
    #[error("header blocks can no longer be read")]
    Before,
    #[error("a header block with the new address is larger than {MAX_WRITTEN_BYTES} bytes")]
    TooLargeToWrite,
}

/// The fields of a decoded header block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) authority: Option<String>,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    /// All fields except pseudo-header fields, in wire order.
    pub(super) metadata: Metadata,
    /// Number of fields beyond the limits, which are dropped.
    pub(super) left_out: u64,
    /// Size of the kept fields, and how much of it needs no allowance.
    bytes: usize,
    free: usize,
    /// One bit for each of [`ESSENTIAL`] that has occurred.
    essential: u16,
}

impl Fields {
    /// The fields of a request of HTTP/1. Their sender has paid for each byte of them.
    pub(super) fn of_request(request: &http::request::Parts) -> Self {
        Self {
            method: request.method.to_string(),
            path: request
                .uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            authority: request.uri.authority().map(ToString::to_string),
            metadata: metadata(&request.headers),
            ..Self::default()
        }
    }

    /// The fields of the head of an answer of HTTP/1.
    pub(super) fn of_answer(answer: &http::response::Parts) -> Self {
        Self {
            status: Some(answer.status.as_u16()),
            metadata: metadata(&answer.headers),
            ..Self::default()
        }
    }

    /// The fields of trailers of HTTP/1.
    pub(super) fn of_trailers(trailers: &http::HeaderMap) -> Self {
        Self {
            metadata: metadata(trailers),
            ..Self::default()
        }
    }

    /// Adds a field; false when it is left out. `allow` is asked for memory that the sender has not paid for with bytes
    /// of its own.
    fn take(&mut self, name: &[u8], value: &[u8], allow: &impl Fn(usize) -> bool) -> bool {
        if !self.keeps(name, value, allow) {
            self.left_out += 1;
            return false;
        }
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            b":method" => self.method = text(),
            b":scheme" => self.scheme = text(),
            b":authority" => self.authority = Some(text()),
            b":path" => self.path = text(),
            b":status" => self.status = text().parse().ok(),
            [b':', ..] => {}
            _ => self.metadata.push(String::from_utf8_lossy(name), value),
        }
        true
    }

    fn keeps(&mut self, name: &[u8], value: &[u8], allow: &impl Fn(usize) -> bool) -> bool {
        let bytes = name.len() + value.len() + FIELD_BYTES;
        let bit = ESSENTIAL.iter().position(|known| *known == name);
        let bit = bit.map_or(0, |at| 1_u16 << at);
        if bytes <= MAX_ESSENTIAL_BYTES && self.essential & bit != bit {
            self.essential |= bit;
            return true;
        }
        if self.bytes + bytes > MAX_METADATA_BYTES {
            return false;
        }
        let beyond = bytes.saturating_sub(self.free);
        if beyond > 0 && !allow(beyond) {
            return false;
        }
        self.bytes += bytes;
        self.free -= bytes - beyond;
        true
    }

    /// The requested authority: of HTTP/2, else of the field that HTTP/1 has for it.
    pub(super) fn authority(&self) -> &str {
        let host = || self.metadata.get_text("host");
        self.authority.as_deref().or_else(host).unwrap_or_default()
    }
}

/// A complete block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) stream: u32,
    /// True when the stream ends with the block.
    pub(super) end: bool,
    /// True when the block announces a pushed stream, which is not a call.
    pub(super) promise: bool,
    pub(super) fields: Fields,
    /// The rewritten fields without pseudo-header fields, if rewriting is on; none is left out.
    written: Vec<u8>,
}

/// A block whose last frame has not arrived.
#[derive(Debug)]
struct Open {
    head: Head,
    /// The beginning of an incomplete field.
    rest: BytesMut,
    fields: Fields,
    written: Vec<u8>,
}

impl Open {
    fn new(head: Head) -> Self {
        Self {
            head,
            rest: BytesMut::new(),
            fields: Fields {
                free: FREE_BYTES,
                ..Fields::default()
            },
            written: Vec::new(),
        }
    }
}

/// Decodes the frames of header blocks as they arrive: one direction of a connection. However long a block is, what
/// does not belong to the capture is not held.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    decoder: Decoder,
    open: Option<Open>,
    /// True when blocks are rewritten.
    writes: bool,
}

impl Blocks {
    /// A decoder for a direction with or without rewriting.
    pub(super) fn new(writes: bool) -> Self {
        Self {
            writes,
            ..Self::default()
        }
    }

    /// Adds a frame of a block; the block, when it is whole. `allow` is asked for memory for fields that cost their
    /// sender next to nothing.
    pub(super) fn take(
        &mut self,
        head: Head,
        payload: Bytes,
        allow: &impl Fn(usize) -> bool,
    ) -> Result<Option<Block>, BlockError> {
        let part = fragment(head, payload).ok_or(BlockError::Order)?;
        let mut open = match (self.open.take(), head.kind) {
            (None, kind::CONTINUATION) => return Err(BlockError::Order),
            (None, _) => Open::new(head),
            (Some(open), kind::CONTINUATION) if open.head.stream == head.stream => open,
            (Some(_), _) => return Err(BlockError::Order),
        };
        self.decode(&mut open, &part, allow)?;
        if head.flags & END_HEADERS == 0 {
            self.open = Some(open);
            return Ok(None);
        }
        if !open.rest.is_empty() {
            return Err(HpackError::Truncated.into());
        }
        Ok(Some(Block {
            stream: open.head.stream,
            end: open.head.ends_stream(),
            promise: open.head.kind == kind::PUSH_PROMISE,
            fields: open.fields,
            written: open.written,
        }))
    }

    fn decode(&mut self, open: &mut Open, part: &Bytes, allow: &impl Fn(usize) -> bool) -> Result<(), BlockError> {
        let Open {
            rest, fields, written, ..
        } = open;
        fields.free += part.len() * FREE_EXPANSION;
        let mut too_large = false;
        let field = |name: &[u8], value: &[u8]| {
            let kept = fields.take(name, value, allow);
            if !self.writes {
                return;
            }
            if name.starts_with(b":") {
                // It is written from what is kept.
                too_large |= !kept;
            } else if written.len() + name.len() + value.len() > MAX_WRITTEN_BYTES {
                too_large = true;
            } else {
                hpack::encode(name, value, written);
            }
        };
        if rest.is_empty() {
            let taken = self.decoder.decode(part, field)?;
            rest.extend_from_slice(part.get(taken..).unwrap_or_default());
        } else {
            rest.extend_from_slice(part);
            let taken = self.decoder.decode(rest, field)?;
            rest.advance(taken);
        }
        if too_large {
            return Err(BlockError::TooLargeToWrite);
        }
        if rest.len() > MAX_BLOCK_BYTES {
            return Err(BlockError::TooLarge);
        }
        Ok(())
    }
}

/// Rewrites the authority of requests on their way to the target.
#[derive(Debug, Clone)]
pub(super) struct Readdress {
    /// Authority for every request; `None` = as it came.
    pub(super) authority: Option<String>,
    pub(super) scheme: &'static str,
}

impl Readdress {
    /// The frames of a client's block with the new authority; the fields after it are as they came.
    pub(super) fn frames(&self, block: &Block) -> Bytes {
        let Fields {
            method, scheme, path, ..
        } = &block.fields;
        let authority = self.authority.as_deref().or(block.fields.authority.as_deref());
        let mut encoded = Vec::new();
        // Trailers have no address.
        if !method.is_empty() {
            let scheme = if scheme.is_empty() { scheme } else { self.scheme };
            for (name, value) in [(":method", method.as_str()), (":scheme", scheme), (":path", path)] {
                if !value.is_empty() {
                    hpack::encode(name.as_bytes(), value.as_bytes(), &mut encoded);
                }
            }
            if let Some(authority) = authority {
                hpack::encode(b":authority", authority.as_bytes(), &mut encoded);
            }
        }
        encoded.extend_from_slice(&block.written);
        write(block.stream, block.end, &encoded)
    }
}

/// Writes a HEADERS frame, and CONTINUATION frames where one is not enough.
fn write(stream: u32, end: bool, encoded: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    let parts = encoded.len().div_ceil(WRITTEN_BYTES).max(1);
    for at in 0..parts {
        let from = at * WRITTEN_BYTES;
        let part = encoded
            .get(from..encoded.len().min(from + WRITTEN_BYTES))
            .unwrap_or_default();
        let first = at == 0;
        let head = Head {
            len: part.len(),
            kind: if first { kind::HEADERS } else { kind::CONTINUATION },
            flags: if first && end { END_STREAM } else { 0 } | if at + 1 == parts { END_HEADERS } else { 0 },
            stream,
        };
        out.extend_from_slice(&head.bytes());
        out.extend_from_slice(part);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        hpack::encode(b":method", b"POST", &mut out);
        hpack::encode(b":scheme", b"http", &mut out);
        hpack::encode(b":path", b"/a.B/C", &mut out);
        hpack::encode(b":authority", b"%2Frun%2Fjob.sock", &mut out);
        hpack::encode(name.as_bytes(), value, &mut out);
        out
    }

    fn head(kind: u8, flags: u8, len: usize) -> Head {
        Head {
            len,
            kind,
            flags,
            stream: 5,
        }
    }

    fn all(_: usize) -> bool {
        true
    }

    #[test]
    fn a_block_of_several_frames_is_one_block() {
        let encoded = block("x-a", b"1");
        let (first, rest) = encoded.split_at(7);
        let mut blocks = Blocks::default();
        let opened = blocks.take(head(kind::HEADERS, END_STREAM, 7), Bytes::copy_from_slice(first), &all);
        assert_eq!(opened.unwrap(), None);
        let last = head(kind::CONTINUATION, END_HEADERS, rest.len());
        let whole = blocks.take(last, Bytes::copy_from_slice(rest), &all).unwrap().unwrap();
        assert!((whole.stream, whole.end, whole.promise) == (5, true, false));
        assert_eq!(whole.fields.path, "/a.B/C");
        assert_eq!(whole.fields.authority(), "%2Frun%2Fjob.sock");
        assert_eq!(whole.fields.metadata.get("x-a"), Some(&b"1"[..]));
        let stray = blocks.take(head(kind::CONTINUATION, END_HEADERS, 0), Bytes::new(), &all);
        assert!(matches!(stray, Err(BlockError::Order)));
    }

    #[test]
    fn a_request_is_addressed_anew_and_otherwise_as_it_came() {
        let long = vec![b'v'; 40_000];
        let encoded = block("x-long", &long);
        let mut blocks = Blocks::new(true);
        let came = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into(), &all);
        let came = came.unwrap().unwrap();
        let readdress = Readdress {
            authority: Some("job:1".to_owned()),
            scheme: "https",
        };
        let mut reader = crate::grpc::http2::frame::FrameReader::of_server();
        reader.push(readdress.frames(&came));
        let (mut there, mut found) = (Blocks::default(), None);
        while let Some(crate::grpc::http2::frame::Item::Frame(head, payload)) = reader.next() {
            found = there.take(head, payload, &all).unwrap();
        }
        let found = found.unwrap();
        assert_eq!((found.stream, found.end), (came.stream, came.end));
        assert_eq!(found.fields.metadata, came.fields.metadata);
        assert_eq!(
            (found.fields.authority(), found.fields.scheme.as_str()),
            ("job:1", "https")
        );
    }

    /// A block that refers to one large table entry again and again.
    fn bomb(times: usize) -> Vec<u8> {
        let mut encoded = block("x-a", b"1");
        encoded.extend([0x40, 1, b'a', 0x7f, 0xa1, 0x1e]);
        encoded.extend_from_slice(&[b'v'; 4000]);
        encoded.extend(std::iter::repeat_n(0xbe, times));
        hpack::encode(b"grpc-status", b"5", &mut encoded);
        encoded
    }

    #[test]
    fn fields_beyond_the_limit_are_counted_and_not_kept() {
        let encoded = bomb(100_000);
        let mut blocks = Blocks::default();
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into(), &all);
        let fields = block.unwrap().unwrap().fields;
        assert_eq!(fields.metadata.0.len() as u64 + fields.left_out, 100_003);
        assert!(fields.metadata.0.len() * 4000 <= MAX_METADATA_BYTES);
        // How the call ended is kept, however late it comes.
        assert_eq!(fields.metadata.get("grpc-status"), Some(&b"5"[..]));
    }

    #[test]
    fn what_costs_its_sender_nothing_is_kept_as_far_as_it_is_allowed() {
        let encoded = bomb(1000);
        let came = encoded.len();
        let left = std::cell::Cell::new(100_000);
        let allow = |bytes: usize| {
            let enough = left.get() >= bytes;
            left.set(left.get() - if enough { bytes } else { 0 });
            enough
        };
        let mut blocks = Blocks::default();
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, came), encoded.into(), &allow);
        let fields = block.unwrap().unwrap().fields;
        let kept: usize = fields.metadata.iter().map(|(_, value)| value.len()).sum();
        assert!((100_000..130_000).contains(&kept), "{kept}");
        // What came as plain bytes needs no allowance.
        let plain = block_of_plain(1_000_000);
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, plain.len()), plain.into(), &|_| false);
        assert_eq!(block.unwrap().unwrap().fields.left_out, 0);
    }

    fn block_of_plain(bytes: usize) -> Vec<u8> {
        block("x-plain", &vec![b'p'; bytes])
    }

    #[test]
    fn a_block_longer_than_any_limit_is_followed_and_so_is_the_next() {
        let mut blocks = Blocks::default();
        let part: Bytes = block_of_plain(16_000).into();
        let mut found = blocks
            .take(head(kind::HEADERS, 0, part.len()), part.clone(), &all)
            .unwrap();
        for _ in 0..1100 {
            assert_eq!(found, None);
            assert!(blocks.open.as_ref().unwrap().rest.is_empty());
            found = blocks
                .take(head(kind::CONTINUATION, 0, part.len()), part.clone(), &all)
                .unwrap();
        }
        // The last part brings an entry of the table, which the next block names.
        let entry = Bytes::from_static(b"\x40\x01a\x01b");
        let last = blocks.take(head(kind::CONTINUATION, END_HEADERS, entry.len()), entry, &all);
        let fields = last.unwrap().unwrap().fields;
        assert!(fields.left_out > 900 && fields.path == "/a.B/C", "{}", fields.left_out);
        let next = blocks.take(head(kind::HEADERS, END_HEADERS, 1), Bytes::from_static(b"\xbe"), &all);
        assert_eq!(next.unwrap().unwrap().fields.metadata.get("a"), Some(&b"b"[..]));
    }

    #[test]
    fn a_request_that_is_addressed_anew_loses_no_field() {
        let encoded = bomb(1000);
        let mut blocks = Blocks::new(true);
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into(), &|_| {
            false
        });
        let block = block.unwrap().unwrap();
        assert!(block.fields.left_out > 0);
        let readdress = Readdress {
            authority: None,
            scheme: "http",
        };
        assert!(readdress.frames(&block).len() > 1001 * 4000);
        let encoded = bomb(10_000);
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into(), &all);
        assert!(matches!(block, Err(BlockError::TooLargeToWrite)));
    }
}
