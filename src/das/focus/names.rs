//! Which of a field's names an error uses.

/// Which of a field's names an error uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// The names of the command line.
    Own,
    /// The names of the REST request.
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
