//! Metadata from the command line.

use http::{HeaderName, HeaderValue};
use thiserror::Error;

/// Names that HTTP/2 or gRPC itself fill in.
const RESERVED: [&str; 7] = [
    "te",
    "content-type",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "user-agent",
];

/// The error for invalid metadata. The value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("could not use the header {name:?}: {problem}; write `name: value`")]
pub(crate) struct MetadataError {
    pub(crate) name: String,
    pub(crate) problem: &'static str,
}

/// Reads `name: value`, the form of `-H`. Values of `-bin` names are given in base64.
pub(crate) fn parse(text: &str) -> Result<(HeaderName, HeaderValue), MetadataError> {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let name = name.trim().to_ascii_lowercase();
    let fail = |problem| MetadataError {
        name: name.clone(),
        problem,
    };
    if !text.contains(':') || name.is_empty() {
        return Err(MetadataError {
            name: String::new(),
            problem: "there is no name before a colon",
        });
    }
    if RESERVED.contains(&name.as_str()) || name.starts_with("grpc-") {
        return Err(fail("gRPC fills it in itself"));
    }
    let key = HeaderName::try_from(&name).map_err(|_| fail("the name has characters that HTTP does not allow"))?;
    let value =
        HeaderValue::from_str(value.trim()).map_err(|_| fail("the value has characters that HTTP does not allow"))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_colons_and_be_empty() {
        assert_eq!(parse("a: b:c").unwrap().1, "b:c");
        assert_eq!(parse("a:").unwrap().1, "");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_repeating_the_value() {
        for text in [
            "secret-without-colon",
            ": secret",
            "te: secret",
            "grpc-timeout: secret",
            "a b: secret",
            "a: secret\u{1}",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("`name: value`") && !error.contains("secret"), "{error}");
        }
    }
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_parse() -> Result<(), super::MetadataError> {
        use crate::tap::dial::metadata::parse;
        let (name, value) = parse("X-Site: north")?;
        assert_eq!((name.as_str(), value.as_bytes()), ("x-site", &b"north"[..]));
        Ok(())
    }
}
