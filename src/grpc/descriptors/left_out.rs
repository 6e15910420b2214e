//! Unusable parts of a descriptor set.

use std::fmt;

/// Longest quoted cause.
const MAX_QUOTED: usize = 200;

/// A part of a descriptor set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file, the method or the extension.
    pub what: String,
    /// The reason.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |text: &str| text.chars().take(MAX_QUOTED).collect::<String>();
        write!(f, "{} ({})", cut(&self.what), cut(&self.why))
    }
}
