//! How a recording ends that does not end well.

use thiserror::Error;

use super::SinkError;

/// A recording that did not end well.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The thread could not be started.
    #[error("could not start the recorder's thread")]
    Start(#[source] std::io::Error),
    /// The sink failed; what it had taken before stays where it is.
    #[error("could not {act} the capture: {source}")]
    Sink {
        /// What was being done: `write`, `read back what waited for`, `flush`, `keep` or `finish`.
        act: &'static str,
        /// What the sink reported.
        source: SinkError,
        /// Events that the sink had taken before the failure; the last of them may not be in the file.
        written: u64,
        /// Events that came after it.
        refused: u64,
    },
    /// The queue was full and [`Overflow::Abort`](super::Overflow::Abort) was asked for; the capture is complete up to there.
    #[error(
        "stopped recording: the queue was full and {lost} messages were left out; record to a faster disk, or \
         raise the queue"
    )]
    Overflow {
        /// Messages that were left out.
        lost: u64,
    },
    /// The writer thread died.
    #[error("the recorder's thread stopped unexpectedly")]
    Lost,
}

impl RecorderError {
    /// True when what is in the files must be read back to be known.
    pub(crate) const fn leaves_doubt(&self) -> bool {
        matches!(self, Self::Sink { .. } | Self::Lost)
    }
}
