//! Errors of a recording.

use thiserror::Error;

use super::SinkError;

/// Errors of a recording.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The thread could not be started.
    #[error("could not start the recorder's thread")]
    Start(#[source] std::io::Error),
    /// The sink failed; what it had taken before stays where it is.
    #[error("could not {act} the capture: {source}")]
    Sink {
        /// The failed operation: `write`, `read back what waited for`, `flush`, `keep` or `finish`.
        act: &'static str,
        /// The error of the sink.
        source: SinkError,
        /// Number of events that the sink had accepted before the failure; the last of them may not be in the file.
        written: u64,
        /// Number of events after the failure.
        refused: u64,
    },
    /// The queue was full with [`Overflow::Abort`](super::Overflow::Abort); the capture is complete up to there.
    #[error(
        "stopped recording: the queue was full and {lost} messages were left out; record to a faster disk, or \
         raise the queue"
    )]
    Overflow {
        /// Number of messages that were left out.
        lost: u64,
    },
    /// The writer thread died.
    #[error("the recorder's thread stopped unexpectedly")]
    Lost,
}

impl RecorderError {
    /// True when the content of the files must be read back to be known.
    pub(crate) const fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Sink { .. } | Self::Lost)
    }
}
