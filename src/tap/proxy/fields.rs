//! The header fields of a request, an answer or trailers, out of the frames that carried them.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::{
    event::Metadata,
    wire::http2::{
        frame::{Head, MAX_BLOCK_BYTES, fragment, kind},
        hpack::{self, Decoder, HpackError},
    },
};

/// Metadata of one block that is recorded, 16 MiB: what the larger of the gRPC libraries allow. More is passed on.
const MAX_METADATA_BYTES: usize = 16 * 1024 * 1024;
/// What a field costs besides its bytes, as HTTP/2 counts it (RFC 9113 §6.5.2).
const FIELD_BYTES: usize = 32;
/// Payload of the frames that we write, the least that every HTTP/2 side takes.
const WRITTEN_BYTES: usize = 16 * 1024;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Header blocks that cannot be followed.
#[derive(Debug, Error)]
pub(super) enum BlockError {
    #[error("its header blocks cannot be read: {0}")]
    Hpack(#[from] HpackError),
    #[error("the frames of a header block do not follow one another")]
    Order,
    #[error("a header block is larger than {MAX_BLOCK_BYTES} bytes")]
    TooLarge,
}

/// A header block that was decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) authority: Option<String>,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    /// All but the pseudo-header fields, in wire order.
    pub(super) metadata: Metadata,
    /// Fields beyond the limit, which are not kept.
    pub(super) left_out: u64,
    bytes: usize,
}

impl Fields {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        self.bytes += name.len() + value.len() + FIELD_BYTES;
        if self.bytes > MAX_METADATA_BYTES {
            self.left_out += 1;
            return;
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
    }

    /// The authority that was asked for: of HTTP/2, else of the field that HTTP/1 has for it.
    pub(super) fn authority(&self) -> &str {
        let host = || self.metadata.get_text("host");
        self.authority.as_deref().or_else(host).unwrap_or_default()
    }
}

/// A block whose frames have all come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) stream: u32,
    /// Its stream ends with it.
    pub(super) end: bool,
    /// It announces a stream of the server's, which is no call.
    pub(super) promise: bool,
    pub(super) fields: Fields,
}

/// Joins the frames of header blocks and decodes them: one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    decoder: Decoder,
    open: Option<(Head, BytesMut)>,
}

impl Blocks {
    /// Takes a frame of a block; the block, when it is whole.
    pub(super) fn take(&mut self, head: Head, payload: Bytes) -> Result<Option<Block>, BlockError> {
        let part = fragment(head, payload).ok_or(BlockError::Order)?;
        let (first, joined) = match (self.open.take(), head.kind) {
            (None, kind::CONTINUATION) => return Err(BlockError::Order),
            (None, _) if head.flags & END_HEADERS != 0 => return self.decode(head, &part).map(Some),
            (None, _) => (head, BytesMut::from(&part[..])),
            (Some((first, mut joined)), kind::CONTINUATION) if first.stream == head.stream => {
                if joined.len() + part.len() > MAX_BLOCK_BYTES {
                    return Err(BlockError::TooLarge);
                }
                joined.extend_from_slice(&part);
                (first, joined)
            }
            (Some(_), _) => return Err(BlockError::Order),
        };
        if head.flags & END_HEADERS != 0 {
            return self.decode(first, &joined).map(Some);
        }
        self.open = Some((first, joined));
        Ok(None)
    }

    fn decode(&mut self, head: Head, block: &[u8]) -> Result<Block, BlockError> {
        let mut fields = Fields::default();
        self.decoder.decode(block, |name, value| fields.take(name, value))?;
        Ok(Block {
            stream: head.stream,
            end: head.ends_stream(),
            promise: head.kind == kind::PUSH_PROMISE,
            fields,
        })
    }
}

/// How requests are addressed anew on their way to the target.
#[derive(Debug, Clone)]
pub(super) struct Readdress {
    /// The authority of every request; `None` = as it came.
    pub(super) authority: Option<String>,
    pub(super) scheme: &'static str,
}

impl Readdress {
    /// The frames of a client's block with the new address; the fields after it are as they came.
    pub(super) fn frames(&self, block: &Block) -> Bytes {
        let Fields {
            method,
            scheme,
            path,
            metadata,
            ..
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
        for (name, value) in metadata.iter() {
            hpack::encode(name.as_bytes(), value, &mut encoded);
        }
        write(block.stream, block.end, &encoded)
    }
}

/// HEADERS, and CONTINUATION where one frame does not do.
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

    #[test]
    fn a_block_of_several_frames_is_one_block() {
        let encoded = block("x-a", b"1");
        let (first, rest) = encoded.split_at(7);
        let mut blocks = Blocks::default();
        let opened = blocks.take(head(kind::HEADERS, END_STREAM, 7), Bytes::copy_from_slice(first));
        assert_eq!(opened.unwrap(), None);
        let last = head(kind::CONTINUATION, END_HEADERS, rest.len());
        let whole = blocks.take(last, Bytes::copy_from_slice(rest)).unwrap().unwrap();
        assert!((whole.stream, whole.end, whole.promise) == (5, true, false));
        assert_eq!(whole.fields.path, "/a.B/C");
        assert_eq!(whole.fields.authority(), "%2Frun%2Fjob.sock");
        assert_eq!(whole.fields.metadata.get("x-a"), Some(&b"1"[..]));
        let stray = blocks.take(head(kind::CONTINUATION, END_HEADERS, 0), Bytes::new());
        assert!(matches!(stray, Err(BlockError::Order)));
    }

    #[test]
    fn a_request_is_addressed_anew_and_otherwise_as_it_came() {
        let long = vec![b'v'; 40_000];
        let encoded = block("x-long", &long);
        let mut blocks = Blocks::default();
        let came = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into());
        let came = came.unwrap().unwrap();
        let readdress = Readdress {
            authority: Some("job:1".to_owned()),
            scheme: "https",
        };
        let mut reader = crate::wire::http2::frame::FrameReader::of_server();
        reader.push(readdress.frames(&came));
        let (mut there, mut found) = (Blocks::default(), None);
        while let Some(crate::wire::http2::frame::Item::Frame(head, payload)) = reader.next() {
            found = there.take(head, payload).unwrap();
        }
        let found = found.unwrap();
        assert_eq!((found.stream, found.end), (came.stream, came.end));
        assert_eq!(found.fields.metadata, came.fields.metadata);
        assert_eq!(
            (found.fields.authority(), found.fields.scheme.as_str()),
            ("job:1", "https")
        );
    }

    #[test]
    fn fields_beyond_the_limit_are_counted_and_not_kept() {
        // One large entry of the table, named again and again.
        let mut encoded = vec![0x40, 1, b'a', 0x7f, 0xa1, 0x1e];
        encoded.extend_from_slice(&[b'v'; 4000]);
        encoded.extend(std::iter::repeat_n(0xbe, 100_000));
        let mut blocks = Blocks::default();
        let block = blocks.take(head(kind::HEADERS, END_HEADERS, encoded.len()), encoded.into());
        let fields = block.unwrap().unwrap().fields;
        assert_eq!(fields.metadata.0.len() as u64 + fields.left_out, 100_001);
        assert!(fields.metadata.0.len() * 4000 <= MAX_METADATA_BYTES);
    }
}
