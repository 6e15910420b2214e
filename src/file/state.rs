//! Whether a capture holds the whole of its recording, as one value for all commands.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Whether a capture that was read holds the whole of its recording.
///
/// Whoever reads a capture passes this on: a command says it and exits with 3, JSON has it as `state`, `finished`,
/// `whole_bytes` and `torn_bytes`, and a capture made from it ends with
/// [`Writer::finish_as`](super::Writer::finish_as), so that what is made of an unfinished capture is unfinished as well.
///
/// ```
/// use std::io::Cursor;
/// use grpc_capture::file::{CaptureState, Header, Reader, Writer, WriterOptions};
///
/// let (bytes, _) = Writer::new(Vec::new(), &Header::new(0), WriterOptions::default())?.finish_into()?;
/// assert!(Reader::new(Cursor::new(&bytes))?.state()?.is_finished());
/// let cut = &bytes[..bytes.len() - 1];
/// let state = Reader::new(Cursor::new(cut))?.state()?;
/// let CaptureState::Unfinished { torn_bytes, .. } = state else { panic!("finished") };
/// assert_eq!(torn_bytes, 143);
/// # Ok::<(), grpc_capture::file::FileError>(())
/// ```
#[must_use = "what was read may be incomplete; say so, and pass it on"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureState {
    /// The recording was finished: the file ends with its summary.
    Finished,
    /// The recording is still running, or was interrupted.
    Unfinished {
        /// Bytes of the file up to the end of its last whole part.
        whole_bytes: u64,
        /// Bytes of an incomplete last part, which no reader returns.
        torn_bytes: u64,
    },
    /// Damage stopped the reading; its error tells the place.
    Damaged,
}

impl CaptureState {
    /// True when nothing is missing.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self, Self::Finished)
    }

    /// The name of the state in `capture verify`: `whole`, `unfinished` or `damaged`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Finished => "whole",
            Self::Unfinished { .. } => "unfinished",
            Self::Damaged => "damaged",
        }
    }
}

impl CaptureState {
    /// The text of a note for a capture made from this one, about what was missing in it.
    pub(crate) fn told_in(&self, mut text: String) -> String {
        if !self.is_finished() {
            text.push_str(&format!("; the source was {self}"));
        }
        text
    }
}

impl std::fmt::Display for CaptureState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Unfinished {
                whole_bytes,
                torn_bytes,
            } => write!(
                f,
                "unfinished: it is being recorded, or was cut off, at byte {whole_bytes} ({torn_bytes} bytes of an \
                 incomplete chunk are left out)"
            ),
            Self::Damaged => f.write_str("damaged: it was read up to the damage"),
        }
    }
}

impl Serialize for CaptureState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole_bytes, torn_bytes) = match *self {
            Self::Unfinished {
                whole_bytes,
                torn_bytes,
            } => (Some(whole_bytes), torn_bytes),
            Self::Finished | Self::Damaged => (None, 0),
        };
        let mut state = serializer.serialize_struct("CaptureState", 4)?;
        state.serialize_field("state", self.name())?;
        state.serialize_field("finished", &self.is_finished())?;
        state.serialize_field("whole_bytes", &whole_bytes)?;
        state.serialize_field("torn_bytes", &torn_bytes)?;
        state.end()
    }
}
