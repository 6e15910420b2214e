//! Parts, the outer framing of a capture file (FORMAT.md §2).
//!
//! Every part is a zstd skippable frame that ends with a checksum over itself; the compressed data of a chunk follows
//! its part as standard zstd frames.

use std::fmt;

/// A version of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Must equal the reader's.
    pub major: u16,
    /// May be older than the reader's.
    pub minor: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version that this build writes, and the newest that it reads.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// The first release that reads [`VERSION`]; written into every file for the message of an older reader.
pub(super) const NEEDS: &str = "0.1.0";

/// Magic number of the skippable frames that hold parts; zstd reserves 0x184D2A50 to 0x184D2A5F for users.
pub(super) const PART_MAGIC: [u8; 4] = [0x5C, 0x2A, 0x4D, 0x18];

/// Bytes before a part's body: magic, length, tag.
pub(super) const PART_HEAD_LEN: usize = 12;

/// Bytes after a part's body: CRC-32C.
pub(super) const PART_CRC_LEN: usize = 4;

/// Largest part. A header holds a descriptor set and a configure response, an index block 256 entries, a chunk's head
/// a few bytes per call: 64 MiB leaves three orders of magnitude and still fits any machine.
pub(super) const MAX_PART_LEN: u32 = 64 << 20;

/// Largest content of one chunk. A chunk is closed at about 1 MiB, or holds one message that is larger; a gRPC message
/// of more than 1 GiB is beyond what any implementation sends.
pub(super) const MAX_CHUNK_RAW: u64 = (1 << 30) + (1 << 26);

/// Largest stored form of one chunk: incompressible content grows by less than 1 %.
pub(super) const MAX_CHUNK_STORED: u64 = MAX_CHUNK_RAW + MAX_CHUNK_RAW / 64;

/// Size of a chunk's content that may be stored in any number of bytes. A chunk is closed at about 1 MiB.
pub(super) const FREE_CHUNK_RAW: u64 = 32 << 20;

/// Largest ratio of a chunk's content to its stored form, beyond [`FREE_CHUNK_RAW`]: what a reader must have in memory
/// is bounded by the size of the file. A message that compresses better is stored as it is.
pub(super) const MAX_CHUNK_RATIO: u64 = 64;

/// Bytes of the shortest record: its length, and a head of call, number, offset and kind.
pub(super) const MIN_RECORD_LEN: usize = 4 + MIN_HEAD_LEN;

/// Bytes of the shortest head of a record.
pub(super) const MIN_HEAD_LEN: usize = 4 + 8 + 8 + 4;

/// Chunks between two index blocks: 256 entries are found again by one short read, and cost about 0.01 % of the file.
pub(super) const CHUNKS_PER_INDEX: usize = 256;

/// Four letters, of which the first is lower-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AncillaryTag(pub(super) [u8; 4]);

impl AncillaryTag {
    /// A part of the schema.
    pub(super) const SCHEMA: Self = Self(*b"schm");

    pub(super) const fn bytes(self) -> [u8; 4] {
        self.0
    }

    pub(super) fn from_bytes(bytes: [u8; 4]) -> Option<Self> {
        let is_tag = bytes[0].is_ascii_lowercase() && bytes.iter().all(u8::is_ascii_alphabetic);
        is_tag.then_some(Self(bytes))
    }

    /// True when the part stays valid in a capture that is made from this one: it tells nothing of bytes, chunks or
    /// events.
    pub(super) const fn is_kept(self) -> bool {
        self.0[3].is_ascii_lowercase()
    }
}

/// The kind of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// The first part: magic and version.
    Prologue,
    /// Anchor and attributes.
    Header,
    /// Head of a chunk, followed by its stored bytes.
    Chunk,
    /// Index block.
    Index,
    /// Summary; the last part.
    Done,
    /// A part that a reader may skip.
    Ancillary(AncillaryTag),
}

impl Tag {
    /// The kinds that every reader must know.
    const CRITICAL: [Self; 5] = [Self::Prologue, Self::Header, Self::Chunk, Self::Index, Self::Done];

    pub(super) const fn bytes(self) -> [u8; 4] {
        match self {
            Self::Prologue => *b"GCAP",
            Self::Header => *b"HEAD",
            Self::Chunk => *b"CHNK",
            Self::Index => *b"INDX",
            Self::Done => *b"DONE",
            Self::Ancillary(tag) => tag.bytes(),
        }
    }

