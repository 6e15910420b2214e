//! Walks the parts of a capture file.

use std::io::{Read, Seek, SeekFrom};

pub(super) mod named;
pub(super) mod search;

use super::{
    FileError,
    ancillary::Ancillary,
    chunk::check_lengths,
    format::{self, PART_HEAD_LEN, PART_MAGIC, Tag},
    record::{Body, ChunkHead, Done, IndexBlock},
};

/// A place of a capture file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// Byte at which the damaged part begins.
    pub byte: u64,
    /// The chunk, counted from 0, where it is known.
    pub chunk: Option<u64>,
    /// The first event that is affected, counted from 0, where it is known.
    pub event: Option<u64>,
    /// Description of the damage.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}", self.byte)?;
        if let Some(chunk) = self.chunk {
            write!(f, ", chunk {chunk}")?;
        }
        if let Some(event) = self.event {
            write!(f, ", from event {event}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// The result of reading at a position of the file.
#[derive(Debug)]
pub(super) enum Found {
    Prologue(Vec<u8>),
    Header(Vec<u8>),
    Chunk(ChunkHead, Vec<u8>),
    Index(IndexBlock),
    Done(Done),
    Ancillary(Ancillary),
    /// The file ends at the end of a part.
    End,
    /// A part begins here, and the file ends inside it. With its head, when that is a chunk's and good: then all that
    /// follows belongs to the chunk.
    Torn(Option<Box<ChunkHead>>),
    /// The bytes are not readable.
    Bad(Damage),
}

/// One step of a scan.
#[derive(Debug)]
pub(super) struct Step {
    /// Byte at which it was found.
    pub(super) byte: u64,
    pub(super) found: Found,
}

/// Whether the content of chunks is read, or only their heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Read,
    Skip,
}

/// Walks a file part by part.
#[derive(Debug)]
pub(super) struct Scanner<R> {
    input: R,
    /// Expected position of the next part.
    at: u64,
    /// Current position of the input, when it is known.
    position: Option<u64>,
}

/// Largest buffer that is reserved before the bytes have been read;
const RESERVE: u64 = 2 << 20;

impl<R: Read + Seek> Scanner<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            position: None,
        }
    }

    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn jump(&mut self, byte: u64) {
        self.at = byte;
    }

    /// The current length of the file. A capture that is being recorded grows.
    pub(super) fn len(&mut self) -> Result<u64, FileError> {
        self.position = None;
        self.input
            .seek(SeekFrom::End(0))
            .map_err(|error| FileError::io("read the capture", error))
    }

    /// Reads up to `len` bytes at `byte`.
    pub(super) fn read(&mut self, byte: u64, len: u64) -> Result<Vec<u8>, FileError> {
        let failed = |error| FileError::io("read the capture", error).at(byte);
        if self.position != Some(byte) {
            self.input.seek(SeekFrom::Start(byte)).map_err(failed)?;
        }
        let mut bytes = Vec::with_capacity(len.min(RESERVE) as usize);
        self.position = None;
        let read = self.input.by_ref().take(len).read_to_end(&mut bytes).map_err(failed)?;
        self.position = Some(byte + read as u64);
        Ok(bytes)
    }

    /// Reads the part at the current position and advances; damage and a torn end are not moved over.
    pub(super) fn step(&mut self, content: Content) -> Result<Step, FileError> {
        self.step_where(|_| content == Content::Read)
    }

    /// Does the same as [`step`](Self::step), but reads the bytes of a chunk only when its head is selected.
    pub(super) fn step_where(&mut self, wanted: impl Fn(&ChunkHead) -> bool) -> Result<Step, FileError> {
        let byte = self.at;
        let bad = |what: String| Step {
            byte,
            found: Found::Bad(Damage {
                byte,
                chunk: None,
                event: None,
                what,
            }),
        };
        let found = |found| Ok(Step { byte, found });
        let head = self.read(byte, PART_HEAD_LEN as u64)?;
        let Some(head) = head.first_chunk::<PART_HEAD_LEN>() else {
            let known = head.len().min(PART_MAGIC.len());
            return match head.get(..known) {
                Some([]) => found(Found::End),
                Some(start) if PART_MAGIC.starts_with(start) => found(Found::Torn(None)),
                _ => Ok(bad("no part begins here".to_owned())),
            };
        };
        let part = match format::decode_part_head(*head) {
            Ok(part) => part,
            Err(what) => return Ok(bad(what)),
        };
        let mut whole = head.to_vec();
        whole.extend(self.read(byte + PART_HEAD_LEN as u64, (part.len - PART_HEAD_LEN) as u64)?);
        if whole.len() < part.len {
            return found(Found::Torn(None));
        }
        let body = match format::part_body(&whole) {
            Ok(body) => body,
            Err(what) => return Ok(bad(format!("{}: {what}", part.tag.name()))),
        };
        let behind = byte + part.len as u64;
        let unreadable = |what: String| bad(format!("{}: {what}", part.tag.name()));
        let result = match part.tag {
            Tag::Prologue => Found::Prologue(body.to_owned()),
            Tag::Header => Found::Header(body.to_owned()),
            Tag::Index => match IndexBlock::from_body(body) {
                Ok(block) => Found::Index(block),
                Err(what) => return Ok(unreadable(what)),
            },
            Tag::Done => match Done::from_body(body) {
                Ok(done) => Found::Done(done),
                Err(what) => return Ok(unreadable(what)),
            },
            Tag::Ancillary(tag) => match Ancillary::from_body(tag, body) {
                Ok(part) => Found::Ancillary(part),
                Err(what) => return Ok(unreadable(what)),
            },
            Tag::Chunk => {
                let head = match ChunkHead::from_body(body) {
                    Ok(head) => head,
                    Err(what) => return Ok(unreadable(what)),
                };
                let content = if wanted(&head) { Content::Read } else { Content::Skip };
                return self.chunk(byte, behind, head, content);
            }
        };
        self.at = behind;
        found(result)
    }

    fn chunk(&mut self, byte: u64, stored_at: u64, head: ChunkHead, content: Content) -> Result<Step, FileError> {
        if let Err(error) = check_lengths(&head) {
            let damage = chunk_damage(byte, &head, format!("{error}"));
            return Ok(Step {
                byte,
                found: Found::Bad(damage),
            });
        }
        let stored = match content {
            Content::Read => self.read(stored_at, head.stored_len)?,
            Content::Skip => Vec::new(),
        };
        let end = stored_at + head.stored_len;
        let torn = match content {
            Content::Read => (stored.len() as u64) < head.stored_len,
            Content::Skip => self.len()? < end,
        };
        if torn {
            return Ok(Step {
                byte,
                found: Found::Torn(Some(Box::new(head))),
            });
        }
        self.at = end;
        Ok(Step {
            byte,
            found: Found::Chunk(head, stored),
        })
    }

    /// The summary, read from the end of the file; `None` when the file is unfinished or its end is damaged.
    pub(super) fn done(&mut self) -> Result<Option<(u64, Done)>, FileError> {
        let len = format::encode_part(Tag::Done, &[0; super::record::DONE_LEN]).len() as u64;
        let Some(byte) = self.len()?.checked_sub(len) else {
            return Ok(None);
        };
        let whole = self.read(byte, len)?;
        let is_done = whole.first_chunk().is_some_and(|head| {
            matches!(format::decode_part_head(*head), Ok(part) if part.tag == Tag::Done && part.len as u64 == len)
        });
        if !is_done {
            return Ok(None);
        }
        let done = format::part_body(&whole).and_then(Done::from_body);
        Ok(done.ok().map(|done| (byte, done)))
    }
}

pub(super) fn chunk_damage(byte: u64, head: &ChunkHead, what: String) -> Damage {
    Damage {
        byte,
        chunk: Some(head.number),
        event: Some(head.first_event),
        what,
    }
}
