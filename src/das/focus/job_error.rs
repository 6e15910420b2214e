//! Why a job description cannot be used.

use super::words::Format;

/// A job description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The text is not of its format.
    #[error("could not read the job description as {format:?}: {problem}")]
    Syntax {
        /// The format it was read as.
        format: Format,
        /// What the parser says, with its line.
        problem: String,
    },
    /// A key that looks like a slip of a known one.
    #[error(
        "unknown key `{key}` in the job description; did you mean `{nearest}`? (a field that is meant goes under `extra`)"
    )]
    UnknownKey {
        /// The key that was found.
        key: String,
        /// The known key that is most like it.
        nearest: String,
    },
    /// A field holds another type than it must.
    #[error("`{field}` must be {expected}, not {found}")]
    Type {
        /// The field as the description calls it.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A field, or two together, hold what no job can mean.
    #[error("`{field}` cannot be used: {problem}")]
    Value {
        /// The field.
        field: String,
        /// What is wrong.
        problem: String,
    },
}
