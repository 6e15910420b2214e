//! Copies parts besides the events into a capture that is made from another one.

use std::io::{Read, Seek};

use super::{FileError, Reader, Storage, Writer, ancillary::Ancillary, format::AncillaryTag};

impl<S: Storage> Writer<S> {
    /// Copies the unknown ancillary parts of a capture that stay valid in a capture made from it. The place in `source`
    /// stays where it is.
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

    /// Writes a part of another capture again, unless it is known, or would not be valid here.
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
