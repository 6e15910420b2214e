//! Keys of issues.

use std::fmt;

use super::error::AttachError;

/// The key of an issue, such as `DAS-123`, or its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueKey(String);

impl std::str::FromStr for IssueKey {
    type Err = AttachError;

    fn from_str(text: &str) -> Result<Self, AttachError> {
        let word = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        let fits = match text.rsplit_once('-') {
            Some((project, place)) => {
                project.starts_with(|c: char| c.is_ascii_alphabetic()) && word(project) && number(place)
            }
            None => number(text),
        };
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(AttachError::Key { key: text.to_owned() })
        }
    }
}

impl IssueKey {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
