//! Parsing of certificate digests.

/// Parses a SHA-256 of 64 hexadecimal digits, with or without colons, as `openssl x509 -fingerprint -sha256` prints it.
pub(crate) fn parse_pin(text: &str) -> Result<[u8; 32], NoPin> {
    let fail = || NoPin(text.to_owned());
    let start = text.rfind(['=', ' ']).map_or(0, |at| at + 1);
    let digits = text.get(start..).unwrap_or_default();
    let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
    let digits = digits
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16))
        .collect::<Option<Vec<_>>>();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(fail)?;
    let mut pin = [0; 32];
    for (byte, [high, low]) in pin.iter_mut().zip(digits.as_chunks().0) {
        *byte = (high << 4 | low) as u8;
    }
    Ok(pin)
}

/// The error for a text that is not a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a SHA-256; give 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them"
)]
pub(crate) struct NoPin(pub String);

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_parse_pin() -> Result<(), super::NoPin> {
        use crate::tap::tls::parse_pin;
        assert_eq!(parse_pin(&"ab".repeat(32))?, [0xab; 32]);
        assert_eq!(parse_pin(&format!("sha256:{}", ["AB"; 32].join(":")))?, [0xab; 32]);
        Ok(())
    }
}
