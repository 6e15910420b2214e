//! Ancillary parts of a capture, in file order.

use std::io::{Read, Seek};

use super::Reader;
use crate::file::{
    FileError,
    ancillary::Ancillary,
    scan::{Content, Found, named::ChainCheck},
};

impl<R: Read + Seek> Reader<R> {
    /// The positions of all ancillary parts, in file order: in a finished capture as they name each other, and
    /// otherwise by the heads of all chunks.
    fn ancillary_places(&mut self) -> Result<Vec<u64>, FileError> {
        if let Some((end, done)) = self.scanner().done()? {
            return self.scanner().named_ancillary((end, &done), ChainCheck::Head);
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

    /// Visits every readable ancillary part, in file order. The place in the file stays where it is.
    pub(in crate::file) fn each_ancillary(
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
