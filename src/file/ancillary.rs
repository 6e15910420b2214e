//! Ancillary parts: what a reader may pass over, as FORMAT.md §2 states it.

use std::io::{Read, Seek};

use super::{
    FileError, Reader, Storage, Writer,
    format::{self, Tag},
    record::Done,
    scan::{Content, Found, Scanner},
    schema,
};

/// An ancillary part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ancillary {
    pub(super) tag: AncillaryTag,
    /// Byte at which the ancillary part before this one begins; 0 = this is the first.
    pub(super) previous: u64,
    pub(super) content: Vec<u8>,
}

/// Four letters, of which the first is lower-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AncillaryTag([u8; 4]);

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

    /// True when it stays right in a capture that is made from this one: it tells nothing of bytes, chunks or events.
    const fn is_kept(self) -> bool {
        self.0[3].is_ascii_lowercase()
    }
}

impl Ancillary {
    pub(super) fn to_body(&self) -> Vec<u8> {
        [&self.previous.to_le_bytes()[..], &self.content].concat()
    }

    pub(super) fn from_body(tag: AncillaryTag, body: &[u8]) -> Result<Self, String> {
        let (previous, content) = body.split_first_chunk().ok_or("it is too short")?;
        Ok(Self {
            tag,
            previous: u64::from_le_bytes(*previous),
            content: content.to_owned(),
        })
    }

    /// The schema in it; `None` when it is another part. An error when it cannot be read, or has more than `room` bytes.
    pub(super) fn schema(&self, room: usize) -> Option<Result<Vec<u8>, String>> {
        (self.tag == AncillaryTag::SCHEMA).then(|| schema::decode(&self.content, room))
    }
}

/// How closely parts are looked at that name each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// By their first bytes.
    Head,
    /// Their checksum holds.
    Whole,
}

impl<R: Read + Seek> Scanner<R> {
    /// The bytes of the ancillary parts of a finished capture, as they name each other, in the order of the file. One that
    /// cannot be read ends them, and is the first of them.
    pub(super) fn named_ancillary(&mut self, (end, done): (u64, &Done), look: Look) -> Result<Vec<u64>, FileError> {
        let mut places = Vec::new();
        let (mut at, mut behind) = (done.last_ancillary, end);
        // Each lies before the one that names it; anything else would be a loop.
        while at != 0 && at < behind {
            places.push(at);
            behind = at;
            at = match look {
                Look::Head => self.previous_ancillary(at)?,
                Look::Whole => self.ancillary_at(at)?.map(|part| part.previous),
            }
            .unwrap_or(0);
        }
        places.reverse();
        Ok(places)
    }

    /// What an ancillary part names as the one before it, by its first bytes; `None` when there is no such part.
    fn previous_ancillary(&mut self, byte: u64) -> Result<Option<u64>, FileError> {
        let start = self.read(byte, format::PART_HEAD_LEN as u64 + 8)?;
        let Some((head, previous)) = start.split_first_chunk() else {
            return Ok(None);
        };
        let is_ancillary = format::decode_part_head(*head).is_ok_and(|head| matches!(head.tag, Tag::Ancillary(_)));
        let previous = previous.first_chunk().filter(|_| is_ancillary);
        Ok(previous.map(|previous| u64::from_le_bytes(*previous)))
    }

    /// The ancillary part at `byte`; `None` when there is none that can be read.
    fn ancillary_at(&mut self, byte: u64) -> Result<Option<Ancillary>, FileError> {
        self.jump(byte);
        Ok(match self.step(Content::Skip)?.found {
            Found::Ancillary(part) => Some(part),
            _ => None,
        })
    }
}

impl<R: Read + Seek> Reader<R> {
    /// The bytes of all ancillary parts, in the order of the file: in a finished capture as they name each other, and
    /// otherwise by the heads of all chunks.
    fn ancillary_places(&mut self) -> Result<Vec<u64>, FileError> {
        if let Some((end, done)) = self.scanner().done()? {
            return self.scanner().named_ancillary((end, &done), Look::Head);
        }
        let (mut places, first) = (Vec::new(), self.first_part());
        self.scanner().jump(first);
        loop {
            let step = self.scanner().step(Content::Skip)?;
            match step.found {
                Found::Ancillary(_) => places.push(step.byte),
                Found::Chunk(..) | Found::Index(_) => {}
                _ => return Ok(places),
            }
        }
    }

    /// Shows every ancillary part that can be read, in the order of the file. The place in the file stays where it is.
    pub(super) fn each_ancillary(
        &mut self,
        mut see: impl FnMut(&mut Self, u64, &Ancillary) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let back = self.scanner().at();
        for byte in self.ancillary_places()? {
            if let Some(part) = self.scanner().ancillary_at(byte)? {
                see(self, byte, &part)?;
            }
        }
        self.scanner().jump(back);
        Ok(())
    }
}

impl<S: Storage> Writer<S> {
    /// Copies what a capture holds beside its events and that is not known to this release, where that stays right in a
    /// capture which is made from it. The place in `source` stays where it is.
    ///
    /// # Errors
    /// When the source cannot be read, or the storage fails, now or earlier.
    ///
    /// ```
    /// use std::io::Cursor;
    /// use grpc_capture::file::{Header, Reader, Writer, WriterOptions};
    ///
    /// let (bytes, _) = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?.finish_into()?;
    /// let mut source = Reader::new(Cursor::new(bytes))?;
    /// let mut copy = Writer::new(Vec::new(), source.header(), WriterOptions::default())?;
    /// for event in source.by_ref() {
    ///     copy.write(&event?)?;
    /// }
    /// copy.keep_parts_of(&mut source)?;
    /// copy.finish()?;
    /// # Ok::<(), grpc_capture::file::FileError>(())
    /// ```
    pub fn keep_parts_of<R: Read + Seek>(&mut self, source: &mut Reader<R>) -> Result<(), FileError> {
        source.each_ancillary(|_, _, part| self.keep(part))
    }

    /// Writes a part of another capture again, unless it is known, or would not be right here.
    pub(super) fn keep(&mut self, part: &Ancillary) -> Result<(), FileError> {
        if part.tag.is_kept() && part.tag != AncillaryTag::SCHEMA {
            self.flush()?;
            self.write_ancillary(part.tag, part.content.clone())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