    pub(super) fn from_bytes(bytes: [u8; 4]) -> Option<Self> {
        let critical = Self::CRITICAL.into_iter().find(|tag| tag.bytes() == bytes);
        critical.or_else(|| AncillaryTag::from_bytes(bytes).map(Self::Ancillary))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Prologue => "prologue",
            Self::Header => "header",
            Self::Chunk => "chunk head",
            Self::Index => "index block",
            Self::Done => "summary",
            Self::Ancillary(AncillaryTag::SCHEMA) => "schema",
            Self::Ancillary(_) => "ancillary part",
        }
    }
}

/// True when a file that begins with these bytes is a capture, even if it is damaged further on.
pub(crate) fn is_capture(head: &[u8]) -> bool {
    head.starts_with(&PART_MAGIC)
}

/// Encodes a part.
pub(super) fn encode_part(tag: Tag, body: &[u8]) -> Vec<u8> {
    let len = (body.len() + 4 + PART_CRC_LEN) as u32;
    let mut part = Vec::with_capacity(PART_HEAD_LEN + body.len() + PART_CRC_LEN);
    part.extend_from_slice(&PART_MAGIC);
    part.extend_from_slice(&len.to_le_bytes());
    part.extend_from_slice(&tag.bytes());
    part.extend_from_slice(body);
    let crc = crc32c::crc32c(&part);
    part.extend_from_slice(&crc.to_le_bytes());
    part
}

/// The decoded first twelve bytes of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartHead {
    pub(super) tag: Tag,
    /// Length of the whole part.
    pub(super) len: usize,
}

/// Decodes a part's first bytes, or tells what is wrong with them.
pub(super) fn decode_part_head(head: [u8; PART_HEAD_LEN]) -> Result<PartHead, String> {
    let [m0, m1, m2, m3, l0, l1, l2, l3, t0, t1, t2, t3] = head;
    if [m0, m1, m2, m3] != PART_MAGIC {
        return Err(format!(
            "no part begins here (found {m0:02x} {m1:02x} {m2:02x} {m3:02x})"
        ));
    }
    let len = u32::from_le_bytes([l0, l1, l2, l3]);
    if len < (4 + PART_CRC_LEN) as u32 || len > MAX_PART_LEN {
        return Err(format!("the part's length of {len} bytes is impossible"));
    }
    let tag = [t0, t1, t2, t3];
    let tag = Tag::from_bytes(tag).ok_or_else(|| format!("the part's tag {} is unknown", tag.escape_ascii()))?;
    Ok(PartHead {
        tag,
        len: len as usize + 8,
    })
}

/// The body of a whole part, after a check of its checksum.
pub(super) fn part_body(part: &[u8]) -> Result<&[u8], String> {
    let covered = part.len().saturating_sub(PART_CRC_LEN);
    let (covered, stored) = part.split_at(covered);
    let computed = crc32c::crc32c(covered).to_le_bytes();
    match covered.get(PART_HEAD_LEN..) {
        Some(body) if stored == computed => Ok(body),
        _ => Err("the checksum differs".to_owned()),
    }
}

/// Bytes of the prologue part; the same in every version.
pub(super) const PROLOGUE_LEN: usize = 32;

/// The prologue: version of the format, and the release that reads it.
pub(super) fn encode_prologue(version: Version, needs: &str) -> Vec<u8> {
    let mut body = [0_u8; 16];
    body[0..2].copy_from_slice(&version.major.to_le_bytes());
    body[2..4].copy_from_slice(&version.minor.to_le_bytes());
    for (slot, byte) in body[4..].iter_mut().zip(needs.bytes()) {
        *slot = byte;
    }
    encode_part(Tag::Prologue, &body)
}

/// Decodes version and required release from a prologue's body.
pub(super) fn decode_prologue(body: &[u8]) -> Option<(Version, String)> {
    let [a, b, c, d, needs @ ..] = body else { return None };
    let version = Version {
        major: u16::from_le_bytes([*a, *b]),
        minor: u16::from_le_bytes([*c, *d]),
    };
    let needs = needs.iter().take_while(|byte| **byte != 0).copied().collect();
    Some((version, String::from_utf8(needs).ok()?))
}
