//! What keeps a comparison from being made.

use super::source::SourceError;

/// Reason why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The capture cannot be read.
    #[error("could not replay the capture: {0}")]
    CaptureSource(#[from] SourceError),
    /// Its descriptor set cannot be read.
    #[error("could not compare fields: the descriptor set of {capture} cannot be read: {cause}")]
    Descriptors {
        /// The capture.
        capture: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A call that was asked for is not in the capture.
    #[error("there is no call {call} in {capture}")]
    NoCall {
        /// The capture.
        capture: String,
        /// The call.
        call: u32,
    },
    /// The thread that reads the capture stopped.
    #[error("could not replay the capture: the thread that reads it stopped")]
    Stopped,
}
