//! References from a capture to the one that it continues.

use std::{fs::File, path::Path};

use super::{Attribute, Digest, FileError, Header, Reader, verify};

/// The reference to the capture that this one continues.
///
/// An interrupted recording is never continued in the same file: the next recording is a separate file that names the
/// earlier one, its readable content, and when that ended. Nothing else ties them together; each is whole without the
/// other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continues {
    /// Path of the earlier file at that time.
    pub path: String,
    /// Content digest of the events that could be read from it.
    pub digest: Digest,
    /// Offset of its last readable event, nanoseconds since it began.
    pub last_offset_ns: u64,
    /// Wall-clock time of its offset 0, nanoseconds since the Unix epoch.
    pub anchor_unix_ns: u64,
}

impl Continues {
    /// Makes a reference to an earlier capture, finished or not, damaged or not; it is not changed.
    ///
    /// # Errors
    /// When it is not a capture, or cannot be read at all.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let anchor_unix_ns = Reader::open(path)?.header().anchor_unix_ns;
        let file = File::open(path).map_err(|error| FileError::io("open", error).of(path))?;
        let summary = verify(file).map_err(|error| error.of(path))?.summary;
        Ok(Self {
            path: path.display().to_string(),
            digest: summary.digest,
            last_offset_ns: summary.last_offset_ns,
            anchor_unix_ns,
        })
    }

    /// Nanoseconds from its last event to the beginning of the capture with this header; 0 when a clock was set back.
    #[must_use]
    pub const fn pause_ns(&self, header: &Header) -> u64 {
        let last = self.anchor_unix_ns.saturating_add(self.last_offset_ns);
        header.anchor_unix_ns.saturating_sub(last)
    }
}

impl Header {
    /// Sets the reference to the earlier capture.
    pub fn set_continues(&mut self, earlier: &Continues) {
        self.set(Attribute::CONTINUES, earlier.path.as_str());
        self.set(Attribute::CONTINUES_SHA256, earlier.digest.to_string());
        self.set(Attribute::CONTINUES_LAST_OFFSET, earlier.last_offset_ns.to_string());
        self.set(Attribute::CONTINUES_ANCHOR, earlier.anchor_unix_ns.to_string());
    }

    /// The reference to the earlier capture, when it is complete.
    ///
    /// ```
    /// use grpc_capture::file::{Continues, Digest, Header};
    /// let earlier = Continues {
    ///     path: "old.gcap".to_owned(),
    ///     digest: Digest::of(b""),
    ///     last_offset_ns: 7,
    ///     anchor_unix_ns: 100,
    /// };
    /// let mut header = Header::new(117);
    /// assert_eq!(header.continues(), None);
    /// header.set_continues(&earlier);
    /// assert_eq!(header.continues(), Some(earlier.clone()));
    /// assert_eq!(earlier.pause_ns(&header), 10);
    /// ```
    #[must_use]
    pub fn continues(&self) -> Option<Continues> {
        Some(Continues {
            path: self.text(Attribute::CONTINUES)?.to_owned(),
            digest: Digest::parse(self.text(Attribute::CONTINUES_SHA256)?)?,
            last_offset_ns: self.text(Attribute::CONTINUES_LAST_OFFSET)?.parse().ok()?,
            anchor_unix_ns: self.text(Attribute::CONTINUES_ANCHOR)?.parse().ok()?,
        })
    }
}
