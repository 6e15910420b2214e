//! JSON from a peer, parsed within limits.

use serde_json::Value;

/// Largest size of a body, in bytes. Configure answers of long fibres have a few hundred kilobytes.
pub(crate) const MAX_BODY_BYTES: usize = 16 << 20;

/// Largest number of values in a body: each takes some 80 bytes once it is parsed, and two bytes before.
const MAX_VALUES: usize = 1_000_000;

/// Why a body is not accepted as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The body is not JSON, or is nested too deep.
    #[error("it is not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// The body is too large.
    #[error("it has {0} bytes, at most {MAX_BODY_BYTES} are read")]
    TooLarge(usize),
    /// The body has too many values.
    #[error("it holds more than {MAX_VALUES} values")]
    TooManyValues,
}

/// Parses a body that a peer sent.
///
/// # Errors
/// When it is not JSON, or beyond the limits.
pub fn parse_body(body: &[u8]) -> Result<Value, BodyError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(BodyError::TooLarge(body.len()));
    }
    // Every value but the first of an array or object stands behind a comma. Those in strings count as well: a body with
    // a million of them is none that a server means.
    let values = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > MAX_VALUES {
        return Err(BodyError::TooManyValues);
    }
    Ok(serde_json::from_slice(crate::model::text::without_mark(body))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_says_nothing() {
        assert_eq!(parse_body("\u{feff}{\"a\": 1}".as_bytes()).unwrap()["a"], 1);
        assert!(parse_body("{}\u{feff}".as_bytes()).is_err());
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_parse_body() -> Result<(), super::BodyError> {
        use crate::das::parse_body;
        assert_eq!(parse_body(br#"{"job_id": "1"}"#)?["job_id"], "1");
        assert!(parse_body(format!("[{}0]", "0,".repeat(1_000_000)).as_bytes()).is_err());
        Ok(())
    }
}
