//! The line of a message digest.

/// The name that a digest's line begins with.
pub(crate) const DIGEST: &str = "digest";
