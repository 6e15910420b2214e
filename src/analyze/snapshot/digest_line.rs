//! The line that holds a message digest.

/// The name at the start of that line.
pub(crate) const DIGEST: &str = "digest";
