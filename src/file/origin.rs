//! The origin of a slice: the capture that it was cut from.

use serde::{Deserialize, Serialize};

use super::{Attribute, Header};

/// The origin of a slice: the attribute [`Attribute::SLICE`], as JSON.
///
/// Whoever judges a slice must know that what was cut is not lost: a validator does not miss rows beyond the edges, does
/// not wait for a first frame of a call that was opened before the slice begins, and does not hold the slice against the
/// window that was asked for.
///
/// ```
/// use grpc_capture::file::{Header, SliceOf};
/// let mut header = Header::new(0);
/// assert!(header.slice().is_none());
/// let slice = SliceOf { from_ns: 5, to_ns: 9, origin_ns: 5, range: "time".into(), ..SliceOf::default() };
/// header.set_slice(&slice);
/// assert_eq!(header.slice(), Some(slice));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SliceOf {
    /// Content digest of the capture that it was cut from, hexadecimal; `None` when that one was not finished.
    pub of: Option<String>,
    /// The requested range: `time`, `rows 10..20`, `frames 3..5`, `whole`.
    pub range: String,
    /// Offset in that capture at which the slice begins, nanoseconds. The slice counts its own offsets from here.
    pub from_ns: u64,
    /// Offset in that capture at which it ends, nanoseconds.
    pub to_ns: u64,
    /// Offset of the slice's beginning in the first capture of a chain of slices, nanoseconds.
    pub origin_ns: u64,
    /// Calls of that capture that are not in the slice.
    pub calls_left_out: u64,
    /// The sensors that were kept, as ranges, when messages were encoded again without the others.
    pub sensors: Option<String>,
}

impl Header {
    /// The origin of this slice; `None` when it is not a slice, or when the attribute cannot be read.
    #[must_use]
    pub fn slice(&self) -> Option<SliceOf> {
        let text = self.get(Attribute::SLICE)?;
        serde_json::from_slice(text).ok()
    }

    /// Sets the origin of the slice.
    pub fn set_slice(&mut self, slice: &SliceOf) {
        // Strings and numbers can always be written as JSON.
        let text = serde_json::to_vec(slice).unwrap_or_default();
        self.set(Attribute::SLICE, text);
    }
}
