//! Redaction actions.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{REDACTED, url};
use crate::file::Digest;

/// The replacement for a host; the `.invalid` domain never resolves.
pub(crate) const REDACTED_HOST: &str = "redacted.invalid";

/// Number of digest bytes in a token: enough that two values of a capture never share one.
const TOKEN_BYTES: usize = 8;

/// Prefix of a token.
const TOKEN: &str = "hash:";

/// What redaction does to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Replace the value by a token: equal values stay equal. Values that can be guessed can be found out by guessing,
    /// unless the rules hold a salt that others do not know.
    Hash,
    /// Remove the value with its name.
    Drop,
    /// Replace the value by `REDACTED`; 0 for numbers, nothing for bytes.
    Mask,
    /// Replace the host of an address; scheme, port and path stay.
    Host,
    /// Replace the value by a given one.
    Constant(String),
}

impl Action {
    /// Applies the action to a text; `None` when it goes.
    #[must_use]
    pub fn text(&self, value: &str, salt: &str) -> Option<String> {
        Some(match self {
            Self::Hash => token(value.as_bytes(), salt),
            Self::Drop => return None,
            Self::Mask => REDACTED.to_owned(),
            Self::Host => url::replace_host(value, REDACTED_HOST),
            Self::Constant(constant) => constant.clone(),
        })
    }

    /// Applies the action to a metadata value whose name ends in `-bin`: base64 again.
    pub(super) fn base64(&self, value: &[u8], salt: &str) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(value);
        self.text(&text, salt).map(|text| BASE64.encode(text).into_bytes())
    }

    /// The number that replaces a number: 0, one that depends on it, or the constant.
    pub(super) fn number(&self, value: u64, salt: &str) -> Option<u64> {
        match self {
            Self::Drop => None,
            Self::Mask | Self::Host => Some(0),
            // 31 bits are a number in every integer type of protobuf.
            Self::Hash => {
                let hash = digest(&value.to_le_bytes(), salt).into_iter().take(4);
                Some(hash.fold(0, |number, byte| number << 8 | u64::from(byte)) & 0x7fff_ffff)
            }
            Self::Constant(constant) => Some(constant.parse::<i64>().unwrap_or(0) as u64),
        }
    }
}

/// A token, `hash:` and 16 hexadecimal digits; a token stays itself.
fn token(value: &[u8], salt: &str) -> String {
    let text = std::str::from_utf8(value).unwrap_or_default();
    if let Some(digits) = text.strip_prefix(TOKEN)
        && digits.len() == 2 * TOKEN_BYTES
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return text.to_owned();
    }
    let number = digest(value, salt)
        .into_iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(byte));
    let width = 2 * TOKEN_BYTES;
    format!("{TOKEN}{number:0width$x}")
}

fn digest(value: &[u8], salt: &str) -> Vec<u8> {
    let salted = [salt.as_bytes(), &[0], value].concat();
    Digest::of(&salted).0.into_iter().take(TOKEN_BYTES).collect()
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash => f.write_str("hash"),
            Self::Drop => f.write_str("drop"),
            Self::Mask => f.write_str("mask"),
            Self::Host => f.write_str("host"),
            Self::Constant(constant) => write!(f, "constant:{constant}"),
        }
    }
}

/// The error for an unknown action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an action; use hash, drop, mask, host or constant:VALUE")]
pub struct NoAction(pub String);

impl FromStr for Action {
    type Err = NoAction;

    fn from_str(text: &str) -> Result<Self, NoAction> {
        Ok(match text {
            "hash" => Self::Hash,
            "drop" => Self::Drop,
            "mask" => Self::Mask,
            "host" => Self::Host,
            _ => match text.strip_prefix("constant:") {
                Some(constant) => Self::Constant(constant.to_owned()),
                None => return Err(NoAction(text.to_owned())),
            },
        })
    }
}

impl serde::Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn action() {
        use crate::transform::redact::Action;
        assert_eq!("constant:site-1".parse(), Ok(Action::Constant("site-1".to_owned())));
        assert_eq!(
            Action::Host.text("http://10.0.0.7:50051", "").as_deref(),
            Some("http://redacted.invalid:50051")
        );
        assert!("blur".parse::<Action>().is_err());
    }
}
