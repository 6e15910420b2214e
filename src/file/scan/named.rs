//! The chain of ancillary parts in a finished capture.

use std::io::{Read, Seek};

use super::{Content, Found, Scanner};
use crate::file::{
    FileError,
    ancillary::Ancillary,
    format::{self, Tag},
    record::Done,
};

/// How thoroughly the parts of the chain are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum ChainCheck {
    /// Only their first bytes are checked.
    Head,
    /// Their checksum is checked.
    Whole,
}

impl<R: Read + Seek> Scanner<R> {
    /// The positions of the chained ancillary parts of a finished capture, in file order. One that cannot be read ends
    /// them, and is the first of them.
    pub(in crate::file) fn named_ancillary(
        &mut self,
        (end, done): (u64, &Done),
        look: ChainCheck,
    ) -> Result<Vec<u64>, FileError> {
        let mut places = Vec::new();
        let (mut at, mut behind) = (done.last_ancillary, end);
        // Each lies before the one that names it; anything else would be a loop.
        while at != 0 && at < behind {
            places.push(at);
            behind = at;
            at = match look {
                ChainCheck::Head => self.previous_ancillary(at)?,
                ChainCheck::Whole => self.ancillary_at(at)?.map(|part| part.previous),
            }
            .unwrap_or(0);
        }
        places.reverse();
        Ok(places)
    }

    /// The position of the previous ancillary part, from the first bytes of a part; `None` when there is no such part.
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
    pub(in crate::file) fn ancillary_at(&mut self, byte: u64) -> Result<Option<Ancillary>, FileError> {
        self.jump(byte);
        Ok(match self.step(Content::Skip)?.found {
            Found::Ancillary(part) => Some(part),
            _ => None,
        })
    }
}
