//! Ancillary parts, which a reader may skip (FORMAT.md §2).

use super::format::AncillaryTag;

/// An ancillary part of a capture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ancillary {
    pub(super) tag: AncillaryTag,
    /// Byte at which the ancillary part before this one begins; 0 = this is the first.
    pub(super) previous: u64,
    pub(super) content: Vec<u8>,
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
}
