//! Errors of job descriptions.

use super::words::Format;

/// The error for an invalid job description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The text is not of the given format.
    #[error("could not read the job description as {format:?}: {problem}")]
    Syntax {
        /// The format.
        format: Format,
        /// The parser's message, with its line.
        problem: String,
    },
    /// A key that looks like a typing error of a known one.
    #[error(
        "unknown key `{key}` in the job description; did you mean `{nearest}`? (put a field of your own under `extra`)"
    )]
    UnknownKey {
        /// The key that was found.
        key: String,
        /// The most similar known key.
        nearest: String,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}, not {found}")]
    Type {
        /// The field, as the description names it.
        field: String,
        /// The expected type.
        expected: &'static str,
        /// The value in the description.
        found: String,
    },
    /// A field, or two fields together, have impossible values.
    #[error("`{field}` cannot be used: {problem}")]
    Value {
        /// The field.
        field: String,
        /// The problem.
        problem: String,
    },
}
