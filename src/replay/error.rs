//! Errors of a comparison.

use super::source::SourceError;

/// Errors that prevent a comparison.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The capture cannot be read.
    #[error("could not replay the capture: {0}")]
    CaptureSource(#[from] SourceError),
    /// The capture's descriptor set cannot be read.
    #[error("could not compare fields: the descriptor set of {capture} cannot be read: {cause}")]
    Descriptors {
        /// The capture.
        capture: String,
        /// The problem.
        cause: String,
    },
    /// A requested call is not in the capture.
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
