//! Errors of expectation files, and the reading of single values.

use toml::Value;

/// The error for an invalid expectation file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// The text is not valid TOML.
    #[error("could not read the expectations as TOML: {problem}")]
    Syntax {
        /// The parser's message, with its line.
        problem: String,
    },
    /// An unknown key.
    #[error("unknown key `{key}` in the expectations; did you mean `{nearest}`?")]
    UnknownKey {
        /// The key that was found.
        key: String,
        /// The most similar known key.
        nearest: &'static str,
    },
    /// An unknown rule.
    #[error("there is no rule `{name}`; did you mean `{nearest}`?")]
    UnknownRule {
        /// The name that was found.
        name: String,
        /// The rule with the most similar name.
        nearest: &'static str,
    },
    /// An invalid value of a key.
    #[error("`{key}` in the expectations must be {expected}, not {found}")]
    Value {
        /// The key.
        key: String,
        /// The expected kind of value.
        expected: &'static str,
        /// The value in the file.
        found: String,
    },
}

pub(super) fn wrong(key: &str, expected: &'static str, found: &Value) -> ExpectError {
    ExpectError::Value {
        key: key.to_owned(),
        expected,
        found: found.to_string(),
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|number| number as f64));
    number.filter(|number| number.is_finite())
}

/// The known name with the smallest edit distance.
pub(super) fn nearest(name: &str, known: &[&'static str]) -> &'static str {
    let of = known.iter().min_by_key(|known| strsim::levenshtein(name, known));
    of.copied().unwrap_or_default()
}
