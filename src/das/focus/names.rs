//! Which of its names a field is called by.

/// Whose names an error uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// The command line's.
    Own,
    /// The REST request's.
    Rest,
}

impl Names {
    pub(crate) const fn choose<'a>(self, own: &'a str, rest: &'a str) -> &'a str {
        match self {
            Self::Own => own,
            Self::Rest => rest,
        }
    }
}
