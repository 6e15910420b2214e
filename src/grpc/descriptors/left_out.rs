//! What of a descriptor set cannot be used.

use std::fmt;

/// A cause is quoted up to this length.
const MAX_QUOTED: usize = 200;

/// A part of a descriptor set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file, or the method or extension.
    pub what: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = |text: &str| text.chars().take(MAX_QUOTED).collect::<String>();
        write!(f, "{} ({})", cut(&self.what), cut(&self.why))
    }
}
